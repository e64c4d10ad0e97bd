import numpy as np
import pytest
import tensorflow as tf
from support.layer_case import run_layer_test, run_model_test
from support.numeric_gradients import check_gradients

from common.layers.windowed_dense import WindowedDense

STEPS = np.random.default_rng(3).normal(size=(2, 6, 3))


@pytest.mark.parametrize(("left", "right"), [(0, 0), (2, 1), (0, 3), (7, 7)])
def test_layer(left, right):
    run_layer_test(lambda **kw: WindowedDense(4, left, right, **kw), (2, 5, 3), (2, 5, 4), 2)


def test_model(tmp_path):
    run_model_test(lambda: WindowedDense(4, 1, 1, activation="relu"), (4, 5, 3), tmp_path)


def test_by_hand():
    layer = WindowedDense(1, left=1, right=1, activation=None)
    layer.build((None, None, 1))
    layer.set_weights([np.array([[[1.0]], [[10.0]], [[100.0]]]), np.array([0.5])])
    inputs = tf.constant([[[1.0], [2.0], [3.0]]])
    # Each step is x_{t-1} + 10 x_t + 100 x_{t+1} + 0.5, with zeros outside the sequence.
    np.testing.assert_allclose(layer(inputs)[0, :, 0], [210.5, 321.5, 32.5])
    masked = layer(inputs, mask=tf.constant([[True, False, True]]))
    np.testing.assert_allclose(masked[0, ::2, 0], [10.5, 30.5])


@pytest.mark.parametrize(("left", "right"), [(2, 1), (0, 2)])
def test_equals_a_dense_layer_over_windows_written_out(left, right):
    layer = WindowedDense(4, left, right)
    outputs = layer(tf.constant(STEPS, tf.float32))
    kernel, bias = layer.get_weights()
    padded = np.pad(STEPS, ((0, 0), (left, right), (0, 0)))
    for t in range(6):
        window = padded[:, t : t + left + 1 + right].reshape(2, -1)
        expected = np.tanh(window @ kernel.reshape(-1, 4) + bias)
        np.testing.assert_allclose(outputs[:, t], expected, rtol=1e-4, atol=1e-6)


def test_nan_in_masked_steps_does_not_spread():
    layer = WindowedDense(4, 1, 1)
    inputs = tf.constant([[[1.0, 2.0], [np.nan, np.inf]]])
    assert np.all(np.isfinite(layer(inputs, mask=tf.constant([[True, False]]))))


def test_gradients():
    layer = WindowedDense(3, 2, 1, dtype="float64")
    mask = tf.sequence_mask([6, 4], 6)
    layer(tf.constant(STEPS))
    check_gradients(layer, lambda: tf.reduce_sum(layer(tf.constant(STEPS), mask=mask) ** 2))
