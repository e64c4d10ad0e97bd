"""What a search asks of a model, and what it answers."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import tensorflow as tf


class StepResult(NamedTuple):
    """What a model says about the next token of each row.

    Attributes:
        logits: (rows, vocabulary), of any sum; log-probabilities are logits too.
        states: what the next step needs, in the structure and the shapes in which it came.
        record: nested tensors (rows, ...) that are to be kept for every step, attention weights for example.
    """

    logits: Any
    states: Any
    record: Any = ()


def agreed_logits(logits: Sequence[Any]) -> Any:
    """Logits (rows, vocabulary) of each of several models to logits of the mean of their probabilities."""
    if len(logits) == 1:
        return logits[0]
    return tf.math.log(sum(tf.nn.softmax(one) for one in logits) / len(logits))


# Of tokens (rows,) and states, nested tensors (rows, ...). It may be called with any number of rows.
Step = Callable[[Any, Any], StepResult]


class Decoded(NamedTuple):
    """Sequences that were found, n for each sentence, best first.

    Attributes:
        tokens: (batch, n, time), without the start token; the end token from the sentence's end on. time is
            the number of steps that the search took.
        scores: (batch, n).
        lengths: (batch, n), tokens before the end.
        record: the step's record as nested tensors (batch, n, time, ...), up to the step that gave the end
            token; zeros after it.
    """

    tokens: Any
    scores: Any
    lengths: Any
    record: Any


class Records:
    """What a loop keeps of its steps: tensor arrays in the structure of one record."""

    @staticmethod
    def begin(record: Any, steps: Any) -> Any:
        """Make arrays for up to `steps` records; the first one tells their shapes, and is in them."""
        return tf.nest.map_structure(
            lambda value: tf.TensorArray(
                value.dtype, steps, element_shape=tf.TensorShape([None, *value.shape[1:]])
            ).write(0, value),
            record,
        )

    @staticmethod
    def invariants(arrays: Any) -> Any:
        """What a loop wants to know of the arrays' shapes: nothing."""
        return tf.nest.map_structure(lambda _: tf.TensorShape(None), arrays)

    @staticmethod
    def write(arrays: Any, t: Any, record: Any) -> Any:
        """Add the record of step t."""
        return tf.nest.map_structure(lambda array, value: array.write(t, value), arrays, record)

    @staticmethod
    def read(arrays: Any, rows: Any) -> Any:
        """Put together the records of sequences.

        Args:
            arrays: of the loop.
            rows: (batch, n, time), the row in which a sequence was at each step; negative after its end.

        Returns:
            Nested tensors (batch, n, time, ...), zeros after the end.
        """
        time = tf.shape(rows)[2]
        steps = tf.broadcast_to(tf.range(time), tf.shape(rows))
        places = tf.stack([steps, tf.maximum(rows, 0)], axis=-1)  # (batch, n, time, 2)

        def read_one(array: Any) -> Any:
            values = tf.gather_nd(array.gather(tf.range(time)), places)  # (batch, n, time, ...)
            others = tf.ones_like(tf.shape(values)[3:])
            is_there = tf.reshape(rows >= 0, tf.concat([tf.shape(rows), others], axis=0))
            return tf.where(is_there, values, tf.zeros([], values.dtype))

        return tf.nest.map_structure(read_one, arrays)


def open_rows(states: Any) -> Any:
    """Shapes of nested tensors (rows, ...) for a loop, their number of rows left open."""
    return tf.nest.map_structure(lambda state: tf.TensorShape([None, *state.shape[1:]]), states)
