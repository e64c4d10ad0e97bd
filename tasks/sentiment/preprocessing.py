"""How labelled texts become model inputs: word numbers and class numbers, learned from the training split."""

from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import tensorflow as tf

from common.config import Settings
from common.contract.preprocessing import Preprocessing
from common.data.source import Source
from common.errors import UserError
from common.files import whole_file, write_json
from common.inputs.lookup import label_numbers, learn_labels, read_labels
from common.inputs.words import FIRST_PAIR, TextPreprocessor
from common.layers.naive_bayes_bag import log_count_ratios
from tasks.sentiment.config import SentimentSettings

# Texts split into words at once: enough for the graph to be quick.
TEXTS_AT_ONCE = 256

RATIOS_FILE = "log_count_ratios.npz"


class SentimentPreprocessing(Preprocessing):
    """Texts to word numbers, labels to class numbers.

    Attributes:
        text: the words' numbers.
        labels: the classes' names in alphabetical order.
        ratios: log-count ratios of the words and, if there are any, of the pairs, each (numbers, classes);
            None if the model has no use for them.
        label_table: class name -> class number.
    """

    def __init__(
        self, text: TextPreprocessor, labels: list[str], ratios: list[np.ndarray] | None = None
    ) -> None:
        super().__init__(name="sentiment_preprocessing")
        self.text = text
        self.labels = labels
        self.ratios = ratios
        self.label_table = label_numbers(labels)

    @classmethod
    def learn(cls, settings: SentimentSettings, source: Source) -> "SentimentPreprocessing":
        """Learn vocabulary and labels from the training split alone."""
        batches = source.dataset("train").batch(TEXTS_AT_ONCE)
        labels = learn_labels(batches.map(lambda example: example["label"]))
        text = TextPreprocessor.learn(batches.map(lambda example: example["text"]), settings.text)
        preprocessing = cls(text, labels)
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

    def numbers(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Texts (batch,) to what the model reads, int32: (batch, words), or (batch, words, 2) with pairs."""
        return self.text.words_and_pairs(texts) if self.text.settings.pairs else self.text(texts)

    def examples(self, dataset: tf.data.Dataset) -> tf.data.Dataset:
        """Raw examples to (numbers of one text as in `numbers`, class number () int32)."""

        def batch_to_numbers(example: dict[str, tf.Tensor]) -> tuple[tf.RaggedTensor, tf.Tensor]:
            return self.numbers(example["text"]), self.label_table.lookup(example["label"])

        shape = [None, 2] if self.text.settings.pairs else [None]
        return (
            dataset.batch(TEXTS_AT_ONCE)
            .map(batch_to_numbers, num_parallel_calls=2)
            .unbatch()
            # One row of a ragged tensor is a plain tensor, which the type does not say yet.
            .map(lambda numbers, label: (tf.ensure_shape(numbers, shape), label))
        )

    def save(self, directory: Path) -> None:
        """Write vocabulary and labels."""
        self.text.save(directory)
        write_json(directory / "labels.json", self.labels)
        if self.ratios is not None:
            with whole_file(directory / RATIOS_FILE) as path:
                np.savez(path, *self.ratios)

    @classmethod
    def load(cls, settings: Settings, directory: Path) -> "SentimentPreprocessing":
        """Read what `save` wrote.

        Raises:
            UserError: if a file is missing or damaged.
        """
        labels = read_labels(directory / "labels.json")
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
