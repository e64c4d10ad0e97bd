"""Tasks whose answer is a sequence that a decoder writes piece by piece."""

import abc
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import keras
import tensorflow as tf

from common.contract.predictor import SettingsType
from common.contract.serving import ServingModule
from common.contract.task import PreprocessingType, Task
from common.data.batching import Batches, SequenceBatches
from common.errors import UserError
from common.kinds.writing.serving import WritingServing
from common.modelling.losses import SequenceCrossEntropy


class WritingTask(Task[SettingsType, PreprocessingType]):
    """A task whose model gives logits (batch, steps, vocabulary), and whose settings have a group `search`.

    Attributes:
        serving_class: joins preprocessing, models and search.
        variant_beams: other beams that `evaluate` scores too, by the name of the variant.
    """

    serving_class: ClassVar[type[WritingServing]]
    variant_beams: ClassVar[Mapping[str, int]] = {"greedy": 1}

    def loss_and_metrics(self) -> dict[str, Any]:
        """Cross-entropy of each step; the scores are those of `validation_scores`."""
        return {"loss": SequenceCrossEntropy(self.settings.train.label_smoothing)}

    def batches(self, source: Any, preprocessing: PreprocessingType, split: str, cache: Path) -> Batches:
        """Numbers of one split, batched by the length of what is written."""
        return self.batches_of(preprocessing.examples(source.dataset(split)), cache)

    def batches_of(self, examples: tf.data.Dataset, cache: Path) -> SequenceBatches:
        """Batch by the length of what is written.

        Args:
            examples: ({name: (time,) or ()}, targets (steps,)).
            cache: path that may be used.
        """
        # XLA compiles each shape anew: all sequences are padded to the length of their bucket, where the
        # longest must fit.
        xla = self.settings.train.xla

        def length(inputs: dict[str, tf.Tensor], targets: tf.Tensor) -> tf.Tensor:
            read = [one for one in inputs.values() if one.shape.rank == 1] if xla else []
            return tf.reduce_max([tf.shape(sequence)[0] for sequence in (targets, *read)])

        return SequenceBatches(examples, cache, length=length, pad_to_boundary=xla)

    def serving(self, preprocessing: PreprocessingType, models: list[keras.Model]) -> ServingModule:
        """Join preprocessing, models and search."""
        return self.serving_class(preprocessing, models, self.settings.search)

    def check_ensemble(self, preprocessings: list[PreprocessingType]) -> None:
        """See whether the models read and write alike."""
        first, *others = preprocessings
        for other in others:
            different = self.difference(first, other)
            if different:
                raise UserError(
                    f"The runs were not trained with the same {different}, so they cannot answer as one; "
                    "train them on the same data, read with the same settings."
                )

    @abc.abstractmethod
    def difference(self, one: PreprocessingType, other: PreprocessingType) -> str:
        """Name what keeps models with these preprocessings from answering as one; empty if nothing does."""

    def variants(self) -> dict[str, dict[str, Any]]:
        """Narrower beams beside the usual one."""
        usual = self.settings.search.beam
        return {name: {"beam": beam} for name, beam in self.variant_beams.items() if beam < usual}
