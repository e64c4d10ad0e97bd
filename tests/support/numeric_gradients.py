"""Gradients of a layer against numerical differences, in float64."""

import numpy as np
import tensorflow as tf


def check_gradients(layer, loss, tolerance=1e-6, entries=4):
    """Compare some entries of every weight's gradient with central differences.

    Args:
        layer: built, with float64 weights.
        loss: function without arguments that applies the layer and returns one float64 number.
        tolerance: largest relative difference.
        entries: of each weight, drawn by chance.
    """
    generator = np.random.default_rng(0)
    # Away from the initial zeros of biases, where an error could be hidden by signs.
    for weight in layer.trainable_weights:
        weight.assign(generator.normal(size=weight.shape) * 0.4)

    # One graph for both: tracing takes longer than the numbers do.
    @tf.function(autograph=False)
    def value_and_gradients():
        with tf.GradientTape() as tape:
            value = loss()
        return value, tape.gradient(value, [weight.value for weight in layer.trainable_weights])

    value, gradients = value_and_gradients()
    assert value.dtype == tf.float64
    for weight, gradient in zip(layer.trainable_weights, gradients, strict=True):
        gradient = np.asarray(tf.convert_to_tensor(gradient))
        start = weight.numpy().copy()
        for _ in range(entries):
            index = tuple(generator.integers(0, size) for size in start.shape)
            values = []
            for sign in (1, -1):
                moved = start.copy()
                moved[index] += sign * 1e-5
                weight.assign(moved)
                values.append(float(value_and_gradients()[0]))
            weight.assign(start)
            difference = (values[0] - values[1]) / 2e-5
            assert abs(gradient[index] - difference) <= tolerance * max(1.0, abs(difference)), weight.path
