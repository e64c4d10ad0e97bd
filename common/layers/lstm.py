"""Long short-term memory."""

from typing import Any

import keras
from keras import ops

from common.layers.checks import check_one_of
from common.layers.recurrent_layer import RecurrentLayer
from common.layers.recurrent_states import States


@keras.saving.register_keras_serializable(package="rnn_task_suite")
class LSTM(RecurrentLayer):
    """Long short-term memory: gates control what enters, stays in and leaves the cell.

    i, f, o = sigmoid(W x_t + U h_{t-1} + b), g = tanh(W x_t + U h_{t-1} + b), each with its own weights
    c_t = f * c_{t-1} + i * g
    h_t = o * tanh(c_t)

    Input, output and mask as in RecurrentLayer; states h and c. Weights have the shapes and order of
    keras.layers.LSTM, which it can replace.

    Example:
        >>> LSTM(8, return_sequences=True)(keras.ops.ones((4, 12, 3))).shape
        (4, 12, 8)

    Source: Hochreiter and Schmidhuber, "Long short-term memory", 1997; Gers et al., "Learning to forget",
    2000.
    """

    gates = 4
    number_of_states = 2

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        *,
        unit_forget_bias: bool = True,
        use_cudnn: bool | str = "auto",
        **kwargs: Any,
    ) -> None:
        """Set up the layer.

        Args:
            units: width of the states.
            activation: of the candidate and of the cell state.
            recurrent_activation: of the gates.
            unit_forget_bias: whether the forget gate starts open (Jozefowicz et al., 2015).
            use_cudnn: Keras's argument. cuDNN is never used: auto and False mean the same, and a layer with
                True cannot be called.
            kwargs: of RecurrentLayer.

        Raises:
            ValueError: if an argument has no valid value.
        """
        super().__init__(units, **kwargs)
        check_one_of("use_cudnn", use_cudnn, ("auto", True, False))
        self.use_cudnn = use_cudnn
        self.activation = keras.activations.get(activation)
        self.recurrent_activation = keras.activations.get(recurrent_activation)
        self.unit_forget_bias = unit_forget_bias

    def build_recurrent_weights(self) -> None:
        """Create the weights that `advance` uses."""
        super().build_recurrent_weights()
        if self.layer_normalization:
            self.cell_scale = self.add_weight((self.units,), initializer="ones", name="cell_scale")

    def _add_bias(self) -> Any:
        def initialize(shape: tuple[int, ...], dtype: Any = None) -> Any:
            i, f, g, o = ops.split(self.bias_initializer(shape, dtype=dtype), 4)
            return ops.concatenate([i, ops.ones_like(f) if self.unit_forget_bias else f, g, o])

        return self._add("bias", (4 * self.units,), initialize)

    def advance(self, projected: Any, states: States, dropout_mask: Any = None) -> States:
        """Projected inputs (batch, 4 * units) and states h, c (batch, units) to the new h, c."""
        h, c = states
        dropped = h if dropout_mask is None else h * dropout_mask
        z = projected + self._recurrent_product(dropped)  # (batch, 4 * units)
        i, f, g, o = ops.split(z, 4, axis=-1)
        i, f, o = self.recurrent_activation(i), self.recurrent_activation(f), self.recurrent_activation(o)
        c = f * c + i * self.activation(g)
        cell = c
        if self.layer_normalization:
            cell = self._normalized_state(c) * self._cast(self.cell_scale)
        return [o * self.activation(cell), c]

    def _has_default_equations(self) -> bool:
        default = (keras.activations.tanh, keras.activations.sigmoid)
        return (self.activation, self.recurrent_activation) == default

    def _run_single(self, inputs: Any, mask: Any, states: States, reverse: bool) -> tuple[Any, States]:
        from common.layers.engines.single_sequence import lstm_single_sequence

        weights = (self.kernel.value, self.recurrent_kernel.value, self._input_bias())
        return lstm_single_sequence(inputs, mask, states, *weights, reverse)

    def _run_compiled(self, projected: Any, mask: Any, states: States, reverse: bool) -> tuple[Any, States]:
        from common.layers.engines.compiled import lstm_sequence

        if mask is None:
            mask = ops.ones(ops.shape(projected)[:2], dtype="bool")
        outputs, h, c = lstm_sequence(projected, self.recurrent_kernel, mask, *states, reverse)
        return outputs, [h, c]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {
            "activation": keras.activations.serialize(self.activation),
            "recurrent_activation": keras.activations.serialize(self.recurrent_activation),
            "unit_forget_bias": self.unit_forget_bias,
            "use_cudnn": self.use_cudnn,
        }
