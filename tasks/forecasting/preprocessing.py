"""Scaling of windows and of forecasts back to the user's units, learned from the training split."""

import math
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from common.config import override_settings
from common.contract.preprocessing import Preprocessing
from common.data.examples import Example
from common.errors import UserError
from common.files import read_record, write_json
from tasks.forecasting.config import ForecastingSettings
from tasks.forecasting.series import check_ratios
from tasks.forecasting.times import DAY, calendar_cycles
from tasks.forecasting.windows import SeriesSource

FILE = "series.json"
# Lower limit, relative to the mean, so that an almost constant window is not scaled up too much.
SMALLEST_DEVIATION = 1e-6


@dataclass(frozen=True)
class WindowShape:
    """Sizes of a model's inputs and outputs.

    Attributes:
        look_back: number of past steps that are read.
        horizon: number of steps to forecast.
        targets: number of columns to forecast; they come first in the history.
        past: number of past covariates, which follow the targets.
        known: number of known covariates, including those of the calendar.
        outputs: for each step and column: one per quantile, or one.
        seasons: lengths in steps of the seasons that fit into the look-back.
        series: number of training series.
    """

    look_back: int
    horizon: int
    targets: int
    past: int
    known: int
    outputs: int
    seasons: tuple[int, ...]
    series: int


@dataclass(frozen=True, kw_only=True)
class SeriesRecord:
    """What is learned from the series, in the format of the saved file.

    Attributes:
        names: of the series; one empty name if there is only one series.
        targets: columns to forecast.
        past: covariates that are only known up to now.
        known: covariates known in advance.
        frequency: pandas' name of the time step.
        step_seconds: mean length of a step.
        seasons: lengths in steps, shortest first.
        mean: (series, targets and past columns), to subtract.
        deviation: (series, targets and past columns), to divide by.
        weights: (series,), of the loss weighted as in M4.
        known_mean: (known columns,)
        known_deviation: (known columns,)
    """

    names: list[str]
    targets: list[str]
    past: list[str]
    known: list[str]
    frequency: str
    step_seconds: float
    seasons: list[int]
    mean: list[list[float]]
    deviation: list[list[float]]
    # Older runs have no weights.
    weights: list[float] | None = None
    known_mean: list[float]
    known_deviation: list[float]


