"""Gated recurrent unit."""

from typing import Any

import keras
from keras import ops

from common.layers.checks import check_one_of
from common.layers.recurrent_layer import RecurrentLayer
from common.layers.recurrent_states import States


@keras.saving.register_keras_serializable(package="rnn_task_suite")
class GRU(RecurrentLayer):
    """Gated recurrent unit: one gate updates the state, another hides it from the candidate.

    z, r = sigmoid(W x_t + U h_{t-1} + b), each with its own weights
    h' = tanh(W x_t + b + r * (U h_{t-1} + b'))   if reset_after, else   tanh(W x_t + b + U (r * h_{t-1}))
    h_t = z * h_{t-1} + (1 - z) * h'              or, mirrored,          (1 - z) * h_{t-1} + z * h'

    Input, output and mask as in RecurrentLayer; one state, h. Weights have the shapes and order of
    keras.layers.GRU, which it can replace.

    Example:
        >>> GRU(8, return_sequences=True)(keras.ops.ones((4, 12, 3))).shape
        (4, 12, 8)

    Source: Cho et al., "Learning phrase representations using RNN encoder-decoder", 2014.
    """

    gates = 3

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        *,
        reset_after: bool = True,
        mirrored: bool = False,
        use_cudnn: bool | str = "auto",
        **kwargs: Any,
    ) -> None:
        """Set up the layer.

        Args:
            units: width of the state.
            activation: of the candidate.
            recurrent_activation: of the gates.
            reset_after: whether the reset gate is applied after the recurrent product instead of before it.
            mirrored: whether an open update gate takes the candidate instead of keeping the state.
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
        self.reset_after = reset_after
        self.mirrored = mirrored

    def _add_bias(self) -> Any:
        shape = (2, 3 * self.units) if self.reset_after else (3 * self.units,)
        return self._add("bias", shape, self.bias_initializer)

    def _input_bias(self) -> Any:
        bias = super()._input_bias()
        return bias if bias is None or not self.reset_after else bias[0]

    def _recurrent_bias(self) -> Any:
        """Bias (3 * units,) of the recurrent product, with `reset_after`."""
        return self._cast(self.bias)[1]

    def advance(self, projected: Any, states: States, dropout_mask: Any = None) -> States:
        """Projected inputs (batch, 3 * units) and state h (batch, units) to the new h."""
        h = states[0]
        dropped = h if dropout_mask is None else h * dropout_mask
        if self.reset_after:
            product = self._recurrent_product(dropped)  # (batch, 3 * units)
            if self.bias is not None:
                product = product + self._recurrent_bias()
            z, r = self._gates(projected, product)
            hidden = r * product[..., 2 * self.units :]
        else:
            kernel = self._cast(self.recurrent_kernel)
            gate_product = self._scaled(ops.matmul(dropped, kernel[..., : 2 * self.units]), 0)
            z, r = self._gates(projected, gate_product)
            hidden = self._scaled(ops.matmul(r * dropped, kernel[..., 2 * self.units :]), 2 * self.units)
        candidate = self.activation(projected[..., 2 * self.units :] + hidden)
        if self.mirrored:
            z = 1 - z
        return [z * h + (1 - z) * candidate]

    def _gates(self, projected: Any, product: Any) -> tuple[Any, Any]:
        both = self.recurrent_activation(projected[..., : 2 * self.units] + product[..., : 2 * self.units])
        return both[..., : self.units], both[..., self.units :]

    def _scaled(self, product: Any, start: int) -> Any:
        """Normalise and scale a part of the recurrent product: without `reset_after` it has two parts."""
        if not self.layer_normalization:
            return product
        scale = self._cast(self.recurrent_scale)[start : start + product.shape[-1]]
        return self._normalized_state(product) * scale

    def _has_default_equations(self) -> bool:
        default = (keras.activations.tanh, keras.activations.sigmoid)
        activations = self.activation, self.recurrent_activation
        return activations == default and self.reset_after and not self.mirrored

    def _run_compiled(self, projected: Any, mask: Any, states: States, reverse: bool) -> tuple[Any, States]:
        from common.layers.engines.compiled import gru_sequence

        if mask is None:
            mask = ops.ones(ops.shape(projected)[:2], dtype="bool")
        bias = ops.zeros((3 * self.units,)) if self.bias is None else self._recurrent_bias()
        outputs, h = gru_sequence(projected, self.recurrent_kernel, bias, mask, states[0], reverse)
        return outputs, [h]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {
            "activation": keras.activations.serialize(self.activation),
            "recurrent_activation": keras.activations.serialize(self.recurrent_activation),
            "reset_after": self.reset_after,
            "mirrored": self.mirrored,
            "use_cudnn": self.use_cudnn,
        }
