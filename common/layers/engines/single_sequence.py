"""An LSTM over one sequence alone, as a server answers a single request: one operation, no loop.

TensorFlow's `BlockLSTMV2` reads a whole sequence in one operation. For batches the loop is quicker, which
multiplies all inputs at once; for one sequence its price for each step outweighs that. The operation is part
of TensorFlow, so that an export needs nothing else.
"""

from typing import Any

import tensorflow as tf


def lstm_single_sequence(
    inputs: Any,
    mask: Any,
    states: list[Any],
    kernel: Any,
    recurrent_kernel: Any,
    bias: Any,
    reverse: bool,
) -> tuple[Any, list[Any]]:
    """Run an LSTM with tanh and sigmoid over the steps of one sequence that are not masked.

    Args:
        inputs: (1, time, features) float32.
        mask: (1, time) or None; wherever masked steps stand, they repeat the output before them.
        states: h and c before the first step, (1, units) each.
        kernel: (features, 4 * units), gates in the order i, f, g, o, as the next two.
        recurrent_kernel: (units, 4 * units).
        bias: (4 * units,) or None.
        reverse: read from the end.

    Returns:
        Outputs (1, time, units) at the places of their steps, and h and c after the last step read.
    """
    h, c = states
    time = tf.shape(inputs)[1]
    there = tf.ones([time], tf.int32) if mask is None else tf.cast(mask[0], tf.int32)
    steps = tf.gather(inputs[0], tf.where(there)[:, 0])  # (steps that are there, features)
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
        b=tf.zeros_like(weights[0]) if bias is None else bias,
        cell_clip=0.0,
        use_peephole=False,
    )
    outputs = tf.concat([h, block.h[:, 0]], axis=0)  # (1 + steps, units); before the first step h itself
    cells = tf.concat([c, block.cs[:, 0]], axis=0)
    read = tf.cumsum(there, reverse=reverse)  # (time,): steps read when a place has been
    return tf.gather(outputs, read)[tf.newaxis], [outputs[-1:], cells[-1:]]
