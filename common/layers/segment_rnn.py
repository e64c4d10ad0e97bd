"""A recurrent layer over segments of a series that decodes all future segments at once."""

from typing import Any, Literal

import keras
from keras import ops

from common.layers.checks import check_fraction, check_one_of, check_positive
from common.layers.engines.policy import Implementation, chosen_implementation
from common.layers.gru import GRU
from common.layers.lstm import LSTM
from common.layers.parts import part_settings

CELLS = {"gru": GRU, "lstm": LSTM}


@keras.saving.register_keras_serializable(package="rnn_task_suite")
class SegmentRNN(keras.layers.Layer):
    """Encode a series in segments, then decode each future segment from the last state and its position.

    x_i = relu(W_v [y_{iw+1}; ...; y_{iw+w}] + b_v), for each segment i of w steps
    h_i = cell(x_i, h_{i-1}), from the first segment to the last, n
    g_j = cell([p_j; c], h_n), for each future segment j, with learned vectors of position j and channel
    [y_{jw+1}; ...; y_{jw+w}] = W_o dropout(g_j) + b_o

    No future segment depends on the previous one. The product of h_n with the recurrent weights is the same
    for all of them, and is computed once.

    Input: (batch, channels, time); each channel is processed independently, with the same weights.
    Output: (batch, channels, horizon, outputs).
    Mask: none.

    Example:
        >>> SegmentRNN(64, segment_length=24, horizon=48)(keras.ops.ones((8, 7, 96))).shape
        (8, 7, 48, 1)

    Source: Lin et al., "SegRNN: Segment recurrent neural network for long-term time series
    forecasting", 2023.
    """

    def __init__(
        self,
        units: int,
        segment_length: int,
        horizon: int,
        outputs: int = 1,
        cell: Literal["gru", "lstm"] = "gru",
        channel_embedding: bool = True,
        dropout: float = 0.0,
        implementation: Implementation | None = None,
        **kwargs: Any,
    ) -> None:
        """Set up the layer.

        Args:
            units: width of the state; must be even with a channel embedding.
            segment_length: steps of a segment; the time of the input and the horizon are multiples of it.
            horizon: number of steps to predict.
            outputs: number of values predicted for each step.
            cell: gru or lstm.
            channel_embedding: whether half of the vector is of the channel, the other half of the position.
            dropout: fraction of the decoded state to drop.
            implementation: of RecurrentLayer.
            kwargs: of keras.layers.Layer.

        Raises:
            ValueError: if an argument has no valid value.
        """
        super().__init__(**kwargs)
        check_positive(units=units, segment_length=segment_length, horizon=horizon, outputs=outputs)
        check_one_of("cell", cell, CELLS)
        check_fraction(dropout=dropout)
        if horizon % segment_length:
            raise ValueError(f"The horizon {horizon} is not a multiple of segment_length={segment_length}.")
        self.units = units
        self.segment_length = segment_length
        self.horizon = horizon
        self.outputs = outputs
        self.cell = cell
        self.channel_embedding = channel_embedding
        self.dropout = dropout
        self.implementation = chosen_implementation(implementation)
        self.input_spec = keras.layers.InputSpec(ndim=3)
        settings = part_settings(self)
        self.value_embedding = keras.layers.Dense(
            units, activation="relu", name="value_embedding", **settings
        )
        self.recurrent = CELLS[cell](
            units, return_state=True, implementation=implementation, name="recurrent", **settings
        )
        self.dropout_layer = keras.layers.Dropout(dropout, **settings)
        self.readout = keras.layers.Dense(segment_length * outputs, name="readout", **settings)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights for inputs (batch, channels, time)."""
        _, channels, time = input_shape
        if time % self.segment_length:
            raise ValueError(
                f"Input length {time} is not a multiple of segment_length={self.segment_length}."
            )
        width = self.units // 2 if self.channel_embedding else self.units
        segments = self.horizon // self.segment_length
        self.positions = self.add_weight((segments, width), initializer=self._normal(), name="places")
        if self.channel_embedding:
            self.channels = self.add_weight(
                (channels, self.units - width), initializer=self._normal(), name="channels"
            )
        self.value_embedding.build((None, None, self.segment_length))
        self.recurrent.build((None, None, self.units))
        self.readout.build((None, None, None, self.units))
        self.built = True

    @staticmethod
    def _normal() -> keras.initializers.Initializer:
        return keras.initializers.RandomNormal(stddev=1.0)

    def call(self, inputs: Any, training: bool = False) -> Any:
        """(batch, channels, time) to (batch, channels, horizon, outputs)."""
        channels, time = inputs.shape[1:]
        segments = ops.reshape(inputs, (-1, time // self.segment_length, self.segment_length))
        embedded = self.value_embedding(segments)  # (batch * channels, segments, units)
        _, *states = self.recurrent(embedded, training=training)
        # (batch, channels, 1, units) each: all positions start from the same state.
        states = [ops.reshape(state, (-1, channels, 1, self.units)) for state in states]
        embeddings = self._embeddings(channels)  # (channels or 1, segments, units)
        projected = self.recurrent.project(embeddings)  # (channels or 1, segments, gates * units)
        decoded = self.recurrent.advance(ops.expand_dims(projected, 0), states)[0]
        predicted = self.readout(self.dropout_layer(decoded, training=training))
        return ops.reshape(predicted, (-1, channels, self.horizon, self.outputs))

    def _embeddings(self, channels: int) -> Any:
        """Embeddings (channels or 1, segments, units) of the future segments."""
        positions = ops.expand_dims(ops.cast(self.positions, self.compute_dtype), 0)
        if not self.channel_embedding:
            return positions
        channel_vectors = ops.expand_dims(ops.cast(self.channels, self.compute_dtype), 1)
        channel_vectors = ops.repeat(channel_vectors, positions.shape[1], axis=1)
        return ops.concatenate([ops.repeat(positions, channels, axis=0), channel_vectors], axis=-1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """(batch, channels, horizon, outputs)."""
        return (*input_shape[:2], self.horizon, self.outputs)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {
            "units": self.units,
            "segment_length": self.segment_length,
            "horizon": self.horizon,
            "outputs": self.outputs,
            "cell": self.cell,
            "channel_embedding": self.channel_embedding,
            "dropout": self.dropout,
            "implementation": self.implementation,
        }
