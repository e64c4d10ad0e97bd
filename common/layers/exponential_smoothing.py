"""Exponential smoothing with parameters of each series, as the outer part of a hybrid forecaster."""

from typing import Any

import keras
import numpy as np
from keras import ops

from common.layers.time_loop import run_over_time

# Of level and seasons, before anything was learned: a logistic function makes 0.05 and 0.38 of them.
LEVEL_LOGIT, SEASON_LOGIT = -3.0, -0.5


@keras.saving.register_keras_serializable(package="rnn_task_suite")
class ExponentialSmoothing(keras.layers.Layer):
    """Holt and Winters' multiplicative smoothing without trend; each series has its own parameters.

    l_t = a y_t / prod_k s^k_t + (1 - a) l_{t-1}
    s^k_{t+m_k} = g_k y_t / (l_t prod_{j != k} s^j_t) + (1 - g_k) s^k_t, for each season k of m_k steps

    a, g_k and the factors s^k before the first step are learned for each series, the first two through a
    logistic function, the last through an exponential. l_0 is the mean of the first season without its
    factors.

    Input: values (batch, time), positive; series (batch,) numbers; place (batch,), number of the last step,
    counted from anywhere, whose remainders by the seasons name its factors.
    Output: levels (batch, time); factors (batch, time + horizon), prod_k s^k_t, those of the last seasons
    repeated over the horizon.
    Mask: none.

    Example:
        >>> smoothing = ExponentialSmoothing(series=10, seasons=[24, 168], horizon=48)
        >>> zeros = ops.zeros((4,), "int32")
        >>> levels, factors = smoothing(ops.ones((4, 336)), zeros, zeros)
        >>> factors.shape
        (4, 384)

    Source: Smyl, "A hybrid method of exponential smoothing and recurrent neural networks for time series
    forecasting", 2020 (its hourly model has the same two seasons and no trend).
    """

    def __init__(self, series: int, seasons: list[int], horizon: int, **kwargs: Any) -> None:
        """Set up the layer.

        Args:
            series: number of series, one for those that are not known among them.
            seasons: steps after which a series is like before; none is allowed.
            horizon: steps over which the last factors are repeated.
            kwargs: of keras.layers.Layer.
        """
        super().__init__(**kwargs)
        self.series = series
        self.seasons = list(seasons)
        self.horizon = horizon

    def build(self, *_: Any) -> None:
        """Create the parameters of each series."""
        constant = keras.initializers.Constant
        self.level_logit = self.add_weight((self.series, 1), initializer=constant(LEVEL_LOGIT), name="level")
        self.season_logits = self.add_weight(
            (self.series, max(1, len(self.seasons))), initializer=constant(SEASON_LOGIT), name="smoothing"
        )
        self.log_factors = [
            self.add_weight((self.series, season), initializer="zeros", name=f"season_{season}")
            for season in self.seasons
        ]
        self.built = True

    def start_from(self, factors: list[np.ndarray]) -> None:
        """Take over factors (series, season) of each season that were estimated beforehand."""
        for weight, estimated in zip(self.log_factors, factors, strict=True):
            weight.assign(np.log(estimated))

    def call(self, values: Any, series: Any, place: Any) -> tuple[Any, Any]:
        """(batch, time), (batch,), (batch,) to levels (batch, time) and factors (batch, time + horizon)."""
        time = values.shape[1]
        level_rate = ops.sigmoid(ops.take(self.level_logit, series, axis=0))  # (batch, 1)
        rates = ops.sigmoid(ops.take(self.season_logits, series, axis=0))  # (batch, seasons)
        factors = [
            self._first_factors(weight, season, series, place - time + 1)
            for weight, season in zip(self.log_factors, self.seasons, strict=True)
        ]
        start = min(time, self.seasons[0] if self.seasons else 1)
        first = values[:, :start] / self._product(
            [factor[:, :start] for factor in factors], values[:, :start]
        )
        states = {"level": ops.mean(first, axis=1, keepdims=True), "factors": factors}

        def step(now: Any, states: Any) -> tuple[Any, Any]:
            value = ops.expand_dims(now, -1)  # (batch, 1)
            current = [factor[:, :1] for factor in states["factors"]]
            product = self._product(current, value)
            level = level_rate * value / product + (1 - level_rate) * states["level"]
            ratio = value / (level * product)
            moved = []
            for number, (factor, old) in enumerate(zip(states["factors"], current, strict=True)):
                rate = rates[:, number : number + 1]
                new = rate * ratio * old + (1 - rate) * old
                moved.append(ops.concatenate([factor[:, 1:], new], axis=1))
            return {"level": level, "product": product}, {"level": level, "factors": moved}

        one = values[:, :1]
        outputs, last = run_over_time(step, values, states, {"level": one, "product": one})
        ahead = [self._repeated(factor) for factor in last["factors"]]
        levels, products = outputs["level"][..., 0], outputs["product"][..., 0]
        future = self._product(ahead, ops.repeat(one, self.horizon, axis=1))
        return levels, ops.concatenate([products, future], axis=1)

    @staticmethod
    def _first_factors(weight: Any, season: int, series: Any, place: Any) -> Any:
        """Factors (batch, season), that of the first step of the window first."""
        order = ops.mod(ops.expand_dims(ops.cast(place, "int32"), -1) + ops.arange(season), season)
        return ops.take_along_axis(ops.exp(ops.take(weight, series, axis=0)), order, axis=1)

    @staticmethod
    def _product(factors: list[Any], like: Any) -> Any:
        product = ops.ones_like(like)
        for factor in factors:
            product = product * factor
        return product

    def _repeated(self, factor: Any) -> Any:
        """(batch, season) to (batch, horizon)."""
        return ops.tile(factor, (1, -(-self.horizon // factor.shape[1])))[:, : self.horizon]

    def compute_output_shape(self, values_shape: tuple[int | None, ...], *_: Any) -> Any:
        """(batch, time) and (batch, time + horizon)."""
        batch, time = values_shape
        return (batch, time), (batch, time + self.horizon)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {
            "series": self.series,
            "seasons": self.seasons,
            "horizon": self.horizon,
        }
