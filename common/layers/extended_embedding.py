"""Word embeddings, some of them trainable and the others fixed."""

from typing import Any

import keras
import numpy as np
from keras import ops

from common.layers.checks import check_not_negative, check_positive
from common.layers.parts import part_settings


@keras.saving.register_keras_serializable(package="rnn_task_suite")
class ExtendedEmbedding(keras.layers.Layer):
    """Look up ids in a trainable table, and ids beyond it in a fixed one.

    y_t = E_{x_t} if x_t < learned, else F_{x_t - learned}

    E holds the vectors of words that occur in training. F holds the pretrained vectors of all other words:
    they get no gradient, and the optimizer keeps no moments for them.

    Input: (batch, time) integer ids below learned + fixed. Output: (batch, time, dimension).
    No mask is computed.

    Example:
        >>> layer = ExtendedEmbedding(learned=3, fixed=2, dimension=4)
        >>> layer(keras.ops.array([[1, 2, 3, 4]])).shape
        (1, 4, 4)
    """

    def __init__(self, learned: int, fixed: int, dimension: int, **kwargs: Any) -> None:
        """Set up the layer.

        Args:
            learned: rows of the trainable table.
            fixed: rows of the fixed table; may be 0.
            dimension: width of a vector.
            kwargs: of keras.layers.Layer.
        """
        super().__init__(**kwargs)
        check_positive(learned=learned, dimension=dimension)
        check_not_negative(fixed=fixed)
        self.learned = learned
        self.fixed = fixed
        self.dimension = dimension
        self.learned_table = keras.layers.Embedding(learned, dimension, name="learned", **part_settings(self))

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the tables."""
        self.learned_table.build(input_shape)
        self.fixed_table = None
        if self.fixed:
            self.fixed_table = self.add_weight(
                (self.fixed, self.dimension), initializer="zeros", trainable=False, name="fixed"
            )
        self.built = True

    def start_from(self, vectors: np.ndarray) -> None:
        """Set both tables to the rows of (learned + fixed, dimension)."""
        self.learned_table.embeddings.assign(vectors[: self.learned])
        if self.fixed_table is not None:
            self.fixed_table.assign(vectors[self.learned :])

    def call(self, inputs: Any) -> Any:
        """(batch, time) to (batch, time, dimension)."""
        if self.fixed_table is None:
            return self.learned_table(inputs)
        is_learned = ops.less(inputs, self.learned)
        zeros = ops.zeros_like(inputs)
        learned = self.learned_table(ops.where(is_learned, inputs, zeros))
        fixed = ops.take(self.fixed_table, ops.where(is_learned, zeros, inputs - self.learned), axis=0)
        return ops.where(is_learned[..., None], learned, ops.cast(fixed, learned.dtype))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """(batch, time, dimension)."""
        return (*input_shape, self.dimension)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {
            "learned": self.learned,
            "fixed": self.fixed,
            "dimension": self.dimension,
        }
