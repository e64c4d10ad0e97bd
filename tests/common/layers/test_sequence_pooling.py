import numpy as np
import pytest
import tensorflow as tf
from support.layer_case import run_layer_test, run_model_test

from common.layers.sequence_pooling import SequencePooling

STEPS = tf.constant([[[1.0, -4.0], [3.0, -2.0], [9.0, 9.0]]])
MASK = tf.constant([[True, True, False]])


@pytest.mark.parametrize(("pooling", "weights"), [("mean", 0), ("max", 0), ("attention", 3)])
def test_layer(pooling, weights, tmp_path):
    run_layer_test(lambda **kw: SequencePooling(pooling, **kw), (2, 5, 4), (2, 4), weights)
    run_model_test(lambda: SequencePooling(pooling), (4, 5, 3), tmp_path)


def test_mean_of_unmasked_steps():
    np.testing.assert_allclose(SequencePooling("mean")(STEPS, mask=MASK), [[2.0, -3.0]])


def test_largest_of_unmasked_steps():
    np.testing.assert_allclose(SequencePooling("max")(STEPS, mask=MASK), [[3.0, -2.0]])


def test_attention_by_hand():
    layer = SequencePooling("attention")
    layer.build((None, None, 2))
    layer.set_weights([np.eye(2), np.zeros(2), np.array([[1.0], [0.0]])])
    energies = np.tanh([1.0, 3.0])
    weights = np.exp(energies) / np.exp(energies).sum()
    np.testing.assert_allclose(layer(STEPS, mask=MASK), [weights @ [[1.0, -4.0], [3.0, -2.0]]], rtol=1e-6)


@pytest.mark.parametrize(("dtype", "low"), [("float32", -2e9), ("float16", -6.4e4), ("bfloat16", -1e38)])
def test_very_low_values_do_not_lose_to_masked_steps(dtype, low):
    inputs = tf.constant([[[low], [low], [1.0]]], dtype)
    largest = SequencePooling("max", dtype=dtype)(inputs, mask=tf.constant([[True, True, False]]))
    np.testing.assert_array_equal(largest, inputs[:, 0])


@pytest.mark.parametrize("pooling", ["mean", "max", "attention"])
def test_a_fully_masked_sequence_gives_zeros_and_finite_gradients(pooling):
    layer = SequencePooling(pooling)
    inputs = tf.Variable(STEPS)
    with tf.GradientTape() as tape:
        outputs = layer(inputs, mask=tf.zeros([1, 3], tf.bool))
        loss = tf.reduce_sum(outputs)
    np.testing.assert_array_equal(outputs, np.zeros((1, 2)))
    assert np.all(np.isfinite(tape.gradient(loss, inputs)))
