"""Windows of series: a look-back, which is the input, and a horizon, which is forecast."""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from common.data.batching import LengthBuckets, counted
from common.data.source import ExampleSource
from common.errors import UserError
from tasks.forecasting.borders import SPLITS, CutSeries
from tasks.forecasting.config import ForecastingSettings
from tasks.forecasting.metrics import seasonal_naive_error
from tasks.forecasting.series import Series
from tasks.forecasting.times import calendar_cycles, seasons_of, step_seconds


def known_ahead(settings: ForecastingSettings, series: Series, step: int, frequency: str) -> dict[str, Any]:
    """Return the inputs of a window that are known in advance.

    Args:
        settings: of the run.
        series: of the window.
        step: first target step of the window.
        frequency: pandas' name of the time step.

    Returns:
        known: (look-back + horizon, known columns), fewer if the series ends earlier; clock: seconds since
        1970 of the last step of the look-back; each only if it is used.
    """
    data, features = settings.data, {}
    if settings.model.reads_steps and series.known.shape[1]:
        features["known"] = series.known[step - data.look_back : step + data.horizon].astype(np.float32)
    if settings.model.reads_steps and settings.model.calendar and calendar_cycles(step_seconds(frequency)):
        features["clock"] = int(series.times.asi8[step - 1])
    return features


@dataclass(frozen=True)
class Statistics:
    """Statistics of the training split, with one row per series.

    Attributes:
        names: of the series.
        mean: (series, columns) of targets and past columns.
        deviation: (series, columns), standard deviation.
        known_mean: (known columns,) over all series.
        known_deviation: (known columns,).
        naive_error: (series, targets), mean absolute error of the seasonal naive forecast one season ahead,
            on all steps before the test split: the scale of MASE.
    """

    names: list[str]
    mean: np.ndarray
    deviation: np.ndarray
    known_mean: np.ndarray
    known_deviation: np.ndarray
    naive_error: np.ndarray


class SeriesSource(ExampleSource):
    """Series whose windows are the examples.

    Attributes:
        cut: the series and their splits.
        data: the series.
        borders: of each series.
        settings: of the run.
        seasons: lengths in steps, shortest first.
        statistics: of the training split.
    """

    def __init__(
        self, cut: CutSeries, settings: ForecastingSettings, splits: tuple[str, ...] = SPLITS
    ) -> None:
        """Create the source.

        Args:
            cut: the series and their splits.
            settings: look-back, horizon and strides.
            splits: to create.

        Raises:
            UserError: a split has no window, or a series is constant.
        """
        self.cut = cut
        self.name = cut.information.name
        self.information = cut.information
        self.data = cut.data
        self.borders = cut.borders
        self.settings = settings
        self.seasons = settings.data.seasons or seasons_of(cut.data.frequency)
        self.report = dict(cut.data.report)
        self.statistics = self._measure(" in the training part" if "train" in splits else "")
        self.counts = {split: len(self.windows(split)) for split in splits}
        for split, count in self.counts.items():
            if not count:
                raise UserError(
                    f"{self.name}: no window with a look-back of {settings.data.look_back:,} and a horizon "
                    f"of {settings.data.horizon:,} steps fits into the {split} split: set a smaller "
                    "data.look_back or data.horizon."
                )
        options = settings.data.model_dump(mode="json") | {"evaluation_stride": settings.evaluation.stride}
        identity = json.dumps([self.name, dict(cut.digests), options], sort_keys=True)
        self.fingerprint = hashlib.sha256(identity.encode()).hexdigest()[:32]

    @property
    def targets(self) -> int:
        """Number of columns to forecast."""
        return len(self.data.columns.targets)

    @property
    def step_seconds(self) -> float:
        """Mean length of a time step, in seconds."""
        return step_seconds(self.data.frequency)

    def check_refits(self) -> None:
        """Raise a UserError if there are fewer test windows than refits."""
        evaluation, horizon = self.settings.evaluation, self.settings.data.horizon
        limit = max(len(border.test_steps(horizon, evaluation.stride)) for border in self.borders)
        if evaluation.refits > limit:
            raise UserError(
                f"{self.name}: evaluation.refits={evaluation.refits}, but no series has more than {limit:,} "
                "test windows: set fewer, or a smaller evaluation.stride or data.horizon."
            )

    def windows(self, split: str) -> np.ndarray:
        """Return series index and first target step of each window of a split: (windows, 2)."""
        stride = self.settings.evaluation.stride if split == "test" else self.settings.data.stride
        look_back, horizon = self.settings.data.look_back, self.settings.data.horizon
        windows = []
        for number, border in enumerate(self.borders):
            start, end = border.part(split)
            first = start + look_back if split == "train" else max(start, look_back)
            steps = np.arange(first, end - horizon + 1, stride)
            windows.append(np.stack([np.full_like(steps, number), steps], axis=1))
        return np.concatenate(windows)

    def examples(self, split: str) -> Iterator[dict[str, Any]]:
        """Yield the windows of a split.

        Yields:
            series: name; step: index of the first target step; time: of the last step of the look-back;
            history: (look-back, targets and past columns); future: (horizon, targets), the truth; scale: (3,
            targets), mean, deviation and naive error; those of `known_ahead`; in the test split naive2:
            (horizon, targets), if available.
        """
        self.check_split(split)
        for number, step in self.windows(split):
            yield self.example(int(number), int(step), split == "test")

    def example(self, number: int, step: int, is_test: bool = False) -> dict[str, Any]:
        """Create the window with this index of the series and first target step."""
        look_back, horizon = self.settings.data.look_back, self.settings.data.horizon
        series, statistics, targets = self.data.series[number], self.statistics, self.targets
        scale = [statistics.mean[number, :targets], statistics.deviation[number, :targets]]
        example = {
            "series": series.name,
            "step": step,
            "time": str(series.times[step - 1]),
            "history": series.values[step - look_back : step].astype(np.float32),
            "future": series.values[step : step + horizon, :targets].astype(np.float32),
            "scale": np.stack([*scale, statistics.naive_error[number]]),
        }
        example |= known_ahead(self.settings, series, step, self.data.frequency)
        if is_test and self.cut.naive2 is not None:
            example["naive2"] = self.cut.naive2(number)
        return example

    def _measure(self, where: str) -> Statistics:
        columns = [*self.data.columns.targets, *self.data.columns.past]
        means, deviations, errors, known = [], [], [], []
        for series, border in zip(self.data.series, self.borders, strict=True):
            part = series.values[border.train_start : border.train_end]
            means.append(part.mean(axis=0))
            deviations.append(part.std(axis=0))
            known.append(series.known[border.train_start : border.train_end])
            before = series.values[border.first : border.validation_end or len(series), : self.targets]
            error = seasonal_naive_error(before, self.seasons[0])
            # A perfectly periodic series has no seasonal naive error; use the error of one step instead.
            errors.append(np.where(error > 0, error, seasonal_naive_error(before, 1)))
            for number in np.flatnonzero(
                deviations[-1][: self.targets] <= 1e-9 * np.abs(means[-1][: self.targets])
            ):
                raise UserError(
                    f"{self.name}: the column {columns[number]!r} of {series.title} is constant{where} "
                    f"({means[-1][number]:g}), so there is nothing to forecast; leave it out."
                )
        deviation = np.stack(deviations)
        all_known = np.concatenate(known)
        return Statistics(
            names=[series.name for series in self.data.series],
            mean=np.stack(means),
            deviation=np.where(deviation > 0, deviation, 1.0),
            known_mean=all_known.mean(axis=0),
            known_deviation=np.where(all_known.std(axis=0) > 0, all_known.std(axis=0), 1.0),
            naive_error=np.stack(errors),
        )


