"""A step applied to each time step in turn, its states carried from one to the next."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

Step = Callable[[Any, Any], tuple[Any, Any]]


def run_over_time(
    step: Step, inputs: Any, states: Any, outputs: Any, time_major: bool = False
) -> tuple[Any, Any]:
    """y_t, s_t = step(x_t, s_{t-1}), for all t.

    Args:
        step: from inputs of a step and states to outputs and states.
        inputs: structure of tensors (batch, time, ...); a step sees them as (batch, ...).
        states: structure of tensors (batch, ...) before the first step.
        outputs: structure of tensors shaped and typed like the outputs of a step; their values are not used.
        time_major: whether the inputs are (time, batch, ...) already.

    Returns:
        The outputs as a structure of tensors (batch, time, ...), and the states after the last step.
    """
    if not time_major:
        inputs = keras.tree.map_structure(_time_and_batch_exchanged, inputs)
    loop = _tensorflow_loop if keras.backend.backend() == "tensorflow" else portable_loop
    outputs, states = loop(step, inputs, states, outputs)
    return keras.tree.map_structure(_time_and_batch_exchanged, outputs), states


def portable_loop(step: Step, inputs: Any, states: Any, outputs: Any) -> tuple[Any, Any]:
    """The loop in keras.ops: inputs and outputs (time, batch, ...)."""

    def body(carry: Any, step_inputs: Any) -> tuple[Any, Any]:
        step_outputs, states = step(step_inputs, carry["states"])
        # Under TensorFlow, what is collected must be shaped like what is carried.
        carry = {"states": states, "outputs": step_outputs}
        return carry, carry

    last, every = ops.scan(body, {"states": states, "outputs": outputs}, inputs)
    return every["outputs"], last["states"]


def _tensorflow_loop(step: Step, inputs: Any, states: Any, outputs: Any) -> tuple[Any, Any]:
    """The same as a tf.while_loop, which carries tensors where ops.scan carries arrays of one tensor."""
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
    return tf.nest.pack_sequence_as(outputs, [writer.stack() for writer in writers]), states


def _time_and_batch_exchanged(tensor: Any) -> Any:
    return ops.swapaxes(tensor, 0, 1)