class ForecastingPreprocessing(Preprocessing):
    """Scales windows, and forecasts back to the user's units, by mean and deviation of the training split.

    A series that was not trained on is scaled by its own window.

    Attributes:
        settings: `data` and `model` are used.
        record: everything learned.
        labels: names of the target columns.
        several: whether there are several, named series.
        mean: (series + 1, columns) float32; the last row is for unknown series.
        deviation: likewise.
        known_mean: (known columns,) float32.
        known_deviation: likewise.
        table: name of a series -> its index.
    """

    def __init__(self, settings: ForecastingSettings, record: SeriesRecord) -> None:
        super().__init__(name="forecasting_preprocessing")
        self.settings = settings
        # A dataclass, because a tf.Module would wrap a dictionary, which JSON could not write.
        self.record = record
        self.labels = record.targets
        self.several = record.names != [""]
        self.mean = _table(record.mean, 0.0)
        self.deviation = _table(record.deviation, 1.0)
        self.known_mean = tf.constant(record.known_mean, tf.float32)
        self.known_deviation = tf.constant(record.known_deviation, tf.float32)
        unknown = len(record.names)
        self.table = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(tf.constant(record.names), tf.range(unknown, dtype=tf.int32)),
            default_value=unknown,
        )

    @classmethod
    def learn(cls, settings: ForecastingSettings, source: SeriesSource) -> "ForecastingPreprocessing":
        """Use the source's statistics of the training split."""
        statistics, columns = source.statistics, source.data.columns
        mean, deviation = statistics.mean, statistics.deviation
        if settings.model.kind == "es_rnn":
            check_ratios(source.name, source.data)
            # Smoothing works with ratios: divide by the mean, and subtract nothing.
            mean, deviation = np.zeros_like(mean), mean
        record = SeriesRecord(
            names=statistics.names,
            targets=list(columns.targets),
            past=list(columns.past),
            known=list(columns.known),
            frequency=source.data.frequency,
            step_seconds=source.step_seconds,
            seasons=list(source.seasons),
            mean=mean.tolist(),
            deviation=deviation.tolist(),
            weights=_weights(deviation[:, : len(columns.targets)], statistics.naive_error),
            known_mean=statistics.known_mean.tolist(),
            known_deviation=statistics.known_deviation.tolist(),
        )
        return cls(settings, record)

    def complete(self, settings: ForecastingSettings) -> ForecastingSettings:
        """Set the time step, so that tables with another one are rejected, and the seasons."""
        learned = {"data.frequency": self.record.frequency, "data.seasons": self.record.seasons}
        return override_settings(settings, learned)

    @property
    def shape(self) -> WindowShape:
        """Sizes of the model's inputs and outputs."""
        data = self.settings.data
        return WindowShape(
            look_back=data.look_back,
            horizon=data.horizon,
            targets=len(self.labels),
            past=len(self.record.past),
            known=len(self.record.known) * self.uses_known + 2 * len(self._periods),
            outputs=max(1, len(self.settings.model.levels)),
            seasons=tuple(season for season in self.record.seasons if 1 < season <= data.look_back),
            series=len(self.record.names),
        )

    @property
    def _reads_calendar(self) -> bool:
        return self.settings.model.reads_steps and self.settings.model.calendar

    @property
    def _periods(self) -> list[float]:
        """Lengths in seconds of the calendar's cycles that are used as inputs."""
        return calendar_cycles(self.record.step_seconds) if self._reads_calendar else []

    @property
    def uses_known(self) -> bool:
        """Whether the user has to provide known columns."""
        return self.settings.model.reads_steps and bool(self.record.known)

    @property
    def uses_time(self) -> bool:
        """Whether the calendar is an input."""
        return bool(self._periods)

    @property
    def by_series(self) -> bool:
        """Whether the model has parameters per series."""
        return self.settings.model.kind == "es_rnn"

    def inputs(self, raw: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Convert raw windows to the model's inputs, float32.

        Args:
            raw: history (batch, look-back, columns); if they are used, known (batch, look-back + horizon,
                known columns), time (batch,) int64, seconds since 1970 of the last step of the history, and
                series (batch,) names.

        Returns:
            history, scaled; known (batch, look-back + horizon, known and calendar columns), if any; series
            (batch,) indices, for a model with parameters per series.
        """
        mean, deviation = self._scale(raw)
        inputs = {"history": (raw["history"] - mean) / deviation}
        if self.by_series:
            inputs["series"] = self._number(raw)
        known = []
        if self.uses_known:
            known.append((raw["known"] - self.known_mean) / self.known_deviation)
        if self._periods:
            known.append(self._calendar(raw["time"]))
        if known:
            inputs["known"] = tf.concat(known, axis=-1)
        return inputs

    def example(self, raw: dict[str, tf.Tensor]) -> tuple[Any, ...]:
        """Convert raw windows to inputs and targets of the model, and weights if the loss is weighted.

        Targets are scaled, (batch, horizon, targets, 1); weights (batch, 1, 1).
        """
        mean, deviation = self._scale(raw)
        targets = len(self.labels)
        future = (raw["future"] - mean[..., :targets]) / deviation[..., :targets]
        example = self.inputs(raw), future[..., tf.newaxis]
        if self.settings.model.weighting == "none":
            return example
        weight = tf.gather(tf.constant(self.record.weights, tf.float32), self._number(raw))
        return (*example, weight[:, tf.newaxis, tf.newaxis])

    def unscaled(self, raw: dict[str, tf.Tensor], outputs: tf.Tensor) -> tf.Tensor:
        """Convert outputs of the model (batch, horizon, targets, outputs) to the user's units."""
        mean, deviation = self._scale(raw)
        targets = len(self.labels)
        return outputs * deviation[..., :targets, tf.newaxis] + mean[..., :targets, tf.newaxis]

    def _scale(self, raw: dict[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        """Return mean and deviation, each (batch or 1, 1, columns)."""
        if not self.several:
            return self.mean[tf.newaxis, :1], self.deviation[tf.newaxis, :1]
        number = self._number(raw)
        mean, variance = tf.nn.moments(raw["history"], axes=[1], keepdims=True)
        own = tf.maximum(tf.sqrt(variance), SMALLEST_DEVIATION * (1 + tf.abs(mean)))
        if self.by_series:
            mean, own = tf.zeros_like(mean), mean
        is_known = (number < len(self.record.names))[:, tf.newaxis, tf.newaxis]
        return (
            tf.where(is_known, tf.gather(self.mean, number)[:, tf.newaxis], mean),
            tf.where(is_known, tf.gather(self.deviation, number)[:, tf.newaxis], own),
        )

    def _number(self, raw: dict[str, tf.Tensor]) -> tf.Tensor:
        """Return the index of each window's series, (batch,) int32; one more than the last if unknown."""
        if not self.several:
            return tf.zeros_like(raw["history"][:, 0, 0], tf.int32)
        return self.table.lookup(raw["series"])

    def _calendar(self, time: tf.Tensor) -> tf.Tensor:
        """Encode times (batch,) as sine and cosine of cycles: (batch, look-back + horizon, 2 * cycles)."""
        data = self.settings.data
        steps = tf.range(1 - data.look_back, data.horizon + 1, dtype=tf.float64)
        seconds = tf.cast(time, tf.float64)[:, tf.newaxis] + steps * self.record.step_seconds
        # 1970 started on a Thursday; weeks are counted from the Monday before.
        seconds = seconds[..., tf.newaxis] + 3 * DAY
        phases = tf.math.floormod(seconds / tf.constant(self._periods, tf.float64), 1.0)
        angles = tf.cast(2 * math.pi * phases, tf.float32)  # (batch, time, cycles)
        return tf.concat([tf.sin(angles), tf.cos(angles)], axis=-1)

    def save(self, directory: Path) -> None:
        """Save what was learned."""
        write_json(directory / FILE, asdict(self.record))

    @classmethod
    def load(cls, settings: ForecastingSettings, directory: Path) -> "ForecastingPreprocessing":
        """Load what `save` wrote.

        Raises:
            UserError: if the file is missing or damaged.
        """
        names = [field.name for field in fields(SeriesRecord)]
        required = [field.name for field in fields(SeriesRecord) if field.default is MISSING]
        values = read_record(directory / FILE, *required)
        record = SeriesRecord(**{name: values[name] for name in names if name in values})
        if np.shape(record.mean) != np.shape(record.deviation) or not record.names:
            raise UserError(f"{directory / FILE} is damaged: its scales do not fit; train the run again.")
        return cls(settings, record)


def _weights(deviation: np.ndarray, naive_error: np.ndarray) -> list[float]:
    """Compute the series' weights in M4's OWA, with mean 1, for errors scaled by these deviations.

    MASE divides errors by the naive error of their series, sMAPE by the size of the values.
    """
    by_naive_error = (deviation / naive_error).mean(axis=1)
    return ((1 + by_naive_error / by_naive_error.mean()) / 2).tolist()


def _table(rows: list[list[float]], unknown: float) -> tf.Tensor:
    """Append a row for unknown series: (series + 1, columns) float32."""
    numbers = np.array(rows, np.float32)
    return tf.constant(np.concatenate([numbers, np.full((1, numbers.shape[1]), unknown, np.float32)]))


def raw_windows(examples: list[Example]) -> dict[str, tf.Tensor]:
    """Convert raw examples to the named tensors for `ForecastingPreprocessing.inputs`."""
    first = examples[0]
    raw = {"history": _stacked(examples, "history")}
    if "known" in first:
        raw["known"] = _stacked(examples, "known")
    if "clock" in first:
        raw["time"] = tf.constant([example["clock"] for example in examples], tf.int64)
    if first["series"]:
        raw["series"] = tf.constant([example["series"] for example in examples], tf.string)
    return raw


def _stacked(examples: list[Example], name: str) -> tf.Tensor:
    return tf.constant(np.stack([np.asarray(example[name], np.float32) for example in examples]))
