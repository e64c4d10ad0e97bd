"""A loop over time steps that carries states."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

Step = Callable[[Any, Any], tuple[Any, Any]]


def run_over_time(
    step: Step, inputs: Any, states: Any, outputs: Any, time_major: bool = False, unroll: bool = False
) -> tuple[Any, Any]:
    """Compute y_t, s_t = step(x_t, s_{t-1}) for all t.

    Args:
        step: function of the inputs of a step and the states to outputs and states.
        inputs: structure of tensors (batch, time, ...); a step gets (batch, ...).
        states: structure of tensors (batch, ...) before the first step.
        outputs: structure of tensors with shapes and dtypes of the outputs of a step; values are ignored.
        time_major: whether the inputs are (time, batch, ...).
        unroll: whether the steps follow each other in the graph, without a loop.

    Returns:
        The outputs as a structure of tensors (batch, time, ...), and the states after the last step.

    Raises:
        ValueError: if the number of steps to unroll is unknown or zero.
    """
    if not time_major:
        inputs = keras.tree.map_structure(_swap_time_and_batch, inputs)
    loop = _tensorflow_loop if keras.backend.backend() == "tensorflow" else portable_loop
    loop = unrolled_loop if unroll else loop
    outputs, states = loop(step, inputs, states, outputs)
    return keras.tree.map_structure(_swap_time_and_batch, outputs), states


def portable_loop(step: Step, inputs: Any, states: Any, outputs: Any) -> tuple[Any, Any]:
    """The loop in keras.ops, over inputs and outputs (time, batch, ...)."""

    def body(carry: Any, step_inputs: Any) -> tuple[Any, Any]:
        step_outputs, states = step(step_inputs, carry["states"])
        # Under TensorFlow, outputs must have the structure of the carry.
        carry = {"states": states, "outputs": step_outputs}
        return carry, carry

    last, every = ops.scan(body, {"states": states, "outputs": outputs}, inputs)
    return every["outputs"], last["states"]


def unrolled_loop(step: Step, inputs: Any, states: Any, outputs: Any) -> tuple[Any, Any]:
    """The loop as one step after another in the graph, over inputs and outputs (time, batch, ...)."""
    time = keras.tree.flatten(inputs)[0].shape[0]
    if not time:
        raise ValueError(f"unroll=True needs a known, positive number of time steps, not {time}.")
    every = []
    for t in range(time):
        step_outputs, states = step(keras.tree.map_structure(lambda tensor, t=t: tensor[t], inputs), states)
        every.append(step_outputs)
    return keras.tree.map_structure(lambda *steps: ops.stack(steps, axis=0), *every), states


def _tensorflow_loop(step: Step, inputs: Any, states: Any, outputs: Any) -> tuple[Any, Any]:
    """The same as a tf.while_loop: it carries plain tensors where ops.scan carries tensor arrays."""
    import tensorflow as tf

    flat_inputs, flat_outputs = tf.nest.flatten(inputs), tf.nest.flatten(outputs)
    time = tf.shape(flat_inputs[0])[0]
    readers = [tf.TensorArray(tensor.dtype, size=time).unstack(tensor) for tensor in flat_inputs]
    writers = [tf.TensorArray(like.dtype, size=time, element_shape=like.shape) for like in flat_outputs]

    def body(t: Any, states: Any, writers: Any) -> tuple[Any, Any, Any]:
        step_inputs = tf.nest.pack_sequence_as(inputs, [reader.read(t) for reader in readers])
        step_outputs, states = step(step_inputs, states)
        flat = tf.nest.flatten(step_outputs)
        return t + 1, states, [writer.write(t, value) for writer, value in zip(writers, flat, strict=True)]

    _, states, writers = tf.while_loop(
        lambda t, *_: t < time, body, (tf.constant(0), states, writers), maximum_iterations=time
    )
    every = [_stacked(writer, like) for writer, like in zip(writers, flat_outputs, strict=True)]
    return tf.nest.pack_sequence_as(outputs, every), states


def _stacked(writer: Any, like: Any) -> Any:
    """All elements of a TensorArray, also if there are none, and their shape is only known when it runs."""
    import tensorflow as tf

    if like.shape.is_fully_defined() or tf.executing_eagerly():
        return writer.stack()
    every = tf.raw_ops.TensorListStack(
        input_handle=writer.flow, element_shape=tf.shape(like), element_dtype=like.dtype
    )
    return tf.ensure_shape(every, [None, *like.shape])


def _swap_time_and_batch(tensor: Any) -> Any:
    return ops.swapaxes(tensor, 0, 1)
