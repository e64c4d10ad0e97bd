"""Forecasting: what comes next in a series? The next values, with an interval."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from common.contract.evaluation import Evaluation
from common.contract.predictor import STEPS_PER_BATCH, Predictor
from common.contract.serving import ServingModule
from common.contract.task import Task
from common.data.examples import Answer, Example
from common.data.information import SourceInformation
from common.errors import UserError
from tasks.forecasting.baselines import score_baselines
from tasks.forecasting.config import ForecastingSettings
from tasks.forecasting.data import SOURCES, check_reading, open_series_source
from tasks.forecasting.evaluation import evaluate_answers
from tasks.forecasting.fitting import loss_of
from tasks.forecasting.model import ForecastingServing, build_model, signature_notes
from tasks.forecasting.prediction import predict_table
from tasks.forecasting.preprocessing import ForecastingPreprocessing, raw_windows
from tasks.forecasting.windows import SeriesSource, WindowBatches

# Windows are answered this many at once, whatever their look-back: see `length`.
WINDOWS_AT_ONCE = 256


class ForecastingTask(Task):
    """Windows in, forecasts and intervals out."""

    name = "forecasting"
    title = "Forecasting: the next values of a series"
    metric = "mase"
    metric_mode = "min"
    settings_class = ForecastingSettings
    column_settings: ClassVar[dict[str, str]] = {
        "time": "time_column",
        "target": "target_columns",
        "id": "id_column",
        "past": "past_columns",
        "known": "known_columns",
    }
    predict_example = "INPUT=recent.csv OUTPUT=forecast.csv PLOT=forecast.png"

    @property
    def monitor(self) -> str:
        """The loss: what counts is in other units for each data set."""
        return "loss"

    def judged_by(self, settings: ForecastingSettings) -> str:
        """Papers on long horizons count the squared error, the M4 competition OWA."""
        return settings.evaluation.metric

    def sources(self) -> dict[str, SourceInformation]:
        """Series of a package, benchmarks, and the user's own."""
        return SOURCES

    def open_source(self, settings: ForecastingSettings) -> SeriesSource:
        """Read the series."""
        return open_series_source(settings)

    def labelled_examples(
        self,
        path: Path,
        settings: ForecastingSettings,
        labels: list[str],
        on_bad_row: Callable[[UserError], None],
    ) -> Iterator[Example]:
        """Every window of a table."""
        from tasks.forecasting.builders import open_labelled

        yield from open_labelled(path, settings).examples("test")

    def reading_report(self, path: Path, settings: ForecastingSettings) -> dict[str, int]:
        """Steps and cells that were filled in, and rows that were left out."""
        from tasks.forecasting.builders import open_labelled

        return open_labelled(path, settings).report

    def check_reading(self, trained: ForecastingSettings, settings: ForecastingSettings) -> None:
        """The table of a model has the columns and the steps that it learned from."""
        super().check_reading(trained, settings)
        check_reading(trained, settings)

    def learn_preprocessing(
        self, settings: ForecastingSettings, source: SeriesSource
    ) -> ForecastingPreprocessing:
        """Learn the scales."""
        return ForecastingPreprocessing.learn(settings, source)

    def load_preprocessing(self, settings: ForecastingSettings, directory: Path) -> ForecastingPreprocessing:
        """Read the scales."""
        return ForecastingPreprocessing.load(settings, directory)

    def batches(
        self,
        settings: ForecastingSettings,
        source: SeriesSource,
        preprocessing: ForecastingPreprocessing,
        split: str,
        cache: Path,
    ) -> WindowBatches:
        """Scaled windows of one split; they are cut as they are needed, so nothing is kept in the cache."""
        return WindowBatches(source, split, preprocessing.example)

    def build_model(
        self, settings: ForecastingSettings, preprocessing: ForecastingPreprocessing
    ) -> keras.Model:
        """Build the forecaster."""
        return build_model(settings, preprocessing.shape)

    def compile_arguments(
        self, settings: ForecastingSettings, preprocessing: ForecastingPreprocessing
    ) -> dict[str, Any]:
        """The loss of the settings, on scaled values."""
        return {"loss": loss_of(settings)}

    def build_serving(
        self,
        settings: ForecastingSettings,
        preprocessing: ForecastingPreprocessing,
        model: keras.Model,
    ) -> ServingModule:
        """Join scaling, model and quantiles."""
        return ForecastingServing(preprocessing, model)

    def signature_notes(self, settings: ForecastingSettings, labels: list[str]) -> list[str]:
        """What the columns, the levels and the time are."""
        return signature_notes(settings)

    def request(self, examples: list[Example]) -> dict[str, tf.Tensor]:
        """Windows as tensors."""
        return raw_windows(examples)

    def answers(self, outputs: dict[str, np.ndarray], labels: list[str]) -> list[Answer]:
        """Forecast (horizon, targets), and quantiles (horizon, targets, levels) if the model has them."""
        names = list(outputs)
        return [dict(zip(names, values, strict=True)) for values in zip(*outputs.values(), strict=True)]

    def length(self, example: Example) -> int:
        """All windows are alike: the same for each."""
        return STEPS_PER_BATCH // WINDOWS_AT_ONCE

    def evaluate(
        self, settings: ForecastingSettings, labels: list[str], scored: Iterable[tuple[Example, Answer]]
    ) -> Evaluation:
        """Errors, coverage and pictures."""
        return evaluate_answers(settings, labels, scored)

    def baselines(
        self,
        settings: ForecastingSettings,
        source: SeriesSource,
        preprocessing: ForecastingPreprocessing,
        examples: Iterable[Example],
    ) -> dict[str, dict[str, float]]:
        """Naive forecasts, classical models, NLinear."""
        return score_baselines(settings, source, examples)

    def predict_file(
        self,
        predictor: Predictor,
        path: Path,
        output: Path,
        settings: ForecastingSettings,
        plot: Path | None = None,
    ) -> str:
        """Forecast what comes after the last row of each series."""
        return f"{predict_table(predictor, path, output, settings, plot):,} steps foretold"


TASK = ForecastingTask()
