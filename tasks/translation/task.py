"""Translation: a sentence in another language (sequence to sequence, with attention)."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from common.contract.evaluation import Evaluation
from common.contract.predictor import Predictor
from common.contract.serving import ServingModule
from common.data.batching import SequenceBatches
from common.data.examples import Answer, Example
from common.data.information import SourceInformation
from common.data.source import Source
from common.errors import UserError
from common.kinds.lines import LineTask
from common.modelling.losses import SequenceCrossEntropy
from tasks.translation.config import TranslationSettings
from tasks.translation.data import SOURCES, open_translation_source
from tasks.translation.evaluation import ValidationBleu, draw_attention, evaluate_answers, score_baselines
from tasks.translation.model import Translator, build_model
from tasks.translation.parallel import read_pairs
from tasks.translation.preprocessing import TranslationPreprocessing
from tasks.translation.serving import TranslationServing


class TranslationTask(LineTask):
    """A sentence in, translations and their scores out."""

    name = "translation"
    title = "Translation: a sentence in another language"
    metric = "bleu"
    settings_class = TranslationSettings
    column_settings: ClassVar[dict[str, str]] = {"source": "source_column", "target": "target_column"}
    line_feature = "source"
    answers_empty = True
    examples_drawn = 4

    def sources(self) -> dict[str, SourceInformation]:
        """Pairs of sentences, and the user's own."""
        return SOURCES

    def open_source(self, settings: TranslationSettings) -> Source:
        """Fetch and prepare the pairs of sentences."""
        return open_translation_source(settings.data)

    def labelled_examples(
        self,
        path: Path,
        settings: TranslationSettings,
        labels: list[str],
        on_bad_row: Callable[[UserError], None],
    ) -> Iterator[Example]:
        """Read the pairs of a table, or of two line-aligned files."""
        data = settings.data
        rows = read_pairs(path, data.source_column, data.target_column, data.skip_bad_rows, on_bad_row)
        for row in rows:
            yield {"source": row["source"], "target": row["target"]}

    def learn_preprocessing(self, settings: TranslationSettings, source: Source) -> TranslationPreprocessing:
        """Learn the pieces of both languages."""
        return TranslationPreprocessing.learn(settings, source)

    def load_preprocessing(self, settings: TranslationSettings, directory: Path) -> TranslationPreprocessing:
        """Read the pieces of both languages."""
        return TranslationPreprocessing.load(settings, directory)

    def batches(
        self,
        settings: TranslationSettings,
        source: Source,
        preprocessing: TranslationPreprocessing,
        split: str,
        cache: Path,
    ) -> SequenceBatches:
        """Numbers of both sides of one split, batched by the length of the side that is written."""

        def length(inputs: dict[str, tf.Tensor], targets: tf.Tensor) -> tf.Tensor:
            steps = tf.shape(targets)[0]
            # For XLA both sides are padded to the length of their bucket, where the longer one must fit.
            return tf.maximum(steps, tf.shape(inputs["source"])[0]) if settings.train.xla else steps

        return SequenceBatches(
            preprocessing.examples(source.dataset(split)),
            cache,
            length=length,
            pad_to_boundary=settings.train.xla,
        )

    def build_model(
        self, settings: TranslationSettings, preprocessing: TranslationPreprocessing
    ) -> Translator:
        """Build the translator."""
        return build_model(settings, preprocessing.source.size, preprocessing.target.size)

    def compile_arguments(
        self, settings: TranslationSettings, preprocessing: TranslationPreprocessing
    ) -> dict[str, Any]:
        """Cross-entropy of each step; the score is that of `validation_scores`."""
        return {"loss": SequenceCrossEntropy(settings.train.label_smoothing)}

    def validation_scores(
        self,
        settings: TranslationSettings,
        source: Source,
        preprocessing: TranslationPreprocessing,
        model: Translator,
    ) -> Callable[[], dict[str, float]]:
        """BLEU of greedy translations."""
        serving = TranslationServing(preprocessing, [model], settings.search)
        return ValidationBleu(serving, preprocessing, source.dataset("validation"))

    def build_serving(
        self,
        settings: TranslationSettings,
        preprocessing: TranslationPreprocessing,
        model: keras.Model,
    ) -> ServingModule:
        """Join pieces, model and search."""
        return TranslationServing(preprocessing, [model], settings.search)

    def build_ensemble(
        self,
        settings: TranslationSettings,
        preprocessings: list[TranslationPreprocessing],
        models: list[keras.Model],
    ) -> ServingModule:
        """Join models that share their pieces."""
        first = preprocessings[0]
        for other in preprocessings[1:]:
            for side in ("source", "target"):
                if not getattr(first, side).cuts_like(getattr(other, side)):
                    raise UserError(
                        f"The runs were not trained with the same pieces of the {side}, so they cannot "
                        "answer as one; train them on the same data with the same text settings."
                    )
        return TranslationServing(first, models, settings.search)

    def request(self, examples: list[Example]) -> dict[str, tf.Tensor]:
        """Sentences as one string tensor."""
        return {"sentence": tf.constant([example["source"] for example in examples], tf.string)}

    def answers(self, outputs: dict[str, np.ndarray], labels: list[str]) -> list[Answer]:
        """The best translation and its score; with others, those of all."""
        answers = []
        for translations, scores in zip(outputs["translations"], outputs["scores"], strict=True):
            found = [
                {"translation": text.decode(), "score": float(score)}
                for text, score in zip(translations, scores, strict=True)
                if np.isfinite(score)
            ] or [{"translation": "", "score": 0.0}]
            others = {"translations": found} if len(translations) > 1 else {}
            answers.append({**found[0], **others})
        return answers

    def length(self, example: Example) -> int:
        """A piece has about three bytes, and the beams of a sentence stand side by side."""
        return 5 * (2 + len(example["source"].encode()) // 3)

    def evaluate(
        self, settings: TranslationSettings, labels: list[str], scored: Iterable[tuple[Example, Answer]]
    ) -> Evaluation:
        """BLEU and chrF, cased and in small letters, and by the length of the source."""
        return evaluate_answers(scored)

    def variants(self, settings: TranslationSettings) -> dict[str, dict[str, Any]]:
        """Greedy search beside beam search."""
        return {"greedy": {"beam": 1}} if settings.search.beam > 1 else {}

    def draw(self, example: Example, predictor: Predictor) -> Figure:
        """What was looked at for each piece of the translation.

        Raises:
            UserError: if the sentence is empty.
        """
        if not example["source"].strip():
            raise UserError("There is nothing to draw of an empty sentence; leave out PLOT.")
        outputs = predictor.signatures["attention"](**self.request([example]))
        return draw_attention({name: value.numpy()[0] for name, value in outputs.items()})

    def baselines(
        self,
        settings: TranslationSettings,
        source: Source,
        preprocessing: TranslationPreprocessing,
        examples: Iterable[Example],
    ) -> dict[str, dict[str, float]]:
        """The source as it is, and word by word."""
        return score_baselines(source, examples)

    def notices(
        self, settings: TranslationSettings, examples: list[Example], predictor: Predictor
    ) -> list[str]:
        """Say which sentences are longer than the model reads."""
        # A piece has a letter at least, but for the blank before the first: the long ones alone are counted.
        limit = settings.text.source.maximum_length
        long = [example for example in examples if len(example["source"]) >= limit]
        if not long:
            return []
        tokens = predictor.signatures["tokens"](**self.request(long))
        return [
            f"{example.get('origin', 'sentence')}: cut after {read:,} of {count:,} pieces "
            "(text.source.maximum_length)"
            for example, count, read in zip(
                long, tokens["count"].numpy(), tokens["read"].numpy(), strict=True
            )
            if read < count
        ]

    def line(self, answer: Answer) -> str:
        """The translation."""
        return answer["translation"]

    def column_names(self, labels: list[str]) -> list[str]:
        """`translation` and `score`."""
        return ["translation", "score"]

    def columns(self, answer: Answer) -> dict[str, Any]:
        """The translation and its score."""
        return {"translation": answer["translation"], "score": answer["score"]}


TASK = TranslationTask()
