import keras
import numpy as np
import tensorflow as tf

from common.layers.naive_bayes_bag import NaiveBayesBag, log_count_ratios


def make(ratios):
    layer = NaiveBayesBag(*ratios.shape)
    layer.build((None, None))
    layer.ratios.assign(ratios)
    layer.factors.assign(np.ones_like(ratios))
    return layer


def test_each_distinct_entry_counts_once():
    layer = make(np.array([[9.0, 9.0], [1.0, -1.0], [10.0, 20.0], [0.5, 0.25]]))
    numbers = tf.constant([[2, 1, 2, 2, 0], [3, 0, 0, 0, 0], [0, 0, 0, 0, 0]])
    np.testing.assert_allclose(layer(numbers), [[11.0, 19.0], [0.5, 0.25], [0.0, 0.0]])


def test_factors_are_trained_and_ratios_are_not():
    layer = make(np.array([[0.0], [2.0], [3.0]]))
    assert [weight.name for weight in layer.trainable_weights] == ["factors"]
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(layer(tf.constant([[1, 1, 2]])))
    gradient = tf.convert_to_tensor(tape.gradient(total, layer.factors.value))
    np.testing.assert_allclose(gradient, [[0.0], [2.0], [3.0]])


def test_ratios_by_hand():
    # With one added: 4 of 8 against 1 of 4, and 4 of 8 against 3 of 4.
    counts = np.array([[3, 0], [3, 2]])
    half_difference = np.array([np.log(0.5 / 0.25), np.log(0.5 / 0.75)]) / 2
    np.testing.assert_allclose(
        log_count_ratios(counts), np.stack([half_difference, -half_difference], axis=1), rtol=1e-6
    )


def test_model(tmp_path):
    ratios = np.arange(8, dtype=np.float32).reshape(4, 2) - 3
    inputs = keras.Input((None,), dtype="int32")
    layer = make(ratios)
    model = keras.Model(inputs, layer(inputs))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    numbers = tf.constant([[1, 3, 3]])
    np.testing.assert_array_equal(loaded(numbers), model(numbers))
    assert np.any(model(numbers) != 0)
