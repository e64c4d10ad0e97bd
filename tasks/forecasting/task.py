"""Forecasting: the next values of a series, with an interval."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

import keras

from common.contract.evaluation import Evaluation
from common.contract.serving import ServingModule
from common.contract.task import Task
from common.data.examples import Answer, Example
from common.data.labelled_file import LabelledFile
from common.errors import UserError
from tasks.forecasting.baselines import score_baselines
from tasks.forecasting.config import ForecastingSettings
from tasks.forecasting.data import DATA_SETS, columns_of, read_cut_series
from tasks.forecasting.evaluation import evaluate_answers
from tasks.forecasting.fitting import loss_of
from tasks.forecasting.model import build_model
from tasks.forecasting.predictor import ForecastingPredictor
from tasks.forecasting.preprocessing import ForecastingPreprocessing
from tasks.forecasting.series import check_same_columns
from tasks.forecasting.serving import ForecastingServing
from tasks.forecasting.windows import SeriesSource, WindowBatches


class ForecastingTask(Task[ForecastingSettings, ForecastingPreprocessing]):
    """Forecasting of time series."""

    name = "forecasting"
    metric = "mase"
    metric_mode = "min"
    settings_class = ForecastingSettings
    data_sets = DATA_SETS
    columns: ClassVar[dict[str, str]] = {
        "time": "time_column",
        "target": "target_columns",
        "id": "id_column",
        "past": "past_columns",
        "known": "known_columns",
    }
    preprocessing_class = ForecastingPreprocessing
    predictor_class = ForecastingPredictor
    # The main metric depends on the data set.
    monitor = "loss"

    @property
    def judged_by(self) -> str:
        """The metric in the settings: papers on long horizons use MSE, the M4 competition OWA."""
        return self.settings.evaluation.metric

    def open_source(self) -> SeriesSource:
        """Read the series, without preparing them by TFDS."""
        source = SeriesSource(read_cut_series(self.settings), self.settings)
        source.check_refits()
        return source

    def open_labelled(self, path: Path, labels: list[str]) -> LabelledFile:
        """Read a table to score every window of it, with scales from the table itself."""
        data_set = self.data_sets.choose(self.settings.data)
        source = SeriesSource(data_set.read_to_score(path, self.settings), self.settings, splits=("test",))
        return LabelledFile(source.counts["test"], source.report, lambda: source.examples("test"))

    def batches(
        self, source: SeriesSource, preprocessing: ForecastingPreprocessing, split: str, cache: Path
    ) -> WindowBatches:
        """Scaled windows of one split, created on the fly, without the cache."""
        return WindowBatches(source, split, preprocessing.example)

    def build_model(self, preprocessing: ForecastingPreprocessing) -> keras.Model:
        """Build the forecaster."""
        return build_model(self.settings, preprocessing.shape)

    def loss_and_metrics(self) -> dict[str, Any]:
        """The loss of the settings, on scaled values."""
        return {"loss": loss_of(self.settings)}

    def serving(self, preprocessing: ForecastingPreprocessing, models: list[keras.Model]) -> ServingModule:
        """Join scaling, model and quantiles."""
        return ForecastingServing(preprocessing, *models)

    def evaluate(self, labels: list[str], scored: Iterable[tuple[Example, Answer]]) -> Evaluation:
        """Compute errors and coverage, and plot forecasts."""
        return evaluate_answers(self.settings, labels, scored)

    def baselines(
        self, source: SeriesSource, preprocessing: ForecastingPreprocessing, examples: Iterable[Example]
    ) -> dict[str, dict[str, float]]:
        """Score naive forecasts, statistical models and NLinear."""
        return score_baselines(self.settings, source, examples)

    @classmethod
    def check_reading(cls, trained: ForecastingSettings, settings: ForecastingSettings) -> None:
        """Check that a table has the columns and the time step of the training data."""
        super().check_reading(trained, settings)
        for name in ("look_back", "horizon", "frequency"):
            before, now = getattr(trained.data, name), getattr(settings.data, name)
            if before != now:
                raise UserError(
                    f"The model was trained with data.{name}={before}, not {now}: leave it out of SET."
                )
        check_same_columns(columns_of(trained.data), columns_of(settings.data))


TASK = ForecastingTask
