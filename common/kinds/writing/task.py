"""Tasks whose answer is a sequence that a decoder generates token by token."""

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
    """A task whose model outputs logits (batch, steps, vocabulary), and whose settings have a group `search`.

    Attributes:
        serving_class: joins preprocessing, models and search.
        variant_beams: other beam sizes that `evaluate` scores too, by name of the variant.
    """

    serving_class: ClassVar[type[WritingServing]]
    variant_beams: ClassVar[Mapping[str, int]] = {"greedy": 1}

    def loss_and_metrics(self) -> dict[str, Any]:
        """Cross-entropy of each step; the metrics are those of `validation_scores`."""
        return {"loss": SequenceCrossEntropy(self.settings.train.label_smoothing)}

    def batches(self, source: Any, preprocessing: PreprocessingType, split: str, cache: Path) -> Batches:
        """Preprocess one split, and batch it by the length of the targets."""
        return self.batches_of(preprocessing.examples(source.dataset(split)), cache)

    def batches_of(self, examples: tf.data.Dataset, cache: Path) -> SequenceBatches:
        """Batch examples by the length of the targets.

        Args:
            examples: ({name: (time,) or ()}, targets (steps,)).
            cache: prefix of cache files.
        """
        # XLA compiles each shape separately, so all sequences are padded to the length of their bucket, which
        # must fit the longest.
        xla = self.settings.train.xla

        def length(inputs: dict[str, tf.Tensor], targets: tf.Tensor) -> tf.Tensor:
            sequences = [feature for feature in inputs.values() if feature.shape.rank == 1] if xla else []
            return tf.reduce_max([tf.shape(sequence)[0] for sequence in (targets, *sequences)])

        return SequenceBatches(examples, cache, length=length, pad_to_boundary=xla)

    def serving(self, preprocessing: PreprocessingType, models: list[keras.Model]) -> ServingModule:
        """Join preprocessing, models and search."""
        return self.serving_class(preprocessing, models, self.settings.search)

    def check_ensemble(self, preprocessings: list[PreprocessingType]) -> None:
        """Check that the models have the same inputs and vocabularies."""
        first, *others = preprocessings
        for other in others:
            difference = self.difference(first, other)
            if difference:
                raise UserError(
                    f"The runs were not trained with the same {difference}, so they cannot form an ensemble; "
                    "train them on the same data with the same preprocessing settings."
                )

    @abc.abstractmethod
    def difference(self, one: PreprocessingType, other: PreprocessingType) -> str:
        """Return what prevents an ensemble of models with these preprocessings; empty if nothing does."""

    def variants(self) -> dict[str, dict[str, Any]]:
        """Smaller beam sizes than the default."""
        default = self.settings.search.beam
        return {name: {"beam": beam} for name, beam in self.variant_beams.items() if beam < default}
