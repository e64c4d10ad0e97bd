"""Forecasting: what comes next in a series? The next values, with an interval."""

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
    """Learns from the windows of series."""

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
    # What counts is in other units for each data set.
    monitor = "loss"

    @property
    def judged_by(self) -> str:
        """Papers on long horizons count the squared error, the M4 competition OWA."""
        return self.settings.evaluation.metric

    def open_source(self) -> SeriesSource:
        """Read the series; nothing is prepared."""
        source = SeriesSource(read_cut_series(self.settings), self.settings)
        source.check_refits()
        return source

    def open_labelled(self, path: Path, labels: list[str]) -> LabelledFile:
        """Read a table of which every window is scored; scales are those of the table itself."""
        chosen = self.data_sets.choose(self.settings.data)
        source = SeriesSource(chosen.read_to_score(path, self.settings), self.settings, splits=("test",))
        return LabelledFile(source.counts["test"], source.report, lambda: source.examples("test"))

    def batches(
        self, source: SeriesSource, preprocessing: ForecastingPreprocessing, split: str, cache: Path
    ) -> WindowBatches:
        """Scaled windows of one split; they are cut as they are needed, so nothing is kept in the cache."""
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
        """Errors, coverage and pictures."""
        return evaluate_answers(self.settings, labels, scored)

    def baselines(
        self, source: SeriesSource, preprocessing: ForecastingPreprocessing, examples: Iterable[Example]
    ) -> dict[str, dict[str, float]]:
        """Naive forecasts, classical models, NLinear."""
        return score_baselines(self.settings, source, examples)

    @classmethod
    def check_reading(cls, trained: ForecastingSettings, settings: ForecastingSettings) -> None:
        """The table of a model has the columns and the steps that it learned from."""
        super().check_reading(trained, settings)
        for name in ("look_back", "horizon", "frequency"):
            before, now = getattr(trained.data, name), getattr(settings.data, name)
            if before != now:
                raise UserError(
                    f"The model was trained with data.{name}={before}, not {now}: leave that as it is."
                )
        check_same_columns(columns_of(trained.data), columns_of(settings.data))


TASK = ForecastingTask
