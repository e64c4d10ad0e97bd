"""One vector for a set of vectors, whatever their order."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="rnn_task_suite")
class BagOfVectors(keras.layers.Layer):
    """Sum the steps of a sequence, over the square root of their number.

    b = (1 / sqrt(T)) sum_t x_t. A mean would hide one telling word in a long text; a sum would let long texts
    speak louder than short ones.

    Input: (batch, time, features). Output: (batch, features).
    Mask: (batch, time); masked steps have no part. A sequence whose steps are all masked gives zeros.

    Example:
        >>> BagOfVectors()(keras.ops.ones((8, 25, 3)))[0]
        [5. 5. 5.]

    Source: the bag of n-grams of Joulin et al., "Bag of tricks for efficient text classification", 2017.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """(batch, time, features) to (batch, features)."""
        if mask is None:
            mask = ops.ones(ops.shape(inputs)[:2], dtype="bool")
        weights = ops.expand_dims(ops.cast(mask, inputs.dtype), -1)  # (batch, time, 1)
        steps = ops.maximum(ops.sum(weights, axis=1), 1)  # (batch, 1)
        return ops.sum(inputs * weights, axis=1) / ops.sqrt(steps)

    def compute_mask(self, inputs: Any, mask: Any = None) -> None:
        """There are no steps left to mask."""
        return

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """(batch, features)."""
        return (input_shape[0], input_shape[-1])
