"""Dropout of whole words."""

from typing import Any

import keras
from keras import ops

from common.layers.checks import check_fraction


@keras.saving.register_keras_serializable(package="rnn_task_suite")
class WordDropout(keras.layers.Layer):
    """Replace a fraction of the word ids with the id of the unknown word, in training only.

    x'_t = replacement with probability `rate`, else x_t; padding (0), ids below `first` and ids from
    `end` on are never replaced: with ids sorted by frequency, only rare words are dropped. The model learns
    not to rely on single words, and learns a vector for unknown words.

    Input and output: (batch, time) integer ids.

    Example:
        >>> WordDropout(0.5, replacement=1)(keras.ops.array([[5, 6, 0]]), training=False)
        [[5, 6, 0]]

    Source: Iyyer et al., "Deep unordered composition rivals syntactic methods for text classification", 2015.
    """

    def __init__(
        self,
        rate: float,
        replacement: int,
        seed: int | None = None,
        first: int = 1,
        end: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_fraction(rate=rate)
        self.rate = rate
        self.replacement = replacement
        self.seed = seed
        self.first = first
        self.end = end
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.supports_masking = True

    def call(self, inputs: Any, training: bool = False) -> Any:
        """(batch, time) to (batch, time)."""
        if not training or self.rate == 0:
            return inputs
        dropped = keras.random.uniform(ops.shape(inputs), seed=self.seed_generator) < self.rate
        replacement = ops.full_like(inputs, self.replacement)
        dropped = ops.logical_and(dropped, ops.greater_equal(inputs, self.first))
        if self.end is not None:
            dropped = ops.logical_and(dropped, ops.less(inputs, self.end))
        return ops.where(dropped, replacement, inputs)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """(batch, time)."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {
            "rate": self.rate,
            "replacement": self.replacement,
            "seed": self.seed,
            "first": self.first,
            "end": self.end,
        }
