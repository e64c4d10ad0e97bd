"""Teacher forcing: inputs and targets of a decoder in training."""

import tensorflow as tf

from common.inputs.subwords import BOUNDARY


def teacher_forced(sequences: tf.RaggedTensor) -> tuple[tf.RaggedTensor, tf.RaggedTensor]:
    """Convert sequences to inputs and targets of a decoder whose inputs are the true previous pieces.

    Args:
        sequences: (batch, pieces) int32, indices of the target pieces.

    Returns:
        Inputs (batch, pieces + 1), starting with the boundary; and targets (batch, pieces + 1), ending with
        the boundary.

    Source: Williams and Zipser, "A learning algorithm for continually running fully recurrent neural
    networks", 1989.
    """
    boundary = tf.fill([sequences.nrows(), 1], BOUNDARY)
    return tf.concat([boundary, sequences], axis=1), tf.concat([sequences, boundary], axis=1)
