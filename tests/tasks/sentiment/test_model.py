import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from common.config import load_settings
from common.contract.find import TASKS_FOLDER
from tasks.sentiment.config import SentimentSettings
from tasks.sentiment.model import build_model


def settings(**overrides):
    small = {
        "model.units": 4,
        "model.embedding_dimension": 6,
        "model.layers": 2,
        "model.naive_bayes": False,
        "text.pairs": 0,
    }
    dotted = {key.replace("__", "."): value for key, value in overrides.items()}
    return load_settings(SentimentSettings, TASKS_FOLDER / "sentiment", "default", small | dotted)


@pytest.mark.parametrize(
    ("cell", "pooling", "bidirectional"),
    list(itertools.product(["elman", "lstm", "gru"], ["last", "mean", "max", "attention"], [True, False])),
)
def test_padding_changes_no_output(cell, pooling, bidirectional):
    model = build_model(
        settings(model__cell=cell, model__pooling=pooling, model__bidirectional=bidirectional), 20, 3
    )
    words = tf.constant([[5, 6, 7, 8], [9, 3, 0, 0]])
    together = model(words)
    padded = model(tf.pad(words, [[0, 0], [0, 6]]))
    alone = tf.concat([model(words[:1]), model(words[1:, :2])], axis=0)
    np.testing.assert_allclose(padded, together, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(alone, together, rtol=1e-5, atol=1e-6)


def test_shapes_and_parameters():
    model = build_model(settings(model__layers=1), vocabulary_size=20, classes=3)
    assert model.input_shape == (None, None)
    assert model.output_shape == (None, 3)
    lstm = 2 * 4 * ((6 + 4) * 4 + 4)
    assert model.count_params() == 20 * 6 + lstm + 8 * 3 + 3


def test_naive_bayes_of_words_and_pairs_is_added():
    ratios = [np.zeros((20, 3), np.float32), np.zeros((8, 3), np.float32)]
    ratios[0][5] = [1.0, -1.0, 0.0]
    ratios[1][4] = [0.0, 0.5, -0.5]
    model = build_model(settings(model__naive_bayes=True, text__pairs=7), 20, 3, ratios=ratios)
    numbers = tf.constant([[[5, 4], [6, 0]], [[5, 0], [6, 4]]])  # (texts, words, word and pair)
    # The factors of naive Bayes start at zero.
    recurrent = model(numbers)
    for bag, factor in (("naive_bayes_of_words", 2.0), ("naive_bayes_of_pairs", 4.0)):
        factors = model.get_layer(bag).factors
        factors.assign(np.full(factors.shape, factor))
    added = (model(numbers) - recurrent).numpy()
    np.testing.assert_allclose(added, [[2.0, 0.0, -2.0]] * 2, atol=1e-5)


def test_sum_merges_into_half_the_width():
    model = build_model(settings(model__merge="sum"), 20, 3)
    assert model.get_layer("classifier").kernel.shape == (4, 3)


def test_word_vectors_start_the_embedding():
    vectors = np.arange(120, dtype=np.float32).reshape(20, 6)
    model = build_model(settings(model__train_embeddings=False), 20, 3, word_vectors=vectors)
    layer = model.get_layer("word_vectors")
    np.testing.assert_array_equal(layer.get_weights()[0], vectors)
    assert not layer.trainable_weights


def test_logits_are_float32_in_mixed_precision():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = build_model(settings(), 20, 3)
        assert model(tf.constant([[5, 6, 0]])).dtype == tf.float32
        assert model.get_layer("recurrent_layers").compute_dtype == "bfloat16"
    finally:
        keras.config.set_dtype_policy("float32")
