"""The baselines: naive forecasts, statistical models, and a linear map."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
from rich.progress import track

from common.config import override_settings
from common.console import notes
from common.data.examples import Example
from tasks.forecasting.borders import Borders
from tasks.forecasting.config import ForecastingSettings
from tasks.forecasting.evaluation import ForecastScores, chosen_origins
from tasks.forecasting.fitting import Forecaster
from tasks.forecasting.windows import SeriesSource

# Longer seasons are removed first: AutoETS does not support them, AutoARIMA takes minutes.
LONGEST_SEASON_OF_ETS, LONGEST_SEASON_OF_ARIMA = 24, 12
# As in Zeng et al., "Are transformers effective for time series forecasting?", 2023.
NLINEAR = {
    "model.kind": "nlinear",
    "model.loss": "mse",
    "model.normalization": "last",
    "model.calendar": False,
    "train.epochs": 15,
    "train.early_stopping_patience": 3,
    "train.optimizer": "adam",
    "train.learning_rate": 0.002,
    "train.schedule": "cosine",
}
NLINEAR_WINDOWS = 64
WINDOWS_AT_ONCE = 256

Forecast = Callable[[list[Example]], dict[str, np.ndarray]]


def score_baselines(
    settings: ForecastingSettings, source: SeriesSource, examples: Iterable[Example]
) -> dict[str, dict[str, float]]:
    """Score every baseline on the test windows, the statistical models on a subset of them.

    With `evaluation.refits` the model itself is included, retrained within the test split.

    Returns:
        Name -> metrics; with `origins`, the number of windows, for a baseline that is too slow for all of
        them.
    """
    naive = {"naive": 1} | {_season_name(season): season for season in source.seasons if season > 1}
    scores = {name: ForecastScores([]) for name in naive}
    windows, remaining = iter(source.windows("test")), iter(examples)
    nlinear = _nlinear(settings, source) if settings.evaluation.nlinear else None
    nlinear_scores = ForecastScores([])
    while batch := list(islice(remaining, WINDOWS_AT_ONCE)):
        for example, (number, step) in zip(batch, windows, strict=False):
            past = source.data.series[number].values[:step, : source.targets]
            for name, season in naive.items():
                scores[name].add(example, _repeated(past, season, settings.data.horizon))
        if nlinear is not None:
            _score(nlinear_scores, nlinear, batch)
    metrics = {name: score.metrics() for name, score in scores.items()}
    if nlinear is not None:
        metrics["NLinear"] = nlinear_scores.metrics()
    if settings.evaluation.refits:
        metrics[f"the model, trained {settings.evaluation.refits} times"] = backtest(settings, source)
    return metrics | _statistical(settings, source)


def _season_name(season: int) -> str:
    return f"seasonal naive ({season} steps)"


def _repeated(past: np.ndarray, season: int, horizon: int) -> np.ndarray:
    """Repeat the last season (time, targets) over the horizon; the last value if the series is shorter."""
    season = season if len(past) >= season else 1
    return np.tile(past[-season:], (-(-horizon // season), 1))[:horizon]


def _score(scores: ForecastScores, forecast: Forecast, examples: list[Example]) -> None:
    answers = forecast(examples)
    for number, example in enumerate(examples):
        quantiles = answers["quantiles"][number] if "quantiles" in answers else None
        scores.add(example, answers["forecast"][number], quantiles)


def _nlinear(settings: ForecastingSettings, source: SeriesSource) -> Forecast:
    """Train NLinear on the model's training windows."""
    windows = {"train.tokens_per_batch": NLINEAR_WINDOWS * settings.data.look_back}
    return Forecaster(override_settings(settings, NLINEAR | windows), source)


