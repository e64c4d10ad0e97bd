"""Stand-in for the project's own recurrent layers until they land."""

from typing import Any

import keras

CELLS = {"elman": keras.layers.SimpleRNNCell, "lstm": keras.layers.LSTMCell, "gru": keras.layers.GRUCell}


@keras.saving.register_keras_serializable(package="rnn_task_suite")
class SteppableRNN(keras.layers.Layer):
    """A recurrent layer that runs over a sequence or makes one step."""

    def __init__(self, cell: str, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.supports_masking = True
        self.rnn = keras.layers.RNN(
            CELLS[cell](units, dtype=self.dtype_policy), return_sequences=True, dtype=self.dtype_policy
        )

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights for inputs (batch, time, features)."""
        self.rnn.build(input_shape)
        self.built = True

    def initial_state(self, batch_size: Any) -> list[Any]:
        """Zeros (batch, units), one for each state."""
        return self.rnn.cell.get_initial_state(batch_size=batch_size)

    def step(self, inputs: Any, states: list[Any]) -> tuple[Any, list[Any]]:
        """(batch, features) to (batch, units)."""
        output, states = self.rnn.cell(inputs, states)
        return output, list(states) if isinstance(states, list | tuple) else [states]

    def call(self, inputs: Any, mask: Any = None, initial_state: list[Any] | None = None) -> Any:
        """(batch, time, features) to (batch, time, units)."""
        return self.rnn(inputs, mask=mask, initial_state=initial_state)
