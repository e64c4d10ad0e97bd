"""ES-RNN: exponential smoothing of each series, and one recurrent network for the rest of all series."""

from typing import Any

import keras
from keras import ops

from common.layers.exponential_smoothing import ExponentialSmoothing
from common.layers.segment_rnn import SegmentRNN
from tasks.forecasting.config import ForecastingSettings
from tasks.forecasting.preprocessing import WindowShape


def es_rnn(settings: ForecastingSettings, shape: WindowShape, values: Any, series: Any) -> Any:
    """Build the network, for positive series of different scales.

    x_t = log(y_t / (l_T s_t)), for the steps of the window, with its last level l_T and seasonal factors s_t
    y_{T+h} = l_T s_{T+h} exp(network(x)_h)

    The network is a GRU over segments instead of the paper's dilated LSTM.

    Args:
        settings: `model` is used.
        shape: sizes.
        values: (batch, look-back, 1), positive.
        series: (batch,) indices.

    Returns:
        (batch, horizon, 1, outputs)

    Source: Smyl, "A hybrid method of exponential smoothing and recurrent neural networks for time series
    forecasting", 2020.
    """
    model = settings.model
    smoothing = ExponentialSmoothing(
        shape.series + 1, list(shape.seasons), shape.horizon, name="exponential_smoothing"
    )
    values = values[..., 0]  # (batch, look-back)
    levels, factors = smoothing(values, series)
    level = levels[:, -1:]
    logs = ops.log(values / (factors[:, : shape.look_back] * level))
    network = SegmentRNN(
        model.units,
        model.segment_length,
        # Whole segments; steps beyond the horizon are dropped.
        -(-shape.horizon // model.segment_length) * model.segment_length,
        outputs=shape.outputs,
        channel_embedding=False,
        dropout=model.dropout,
        name="segments",
    )
    whole = shape.look_back // model.segment_length * model.segment_length
    corrections = network(ops.expand_dims(logs[:, -whole:], 1))[:, 0, : shape.horizon]
    # Plus a linear map of the longest season: repeating parts of it needs no memory.
    linear = keras.layers.Dense(
        shape.horizon * shape.outputs, kernel_initializer="zeros", use_bias=False, name="linear"
    )(logs[:, -max(shape.seasons, default=shape.look_back) :])
    corrections = corrections + ops.reshape(linear, (-1, shape.horizon, shape.outputs))
    corrections = keras.layers.Activation("linear", dtype="float32")(corrections)  # (batch, horizon, outputs)
    ahead = level * factors[:, shape.look_back :]
    return ops.expand_dims(ops.expand_dims(ahead, -1) * ops.exp(corrections), 2)
