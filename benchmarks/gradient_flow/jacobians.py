"""How strongly a recurrent layer's state depends on the state some steps before: the norm of ds_t/ds_k."""

import numpy as np
import tensorflow as tf

from common.layers.recurrent_layer import RecurrentLayer


def step_jacobians(layer: RecurrentLayer, inputs: tf.Tensor) -> np.ndarray:
    """ds_t/ds_{t-1} at every step of sequences read from the zero state.

    s_t is all that a layer carries from step to step: of an LSTM, h and c joined.

    Args:
        layer: built.
        inputs: (batch, time, features).

    Returns:
        (batch, time, width, width); row i holds the derivatives of number i of s_t.
    """
    before = _states_before(layer, inputs)  # (batch, time, width)
    batch, time, width = before.shape
    flat_before = tf.reshape(before, (batch * time, width))
    flat_inputs = tf.reshape(inputs, (batch * time, inputs.shape[-1]))

    @tf.function  # Eagerly, `batch_jacobian` would trace each of its parts.
    def jacobians() -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(flat_before)
            after = _one_step(layer, flat_inputs, flat_before)
        return tape.batch_jacobian(after, flat_before)  # (batch * time, width, width)

    return jacobians().numpy().reshape(batch, time, width, width)


def state_jacobian_norms(layer: RecurrentLayer, inputs: tf.Tensor) -> np.ndarray:
    """Spectral norm of ds_t/ds_k against t - k, t the last step: prod_{k<j<=t} ds_j/ds_{j-1}.

    The spectral norm is the largest factor by which any small change of s_k reaches s_t, and so a bound of
    what the gradient of a loss at t can tell about step k: |dE/ds_k| <= |dE/ds_t| |ds_t/ds_k|.

    Args:
        layer: built.
        inputs: (batch, time, features).

    Returns:
        (batch, time); column 0 is k = t, where the norm is 1.
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
    """(batch, features) and the joined states (batch, width) to the joined states."""
    _, states = layer.step(inputs, tf.split(state, layer.number_of_states, axis=-1))
    return tf.concat(states, axis=-1)
