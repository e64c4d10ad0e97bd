"""Lookup tables from strings to indices, inside the graph."""

from pathlib import Path

import tensorflow as tf

from common.errors import UserError
from common.files import read_json


def learn_labels(labels: tf.data.Dataset) -> list[str]:
    """List the distinct labels in batches (batch,) of strings, in alphabetical order."""
    distinct: set[bytes] = set()
    for batch in labels.as_numpy_iterator():
        distinct.update(batch.tolist())
    return sorted(label.decode() for label in distinct)


def read_labels(path: Path) -> list[str]:
    """Read a list of labels.

    Raises:
        UserError: if the file is missing or damaged.
    """
    labels = read_json(path)
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise UserError(f"{path} is damaged: it should contain a list of names; train the run again.")
    return labels


def label_numbers(labels: list[str]) -> tf.lookup.StaticHashTable:
    """Build a table from a label to its position in the list, int32; -1 for others."""
    return memory_table(labels, tf.int32)


def memory_table(entries: list[str], dtype: tf.DType, missing: int = -1) -> tf.lookup.StaticHashTable:
    """Build a table from an entry to its position in the list; `missing` for others."""
    initializer = tf.lookup.KeyValueTensorInitializer(
        tf.constant(entries, tf.string), tf.range(len(entries), dtype=dtype)
    )
    return tf.lookup.StaticHashTable(initializer, default_value=missing)


def number_table(
    entries: list[str], file: Path | None, column: int = tf.lookup.TextFileIndex.WHOLE_LINE
) -> tf.lookup.StaticHashTable:
    """Build a table from an entry to its position in the list, int64; -1 for others.

    Args:
        entries: the list.
        file: where the list was saved, one entry per line. The table is then read from it, and an export
            contains the file in readable form. None to build the table from the list.
        column: index of the tab-separated column with the entry.
    """
    if file is None:
        return memory_table(entries, tf.int64)
    initializer = tf.lookup.TextFileInitializer(
        str(file), tf.string, column, tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER
    )
    return tf.lookup.StaticHashTable(initializer, default_value=-1)


def lookup(entries: tf.Tensor, table: tf.lookup.StaticHashTable, first: int, missing: int) -> tf.Tensor:
    """Ids, int32, of entries of any shape: `first` + position in the table, `missing` for others."""
    lines = table.lookup(entries)
    return tf.cast(tf.where(lines < 0, tf.cast(missing, tf.int64), lines + first), tf.int32)
