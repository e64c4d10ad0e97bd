"""Vocabularies: counting entries of the training split, and reading vocabulary files."""

from collections import Counter
from pathlib import Path

import numpy as np
import tensorflow as tf

from common.errors import UserError

# Maximum number of distinct entries in memory; beyond it, entries that occurred once are dropped.
COUNTED_AT_ONCE = 2_000_000


def count_entries(counts: Counter[bytes], entries: tf.Tensor) -> None:
    """Add the entries of a tensor (entries,) to the counts."""
    distinct, occurrences = np.unique(entries.numpy().astype(object), return_counts=True)
    counts.update(dict(zip(distinct.tolist(), occurrences.tolist(), strict=True)))
    # Lossy counting (Manku and Motwani, 2002): bounds the memory.
    if len(counts) > COUNTED_AT_ONCE:
        for entry in [entry for entry, count in counts.items() if count == 1]:
            del counts[entry]


def most_frequent(counts: Counter[bytes], size: int, minimum_count: int) -> list[str]:
    """List the most frequent entries with at least the minimum count, most frequent first."""
    # Ties in alphabetical order, so that the vocabulary does not depend on the order of examples.
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [entry.decode() for entry, count in ranked[:size] if count >= minimum_count]


def read_lines(path: Path) -> list[str]:
    """Read a vocabulary file with one entry per line.

    Raises:
        UserError: if it is missing or damaged.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    except FileNotFoundError:
        raise UserError(f"{path} is missing: the run is damaged; train it again.") from None
    except UnicodeDecodeError:
        lines = []
    if not lines:
        raise UserError(f"{path} is damaged: it contains no vocabulary; train the run again.")
    return lines
