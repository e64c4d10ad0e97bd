"""Preprocessing of pairs of sentences: pieces, learned from the training split."""

from pathlib import Path

import tensorflow as tf

from common.console import notes
from common.contract.preprocessing import Preprocessing
from common.data.source import Source
from common.inputs.subwords import SubwordText
from common.kinds.writing.teacher_forcing import teacher_forced
from tasks.translation.config import TranslationSettings

# Batch size of the preprocessing.
SENTENCES_AT_ONCE = 256

SOURCE_FILE = "source_pieces.tsv"
TARGET_FILE = "target_pieces.tsv"


class TranslationPreprocessing(Preprocessing):
    """Converts sentences of both languages to indices of pieces.

    Attributes:
        source: pieces of the source language.
        target: pieces of the target language.
        labels: empty; translations have no classes.
    """

    def __init__(self, source: SubwordText, target: SubwordText) -> None:
        super().__init__(name="translation_preprocessing")
        self.source = source
        self.target = target
        self.labels: list[str] = []

    @classmethod
    def learn(cls, settings: TranslationSettings, source: Source) -> "TranslationPreprocessing":
        """Learn the pieces of both languages from the training split alone."""
        batches = source.dataset("train").batch(SENTENCES_AT_ONCE)
        texts = {side: batches.map(lambda example, side=side: example[side]) for side in ("source", "target")}
        text = settings.text
        if text.joint:
            both = SubwordText.learn(texts["source"].concatenate(texts["target"]), text.source)
            learned = cls(both, SubwordText(both.vocabulary, both.scores, text.target))
        else:
            learned = cls(
                SubwordText.learn(texts["source"], text.source),
                SubwordText.learn(texts["target"], text.target),
            )
        learned._report_truncation(texts)
        return learned

    def _report_truncation(self, texts: dict[str, tf.data.Dataset]) -> None:
        for side, batches in texts.items():
            text: SubwordText = getattr(self, side)
            longer = text.count_longer(batches)
            if longer:
                notes.print(
                    f"{longer:,} training sentences have more than {text.settings.maximum_length} pieces and "
                    f"are truncated (text.{side}.maximum_length)"
                )

    def examples(self, dataset: tf.data.Dataset) -> tf.data.Dataset:
        """Convert raw examples to ({"source": (pieces,), "written": (steps,)}, (steps,)), all int32.

        `written` is the previous piece of each step, the targets are the next pieces.
        """

        def to_numbers(example: dict[str, tf.Tensor]) -> tuple[dict[str, tf.RaggedTensor], tf.RaggedTensor]:
            written, targets = teacher_forced(self.target(example["target"]))
            return {"source": self.source(example["source"]), "written": written}, targets

        def to_tensors(
            inputs: dict[str, tf.Tensor], targets: tf.Tensor
        ) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
            # A row of a ragged tensor is a dense tensor, which its type does not say yet.
            inputs = {name: tf.ensure_shape(row, [None]) for name, row in inputs.items()}
            return inputs, tf.ensure_shape(targets, [None])

        return (
            dataset.batch(SENTENCES_AT_ONCE)
            .map(to_numbers, num_parallel_calls=2, deterministic=True)
            .unbatch()
            .map(to_tensors)
        )

    def save(self, directory: Path) -> None:
        """Save the pieces of both languages."""
        self.source.save(directory / SOURCE_FILE)
        self.target.save(directory / TARGET_FILE)

    @classmethod
    def load(cls, settings: TranslationSettings, directory: Path) -> "TranslationPreprocessing":
        """Load what `save` wrote.

        Raises:
            UserError: if a file is missing or damaged.
        """
        return cls(
            SubwordText.load(directory / SOURCE_FILE, settings.text.source),
            SubwordText.load(directory / TARGET_FILE, settings.text.target),
        )
