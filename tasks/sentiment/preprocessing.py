"""Preprocessing of labelled texts: vocabulary and labels, learned from the training split."""

from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import tensorflow as tf

from common.config import Settings
from common.data.source import Source
from common.errors import UserError
from common.files import whole_file
from common.inputs.words import FIRST_PAIR, TextPreprocessor
from common.kinds.labels import LabelPreprocessing
from common.layers.naive_bayes_bag import log_count_ratios
from tasks.sentiment.config import SentimentSettings

RATIOS_FILE = "log_count_ratios.npz"


class SentimentPreprocessing(LabelPreprocessing):
    """Converts texts to word indices, and labels to class indices.

    Attributes:
        text: preprocessing of the words.
        ratios: log-count ratios of the words and of bigrams, if any, each (entries, classes); None without
            naive Bayes.
    """

    feature = "text"

    def __init__(
        self, text: TextPreprocessor, labels: list[str], ratios: list[np.ndarray] | None = None
    ) -> None:
        super().__init__(labels)
        self.text = text
        self.ratios = ratios

    @classmethod
    def learn(cls, settings: SentimentSettings, source: Source) -> "SentimentPreprocessing":
        """Learn vocabulary and labels from the training split alone."""
        text = TextPreprocessor.learn(cls.training_batches(source), settings.text)
        preprocessing = cls(text, cls.training_labels(source))
        if settings.model.naive_bayes:
            preprocessing.ratios = preprocessing._count_ratios(source.dataset("train"))
        return preprocessing

    def _count_ratios(self, dataset: tf.data.Dataset) -> list[np.ndarray]:
        sizes = (
            [self.text.size, FIRST_PAIR + len(self.text.pairs)]
            if self.text.settings.pairs
            else [self.text.size]
        )
        counts = [np.zeros((size, len(self.labels))) for size in sizes]
        for numbers, label in self.examples(dataset).as_numpy_iterator():
            for column, count in zip(numbers.reshape(len(numbers), -1).T, counts, strict=True):
                count[np.unique(column), label] += 1
        return [log_count_ratios(count) for count in counts]

    def inputs(self, raw: tf.Tensor) -> tf.RaggedTensor:
        """Convert texts (batch,) to indices, int32: (batch, words), or (batch, words, 2) with bigrams."""
        return self.text.words_and_pairs(raw) if self.text.settings.pairs else self.text(raw)

    def save(self, directory: Path) -> None:
        """Save vocabulary and labels."""
        super().save(directory)
        self.text.save(directory)
        if self.ratios is not None:
            with whole_file(directory / RATIOS_FILE) as path:
                np.savez(path, *self.ratios)

    @classmethod
    def load(cls, settings: Settings, directory: Path) -> "SentimentPreprocessing":
        """Load what `save` wrote.

        Raises:
            UserError: if a file is missing or damaged.
        """
        labels = cls.saved_labels(directory)
        ratios = None
        if settings.model.naive_bayes:
            try:
                with np.load(directory / RATIOS_FILE) as file:
                    ratios = [file[name] for name in file.files]
            except (OSError, ValueError, BadZipFile) as error:
                raise UserError(
                    f"{directory / RATIOS_FILE} is missing or damaged ({error}); train the run again."
                ) from None
        return cls(TextPreprocessor.load(directory, settings.text), labels, ratios)
