"""The feed-forward baseline: each output step depends on a fixed window of input steps."""

from typing import Any

import keras
from keras import ops

from common.layers.checks import check_not_negative, check_positive


@keras.saving.register_keras_serializable(package="rnn_task_suite")
class WindowedDense(keras.layers.Layer):
    """One dense layer applied to a window of steps, at every step.

    h_t = f(W [x_{t-left}; ...; x_t; ...; x_{t+right}] + b)

    No output depends on anything outside its window. The number of parameters grows with the window: W has
    (left + 1 + right) * features * units.

    Input: (batch, time, features). Output: (batch, time, units).
    Mask: (batch, time), passed on; masked steps count as zeros, as do steps beyond either end.

    Example:
        >>> WindowedDense(64, left=2, right=2)(keras.ops.ones((8, 20, 50))).shape
        (8, 20, 64)

    Source: Waibel et al., "Phoneme recognition using time-delay neural networks", 1989.
    """

    def __init__(
        self, units: int, left: int, right: int, activation: str | None = "tanh", **kwargs: Any
    ) -> None:
        """Set up the window.

        Args:
            units: width of an output step.
            left: number of past steps in the window.
            right: number of future steps in the window.
            activation: name of f; None for a linear layer.
            kwargs: of keras.layers.Layer.
        """
        super().__init__(**kwargs)
        check_positive(units=units)
        check_not_negative(left=left, right=right)
        self.units = units
        self.left = left
        self.right = right
        self.activation = keras.activations.get(activation)
        self.supports_masking = True
        self.input_spec = keras.layers.InputSpec(ndim=3)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights for inputs (batch, time, features)."""
        window = self.left + 1 + self.right
        self.kernel = self.add_weight((window, input_shape[-1], self.units), name="kernel")
        self.bias = self.add_weight((self.units,), initializer="zeros", name="bias")
        self.built = True

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """(batch, time, features) to (batch, time, units)."""
        if mask is not None:
            # Not a product with the mask: masked steps may hold NaN or infinity.
            inputs = ops.where(ops.expand_dims(ops.cast(mask, "bool"), -1), inputs, ops.zeros_like(inputs))
        padded = ops.pad(inputs, ((0, 0), (self.left, self.right), (0, 0)))
        # A convolution computes this sum without materialising the windows.
        products = ops.conv(padded, self.kernel, strides=1, padding="valid", data_format="channels_last")
        return self.activation(products + self.bias)  # (batch, time, units)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Pass the mask on."""
        return mask

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """(batch, time, units)."""
        return (*input_shape[:2], self.units)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {
            "units": self.units,
            "left": self.left,
            "right": self.right,
            "activation": keras.activations.serialize(self.activation),
        }
