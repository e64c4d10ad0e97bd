import numpy as np
import pandas as pd
import pytest

from common.errors import UserError
from common.inputs import embeddings


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package with the layout of the real one, and four words."""
    words = pd.DataFrame(index=["the", "paris", "1990", "1991"])
    words.to_parquet(tmp_path / "glove_6B_index.parquet")
    np.save(tmp_path / "glove_6B_50d_emb.npy", np.arange(200, dtype=np.float32).reshape(4, 50))
    monkeypatch.setattr(embeddings, "_glove_folder", lambda: tmp_path)
    return np.arange(200, dtype=np.float32).reshape(4, 50)


def test_words_get_their_vector_or_that_of_their_lower_case(package):
    found = embeddings.glove_vectors(["paris", "Paris", "zzz"], first_row=2, dimension=52, seed=1)
    assert found.shape == (5, 52)
    np.testing.assert_array_equal(found[2:4, :50], package[[1, 1]])
    others = np.concatenate([found[[0, 1, 4]].ravel(), found[2:4, 50:].ravel()])
    assert np.abs(others).max() <= 0.05


def test_of_words_that_become_the_same_the_most_frequent_counts(package):
    def digits_as_zero(word):
        return "".join("0" if character.isdigit() else character for character in word)

    found = embeddings.glove_vectors(["0000"], 0, 50, seed=1, normalize=digits_as_zero)
    np.testing.assert_array_equal(found[0], package[2])


def test_too_small_a_dimension(package):
    with pytest.raises(UserError, match="embedding_dimension=20 is too small"):
        embeddings.glove_vectors(["the"], 0, 20, seed=1)
