"""Norms of ds_t/ds_k: how strongly a recurrent layer's state depends on an earlier state."""

import numpy as np
import tensorflow as tf

from common.layers.recurrent_layer import RecurrentLayer


def step_jacobians(layer: RecurrentLayer, inputs: tf.Tensor) -> np.ndarray:
    """Compute ds_t/ds_{t-1} at every step of sequences, starting from the zero state.

    s_t is the whole state of a layer: for an LSTM, h and c concatenated.

    Args:
        layer: built.
        inputs: (batch, time, features).

    Returns:
        (batch, time, width, width); row i has the derivatives of element i of s_t.
    """
    before = _states_before(layer, inputs)  # (batch, time, width)
    batch, time, width = before.shape
    flat_before = tf.reshape(before, (batch * time, width))
    flat_inputs = tf.reshape(inputs, (batch * time, inputs.shape[-1]))

    @tf.function  # In eager mode `batch_jacobian` would be slow.
    def jacobians() -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(flat_before)
            after = _one_step(layer, flat_inputs, flat_before)
        return tape.batch_jacobian(after, flat_before)  # (batch * time, width, width)

    return jacobians().numpy().reshape(batch, time, width, width)


def state_jacobian_norms(layer: RecurrentLayer, inputs: tf.Tensor) -> np.ndarray:
    """Compute the spectral norm of ds_t/ds_k = prod_{k<j<=t} ds_j/ds_{j-1} by t - k, for the last step t.

    The spectral norm is the largest factor by which a small change of s_k changes s_t, and so bounds the
    gradient of a loss at t with respect to step k: |dE/ds_k| <= |dE/ds_t| |ds_t/ds_k|.

    Args:
        layer: built.
        inputs: (batch, time, features).

    Returns:
        (batch, time); column 0 is k = t, with norm 1.
    """
    jacobians = step_jacobians(layer, inputs).astype("float64")
    batch, time, width, _ = jacobians.shape
    product = np.broadcast_to(np.eye(width), (batch, width, width))
    norms = [np.ones(batch)]
    for step in range(time - 1, 0, -1):
        product = product @ jacobians[:, step]  # ds_t/ds_{step - 1}
        norms.append(np.linalg.norm(product, ord=2, axis=(1, 2)))
    return np.stack(norms, axis=1)


def _states_before(layer: RecurrentLayer, inputs: tf.Tensor) -> tf.Tensor:
    state = tf.concat(layer.initial_state(inputs.shape[0]), axis=-1)
    states = []
    for step_inputs in tf.unstack(inputs, axis=1):
        states.append(state)
        state = _one_step(layer, step_inputs, state)
    return tf.stack(states, axis=1)


def _one_step(layer: RecurrentLayer, inputs: tf.Tensor, state: tf.Tensor) -> tf.Tensor:
    """Compute the next concatenated states from inputs (batch, features) and states (batch, width)."""
    _, states = layer.step(inputs, tf.split(state, layer.number_of_states, axis=-1))
    return tf.concat(states, axis=-1)
