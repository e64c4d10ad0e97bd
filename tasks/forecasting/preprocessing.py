"""How windows become model inputs, and answers the user's units: scales learned from the training part."""

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
# A window that hardly moves is not blown up by more than this.
SMALLEST_DEVIATION = 1e-6


@dataclass(frozen=True)
class WindowShape:
    """Sizes of what a model reads and writes.

    Attributes:
        look_back: steps that are read.
        horizon: steps that are forecast.
        targets: columns that are forecast; they come first in the history.
        past: columns after them, known up to now only.
        known: columns known ahead, those of the calendar among them.
        outputs: numbers for each step of each column: one a quantile, or one.
        seasons: steps after which a series repeats itself, of those that fit into the look-back.
        series: number of series that were trained on.
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
    """What was learned of the series, as it is written; numbers by series have one row each.

    Attributes:
        names: of the series; one empty name if there is one series.
        targets: columns that are forecast.
        past: columns known up to now only.
        known: columns known ahead.
        frequency: pandas' name of the time step.
        step_seconds: mean length of a step.
        seasons: steps after which a series repeats itself, shortest first.
        mean: (series, targets and past columns), taken off.
        deviation: (series, targets and past columns), divided out.
        weights: (series,) in a loss that counts series as M4 does.
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
    # Runs from before there were weights have none.
    weights: list[float] | None = None
    known_mean: list[float]
    known_deviation: list[float]


class ForecastingPreprocessing(Preprocessing):
    """Windows in the user's units to scaled ones and back, by the mean and deviation of the training part.

    A series that was not trained on is scaled by its own window.

    Attributes:
        settings: `data` and `model` are used.
        record: all that was learned.
        labels: names of the target columns.
        several: whether there are several series, which have names.
        mean: (series + 1, columns) float32; the last row is of a series that is not known.
        deviation: the same.
        known_mean: (known columns,) float32.
        known_deviation: the same.
        table: name of a series -> its number.
    """

    def __init__(self, settings: ForecastingSettings, record: SeriesRecord) -> None:
        super().__init__(name="forecasting_preprocessing")
        self.settings = settings
        # A dataclass and no dictionary: a module would wrap that, and JSON would not write it.
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
        """Take over what the source measured on the training parts."""
        statistics, columns = source.statistics, source.data.columns
        mean, deviation = statistics.mean, statistics.deviation
        if settings.model.kind == "es_rnn":
            check_ratios(source.name, source.data)
            # Ratios are what is smoothed: sizes are divided out, and nothing is taken off.
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
        """Name the time step, so that a table with another one is not answered; and the seasons."""
        learned = {"data.frequency": self.record.frequency, "data.seasons": self.record.seasons}
        return override_settings(settings, learned)

    @property
    def shape(self) -> WindowShape:
        """Sizes of what the model reads and writes."""
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
        """Lengths in seconds of the cycles of the calendar that are read."""
        return calendar_cycles(self.record.step_seconds) if self._reads_calendar else []

    @property
    def uses_known(self) -> bool:
        """Whether there are known columns that the user has to give."""
        return self.settings.model.reads_steps and bool(self.record.known)

    @property
    def uses_time(self) -> bool:
        """Whether the calendar is read."""
        return bool(self._periods)

    @property
    def by_series(self) -> bool:
        """Whether the model has parameters of each series."""
        return self.settings.model.kind == "es_rnn"

    def inputs(self, raw: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Raw windows to what the model reads, float32.

        Args:
            raw: history (batch, look-back, columns); where they are used, known (batch, look-back + horizon,
                known columns), time (batch,) int64, seconds since 1970 of the last step that is read, and
                series (batch,) names.

        Returns:
            history, scaled; known (batch, look-back + horizon, known and calendar columns), if there are any;
            series (batch,) numbers, for a model with parameters of each series.
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
        """Raw windows to inputs and targets of the model, and weights if the series have them.

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
        """Outputs of the model (batch, horizon, targets, outputs) in the user's units."""
        mean, deviation = self._scale(raw)
        targets = len(self.labels)
        return outputs * deviation[..., :targets, tf.newaxis] + mean[..., :targets, tf.newaxis]

    def _scale(self, raw: dict[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        """Mean and deviation, each (batch or 1, 1, columns)."""
        if not self.several:
            return self.mean[tf.newaxis, :1], self.deviation[tf.newaxis, :1]
        number = self._number(raw)
        mean, variance = tf.nn.moments(raw["history"], axes=[1], keepdims=True)
        own = tf.maximum(tf.sqrt(variance), SMALLEST_DEVIATION * (1 + tf.abs(mean)))
        if self.by_series:
            mean, own = tf.zeros_like(mean), mean
        trained_on = (number < len(self.record.names))[:, tf.newaxis, tf.newaxis]
        return (
            tf.where(trained_on, tf.gather(self.mean, number)[:, tf.newaxis], mean),
            tf.where(trained_on, tf.gather(self.deviation, number)[:, tf.newaxis], own),
        )

    def _number(self, raw: dict[str, tf.Tensor]) -> tf.Tensor:
        """Number of each window's series, (batch,) int32; one after the last if it is not known."""
        if not self.several:
            return tf.zeros_like(raw["history"][:, 0, 0], tf.int32)
        return self.table.lookup(raw["series"])

    def _calendar(self, time: tf.Tensor) -> tf.Tensor:
        """Position in each cycle, sine and cosine: (batch,) to (batch, look-back + horizon, 2 * cycles)."""
        data = self.settings.data
        steps = tf.range(1 - data.look_back, data.horizon + 1, dtype=tf.float64)
        seconds = tf.cast(time, tf.float64)[:, tf.newaxis] + steps * self.record.step_seconds
        # 1970 began on a Thursday: weeks are counted from the Monday before.
        seconds = seconds[..., tf.newaxis] + 3 * DAY
        phases = tf.math.floormod(seconds / tf.constant(self._periods, tf.float64), 1.0)
        angles = tf.cast(2 * math.pi * phases, tf.float32)  # (batch, time, cycles)
        return tf.concat([tf.sin(angles), tf.cos(angles)], axis=-1)

    def save(self, directory: Path) -> None:
        """Write what was learned."""
        write_json(directory / FILE, asdict(self.record))

    @classmethod
    def load(cls, settings: ForecastingSettings, directory: Path) -> "ForecastingPreprocessing":
        """Read what `save` wrote.

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
    """Weights of the series in M4's OWA, with mean 1, of errors that are divided by these deviations.

    MASE divides an error by the naive error of its series, sMAPE by its size.
    """
    by_naive_error = (deviation / naive_error).mean(axis=1)
    return ((1 + by_naive_error / by_naive_error.mean()) / 2).tolist()


def _table(rows: list[list[float]], unknown: float) -> tf.Tensor:
    """(series + 1, columns) float32."""
    numbers = np.array(rows, np.float32)
    return tf.constant(np.concatenate([numbers, np.full((1, numbers.shape[1]), unknown, np.float32)]))


def raw_windows(examples: list[Example]) -> dict[str, tf.Tensor]:
    """Raw examples as the named tensors that `ForecastingPreprocessing.inputs` takes."""
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