class WindowBatches:
    """Batches of windows of one split, created from the series on the fly.

    Attributes:
        lengths: (windows,), all equal to the look-back.
    """

    def __init__(
        self,
        source: SeriesSource,
        split: str,
        prepare: Callable[[dict[str, tf.Tensor]], tuple[Any, ...]],
    ) -> None:
        """Prepare the windows of a split.

        Args:
            source: of the series.
            split: name of the split.
            prepare: function from a batch of raw windows (series, time, history, known, future) to inputs,
                targets and optionally weights.
        """
        data = source.settings.data
        self.prepare = prepare
        self.look_back, self.horizon, self.targets = data.look_back, data.horizon, source.targets
        series = source.data.series
        # All series in one table, so that a batch is one tf.gather of rows.
        self.starts = np.concatenate([[0], np.cumsum([len(one) for one in series])])[:-1]
        self.values = tf.constant(np.concatenate([one.values for one in series]), tf.float32)
        known = [one.known[: len(one)] for one in series]
        self.known = tf.constant(np.concatenate(known), tf.float32)
        self.times = tf.constant(np.concatenate([one.times[: len(one)].asi8 for one in series]))
        self.names = tf.constant([one.name for one in series])
        self.windows = source.windows(split)
        self.lengths = np.full(len(self.windows), data.look_back)

    def training_batches(
        self, buckets: LengthBuckets, epoch: tf.Variable, seed: int, shuffle_buffer: int
    ) -> tf.data.Dataset:
        """Batches in a new order each epoch, which depends only on `seed` and `epoch`."""

        def one_epoch(_: tf.Tensor) -> tf.data.Dataset:
            order = tf.random.experimental.stateless_shuffle(
                tf.constant(self.windows), seed=tf.stack([tf.constant(seed, tf.int64), epoch.read_value()])
            )
            return self._batches(tf.data.Dataset.from_tensor_slices(order), buckets)

        return counted(tf.data.Dataset.from_tensors(0).flat_map(one_epoch), buckets)

    def scoring_batches(self, buckets: LengthBuckets) -> tf.data.Dataset:
        """Batches of every window, in order of time."""
        return counted(self._batches(tf.data.Dataset.from_tensor_slices(self.windows), buckets), buckets)

    def _batches(self, windows: tf.data.Dataset, buckets: LengthBuckets) -> tf.data.Dataset:
        return windows.batch(buckets.batch_sizes[0]).map(self._cut, num_parallel_calls=2)

    def _cut(self, windows: tf.Tensor) -> tuple[Any, ...]:
        """Create windows from their indices (batch, 2), and apply `prepare`."""
        first = tf.gather(tf.constant(self.starts), windows[:, 0]) + windows[:, 1]  # (batch,)
        rows = first[:, tf.newaxis] + tf.range(-self.look_back, self.horizon, dtype=tf.int64)
        values = tf.gather(self.values, rows)  # (batch, look-back + horizon, columns)
        return self.prepare(
            {
                "series": tf.gather(self.names, windows[:, 0]),
                "time": tf.gather(self.times, first - 1),
                "history": values[:, : self.look_back],
                "known": tf.gather(self.known, rows),
                "future": values[:, self.look_back :, : self.targets],
            }
        )
