"""The simple recurrent network."""

from typing import Any, ClassVar

import keras

from common.layers.recurrent_layer import RecurrentLayer
from common.layers.recurrent_states import States


@keras.saving.register_keras_serializable(package="rnn_task_suite")
class ElmanRNN(RecurrentLayer):
    """Simple recurrent network: the hidden state is fed back.

    s_t = f(U x_t + W s_{t-1} + b), s_{-1} = 0

    Input, output and mask as in RecurrentLayer; one state, s. Weights have the shapes and order of
    keras.layers.SimpleRNN, which it can replace: U is `kernel`, W is `recurrent_kernel`.

    Example:
        >>> ElmanRNN(8, return_sequences=True)(keras.ops.ones((4, 12, 3))).shape
        (4, 12, 8)

    Source: Elman, "Finding structure in time", 1990.
    """

    saved_names: ClassVar[tuple[str, str]] = ("elman_rnn", "simple_rnn")

    def __init__(self, units: int, activation: Any = "tanh", **kwargs: Any) -> None:
        """Set up the layer.

        Args:
            units: width of the state.
            activation: f.
            kwargs: of RecurrentLayer.
        """
        super().__init__(units, **kwargs)
        self.activation = keras.activations.get(activation)

    def advance(self, projected: Any, states: States, dropout_mask: Any = None) -> States:
        """Projected inputs (batch, units) and state s (batch, units) to the new s."""
        s = states[0] if dropout_mask is None else states[0] * dropout_mask
        return [self.activation(projected + self._recurrent_product(s))]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {"activation": keras.activations.serialize(self.activation)}
