"""The states of a recurrent layer: where a sequence starts, and what a stateful layer keeps of a batch."""

from typing import Any

import keras
from keras import ops

States = list[Any]


class StateVariables:
    """The states of a stateful layer, which are not among its weights, as in Keras."""

    def __init__(self, zeros: States, dtype: str) -> None:
        """Make a variable like each of the states."""
        self.variables = [
            keras.Variable(
                initializer="zeros", shape=tuple(state.shape), dtype=dtype, trainable=False, name="rnn_state"
            )
            for state in zeros
        ]

    @property
    def batch(self) -> int:
        """Number of sequences of a batch."""
        return self.variables[0].shape[0]

    def assign(self, states: States) -> None:
        """Keep the states after a batch."""
        for variable, state in zip(self.variables, states, strict=True):
            variable.assign(ops.cast(state, variable.dtype))

    def reset(self) -> None:
        """Start with zeros again."""
        for variable in self.variables:
            variable.assign(ops.zeros_like(variable.value))

    def check_batch(self, batch: int | None) -> None:
        """Raise ValueError if a batch has another number of sequences."""
        if batch not in (None, self.batch):
            raise ValueError(
                "If an RNN is stateful, the batch size of the input sequences must be the same as the batch "
                f"size of the initial state: expected {self.batch}, not {batch}."
            )


def given_states(states: States, widths: list[int], inputs: Any) -> States:
    """The initial states (batch, width) of a call, each of which may be (1, width).

    Raises:
        ValueError: if there are more or fewer states, or one has another shape.
    """
    batch = inputs.shape[0]
    shapes = [tuple(state.shape) for state in states]

    def fits(shape: tuple[int | None, ...], width: int) -> bool:
        rows = batch is None or shape[:1] in ((None,), (1,), (batch,))
        return rows and len(shape) == 2 and shape[1] in (None, width)

    if len(shapes) != len(widths) or not all(map(fits, shapes, widths)):
        expected = ", ".join(f"({batch or 'batch'}, {width})" for width in widths)
        found = ", ".join(map(str, shapes)) or "no state"
        raise ValueError(f"initial_state must have the shapes {expected}, not {found}.")
    if batch == 1:
        return states
    rows = ops.shape(inputs)[0]
    return [
        ops.broadcast_to(state, (rows, width)) if state.shape[0] == 1 else state
        for state, width in zip(states, widths, strict=True)
    ]


def check_stateful_shape(input_shape: tuple[int | None, ...]) -> None:
    """Raise ValueError unless the number of sequences of a batch is known."""
    if input_shape[0] is None:
        raise ValueError(
            "When using `stateful=True` in a RNN, the batch size must be static. Found dynamic batch size: "
            f"sequence.shape={tuple(input_shape)}"
        )
