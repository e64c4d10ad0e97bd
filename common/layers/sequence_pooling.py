"""One vector for a whole sequence."""

from typing import Any, Literal, get_args

import keras
from keras import ops

from common.layers.attention import lowest, masked_softmax
from common.layers.checks import check_one_of

Pooling = Literal["mean", "max", "attention"]


@keras.saving.register_keras_serializable(package="rnn_task_suite")
class SequencePooling(keras.layers.Layer):
    """Pool the unmasked steps of a sequence into one vector.

    mean: (1 / T) sum_t h_t
    max: the largest value of each feature over t
    attention: sum_t a_t h_t with a = softmax_t(v . tanh(W h_t + b))

    Input: (batch, time, features). Output: (batch, features).
    Mask: (batch, time); masked steps are left out. A fully masked sequence gives zeros.

    Example:
        >>> SequencePooling("max")(keras.ops.ones((8, 20, 64))).shape
        (8, 64)

    Source: attention: Yang et al., "Hierarchical attention networks for document classification", 2016.
    """

    def __init__(self, pooling: Pooling, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_one_of("pooling", pooling, get_args(Pooling))
        self.pooling = pooling
        self.supports_masking = True
        self.input_spec = keras.layers.InputSpec(ndim=3)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights of the attention for inputs (batch, time, features)."""
        if self.pooling == "attention":
            features = input_shape[-1]
            self.kernel = self.add_weight((features, features), name="kernel")
            self.bias = self.add_weight((features,), initializer="zeros", name="bias")
            self.context = self.add_weight((features, 1), name="context")
        self.built = True

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """(batch, time, features) to (batch, features)."""
        if mask is None:
            mask = ops.ones(ops.shape(inputs)[:2], dtype="bool")
        mask = ops.expand_dims(ops.cast(mask, "bool"), -1)  # (batch, time, 1)
        if self.pooling == "mean":
            weights = ops.cast(mask, inputs.dtype)
            return ops.sum(inputs * weights, axis=1) / ops.maximum(ops.sum(weights, axis=1), 1)
        if self.pooling == "max":
            # Not minus infinity: an empty sequence would give it, and its gradient NaN.
            largest = ops.max(ops.where(mask, inputs, lowest(inputs)), axis=1)
            return ops.where(ops.any(mask, axis=1), largest, ops.zeros_like(largest))
        return ops.sum(self.attention_weights(inputs, mask) * inputs, axis=1)

    def attention_weights(self, inputs: Any, mask: Any) -> Any:
        """Weights (batch, time, 1) of the steps, 0 where the mask (batch, time, 1) is false."""
        energies = ops.matmul(
            ops.tanh(ops.matmul(inputs, self.kernel) + self.bias), self.context
        )  # (batch, time, 1)
        return ops.cast(masked_softmax(energies, mask, axis=1), inputs.dtype)

    def compute_mask(self, inputs: Any, mask: Any = None) -> None:
        """Return no mask: the output has no steps."""
        return

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """(batch, features)."""
        return (input_shape[0], input_shape[-1])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {"pooling": self.pooling}
