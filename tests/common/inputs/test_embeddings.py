import numpy as np
import pandas as pd
import pytest

from common.errors import UserError
from common.inputs import embeddings


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package laid out as the real one, with four words."""
    words = pd.DataFrame(index=["the", "paris", "1990", "1991"])
    words.to_parquet(tmp_path / "glove_6B_index.parquet")
    np.save(tmp_path / "glove_6B_50d_emb.npy", np.arange(200, dtype=np.float32).reshape(4, 50))
    monkeypatch.setattr(embeddings, "_glove_folder", lambda: tmp_path)
    return np.arange(200, dtype=np.float32).reshape(4, 50)


def test_words_take_their_vectors_and_those_with_capitals_that_of_the_small_letters(package):
    found = embeddings.glove_vectors(["paris", "Paris", "zzz"], first_row=2, dimension=52, seed=1)
    assert found.shape == (5, 52)
    np.testing.assert_array_equal(found[2:4, :50], package[[1, 1]])
    others = np.concatenate([found[[0, 1, 4]].ravel(), found[2:4, 50:].ravel()])
    assert np.abs(others).max() <= 0.05


def test_of_words_that_are_written_alike_the_most_frequent_counts(package):
    def digits_as_zero(word):
        return "".join("0" if sign.isdigit() else sign for sign in word)

    found = embeddings.glove_vectors(["0000"], 0, 50, seed=1, normalize=digits_as_zero)
    np.testing.assert_array_equal(found[0], package[2])


def test_too_few_numbers_a_word(package):
    with pytest.raises(UserError, match="embedding_dimension=20 is too small"):
        embeddings.glove_vectors(["the"], 0, 20, seed=1)
