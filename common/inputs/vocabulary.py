"""Vocabularies: entries counted in the training split, and the files they are kept in."""

from collections import Counter
from pathlib import Path

import numpy as np
import tensorflow as tf

from common.errors import UserError

# Different entries that are counted at once; beyond, those seen once are forgotten.
COUNTED_AT_ONCE = 2_000_000


def count_entries(counts: Counter[bytes], entries: tf.Tensor) -> None:
    """Add the entries of a tensor (entries,) to the counts."""
    different, occurrences = np.unique(entries.numpy().astype(object), return_counts=True)
    counts.update(dict(zip(different.tolist(), occurrences.tolist(), strict=True)))
    # Lossy counting (Manku and Motwani, 2002): memory does not grow with the data.
    if len(counts) > COUNTED_AT_ONCE:
        for entry in [entry for entry, count in counts.items() if count == 1]:
            del counts[entry]


def most_frequent(counts: Counter[bytes], size: int, minimum_count: int) -> list[str]:
    """List the entries that occur often enough, the most frequent first."""
    # Entries of equal count in alphabetical order: the vocabulary does not depend on the order of examples.
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [entry.decode() for entry, count in ranked[:size] if count >= minimum_count]


def read_lines(path: Path) -> list[str]:
    """Read a vocabulary, one entry a line.

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
        raise UserError(f"{path} is damaged: it holds no vocabulary; train the run again.")
    return lines
