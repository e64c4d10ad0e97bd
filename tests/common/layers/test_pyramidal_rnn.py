import keras
import numpy as np
import pytest
import tensorflow as tf
from support.layer_case import run_layer_test, run_model_test
from support.numeric_gradients import check_gradients

from common.layers.pyramidal_rnn import PyramidalRNN

STEPS = tf.random.stateless_normal([2, 13, 3], seed=(1, 2))


@pytest.mark.parametrize("cell", ["elman", "lstm", "gru"])
@pytest.mark.parametrize(
    ("layers", "time", "reduced"), [(1, 5, 5), (2, 6, 3), (2, 1, 1), (3, 5, 2), (3, 9, 3)]
)
def test_shapes(cell, layers, time, reduced):
    layer = PyramidalRNN(cell, 4, layers)
    assert layer(STEPS[:, :time]).shape == (2, reduced, 8)
    assert layer.compute_output_shape((2, time, 3)) == (2, reduced, 8)
    assert layer.compute_mask(STEPS[:, :time], tf.ones([2, time], tf.bool)).shape == (2, reduced)


def test_layer(tmp_path):
    # With one layer, the standard test of padding applies step by step.
    run_layer_test(lambda **kw: PyramidalRNN("lstm", 4, layers=1, **kw), (2, 5, 3), (2, 5, 8), 6)
    run_model_test(lambda: PyramidalRNN("elman", 4, layers=2, dropout=0.1), (4, 7, 3), tmp_path)


def test_each_level_by_hand():
    layer = PyramidalRNN("gru", 4, layers=3)
    first, second, third = layer.recurrent_layers
    outputs = layer(STEPS)
    below = first(STEPS).numpy()  # 13 steps
    pairs = [np.concatenate([below[:, 2 * j], below[:, 2 * j + 1]], -1) for j in range(6)]
    pairs.append(np.concatenate([below[:, 12], np.zeros((2, 8))], -1))
    middle = second(np.stack(pairs, axis=1).astype(np.float32)).numpy()  # 7 steps
    pairs = [np.concatenate([middle[:, 2 * j], middle[:, 2 * j + 1]], -1) for j in range(3)]
    pairs.append(np.concatenate([middle[:, 6], np.zeros((2, 8))], -1))
    expected = third(np.stack(pairs, axis=1).astype(np.float32))  # 4 steps
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("before", "after"), [(0, 3), (1, 0), (2, 1), (3, 2), (5, 6)])
@pytest.mark.parametrize("time", [1, 13])
def test_padding_on_either_side_changes_nothing(before, after, time):
    layer = PyramidalRNN("gru", 4, layers=3)
    plain = layer(STEPS[:, :time]).numpy()
    padded = tf.pad(STEPS[:, :time], [[0, 0], [before, after], [0, 0]], constant_values=99.0)
    mask = tf.concat([tf.zeros([2, before]), tf.ones([2, time]), tf.zeros([2, after])], axis=1) > 0
    outputs = layer(padded, mask=mask).numpy()
    output_mask = layer.compute_mask(padded, mask).numpy()
    assert output_mask.shape == outputs.shape[:2]
    assert np.all(output_mask.sum(axis=1) == plain.shape[1])
    np.testing.assert_allclose(outputs[output_mask], plain.reshape(-1, 8), rtol=1e-4, atol=1e-6)


def test_sequences_of_a_batch_are_independent():
    layer = PyramidalRNN("lstm", 4, layers=3)
    mask = tf.sequence_mask([13, 6], 13)
    outputs = layer(STEPS, mask=mask)
    np.testing.assert_array_equal(
        layer.compute_mask(STEPS, mask), [[True, True, True, True], [True, True, False, False]]
    )
    np.testing.assert_allclose(outputs[0], layer(STEPS)[0], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(outputs[1:, :2], layer(STEPS[1:, :6]), rtol=1e-4, atol=1e-6)


def test_a_fully_masked_sequence_stays_masked():
    layer = PyramidalRNN("gru", 4, layers=2)
    mask = tf.sequence_mask([13, 0], 13)
    assert np.all(np.isfinite(layer(STEPS, mask=mask)))
    assert not np.any(layer.compute_mask(STEPS, mask)[1])


def test_mask_goes_through_a_model_of_any_length():
    numbers = keras.Input((None,), dtype="int32")
    vectors = keras.layers.Embedding(9, 3, mask_zero=True)(numbers)
    steps = PyramidalRNN("gru", 4, layers=2)(vectors)
    model = keras.Model(numbers, keras.layers.LSTM(2)(steps))
    short = model(tf.constant([[3, 1, 4]]))
    np.testing.assert_allclose(model(tf.constant([[3, 1, 4, 0, 0, 0, 0]])), short, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(model(tf.constant([[0, 3, 1, 4]])), short, rtol=1e-4, atol=1e-6)


def test_mixed_precision_and_gradients():
    outputs = PyramidalRNN("gru", 4, layers=3, dtype="mixed_bfloat16")(
        STEPS, mask=tf.sequence_mask([13, 6], 13)
    )
    assert outputs.dtype == tf.bfloat16
    layer = PyramidalRNN("gru", 2, layers=2, dtype="float64")
    steps, mask = tf.cast(STEPS[:, :5], tf.float64), tf.sequence_mask([5, 3], 5)
    layer(steps)
    check_gradients(layer, lambda: tf.reduce_sum(layer(steps, mask=mask) ** 2))
