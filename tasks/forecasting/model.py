"""The forecaster: normalises a window, forecasts each step by a network, and undoes the normalisation."""

from typing import Any

import keras
from keras import ops

from common.layers.segment_rnn import SegmentRNN
from tasks.forecasting.config import ForecastingSettings
from tasks.forecasting.models.encoder_decoder import encoder_decoder
from tasks.forecasting.models.es_rnn import es_rnn
from tasks.forecasting.models.steps import make_steps
from tasks.forecasting.models.window import window
from tasks.forecasting.preprocessing import WindowShape

EPSILON = 1e-5
STEPWISE = {"gru": encoder_decoder, "lstm": encoder_decoder, "window": window}


def build_model(settings: ForecastingSettings, shape: WindowShape) -> keras.Model:
    """Build the forecaster.

    Args:
        settings: `model` and `data` are used.
        shape: sizes of inputs and outputs.

    Returns:
        A model from {"history": (batch, look-back, targets and past columns), "known": (batch, look-back +
        horizon, known columns), if there are any; with es_rnn "series": (batch,) int32} to
        (batch, horizon, targets, outputs), scaled, float32.
    """
    history = keras.Input((shape.look_back, shape.targets + shape.past), name="history")
    inputs = {"history": history}
    known = None
    if shape.known:
        known = inputs["known"] = keras.Input((shape.look_back + shape.horizon, shape.known), name="known")
    values = history[..., : shape.targets]  # (batch, look-back, targets)
    past = history[..., shape.targets :] if shape.past else None
    if settings.model.kind == "es_rnn":
        series = inputs["series"] = keras.Input((), dtype="int32", name="series")
        return keras.Model(inputs, es_rnn(settings, shape, values, series), name="forecasting")
    offset, scale = _normalization(settings.model.normalization, values)  # (batch, 1, targets) each
    values = (values - offset) / scale
    if settings.model.kind in STEPWISE:
        outputs = _stepwise(settings, shape, values, past, known)
    else:
        outputs = _by_channel(settings, shape, values)
    # (batch, horizon, targets, outputs), float32 even with mixed precision, for the accuracy of the loss.
    outputs = keras.layers.Activation("linear", dtype="float32", name="normalized")(outputs)
    outputs = outputs * ops.expand_dims(scale, -1) + ops.expand_dims(offset, -1)
    return keras.Model(inputs, outputs, name="forecasting")


def _normalization(kind: str, values: Any) -> tuple[Any, Any]:
    """Compute what is subtracted from a window, and what it is divided by.

    Source: reversible: Kim et al., "Reversible instance normalization", 2022; last: Zeng et al., "Are
    transformers effective for time series forecasting?", 2023.
    """
    if kind == "reversible":
        mean = ops.mean(values, axis=1, keepdims=True)
        return mean, ops.std(values, axis=1, keepdims=True) + EPSILON
    last = values[:, -1:]
    return (last, ops.ones_like(last)) if kind == "last" else (ops.zeros_like(last), ops.ones_like(last))


def _stepwise(settings: ForecastingSettings, shape: WindowShape, values: Any, past: Any, known: Any) -> Any:
    """Build a network whose inputs are the features of each step."""
    independent = settings.model.channels == "independent" and shape.targets > 1
    if independent:
        # Each column becomes a separate row: (batch * targets, look-back, 1).
        values = ops.reshape(ops.transpose(values, (0, 2, 1)), (-1, shape.look_back, 1))
        past = None if past is None else ops.repeat(past, shape.targets, axis=0)
        known = None if known is None else ops.repeat(known, shape.targets, axis=0)
    steps = make_steps(values, past, known, shape)
    hidden = STEPWISE[settings.model.kind](settings, steps)
    columns = 1 if independent else shape.targets
    outputs = keras.layers.Dense(columns * shape.outputs, name="output")(hidden)
    if not independent:
        return ops.reshape(outputs, (-1, shape.horizon, shape.targets, shape.outputs))
    outputs = ops.reshape(outputs, (-1, shape.targets, shape.horizon, shape.outputs))
    return ops.transpose(outputs, (0, 2, 1, 3))


def _by_channel(settings: ForecastingSettings, shape: WindowShape, values: Any) -> Any:
    """Build a network that forecasts each column from its own values only."""
    model = settings.model
    channels = ops.transpose(values, (0, 2, 1))  # (batch, targets, look-back)
    if model.kind == "segrnn":
        outputs = SegmentRNN(
            model.units,
            model.segment_length,
            shape.horizon,
            outputs=shape.outputs,
            channel_embedding=model.channel_embedding and shape.targets > 1,
            dropout=model.dropout,
            name="segments",
        )(channels)
    else:
        # Zeng et al., 2023: NLinear is one linear map after subtracting the last value. Initialized with
        # zeros, it starts by repeating the last value: MSE 0.679 instead of 0.697 (ETTh1, validation, horizon
        # 96).
        outputs = keras.layers.Dense(
            shape.horizon * shape.outputs, kernel_initializer="zeros", name="linear"
        )(channels)
        outputs = ops.reshape(outputs, (-1, shape.targets, shape.horizon, shape.outputs))
    return ops.transpose(outputs, (0, 2, 1, 3))
