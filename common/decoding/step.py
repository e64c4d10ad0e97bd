"""Interface between a search and a model, and the result of a search."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import tensorflow as tf


class StepResult(NamedTuple):
    """Output of a model for the next token of each row.

    Attributes:
        logits: (rows, vocabulary), unnormalised; log-probabilities are logits too.
        states: input states of the next step, with unchanged structure and shapes.
        record: nested tensors (rows, ...) to collect at every step, for example attention weights.
    """

    logits: Any
    states: Any
    record: Any = ()


def agreed_logits(logits: Sequence[Any]) -> Any:
    """Logits of the mean probabilities of several models, from the logits (rows, vocabulary) of each."""
    if len(logits) == 1:
        return logits[0]
    return tf.math.log(sum(tf.nn.softmax(single) for single in logits) / len(logits))


# From tokens (rows,) and states, nested tensors (rows, ...). Must accept any number of rows.
Step = Callable[[Any, Any], StepResult]


class Decoded(NamedTuple):
    """Decoded sequences, n per sentence, best first.

    Attributes:
        tokens: (batch, n, time), without the start token, padded with the end token. time is the number of
            steps that the search took.
        scores: (batch, n).
        lengths: (batch, n), number of tokens before the end token.
        record: the step's record as nested tensors (batch, n, time, ...), up to the step that produced the
            end token; zeros after it.
    """

    tokens: Any
    scores: Any
    lengths: Any
    record: Any


class Records:
    """Records of the steps of a loop: tensor arrays in the structure of one record."""

    @staticmethod
    def begin(record: Any, steps: Any) -> Any:
        """Create arrays for up to `steps` records, with the shapes of the first one, and write it."""
        return tf.nest.map_structure(
            lambda value: tf.TensorArray(
                value.dtype, steps, element_shape=tf.TensorShape([None, *value.shape[1:]])
            ).write(0, value),
            record,
        )

    @staticmethod
    def invariants(arrays: Any) -> Any:
        """Shape invariants of the arrays for a loop: unknown shapes."""
        return tf.nest.map_structure(lambda _: tf.TensorShape(None), arrays)

    @staticmethod
    def write(arrays: Any, t: Any, record: Any) -> Any:
        """Add the record of step t."""
        return tf.nest.map_structure(lambda array, value: array.write(t, value), arrays, record)

    @staticmethod
    def read(arrays: Any, rows: Any) -> Any:
        """Gather the records of sequences.

        Args:
            arrays: of the loop.
            rows: (batch, n, time), the row of a sequence at each step; negative after its end.

        Returns:
            Nested tensors (batch, n, time, ...), zeros after the end.
        """
        time = tf.shape(rows)[2]
        steps = tf.broadcast_to(tf.range(time), tf.shape(rows))
        indices = tf.stack([steps, tf.maximum(rows, 0)], axis=-1)  # (batch, n, time, 2)

        def read_one(array: Any) -> Any:
            values = tf.gather_nd(array.gather(tf.range(time)), indices)  # (batch, n, time, ...)
            ones = tf.ones_like(tf.shape(values)[3:])
            is_valid = tf.reshape(rows >= 0, tf.concat([tf.shape(rows), ones], axis=0))
            return tf.where(is_valid, values, tf.zeros([], values.dtype))

        return tf.nest.map_structure(read_one, arrays)


def open_rows(states: Any) -> Any:
    """Shape invariants of nested tensors (rows, ...) for a loop, with an unknown number of rows."""
    return tf.nest.map_structure(lambda state: tf.TensorShape([None, *state.shape[1:]]), states)
