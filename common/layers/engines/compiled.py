"""LSTM and GRU over whole sequences in C, compiled on first use, for training on a CPU.

kernels/recurrent.c holds the source, and says why it is faster than a loop of TensorFlow operations. Without
a C compiler `operations` returns None, and the layers train with the loop that they use for inference: the
same values to six digits, more slowly. An export never contains these operations: layers use them only in
training. XLA cannot compile them; second derivatives are those of a loop.
"""

import functools
import logging
import os
import subprocess
from typing import Any

import tensorflow as tf

from common.layers.engines.gradients import gradients_of, gru_loop, lstm_loop, with_gradient_of
from common.layers.engines.library import compiled_library


@functools.cache
def operations() -> Any:
    """Compile the operations if needed and load them; None if that is impossible."""
    if tf.config.list_physical_devices("GPU"):
        return None
    try:
        return _loaded()
    except (OSError, RuntimeError, subprocess.SubprocessError, tf.errors.OpError) as error:
        reason = getattr(error, "stderr", None) or str(error)
        logging.getLogger(__name__).warning(
            "Recurrent layers train more slowly: their C code is not used (%s).",
            reason.strip().partition("\n")[0],
        )
        return None


def _loaded() -> Any:
    try:
        return tf.load_op_library(str(compiled_library()))
    except (RuntimeError, tf.errors.OpError):  # A library that does not fit this machine after all.
        return tf.load_op_library(str(compiled_library(anew=True)))


def _threads() -> int:
    return tf.config.threading.get_intra_op_parallelism_threads() or len(os.sched_getaffinity(0))


def _states_before(states: tf.Tensor, first: tf.Tensor, reverse: bool) -> tf.Tensor:
    """The previous state (batch, time, units) of each step."""
    first = first[:, tf.newaxis]
    # Joined before it is cut, for sequences without steps.
    if reverse:
        return tf.concat([states, first], axis=1)[:, 1:]
    return tf.concat([first, states], axis=1)[:, :-1]


def _last_state(states: tf.Tensor, first: tf.Tensor, reverse: bool) -> tf.Tensor:
    """The state (batch, units) after the last processed step; the first one if there are no steps."""
    first = first[:, tf.newaxis]
    if reverse:
        return tf.concat([states[:, :1], first], axis=1)[:, 0]
    return tf.concat([first, states[:, -1:]], axis=1)[:, -1]


def _gradient_of_weights(before: tf.Tensor, gradients: tf.Tensor) -> tf.Tensor:
    """sum_t h_{t-1}^T dz_t in one product: (units, gates * units)."""
    units, width = before.shape[-1], gradients.shape[-1]
    return tf.matmul(tf.reshape(before, [-1, units]), tf.reshape(gradients, [-1, width]), transpose_a=True)


def _shaped(tensor: tf.Tensor, like: tf.Tensor, width: int) -> tf.Tensor:
    tensor.set_shape([*like.shape[:-1], width])
    return tensor


