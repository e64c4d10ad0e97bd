"""Lookup tables from names to numbers, inside the graph."""

from pathlib import Path

import tensorflow as tf

from common.errors import UserError
from common.files import read_json


def learn_labels(labels: tf.data.Dataset) -> list[str]:
    """List the different labels of batches (batch,) of strings, in alphabetical order."""
    different: set[bytes] = set()
    for batch in labels.as_numpy_iterator():
        different.update(batch.tolist())
    return sorted(label.decode() for label in different)


def read_labels(path: Path) -> list[str]:
    """Read a list of labels.

    Raises:
        UserError: if the file is missing or damaged.
    """
    labels = read_json(path)
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise UserError(f"{path} is damaged: it should be a list of names; train the run again.")
    return labels


def label_numbers(labels: list[str]) -> tf.lookup.StaticHashTable:
    """Table from a label to its place in the list, int32; -1 for others."""
    numbers = tf.range(len(labels), dtype=tf.int32)
    return tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(tf.constant(labels), numbers), default_value=-1
    )
