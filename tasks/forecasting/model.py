"""The forecaster: a window is normalised, a network foretells each step, the normalisation is undone."""

import inspect
from collections.abc import Iterable
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from common.contract.serving import Endpoint, ServingModule
from common.layers.segment_rnn import SegmentRNN
from tasks.forecasting.config import ForecastingSettings
from tasks.forecasting.data import columns_of
from tasks.forecasting.models.encoder_decoder import encoder_decoder
from tasks.forecasting.models.es_rnn import es_rnn
from tasks.forecasting.models.steps import make_steps
from tasks.forecasting.models.window import window
from tasks.forecasting.preprocessing import ForecastingPreprocessing, WindowShape

EPSILON = 1e-5
STEPWISE = {"gru": encoder_decoder, "lstm": encoder_decoder, "window": window}


def build_model(settings: ForecastingSettings, shape: WindowShape) -> keras.Model:
    """Build the forecaster.

    Args:
        settings: `model` and `data` are used.
        shape: sizes of what is read and written.

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
    # (batch, horizon, targets, outputs), float32 even in mixed precision: the loss needs the digits.
    outputs = keras.layers.Activation("linear", dtype="float32", name="normalized")(outputs)
    outputs = outputs * ops.expand_dims(scale, -1) + ops.expand_dims(offset, -1)
    return keras.Model(inputs, outputs, name="forecasting")


def _normalization(kind: str, values: Any) -> tuple[Any, Any]:
    """What is taken off a window, and what it is divided by.

    Source: reversible: Kim et al., "Reversible instance normalization", 2022; last: Zeng et al., "Are
    transformers effective for time series forecasting?", 2023.
    """
    if kind == "reversible":
        mean = ops.mean(values, axis=1, keepdims=True)
        return mean, ops.std(values, axis=1, keepdims=True) + EPSILON
    last = values[:, -1:]
    return (last, ops.ones_like(last)) if kind == "last" else (ops.zeros_like(last), ops.ones_like(last))


def _stepwise(settings: ForecastingSettings, shape: WindowShape, values: Any, past: Any, known: Any) -> Any:
    """Networks that are told of each step what is known of it."""
    independent = settings.model.channels == "independent" and shape.targets > 1
    if independent:
        # Each column becomes a row of its own: (batch * targets, look-back, 1).
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
    """Networks that read each column on its own, and nothing beside it."""
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
            implementation="loop" if settings.train.xla else "auto",
            name="segments",
        )(channels)
    else:
        # Zeng et al., 2023: with the last value taken off, one linear map is NLinear. It starts from the last
        # value repeated: on ETTh1's validation part 0.679 instead of 0.697 (MSE, horizon 96).
        outputs = keras.layers.Dense(
            shape.horizon * shape.outputs, kernel_initializer="zeros", name="linear"
        )(channels)
        outputs = ops.reshape(outputs, (-1, shape.targets, shape.horizon, shape.outputs))
    return ops.transpose(outputs, (0, 2, 1, 3))


def signature_notes(settings: ForecastingSettings) -> list[str]:
    """Say what the inputs and outputs of a run hold, which `complete` settings name."""
    data, columns = settings.data, columns_of(settings.data)
    targets = _listed(columns.targets)
    notes = [
        f"`history` holds the last {data.look_back} steps of `{data.frequency}`, with the columns "
        f"{_listed(columns.targets + columns.past)}, in this order and in your units; `forecast` holds "
        f"{targets} of the next {data.horizon} steps."
    ]
    if settings.model.reads_steps and columns.known:
        notes.append(f"`known` holds {_listed(columns.known)} of both, in this order.")
    if settings.model.reads_steps and settings.model.calendar:
        notes.append(
            "`time`, where it is an input, is that of the last step of `history`: seconds since 1970 on the "
            "clock of your table."
        )
    if columns.identifier:
        notes.append("`series` names the series; one that was not trained on is scaled by its window.")
    if settings.model.levels:
        notes.append(f"`quantiles` are those of the levels {_listed(settings.model.levels)}, in this order.")
    return notes


def _listed(names: Iterable[Any]) -> str:
    return ", ".join(f"`{name}`" for name in names)


class ForecastingServing(ServingModule):
    """Windows in the user's units to forecasts in the user's units: scaling, model and quantiles."""

    def __init__(self, preprocessing: ForecastingPreprocessing, model: keras.Model) -> None:
        super().__init__(name="forecasting")
        self.preprocessing = preprocessing
        # Said apart, so that the export finds the lookup table.
        self.table = preprocessing.table
        self.model = model
        self.levels = preprocessing.settings.model.levels

    def serve(self, **raw: tf.Tensor) -> dict[str, tf.Tensor]:
        """Windows as in `ForecastingPreprocessing.inputs` to forecast (batch, horizon, targets).

        With a quantile loss also to quantiles (batch, horizon, targets, levels), which rise.
        """
        outputs = self.model(self.preprocessing.inputs(raw), training=False)
        outputs = self.preprocessing.unscaled(raw, outputs)  # (batch, horizon, targets, outputs)
        if not self.levels:
            return {"forecast": outputs[..., 0]}
        quantiles = tf.sort(outputs, axis=-1)
        return {"forecast": quantiles[..., self.levels.index(0.5)], "quantiles": quantiles}

    def endpoints(self) -> dict[str, Endpoint]:
        """`serve`, which takes only what the model uses."""
        prepared, shape = self.preprocessing, self.preprocessing.shape
        specs = {"history": tf.TensorSpec([None, shape.look_back, shape.targets + shape.past], tf.float32)}
        if prepared.uses_known:
            columns = len(prepared.record["known"])
            specs["known"] = tf.TensorSpec([None, shape.look_back + shape.horizon, columns], tf.float32)
        if prepared.uses_time:
            specs["time"] = tf.TensorSpec([None], tf.int64)
        if prepared.several:
            specs["series"] = tf.TensorSpec([None], tf.string)
        names = list(specs)

        @tf.autograph.experimental.do_not_convert
        def serve(*given: tf.Tensor) -> dict[str, tf.Tensor]:
            return self.serve(**dict(zip(names, given, strict=True)))

        # Which inputs there are depends on the run: their names are told to TensorFlow here.
        serve.__signature__ = inspect.Signature(
            [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in names]
        )
        return {"serve": (serve, [tf.TensorSpec(s.shape, s.dtype, name=n) for n, s in specs.items()])}
