"""Splits of series by time: training, validation and test, one after the other.

The targets of a window are all in one split; its look-back may extend into the previous split.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from common.data.information import SourceInformation
from common.errors import UserError
from tasks.forecasting.config import ForecastingSettings
from tasks.forecasting.series import Series, SeriesSet

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Borders:
    """Start and end of each split of a series, in steps.

    Attributes:
        train_start: first step of the training split.
        train_end: first step of the validation split.
        validation_end: first step of the test split.
        end: first step after the test split.
        first: first measured step; a short series is padded before it.
    """

    train_start: int
    train_end: int
    validation_end: int
    end: int
    first: int = 0

    def part(self, split: str) -> tuple[int, int]:
        """Return the first step of a split, and the first one after it."""
        starts = (self.train_start, self.train_end, self.validation_end, self.end)
        number = SPLITS.index(split)
        return starts[number], starts[number + 1]

    def test_steps(self, horizon: int, stride: int) -> np.ndarray:
        """Return the first target steps of the test windows: (windows,)."""
        return np.arange(self.validation_end, self.end - horizon + 1, stride)


@dataclass(frozen=True)
class CutSeries:
    """The series of a data set, and their splits.

    Attributes:
        information: licence, citation and so on.
        data: the series.
        borders: of each series.
        digests: of the files that were read, by name.
        naive2: function from the index of a series to Naive2's forecast of its test split, (horizon, 1), the
            reference of OWA; None if not available.
    """

    information: SourceInformation
    data: SeriesSet
    borders: list[Borders]
    digests: Mapping[str, str] = field(default_factory=dict)
    naive2: Callable[[int], np.ndarray] | None = None


def cut_by_shares(series: Series, settings: ForecastingSettings) -> Borders:
    """Use the last steps for test and those before for validation; each has at least one horizon.

    Raises:
        UserError: the series is too short.
    """
    data, length = settings.data, len(series)
    needed = data.look_back + data.horizon
    test = max(data.horizon, round(data.test_fraction * length))
    validation = max(data.horizon, round(data.validation_fraction * length))
    train_end = length - test - validation
    if train_end < needed:
        raise UserError(
            f"{data.file or data.dataset}: {series.title} has {length:,} steps: {max(0, train_end):,} are "
            f"left for training after validation and test, but a look-back of {data.look_back:,} and a "
            f"horizon of {data.horizon:,} need {needed:,}: set a smaller data.look_back or data.horizon, or "
            "give more steps."
        )
    start = round((1 - data.training_share) * train_end)
    return Borders(min(start, train_end - needed), train_end, length - test, length)
