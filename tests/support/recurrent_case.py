"""Random sequences and the outputs of a recurrent layer for them, for tests that compare layers."""

import numpy as np
import tensorflow as tf

BATCH, TIME, FEATURES = 5, 7, 3


def sequences(seed, dtype=np.float32):
    """Inputs (batch, time, features), and a mask with padding at the end, the start or anywhere."""
    generator = np.random.default_rng(seed)
    inputs = generator.normal(size=(BATCH, TIME, FEATURES)).astype(dtype)
    mask = generator.random((BATCH, TIME)) < 0.7
    mask[0] = True
    mask[1, :3], mask[1, 3:] = False, True
    return tf.constant(inputs), tf.constant(mask)


def random_states(layer, seed, batch=BATCH):
    """A random tensor for each state of the layer."""
    generator = np.random.default_rng(seed)
    zeros = layer.initial_state(batch)
    return [tf.constant(generator.normal(size=state.shape), state.dtype) for state in zeros]


def outputs_and_gradients(run, variables):
    """Outputs of `run`, and the gradients of a scalar that weights every output differently."""
    with tf.GradientTape() as tape:
        tape.watch(variables)
        outputs = tf.nest.flatten(run())
        loss = sum(
            tf.reduce_sum(tf.sin(output + tf.cast(number, output.dtype)))
            for number, output in enumerate(outputs)
        )
    return outputs, tape.gradient(loss, variables)


def unmasked_steps(outputs, mask):
    """Steps (batch, time, features) with zeros where the mask is False."""
    return tf.where(mask[..., tf.newaxis], outputs, tf.zeros_like(outputs))
