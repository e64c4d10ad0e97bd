"""What a network has to beat: naive forecasts, classical models, one linear map."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

import keras
import numpy as np
from statsforecast.models import MSTL, AutoARIMA, AutoETS, AutoTheta

from common.config import override_settings
from common.data.batching import choose_buckets
from common.task import Example
from tasks.forecasting.config import ForecastingSettings
from tasks.forecasting.evaluation import ForecastScores, chosen_origins
from tasks.forecasting.model import ForecastingServing, build_model
from tasks.forecasting.preprocessing import ForecastingPreprocessing, raw_windows
from tasks.forecasting.windows import SeriesSource, WindowBatches

# Longer seasons are taken out first: AutoETS does not know them, AutoARIMA takes minutes.
LONGEST_SEASON_OF_ETS, LONGEST_SEASON_OF_ARIMA = 24, 12
NLINEAR = {
    "model.kind": "nlinear",
    "model.loss": "mse",
    "model.normalization": "last",
    "model.calendar": False,
}
NLINEAR_EPOCHS, NLINEAR_RATE, NLINEAR_PATIENCE, NLINEAR_WINDOWS = 15, 0.002, 3, 64
WINDOWS_AT_ONCE = 256


def score_baselines(
    settings: ForecastingSettings,
    source: SeriesSource,
    preprocessing: ForecastingPreprocessing,
    examples: Iterable[Example],
) -> dict[str, dict[str, float]]:
    """Score every baseline on the test windows, the statistical ones on some of them."""
    naive = {"naive": 1} | {_season_name(season): season for season in source.seasons if season > 1}
    scores = {name: ForecastScores([]) for name in naive}
    nlinear = _nlinear(settings, source, preprocessing) if settings.evaluation.nlinear else None
    nlinear_scores = ForecastScores([])
    windows, examples = iter(source.windows("test")), iter(examples)
    while held := list(islice(examples, WINDOWS_AT_ONCE)):
        for example, (number, step) in zip(held, windows, strict=False):
            past = source.data.series[number].values[:step, : source.targets]
            for name, season in naive.items():
                scores[name].add(example, _repeated(past, season, settings.data.horizon))
        if nlinear is not None:
            for example, forecast in zip(held, nlinear(held), strict=True):
                nlinear_scores.add(example, forecast)
    found = {name: score.metrics() for name, score in scores.items()}
    if nlinear is not None:
        found["NLinear"] = nlinear_scores.metrics()
    return found | _statistical(settings, source)


def _season_name(season: int) -> str:
    return f"seasonal naive ({season} steps)"


def _repeated(past: np.ndarray, season: int, horizon: int) -> np.ndarray:
    """The last season (time, targets), repeated over the horizon; the last value if it is not there yet."""
    season = season if len(past) >= season else 1
    return np.tile(past[-season:], (-(-horizon // season), 1))[:horizon]


def _nlinear(
    settings: ForecastingSettings, source: SeriesSource, preprocessing: ForecastingPreprocessing
) -> Callable[[list[Example]], np.ndarray]:
    """Train NLinear on the training part; the epoch is chosen by the validation part.

    Source: Zeng et al., "Are transformers effective for time series forecasting?", 2023.
    """
    keras.utils.set_random_seed(settings.seed)
    changed = override_settings(settings, NLINEAR)
    prepared = ForecastingPreprocessing(changed, preprocessing.record)
    model = build_model(changed, prepared.shape)
    model.compile(keras.optimizers.Adam(NLINEAR_RATE), loss="mse")
    batches = {split: WindowBatches(source, split, prepared.example) for split in ("train", "validation")}
    steps = NLINEAR_WINDOWS * settings.data.look_back
    buckets = {split: choose_buckets(found.lengths, 1, steps) for split, found in batches.items()}
    epoch = _Epoch()
    model.fit(
        batches["train"].training_batches(buckets["train"], epoch.variable, settings.seed, 1),
        validation_data=batches["validation"].scoring_batches(buckets["validation"]),
        epochs=NLINEAR_EPOCHS,
        callbacks=[
            epoch,
            keras.callbacks.EarlyStopping(patience=NLINEAR_PATIENCE, restore_best_weights=True),
        ],
        shuffle=False,
        verbose=0,
    )
    serving = ForecastingServing(prepared, model)
    return lambda examples: serving.serve(**raw_windows(examples))["forecast"].numpy()


class _Epoch(keras.callbacks.Callback):
    """Counts the epochs for the order of the windows."""

    def __init__(self) -> None:
        super().__init__()
        self.variable = keras.Variable(0, dtype="int64", trainable=False).value

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Tell the data the epoch."""
        self.variable.assign(epoch)


def _statistical(settings: ForecastingSettings, source: SeriesSource) -> dict[str, dict[str, float]]:
    """Fit each model anew at every origin, to the steps before it, and score its forecast from there."""
    windows = source.windows("test")
    origins = chosen_origins(len(windows), settings.evaluation.origins)
    levels = settings.model.levels
    found = {}
    for name, model in _models(source.seasons) if origins else ():
        scores = ForecastScores(levels if len(levels) == 3 else [])
        for number, step in windows[origins]:
            start = max(0, step - settings.evaluation.statistical_history)
            past = source.data.series[number].values[start:step, : source.targets]
            forecasts = [_forecast(model, past[:, column], settings) for column in range(source.targets)]
            quantiles = np.stack(forecasts, axis=1)  # (horizon, targets, 3)
            scores.add(source.example(int(number), int(step), is_test=True), quantiles[..., 1], quantiles)
        found[f"{name} ({len(origins)} origins)"] = scores.metrics()
    return found


def _models(seasons: list[int]) -> Iterator[tuple[str, Any]]:
    """The classical models; those that cannot take the seasons themselves get them taken out first."""
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
