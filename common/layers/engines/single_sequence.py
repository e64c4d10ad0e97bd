"""An LSTM over a single sequence, as in a request to a server, in one operation without a loop.

TensorFlow's `BlockLSTMV2` processes a whole sequence in one operation. For batches the loop is faster,
because it projects all inputs at once; for one sequence its overhead per step outweighs that. The operation
is part of TensorFlow, so that an export needs nothing else. Its registered gradient is that of `BlockLSTM`,
whose gates have another order, so gradients are those of the loop.
"""

from typing import Any

import tensorflow as tf

from common.layers.engines.gradients import lstm_loop, with_gradient_of


def lstm_single_sequence(
    inputs: Any,
    mask: Any,
    states: list[Any],
    kernel: Any,
    recurrent_kernel: Any,
    bias: Any,
    reverse: bool,
) -> tuple[Any, list[Any]]:
    """Run an LSTM with tanh and sigmoid over the unmasked steps of one sequence.

    Args:
        inputs: (1, time, features) float32.
        mask: (1, time) or None; masked steps repeat the previous output.
        states: h and c before the first step, (1, units) each.
        kernel: (features, 4 * units), gates in the order i, f, g, o, also below.
        recurrent_kernel: (units, 4 * units).
        bias: (4 * units,) or None.
        reverse: whether to start at the last step.

    Returns:
        Outputs (1, time, units) in the order of the inputs, and h and c after the last processed step.
    """
    bias = tf.zeros_like(recurrent_kernel[0]) if bias is None else bias
    unmasked = tf.ones(tf.shape(inputs)[:2], tf.bool) if mask is None else mask

    def operation(inputs: Any, h: Any, c: Any, *weights: Any) -> Any:
        return _block_lstm(inputs, unmasked, h, c, *weights, reverse)

    def loop(inputs: Any, h: Any, c: Any, kernel: Any, recurrent_kernel: Any, bias: Any) -> Any:
        projected = tf.matmul(inputs, kernel) + bias
        return lstm_loop(projected, recurrent_kernel, h, c, unmasked, reverse)

    tensors = map(tf.convert_to_tensor, (inputs, *states, kernel, recurrent_kernel, bias))
    outputs, h, c = with_gradient_of(loop, operation)(*tensors)
    return outputs, [h, c]


def _block_lstm(
    inputs: Any,
    mask: Any,
    h: Any,
    c: Any,
    kernel: Any,
    recurrent_kernel: Any,
    bias: Any,
    reverse: bool,
) -> tuple[Any, Any, Any]:
    """Outputs (1, time, units), and h and c (1, units) after the last processed step."""
    unmasked = tf.cast(mask[0], tf.int32)  # (time,)
    steps = tf.gather(inputs[0], tf.where(unmasked)[:, 0])  # (unmasked steps, features)
    steps = tf.reverse(steps, [0]) if reverse else steps
    weights = tf.concat([kernel, recurrent_kernel], axis=0)  # (features + units, 4 * units)
    no_peephole = tf.zeros_like(h[0])
    block = tf.raw_ops.BlockLSTMV2(
        seq_len_max=tf.shape(steps, tf.int64)[0],
        x=steps[:, tf.newaxis],
        cs_prev=c,
        h_prev=h,
        w=weights,
        wci=no_peephole,
        wcf=no_peephole,
        wco=no_peephole,
        b=bias,
        cell_clip=0.0,
        use_peephole=False,
    )
    outputs = tf.concat([h, block.h[:, 0]], axis=0)  # (1 + steps, units), the initial state first
    cells = tf.concat([c, block.cs[:, 0]], axis=0)
    steps_read = tf.cumsum(unmasked, reverse=reverse)  # (time,), up to and including each step
    return tf.gather(outputs, steps_read)[tf.newaxis], outputs[-1:], cells[-1:]
