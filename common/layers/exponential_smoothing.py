"""Exponential smoothing with parameters per series, the outer part of a hybrid forecaster."""

from typing import Any

import keras
from keras import ops

from common.layers.checks import check_positive
from common.layers.engines.time_loop import run_over_time

# Initial logits of the smoothing rates of level and seasons: rates of 0.12 and 0.27.
LEVEL_LOGIT, SEASON_LOGIT = -2.0, -1.0


@keras.saving.register_keras_serializable(package="rnn_task_suite")
class ExponentialSmoothing(keras.layers.Layer):
    """Multiplicative Holt-Winters smoothing without trend; each series has its own parameters.

    l_t = a y_t / prod_k s^k_t + (1 - a) l_{t-1}
    s^k_{t+m_k} = g_k y_t / (l_t prod_{j != k} s^j_t) + (1 - g_k) s^k_t, for each season k of m_k steps

    a and g_k, between 0 and 1, are learned for each series. The initial factors of a season are computed from
    the first m steps of the window divided by their mean, where m is the longest season: averaged at each
    step of the season, after dividing by the factors of shorter seasons. l_0 is that mean.

    Input: values (batch, time), positive, time at least the longest season; series (batch,) indices.
    Output: levels (batch, time); factors (batch, time + horizon), prod_k s^k_t, the last seasons'
    factors repeated over the horizon.
    Mask: none.

    Example:
        >>> smoothing = ExponentialSmoothing(series=10, seasons=[24, 168], horizon=48)
        >>> levels, factors = smoothing(keras.ops.ones((4, 336)), keras.ops.zeros((4,), "int32"))
        >>> factors.shape
        (4, 384)

    Source: Smyl, "A hybrid method of exponential smoothing and recurrent neural networks for time series
    forecasting", 2020. Its hourly model has the same two seasons and no trend; it learns the
    initial factors too, by which a network could memorise a series that it gets in many windows.
    """

    def __init__(self, series: int, seasons: list[int], horizon: int, **kwargs: Any) -> None:
        """Set up the layer.

        Args:
            series: number of series, including one for unknown series.
            seasons: season lengths in steps, shortest first; may be empty.
            horizon: steps over which to repeat the last factors.
            kwargs: of keras.layers.Layer.
        """
        super().__init__(**kwargs)
        check_positive(series=series, horizon=horizon)
        self.series = series
        self.seasons = list(seasons)
        self.horizon = horizon

    def build(self, *_: Any) -> None:
        """Create the parameters of each series."""
        constant = keras.initializers.Constant
        self.level_logit = self.add_weight((self.series, 1), initializer=constant(LEVEL_LOGIT), name="level")
        if self.seasons:
            self.season_logits = self.add_weight(
                (self.series, len(self.seasons)), initializer=constant(SEASON_LOGIT), name="seasons"
            )
        self.built = True

    def call(self, values: Any, series: Any) -> tuple[Any, Any]:
        """(batch, time) and (batch,) to levels (batch, time) and factors (batch, time + horizon)."""
        level_rate = ops.sigmoid(ops.take(self.level_logit, series, axis=0))  # (batch, 1)
        rates = ops.sigmoid(ops.take(self.season_logits, series, axis=0)) if self.seasons else None
        level, factors = self._initial(values)

        def step(now: Any, states: Any) -> tuple[Any, Any]:
            value = ops.expand_dims(now, -1)  # (batch, 1)
            current = [factor[:, :1] for factor in states["factors"]]
            product = _product(current, value)
            level = level_rate * value / product + (1 - level_rate) * states["level"]
            ratio = value / (level * product)
            new_factors = []
            for number, (factor, old) in enumerate(zip(states["factors"], current, strict=True)):
                rate = rates[:, number : number + 1]
                new = rate * ratio * old + (1 - rate) * old
                new_factors.append(ops.concatenate([factor[:, 1:], new], axis=1))
            return {"level": level, "product": product}, {"level": level, "factors": new_factors}

        one = values[:, :1]
        states = {"level": level, "factors": factors}
        outputs, last = run_over_time(step, values, states, {"level": one, "product": one})
        ahead = [self._repeated(factor, self.horizon) for factor in last["factors"]]
        future = _product(ahead, ops.repeat(one, self.horizon, axis=1))
        levels, products = outputs["level"][..., 0], outputs["product"][..., 0]
        return levels, ops.concatenate([products, future], axis=1)

    def _initial(self, values: Any) -> tuple[Any, list[Any]]:
        """Level (batch, 1) and factors (batch, season) of each season, before the first step."""
        longest = self.seasons[-1] if self.seasons else 1
        level = ops.mean(values[:, :longest], axis=1, keepdims=True)
        rest, factors = values[:, :longest] / level, []
        for season in self.seasons:
            whole = longest // season * season
            factor = ops.mean(ops.reshape(rest[:, :whole], (-1, whole // season, season)), axis=1)
            rest = rest / self._repeated(factor, longest)
            factors.append(factor)
        return level, factors

    @staticmethod
    def _repeated(factor: Any, steps: int) -> Any:
        """(batch, season) to (batch, steps)."""
        return ops.tile(factor, (1, -(-steps // factor.shape[1])))[:, :steps]

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


def _product(factors: list[Any], like: Any) -> Any:
    product = ops.ones_like(like)
    for factor in factors:
        product = product * factor
    return product
