"""The recurrent network that feeds its output back."""

from typing import Any

import keras
from keras import ops

from common.layers.checks import check_positive
from common.layers.recurrent_layer import RecurrentLayer
from common.layers.recurrent_states import States


@keras.saving.register_keras_serializable(package="rnn_task_suite")
class JordanRNN(RecurrentLayer):
    """Jordan network: the output, not the hidden state, is fed back into the hidden layer.

    h_t = f(U x_t + W o_{t-1} + b), o_{-1} = 0
    o_t = g(V h_t + c)

    Input and mask as in RecurrentLayer; the output and the only state are o, of width `output_units`.

    Example:
        >>> JordanRNN(8, output_units=5, return_sequences=True)(keras.ops.ones((4, 12, 3))).shape
        (4, 12, 5)

    Source: Jordan, "Serial order: a parallel distributed processing approach", 1986.
    """

    def __init__(
        self,
        units: int,
        output_units: int,
        activation: Any = "tanh",
        output_activation: Any = "softmax",
        **kwargs: Any,
    ) -> None:
        """Set up the layer.

        Args:
            units: width of the hidden layer h.
            output_units: width of the output o.
            activation: f.
            output_activation: g.
            kwargs: of RecurrentLayer; what is said of the input weights and the bias goes for V and c too.
        """
        check_positive(output_units=output_units)
        self.output_units = output_units
        super().__init__(units, **kwargs)
        self.activation = keras.activations.get(activation)
        self.output_activation = keras.activations.get(output_activation)

    @property
    def output_width(self) -> int:
        """Features of an output step."""
        return self.output_units

    @property
    def state_width(self) -> int:
        """Features of the output that is fed back."""
        return self.output_units

    def build_recurrent_weights(self) -> None:
        """Create the weights that `advance` uses."""
        super().build_recurrent_weights()
        shape = (self.units, self.output_units)
        self.output_kernel = self._add("kernel", shape, self._output_weights, "output_kernel")
        self.output_bias = None
        if self.use_bias:
            self.output_bias = self._add("bias", shape[1:], self.bias_initializer, "output_bias")

    def _output_weights(self, shape: tuple[int, ...], dtype: Any = None) -> Any:
        return self.kernel_initializer(shape, dtype=dtype)

    def advance(self, projected: Any, states: States, dropout_mask: Any = None) -> States:
        """Projected inputs (batch, units) and state o (batch, output_units) to the new o."""
        o = states[0] if dropout_mask is None else states[0] * dropout_mask
        h = self.activation(projected + self._recurrent_product(o))
        product = ops.matmul(h, self._cast(self.output_kernel))
        if self.output_bias is not None:
            product = product + self._cast(self.output_bias)
        return [self.output_activation(product)]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {
            "output_units": self.output_units,
            "activation": keras.activations.serialize(self.activation),
            "output_activation": keras.activations.serialize(self.output_activation),
        }
