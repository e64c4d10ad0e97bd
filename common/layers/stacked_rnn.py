"""A stack of recurrent layers, in one or both directions."""

from typing import Any, Literal, Self, get_args

import keras

from common.layers.bidirectional import Bidirectional, Sharing
from common.layers.checks import check_fraction, check_one_of, check_positive
from common.layers.elman_rnn import ElmanRNN
from common.layers.engines.policy import Implementation, chosen_implementation
from common.layers.gru import GRU
from common.layers.lstm import LSTM
from common.layers.parts import part_settings
from common.layers.saved_config import with_units

Cell = Literal["elman", "lstm", "gru"]
Merge = Literal["concat", "sum"]
CELLS = {"elman": ElmanRNN, "lstm": LSTM, "gru": GRU}


@keras.saving.register_keras_serializable(package="rnn_task_suite")
class StackedRNN(keras.layers.Layer):
    """Stack of recurrent layers; each processes the output sequence of the one below.

    One direction, layer i: h^i_t = cell(h^{i-1}_t, h^i_{t-1}), with h^0 = x.
    Both directions: the forward h^f_t comes from h^f_{t-1}, the backward h^b_t from h^b_{t+1}; they are
    merged as [h^f_t; h^b_t] (concat) or h^f_t + h^b_t (sum) and go to the next layer (deep bidirectional).
    Residual: layers above the first add their input to their output.

    Input: (batch, time, features).
    Output: (batch, time, width), or (batch, width) if not `return_sequences`: the state after each
    direction's last step. width is 2 * units for two concatenated directions, else units.
    Mask: (batch, time); a masked step leaves the state unchanged and repeats the previous output, also with
    two directions. Passed on if `return_sequences`.

    Example:
        >>> layer = StackedRNN("lstm", units=128, layers=2, bidirectional=True)
        >>> layer(keras.ops.ones((8, 20, 50))).shape
        (8, 20, 256)

    Source: Elman, "Finding structure in time", 1990; Hochreiter and Schmidhuber, "Long short-term memory",
    1997; Cho et al., "Learning phrase representations using RNN encoder-decoder", 2014; Schuster and
    Paliwal, "Bidirectional recurrent neural networks", 1997; residual: Wu et al., "Google's neural machine
    translation system", 2016.
    """

    def __init__(
        self,
        cell: Cell,
        units: int,
        layers: int = 1,
        bidirectional: bool = True,
        merge: Merge = "concat",
        sharing: Sharing = "none",
        residual: bool = False,
        dropout: float = 0.0,
        variational: bool = False,
        return_sequences: bool = True,
        implementation: Implementation | None = None,
        **kwargs: Any,
    ) -> None:
        """Set up the stack.

        Args:
            cell: elman (tanh), lstm or gru.
            units: width of each direction of each layer.
            layers: number of layers, at least 1.
            bidirectional: whether each layer also processes the sequence in reverse.
            merge: how the outputs of both directions are combined.
            sharing: weights that both directions share: none, input (the input weights and the bias), or all.
            residual: whether layers above the first add their input to their output.
            dropout: fraction of the features to drop between layers.
            variational: whether to drop the same features at every step.
            return_sequences: whether to return every step or only the last.
            implementation: of RecurrentLayer.
            kwargs: of keras.layers.Layer.

        Raises:
            ValueError: if an argument has no valid value, or not with the others.
        """
        super().__init__(**kwargs)
        check_one_of("cell", cell, CELLS)
        check_positive(units=units, layers=layers)
        check_one_of("merge", merge, get_args(Merge))
        check_one_of("sharing", sharing, get_args(Sharing))
        check_fraction(dropout=dropout)
        if residual and not return_sequences:
            raise ValueError("residual=True needs return_sequences=True.")
        self.cell = cell
        self.units = units
        self.layers = layers
        self.bidirectional = bidirectional
        self.merge = merge
        self.sharing = sharing
        self.residual = residual
        self.dropout = dropout
        self.variational = variational
        self.return_sequences = return_sequences
        self.implementation = chosen_implementation(implementation)
        self.supports_masking = True
        self.input_spec = keras.layers.InputSpec(ndim=3)
        self.recurrent_layers = [
            self._recurrent_layer(return_sequences or number < layers - 1) for number in range(layers)
        ]
        noise_shape = (None, 1, None) if variational else None
        self.dropouts = [
            keras.layers.Dropout(dropout, noise_shape, dtype=self.dtype_policy) for _ in range(layers - 1)
        ]

    def _recurrent_layer(self, return_sequences: bool) -> keras.layers.Layer:
        layer = CELLS[self.cell](
            self.units,
            return_sequences=return_sequences,
            implementation=self.implementation,
            **part_settings(self),
        )
        if not self.bidirectional:
            return layer
        # Zeros at masked steps would cost time and change nothing: the next layer does not read them.
        return Bidirectional(
            layer,
            self.merge,
            sharing=self.sharing,
            zero_output_for_mask=False,
            copy=False,
            **part_settings(self),
        )

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights for inputs (batch, time, features)."""
        shape = tuple(input_shape)
        for layer in self.recurrent_layers:
            layer.build(shape)
            shape = (shape[0], shape[1], self.width)
        self.built = True

    @property
    def width(self) -> int:
        """Number of output features."""
        return self.recurrent_layers[0].output_width

    def call(self, inputs: Any, mask: Any = None, training: bool = False) -> Any:
        """(batch, time, features) to (batch, time, width), or (batch, width)."""
        outputs = inputs
        for number, layer in enumerate(self.recurrent_layers):
            below = outputs
            if number > 0:
                outputs = self.dropouts[number - 1](outputs, training=training)
            outputs = layer(outputs, mask=mask, training=training)
            if self.residual and number > 0:
                outputs = outputs + below
        return outputs

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Pass the mask on if every step is returned."""
        return mask if self.return_sequences else None

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """(batch, time, width), or (batch, width)."""
        if self.return_sequences:
            return (*input_shape[:2], self.width)
        return (input_shape[0], self.width)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Build the layer from a configuration, also one saved with earlier argument names."""
        return super().from_config(with_units(config))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {
            "cell": self.cell,
            "units": self.units,
            "layers": self.layers,
            "bidirectional": self.bidirectional,
            "merge": self.merge,
            "sharing": self.sharing,
            "residual": self.residual,
            "dropout": self.dropout,
            "variational": self.variational,
            "return_sequences": self.return_sequences,
            "implementation": self.implementation,
        }
