"""From windows to forecasts in one graph: scaling, model and quantiles."""

import inspect

import keras
import tensorflow as tf

from common.contract.serving import Endpoint, ServingModule
from tasks.forecasting.preprocessing import ForecastingPreprocessing


class ForecastingServing(ServingModule):
    """Windows in the user's units to forecasts in the user's units."""

    def __init__(self, preprocessing: ForecastingPreprocessing, model: keras.Model) -> None:
        super().__init__(name="forecasting")
        self.preprocessing = preprocessing
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

        # Which inputs there are depends on the run: TensorFlow reads their names here.
        serve.__signature__ = inspect.Signature(
            [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in names]
        )
        return {"serve": (serve, [tf.TensorSpec(s.shape, s.dtype, name=n) for n, s in specs.items()])}
