"""The gradients of ElmanRNN against backpropagation through time, written out as in the equation."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from support import elman_bptt

from common.layers.elman_rnn import ElmanRNN

BATCH, TIME, FEATURES, UNITS, CLASSES = 3, 9, 4, 6, 5


def random_network(generator):
    shapes = [(UNITS, FEATURES), (UNITS, UNITS), (CLASSES, UNITS), (UNITS,), (CLASSES,)]
    return elman_bptt.Elman(*(0.6 * generator.normal(size=shape) for shape in shapes))


def random_sequences(generator):
    """Inputs (batch, time, features), one-hot targets (batch, time, classes), states (batch, units)."""
    targets = np.eye(CLASSES)[generator.integers(0, CLASSES, (BATCH, TIME))]
    return generator.normal(size=(BATCH, TIME, FEATURES)), targets, generator.normal(size=(BATCH, UNITS))


def layer_gradients(network, inputs, targets, first_states):
    """The same gradients from the layer, turned back into columns."""
    elman = ElmanRNN(UNITS, return_sequences=True, dtype="float64")
    dense = keras.layers.Dense(CLASSES, activation="softmax", dtype="float64")
    elman.build(inputs.shape)
    elman.set_weights([network.U.T, network.W.T, network.b])
    dense.build((None, None, UNITS))
    dense.set_weights([network.V.T, network.c])
    variables = [weight.value for weight in (*elman.weights, *dense.weights)]
    with tf.GradientTape() as tape:
        outputs = dense(elman(tf.constant(inputs), initial_state=[tf.constant(first_states)], training=True))
        loss = -tf.reduce_sum(targets * tf.math.log(outputs))
    d_u, d_w, d_b, d_v, d_c = (gradient.numpy() for gradient in tape.gradient(loss, variables))
    return elman_bptt.Elman(U=d_u.T, W=d_w.T, V=d_v.T, b=d_b, c=d_c)


@pytest.mark.parametrize("first_state", ["zeros", "given"])
@pytest.mark.parametrize("seed", range(3))
def test_layer_has_the_gradients_of_the_equation(seed, first_state):
    generator = np.random.default_rng(seed)
    network = random_network(generator)
    inputs, targets, first_states = random_sequences(generator)
    if first_state == "zeros":
        first_states = np.zeros_like(first_states)
    found = layer_gradients(network, inputs, targets, first_states)
    examples = [
        elman_bptt.gradients(network, *example)
        for example in zip(inputs, targets, first_states, strict=True)
    ]  # fmt: skip
    for name in ("U", "W", "V", "b", "c"):
        expected = sum(getattr(example, name) for example in examples)
        difference = np.linalg.norm(getattr(found, name) - expected) / np.linalg.norm(expected)
        assert difference < 1e-8, (name, difference)


@pytest.mark.parametrize("name", ["U", "W", "V", "b", "c"])
def test_the_equation_is_the_slope_of_the_loss(name):
    # The reference itself against differences of its loss, in case both have the same error.
    generator = np.random.default_rng(7)
    network = random_network(generator)
    example = [values[0] for values in random_sequences(generator)]
    weight, gradient = getattr(network, name), getattr(elman_bptt.gradients(network, *example), name)
    direction = generator.normal(size=weight.shape)
    losses = []
    for sign in (1, -1):
        moved = elman_bptt.Elman(**vars(network) | {name: weight + sign * 1e-6 * direction})
        losses.append(elman_bptt.loss(moved, *example))
    assert np.sum(gradient * direction) == pytest.approx((losses[0] - losses[1]) / 2e-6, rel=1e-6)


def test_truncation_of_the_distant_past_is_detected():
    # The comparison above must detect this: the terms of k < t - 2 are larger than rounding errors.
    generator = np.random.default_rng(0)
    network = random_network(generator)
    inputs, _, first_states = random_sequences(generator)
    states, _ = elman_bptt.forward(network, inputs[0], first_states[0])
    assert np.linalg.norm(elman_bptt.state_jacobian(network, states, TIME - 1, TIME - 4)) > 1e-4
    assert np.array_equal(elman_bptt.state_jacobian(network, states, 3, 3), np.eye(UNITS))
