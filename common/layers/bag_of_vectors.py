"""One vector for a set of vectors, independent of their order."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="rnn_task_suite")
class BagOfVectors(keras.layers.Layer):
    """Sum of the steps of a sequence, divided by the square root of their number.

    b = (1 / sqrt(T)) sum_t x_t. A mean would drown one informative word in a long text; a sum would give
    long texts more weight than short ones.

    Input: (batch, time, features). Output: (batch, features).
    Mask: (batch, time); masked steps are left out. A fully masked sequence gives zeros.

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
        """Return no mask: the output has no steps."""
        return

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """(batch, features)."""
        return (input_shape[0], input_shape[-1])
