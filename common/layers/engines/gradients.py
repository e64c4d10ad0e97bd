"""Gradients through the loop, for operations whose own gradient is missing or wrong.

`BlockLSTMV2` is registered with the gradient of another operation, whose gates have another order; the
backward operations in C have none, so that there would be no second derivatives. An operation computes the
same function as a loop of ordinary operations: its gradient is that of the loop, computed only when asked
for.
"""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from common.layers.engines.time_loop import run_over_time

Function = Callable[..., Any]


def with_gradient_of(loop: Function, operation: Function) -> Function:
    """Function of tensors with the values of `operation` and the gradients, of any order, of `loop`."""

    @tf.custom_gradient
    def run(*tensors: Any) -> Any:
        def gradient(*upstream: Any) -> Any:
            return gradients_of(loop, tensors, upstream)

        return operation(*tensors), gradient

    return run


def gradients_of(function: Function, tensors: Sequence[Any], upstream: Sequence[Any]) -> list[Any]:
    """Gradients of a function of tensors for the upstream gradients of its outputs."""
    tensors = list(tensors)
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        outputs = tf.nest.flatten(function(*tensors))
    return tape.gradient(outputs, tensors, output_gradients=list(upstream), unconnected_gradients="zero")


def lstm_loop(
    projected: Any, recurrent_kernel: Any, state: Any, cell: Any, mask: Any, reverse: bool
) -> tuple[Any, Any, Any]:
    """An LSTM of ordinary operations, with the arguments and results of `compiled.lstm_sequence`."""

    def step(projected: Any, states: Any) -> list[Any]:
        h, c = states
        i, f, g, o = tf.split(projected + tf.matmul(h, recurrent_kernel), 4, axis=-1)
        c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
        return [tf.sigmoid(o) * tf.tanh(c), c]

    states, (h, c) = _run(step, projected, [state, cell], mask, reverse)
    return states, h, c


def gru_loop(
    projected: Any, recurrent_kernel: Any, recurrent_bias: Any, state: Any, mask: Any, reverse: bool
) -> tuple[Any, Any]:
    """A GRU of ordinary operations, with the arguments and results of `compiled.gru_sequence`."""

    def step(projected: Any, states: Any) -> list[Any]:
        (h,) = states
        product = tf.matmul(h, recurrent_kernel) + recurrent_bias
        (z, r, candidate), (of_z, of_r, hidden) = (
            tf.split(part, 3, axis=-1) for part in (projected, product)
        )
        z, r = tf.sigmoid(z + of_z), tf.sigmoid(r + of_r)
        return [z * h + (1 - z) * tf.tanh(candidate + r * hidden)]

    states, (h,) = _run(step, projected, [state], mask, reverse)
    return states, h


def _run(step: Function, projected: Any, states: list[Any], mask: Any, reverse: bool) -> tuple[Any, Any]:
    """Outputs (batch, time, units) in the order of the inputs, and the states after the last step."""
    steps = [projected, mask]
    steps = [tf.reverse(tensor, [1]) for tensor in steps] if reverse else steps

    def masked_step(now: Any, states: Any) -> tuple[Any, Any]:
        projected, mask = now
        pairs = zip(step(projected, states), states, strict=True)
        states = [tf.where(mask[:, tf.newaxis], new, old) for new, old in pairs]
        return states[0], states

    outputs, states = run_over_time(masked_step, steps, states, states[0])
    return (tf.reverse(outputs, [1]) if reverse else outputs), states
