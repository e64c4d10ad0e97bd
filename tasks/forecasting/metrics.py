"""Errors of forecasts, as defined by the M4 competition and papers on long horizons."""

import numpy as np

# Two-sided 90 % quantile of the normal distribution, as in the competition's test for a season.
SEASONALITY_QUANTILE = 1.645


def seasonal_naive_error(values: np.ndarray, season: int) -> np.ndarray:
    """Compute the mean absolute difference between a step and the one a season before: the scale of MASE.

    Args:
        values: (time, series), longer than a season.
        season: length of the season in steps; 1 for none.

    Returns:
        (series,)

    Source: Hyndman and Koehler, "Another look at measures of forecast accuracy", 2006.
    """
    season = season if len(values) > season else 1
    return np.abs(values[season:] - values[:-season]).mean(axis=0)


def symmetric_percentage_error(truth: np.ndarray, forecast: np.ndarray) -> np.ndarray:
    """Compute 200 |y - f| / (|y| + |f|) in per cent, elementwise; 0 where both are 0.

    Source: Makridakis et al., "The M4 competition", 2020.
    """
    size = np.abs(truth) + np.abs(forecast)
    return np.divide(200 * np.abs(truth - forecast), size, out=np.zeros_like(size), where=size > 0)


def pinball_loss(truth: np.ndarray, quantiles: np.ndarray, levels: list[float]) -> np.ndarray:
    """Compute max(q (y - f), (q - 1) (y - f)) for each forecast quantile f with level q.

    Args:
        truth: (..., time, series).
        quantiles: (..., time, series, levels).
        levels: each between 0 and 1.

    Returns:
        Shaped like `quantiles`.

    Source: Koenker and Bassett, "Regression quantiles", 1978.
    """
    error = truth[..., np.newaxis] - quantiles
    return np.maximum(np.asarray(levels) * error, (np.asarray(levels) - 1) * error)


def naive2(history: np.ndarray, season: int, horizon: int) -> np.ndarray:
    """Forecast the last value, after seasonal adjustment if there is a season: the reference of M4's OWA.

    A series has a season if its autocorrelation at that lag is significant at 90 %; the season is then
    removed by classical multiplicative decomposition.

    Args:
        history: (time,).
        season: length of the possible season in steps; 1 for none.
        horizon: steps to forecast.

    Returns:
        (horizon,)

    Source: Makridakis et al., "The M4 competition", 2020, and the organisers' code.
    """
    if not has_season(history, season):
        return np.full(horizon, history[-1])
    # Imported late: it takes a second, and only this function needs it.
    from statsmodels.tsa.seasonal import seasonal_decompose

    factors = seasonal_decompose(history, model="multiplicative", period=season).seasonal
    steps = len(history) + np.arange(horizon)
    return history[-1] / factors[-1] * factors[steps % season]


def has_season(history: np.ndarray, season: int) -> bool:
    """Test whether the autocorrelation at the lag of a season is significant."""
    if season == 1 or len(history) < 3 * season:
        return False
    centred = history - history.mean()
    correlations = np.array(
        [(centred[lag:] * centred[: len(centred) - lag]).sum() for lag in range(1, season + 1)]
    )
    correlations /= (centred**2).sum()
    limit = SEASONALITY_QUANTILE * np.sqrt((1 + 2 * (correlations[:-1] ** 2).sum()) / len(history))
    return bool(abs(correlations[-1]) > limit)