def lstm_sequence(
    projected: tf.Tensor,
    recurrent_kernel: tf.Tensor,
    mask: tf.Tensor,
    state: tf.Tensor,
    cell: tf.Tensor,
    reverse: bool,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Run an LSTM over float32 sequences.

    Args:
        projected: (batch, time, 4 * units), inputs times input weights plus bias; gates i, f, g, o.
        recurrent_kernel: (units, 4 * units).
        mask: (batch, time), True at unmasked steps.
        state: (batch, units) before the first step.
        cell: (batch, units) before the first step.
        reverse: whether to start at the last step; outputs stay in the order of the inputs.

    Returns:
        States (batch, time, units), and state and cell (batch, units) after the last processed step.
    """
    units, attributes = state.shape[-1], {"reverse": reverse, "threads": _threads()}
    loop = functools.partial(lstm_loop, mask=mask, reverse=reverse)

    @tf.custom_gradient
    def run(projected: Any, recurrent_kernel: Any, state: Any, cell: Any) -> Any:
        states, gates, cells = operations().recurrent_lstm_forward(
            projected=projected, weights=recurrent_kernel, mask=mask, state=state, cell=cell, **attributes
        )
        states, gates = _shaped(states, projected, units), _shaped(gates, projected, 4 * units)
        cells = _shaped(cells, projected, units)

        def backward(projected: Any, recurrent_kernel: Any, state: Any, cell: Any, *upstream: Any) -> Any:
            d_states, d_last_state, d_last_cell = upstream
            d_projected, d_state, d_cell = operations().recurrent_lstm_backward(
                states=states, weights=recurrent_kernel, mask=mask, state=state, gates=gates,
                d_states=d_states, d_last_state=d_last_state, cells=cells, cell=cell,
                d_last_cell=d_last_cell, **attributes,
            )  # fmt: skip
            d_projected = _shaped(d_projected, projected, 4 * units)
            d_kernel = _gradient_of_weights(_states_before(states, state, reverse), d_projected)
            return d_projected, d_kernel, _shaped(d_state, state, units), _shaped(d_cell, cell, units)

        def gradient(*upstream: Any) -> Any:
            twice = with_gradient_of(lambda *tensors: gradients_of(loop, tensors[:4], tensors[4:]), backward)
            return twice(projected, recurrent_kernel, state, cell, *upstream)

        last = _last_state(states, state, reverse), _last_state(cells, cell, reverse)
        return (states, *last), gradient

    return run(*map(tf.convert_to_tensor, (projected, recurrent_kernel, state, cell)))


def gru_sequence(
    projected: tf.Tensor,
    recurrent_kernel: tf.Tensor,
    recurrent_bias: tf.Tensor,
    mask: tf.Tensor,
    state: tf.Tensor,
    reverse: bool,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Run a GRU with `reset_after` over float32 sequences.

    Args:
        projected: (batch, time, 3 * units), inputs times input weights plus bias; gates z, r, candidate.
        recurrent_kernel: (units, 3 * units).
        recurrent_bias: (3 * units,).
        mask: (batch, time), True at unmasked steps.
        state: (batch, units) before the first step.
        reverse: whether to start at the last step; outputs stay in the order of the inputs.

    Returns:
        States (batch, time, units), and the state (batch, units) after the last processed step.
    """
    units, attributes = state.shape[-1], {"reverse": reverse, "threads": _threads()}
    loop = functools.partial(gru_loop, mask=mask, reverse=reverse)

    @tf.custom_gradient
    def run(projected: Any, recurrent_kernel: Any, recurrent_bias: Any, state: Any) -> Any:
        states, gates = operations().recurrent_gru_forward(
            projected=projected, weights=recurrent_kernel, mask=mask, state=state, bias=recurrent_bias,
            **attributes,
        )  # fmt: skip
        states = _shaped(states, projected, units)

        def backward(projected: Any, recurrent_kernel: Any, _: Any, state: Any, *upstream: Any) -> Any:
            d_states, d_last_state = upstream
            d_projected, d_state, d_recurrent = operations().recurrent_gru_backward(
                states=states, weights=recurrent_kernel, mask=mask, state=state, gates=gates,
                d_states=d_states, d_last_state=d_last_state, **attributes,
            )  # fmt: skip
            d_projected = _shaped(d_projected, projected, 3 * units)
            d_recurrent = _shaped(d_recurrent, projected, 3 * units)
            d_kernel = _gradient_of_weights(_states_before(states, state, reverse), d_recurrent)
            d_bias = tf.reduce_sum(d_recurrent, axis=[0, 1])
            return d_projected, d_kernel, d_bias, _shaped(d_state, state, units)

        def gradient(*upstream: Any) -> Any:
            twice = with_gradient_of(lambda *tensors: gradients_of(loop, tensors[:4], tensors[4:]), backward)
            return twice(projected, recurrent_kernel, recurrent_bias, state, *upstream)

        return (states, _last_state(states, state, reverse)), gradient

    return run(*map(tf.convert_to_tensor, (projected, recurrent_kernel, recurrent_bias, state)))
