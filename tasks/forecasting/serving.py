"""Serving graph from windows to forecasts: scaling, model and quantiles."""

import inspect

import keras
import tensorflow as tf

from common.contract.serving import Endpoint, ServingModule
from tasks.forecasting.preprocessing import ForecastingPreprocessing


class ForecastingServing(ServingModule):
    """From windows to forecasts, both in the user's units."""

    def __init__(self, preprocessing: ForecastingPreprocessing, model: keras.Model) -> None:
        super().__init__(name="forecasting")
        self.preprocessing = preprocessing
        self.model = model
        self.levels = preprocessing.settings.model.levels

    def serve(self, **raw: tf.Tensor) -> dict[str, tf.Tensor]:
        """Forecast windows, see `ForecastingPreprocessing.inputs`: forecast (batch, horizon, targets).

        With the quantile loss also quantiles (batch, horizon, targets, levels), in ascending order.
        """
        outputs = self.model(self.preprocessing.inputs(raw), training=False)
        outputs = self.preprocessing.unscaled(raw, outputs)  # (batch, horizon, targets, outputs)
        if not self.levels:
            return {"forecast": outputs[..., 0]}
        quantiles = tf.sort(outputs, axis=-1)
        return {"forecast": quantiles[..., self.levels.index(0.5)], "quantiles": quantiles}

    def endpoints(self) -> dict[str, Endpoint]:
        """Return `serve`, with only the inputs that the model uses."""
        preprocessing, shape = self.preprocessing, self.preprocessing.shape
        specs = {"history": tf.TensorSpec([None, shape.look_back, shape.targets + shape.past], tf.float32)}
        if preprocessing.uses_known:
            columns = len(preprocessing.record.known)
            specs["known"] = tf.TensorSpec([None, shape.look_back + shape.horizon, columns], tf.float32)
        if preprocessing.uses_time:
            specs["time"] = tf.TensorSpec([None], tf.int64)
        if preprocessing.several:
            specs["series"] = tf.TensorSpec([None], tf.string)
        names = list(specs)

        @tf.autograph.experimental.do_not_convert
        def serve(*given: tf.Tensor) -> dict[str, tf.Tensor]:
            return self.serve(**dict(zip(names, given, strict=True)))

        # The inputs depend on the run; TensorFlow reads their names from the signature.
        serve.__signature__ = inspect.Signature(
            [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in names]
        )
        return {"serve": (serve, [tf.TensorSpec(s.shape, s.dtype, name=n) for n, s in specs.items()])}
