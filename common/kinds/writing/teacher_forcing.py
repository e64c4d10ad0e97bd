"""What a decoder is given and what it is to write, in training."""

import tensorflow as tf

from common.inputs.subwords import BOUNDARY


def teacher_forced(sequences: tf.RaggedTensor) -> tuple[tf.RaggedTensor, tf.RaggedTensor]:
    """Make inputs and targets of a decoder that is given the true piece before each step.

    Args:
        sequences: (batch, pieces) int32, numbers of the pieces that are to be written.

    Returns:
        What stands before each step (batch, pieces + 1), the boundary first; and what each step is to write
        (batch, pieces + 1), the boundary last.

    Source: Williams and Zipser, "A learning algorithm for continually running fully recurrent neural
    networks", 1989.
    """
    boundary = tf.fill([sequences.nrows(), 1], BOUNDARY)
    return tf.concat([boundary, sequences], axis=1), tf.concat([sequences, boundary], axis=1)
