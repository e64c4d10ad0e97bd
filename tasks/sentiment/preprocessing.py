"""How labelled texts become model inputs: word numbers and class numbers, learned from the training split."""

from collections import Counter
from pathlib import Path

import tensorflow as tf

from common.config import Settings
from common.data.source import Source
from common.errors import UserError
from common.files import read_json, write_json
from common.task import Preprocessing
from common.text import TextPreprocessor
from tasks.sentiment.config import SentimentSettings

# Texts split into words at once: enough for the graph to be quick.
TEXTS_AT_ONCE = 256


class SentimentPreprocessing(Preprocessing):
    """Texts to word numbers, labels to class numbers.

    Attributes:
        text: the words' numbers.
        labels: the classes' names in alphabetical order.
        label_table: class name -> class number.
    """

    def __init__(self, text: TextPreprocessor, labels: list[str]) -> None:
        self.text = text
        self.labels = labels
        self.label_table = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(tf.constant(labels), tf.range(len(labels), dtype=tf.int32)),
            default_value=-1,
        )

    @classmethod
    def learn(cls, settings: SentimentSettings, source: Source) -> "SentimentPreprocessing":
        """Learn vocabulary and labels from the training split alone."""
        batches = source.dataset("train").batch(TEXTS_AT_ONCE)
        labels: Counter[bytes] = Counter()
        for batch in batches.map(lambda example: example["label"]).as_numpy_iterator():
            labels.update(batch.tolist())
        text = TextPreprocessor.learn(batches.map(lambda example: example["text"]), settings.text)
        return cls(text, sorted(label.decode() for label in labels))

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

    @classmethod
    def load(cls, settings: Settings, directory: Path) -> "SentimentPreprocessing":
        """Read what `save` wrote.

        Raises:
            UserError: if a file is missing or damaged.
        """
        labels = read_json(directory / "labels.json")
        if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
            raise UserError(
                f"{directory / 'labels.json'} is damaged: it should be a list of names; train the run again."
            )
        return cls(TextPreprocessor.load(directory, settings.text), labels)