def backtest(settings: ForecastingSettings, source: SeriesSource) -> dict[str, float]:
    """Score the model with a rolling origin: retrained before each part of the test split.

    It is trained on all data before the origin, except the last steps, a validation split of the same length.
    """
    scores = ForecastScores(settings.model.levels)
    scale = source.statistics
    for part in range(settings.evaluation.refits):
        borders = [moved_border(border, part, settings) for border in source.borders]
        moved = SeriesSource(replace(source.cut, borders=borders), settings, splits=("train", "test"))
        forecaster = Forecaster(settings, moved)
        # Errors are scaled in the same way in every part.
        moved.statistics = scale
        examples = moved.examples("test")
        while batch := list(islice(examples, WINDOWS_AT_ONCE)):
            _score(scores, forecaster, batch)
    return scores.metrics()


def moved_border(border: Borders, part: int, settings: ForecastingSettings) -> Borders:
    """Move the borders to one part of the test windows, so that every window is in exactly one part.

    The end is that of the part's last window, which may extend into the next part.
    """
    evaluation, horizon = settings.evaluation, settings.data.horizon
    windows = len(border.test_steps(horizon, evaluation.stride))
    first, next_first = (windows * number // evaluation.refits for number in (part, part + 1))
    moved = first * evaluation.stride
    return replace(
        border,
        train_end=border.train_end + moved,
        validation_end=border.validation_end + moved,
        end=border.validation_end + (next_first - 1) * evaluation.stride + horizon,
    )


def _statistical(settings: ForecastingSettings, source: SeriesSource) -> dict[str, dict[str, float]]:
    """Fit each model at every origin, to the steps before it, and score its forecast from there."""
    windows = source.windows("test")
    origins = chosen_origins(len(windows), settings.evaluation.origins)
    levels = settings.model.levels
    metrics: dict[str, dict[str, float]] = {}
    for name, model in _models(source.seasons) if origins else ():
        scores = ForecastScores(levels if len(levels) == 3 else [])
        for number, step in track(windows[origins], name, console=notes, transient=True):
            start = max(0, step - settings.evaluation.statistical_history)
            past = source.data.series[number].values[start:step, : source.targets]
            forecasts = [_forecast(model, past[:, column], settings) for column in range(source.targets)]
            quantiles = np.stack(forecasts, axis=1)  # (horizon, targets, 3)
            scores.add(source.example(int(number), int(step), is_test=True), quantiles[..., 1], quantiles)
        metrics[name] = scores.metrics()
        if len(origins) < len(windows):
            metrics[name]["origins"] = len(origins)
    return metrics


def _models(seasons: list[int]) -> Iterator[tuple[str, Any]]:
    """Yield the statistical models; seasons that a model does not support are removed first."""
    # Imported late: it takes seconds, and `predict` does not need it.
    from statsforecast.models import MSTL, AutoARIMA, AutoETS, AutoTheta

    longest = seasons[-1]
    periods = [season for season in seasons if season > 1] or [1]
    if longest <= LONGEST_SEASON_OF_ETS:
        yield "AutoETS", AutoETS(season_length=longest)
    else:
        yield "MSTL + AutoETS", MSTL(season_length=periods, trend_forecaster=AutoETS(model="ZZN"))
    if longest <= LONGEST_SEASON_OF_ARIMA:
        yield "AutoARIMA", AutoARIMA(season_length=longest)
    else:
        yield "MSTL + AutoARIMA", MSTL(season_length=periods, trend_forecaster=AutoARIMA())
    yield "AutoTheta", AutoTheta(season_length=seasons[0])


def _forecast(model: Any, past: np.ndarray, settings: ForecastingSettings) -> np.ndarray:
    """Forecast lower bound, mean and upper bound of each step: (horizon, 3)."""
    levels = settings.model.levels
    share = 100 * (levels[-1] - levels[0]) if len(levels) > 1 else 80
    level = round(share)
    result = model.forecast(past.astype(np.float64), settings.data.horizon, level=[level])
    return np.stack([result[f"lo-{level}"], result["mean"], result[f"hi-{level}"]], axis=1)
