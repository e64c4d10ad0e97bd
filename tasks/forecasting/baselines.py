"""What a network has to beat: naive forecasts, classical models, one linear map."""

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

# Longer seasons are taken out first: AutoETS does not know them, AutoARIMA takes minutes.
LONGEST_SEASON_OF_ETS, LONGEST_SEASON_OF_ARIMA = 24, 12
# Of Zeng et al., "Are transformers effective for time series forecasting?", 2023.
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
    """Score every baseline on the test windows, the statistical ones on some of them.

    With `evaluation.refits` the model itself is among them, trained again further on in the test part.

    Returns:
        Name -> metrics; those of a baseline that is too slow for all windows hold `origins`, the number of
        windows that it was scored on.
    """
    naive = {"naive": 1} | {_season_name(season): season for season in source.seasons if season > 1}
    scores = {name: ForecastScores([]) for name in naive}
    windows, given = iter(source.windows("test")), iter(examples)
    nlinear = _nlinear(settings, source) if settings.evaluation.nlinear else None
    nlinear_scores = ForecastScores([])
    while held := list(islice(given, WINDOWS_AT_ONCE)):
        for example, (number, step) in zip(held, windows, strict=False):
            past = source.data.series[number].values[:step, : source.targets]
            for name, season in naive.items():
                scores[name].add(example, _repeated(past, season, settings.data.horizon))
        if nlinear is not None:
            _score(nlinear_scores, nlinear, held)
    metrics = {name: score.metrics() for name, score in scores.items()}
    if nlinear is not None:
        metrics["NLinear"] = nlinear_scores.metrics()
    if settings.evaluation.refits:
        metrics[f"the model, trained {settings.evaluation.refits} times"] = backtest(settings, source)
    return metrics | _statistical(settings, source)


def _season_name(season: int) -> str:
    return f"seasonal naive ({season} steps)"


def _repeated(past: np.ndarray, season: int, horizon: int) -> np.ndarray:
    """The last season (time, targets), repeated over the horizon; the last value if it is not there yet."""
    season = season if len(past) >= season else 1
    return np.tile(past[-season:], (-(-horizon // season), 1))[:horizon]


def _score(scores: ForecastScores, forecast: Forecast, examples: list[Example]) -> None:
    answers = forecast(examples)
    for number, example in enumerate(examples):
        quantiles = answers["quantiles"][number] if "quantiles" in answers else None
        scores.add(example, answers["forecast"][number], quantiles)


def _nlinear(settings: ForecastingSettings, source: SeriesSource) -> Forecast:
    """Train NLinear on the windows that the model was trained on."""
    windows = {"train.tokens_per_batch": NLINEAR_WINDOWS * settings.data.look_back}
    return Forecaster(override_settings(settings, NLINEAR | windows), source)


def backtest(settings: ForecastingSettings, source: SeriesSource) -> dict[str, float]:
    """Score the model with a rolling origin: trained again before each part of the test part, on all before.

    The parts before the origin keep their order: the last steps before it, as many as ever, are validation.
    """
    scores = ForecastScores(settings.model.levels)
    scale = source.statistics
    for part in range(settings.evaluation.refits):
        borders = [moved_border(border, part, settings) for border in source.borders]
        moved = SeriesSource(replace(source.cut, borders=borders), settings, splits=("train", "test"))
        forecaster = Forecaster(settings, moved)
        # Errors are measured by the same scales in every part.
        moved.statistics = scale
        examples = moved.examples("test")
        while held := list(islice(examples, WINDOWS_AT_ONCE)):
            _score(scores, forecaster, held)
    return scores.metrics()


def moved_border(border: Borders, part: int, settings: ForecastingSettings) -> Borders:
    """Borders as they are before one part of the test windows, so that each of them is in one part.

    The end is that of the part's last window, which may reach into the next part.
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
    """Fit each model again at every origin, to the steps before it, and score its forecast from there."""
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
    """The classical models; those that cannot take the seasons themselves get them taken out first."""
    # Here and not above: they take seconds to import, which `predict` does not need.
    from statsforecast.models import MSTL, AutoARIMA, AutoETS, AutoTheta

    longest = seasons[-1]
    known = [season for season in seasons if season > 1] or [1]
    if longest <= LONGEST_SEASON_OF_ETS:
        yield "AutoETS", AutoETS(season_length=longest)
    else:
        yield "MSTL + AutoETS", MSTL(season_length=known, trend_forecaster=AutoETS(model="ZZN"))
    if longest <= LONGEST_SEASON_OF_ARIMA:
        yield "AutoARIMA", AutoARIMA(season_length=longest)
    else:
        yield "MSTL + AutoARIMA", MSTL(season_length=known, trend_forecaster=AutoARIMA())
    yield "AutoTheta", AutoTheta(season_length=seasons[0])


def _forecast(model: Any, past: np.ndarray, settings: ForecastingSettings) -> np.ndarray:
    """Lower bound, mean and upper bound of each step: (horizon, 3)."""
    levels = settings.model.levels
    share = 100 * (levels[-1] - levels[0]) if len(levels) > 1 else 80
    level = round(share)
    answer = model.forecast(past.astype(np.float64), settings.data.horizon, level=[level])
    return np.stack([answer[f"lo-{level}"], answer["mean"], answer[f"hi-{level}"]], axis=1)
