"""Tables with a time column, read as series on a regular grid of times.

Errors are one line with file and line. Missing steps and cells are only filled on request.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from common.data.bad_rows import BadRow
from common.data.tables.rows import read_rows
from common.errors import UserError
from tasks.forecasting.times import checked_frequency, parse_times

WORDS = {"true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0}
# Empty cells, and the missing values of pandas and R.
MISSING = {"", "na", "n/a", "#n/a", "nan", "null", "none"}


@dataclass(frozen=True)
class Columns:
    """Names of the columns of a table, by role.

    Attributes:
        time: of each row.
        targets: columns to forecast.
        past: covariates that are only known up to now.
        known: covariates known in advance.
        identifier: column with the name of a row's series; None if the table is one series.
    """

    time: str
    targets: tuple[str, ...]
    past: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    identifier: str | None = None

    @property
    def all(self) -> list[str]:
        """All columns, without duplicates."""
        names = [self.identifier] if self.identifier else []
        return list(dict.fromkeys([*names, self.time, *self.targets, *self.past, *self.known]))


@dataclass(frozen=True)
class Series:
    """One series on a regular grid.

    Attributes:
        name: of the series; empty if there is only one.
        times: (time,), local times as in the file.
        values: (time, targets and past columns) float64.
        known: (time, known columns) float64; longer than `values` if the future is given.
        zone: time zone as written in the file after each time, or empty.
    """

    name: str
    times: pd.DatetimeIndex
    values: np.ndarray
    known: np.ndarray
    zone: str = ""

    def __len__(self) -> int:
        return len(self.values)

    @property
    def title(self) -> str:
        """Name of the series in messages."""
        return f"the series {self.name!r}" if self.name else "the series"


@dataclass(frozen=True)
class SeriesSet:
    """Series with the same columns and the same time step.

    Attributes:
        series: in the order of the file.
        columns: of the table that they were read from.
        frequency: pandas' name of the time step.
        report: counts of what was filled or left out, by name.
    """

    series: list[Series]
    columns: Columns
    frequency: str
    report: dict[str, int] = field(default_factory=dict)


def check_same_columns(trained: Columns, given: Columns) -> None:
    """Check that a table has as many columns of each role as the training data.

    Raises:
        UserError: it does not.
    """
    for name, variable in (("targets", "DATA_TARGET"), ("past", "DATA_PAST"), ("known", "DATA_KNOWN")):
        before, now = getattr(trained, name), getattr(given, name)
        if len(before) != len(now):
            raise UserError(
                f"{variable} names {len(now)} columns, but the model was trained on {len(before)} "
                f"({', '.join(before) or 'none'}): name equally many, in the same order."
            )
    if trained.identifier and not given.identifier:
        raise UserError(
            "The model was trained on several series: name the column with their names as DATA_ID."
        )
    if given.identifier and not trained.identifier:
        raise UserError(
            f"DATA_ID={given.identifier} is for several series, but the model was trained on one: give a "
            "table of one series."
        )


def check_ratios(name: str, data: SeriesSet, steps: int | None = None) -> None:
    """Check that series are valid for es_rnn: they have one column, with positive values.

    Args:
        name: of the data set or the file.
        data: the series.
        steps: number of steps to check, at the end of each series; None for all.

    Raises:
        UserError: they are not.
    """
    if len(data.columns.targets) > 1:
        raise UserError(
            f"{name}: model.kind=es_rnn forecasts one column, not {len(data.columns.targets)}: name one as "
            "data.target_columns, or give the table in long format."
        )
    for series in data.series:
        first = 0 if steps is None else max(0, len(series) - steps)
        low = np.flatnonzero(series.values[first:, 0] <= 0)
        if len(low):
            raise UserError(
                f"{name}: {series.title} is not positive at {series.times[first + low[0]]}: "
                "model.kind=es_rnn needs positive values; remove the series, or use another kind."
            )


def read_series(
    path: Path | str,
    columns: Columns,
    frequency: str | None = None,
    fill: str = "none",
    skip_bad_rows: bool = False,
    with_future: bool = False,
) -> SeriesSet:
    """Read a table in wide format or, with an identifier, in long format.

    Args:
        path: CSV, TSV or JSON Lines.
        columns: of the table.
        frequency: pandas' name of the time step; None to infer it.
        fill: how to fill missing steps and cells: none, previous, interpolate or zero; if not none, the last
            of several rows with the same time is used.
        skip_bad_rows: whether to skip and count rows of the wrong shape instead of stopping at the first.
        with_future: whether targets and past columns may be missing at the end, because they are in the
            future.

    Raises:
        UserError: the table cannot be read, or a series is not regular; the message names file and line.
    """
    skipped: list[BadRow] = []
    rows = list(read_rows(path, columns.all, skipped.append if skip_bad_rows else None))
    if not rows:
        raise UserError(f"{path} has no valid rows: give at least a look-back and a horizon.")
    origins = [row.origin for row in rows]
    table = pd.DataFrame({name: [row.values[name] for row in rows] for name in columns.all})
    times, zone = parse_times(table[columns.time], origins)
    numbers = {
        name: parse_numbers(table[name], name, origins)
        for name in dict.fromkeys((*columns.targets, *columns.past, *columns.known))
    }
    names = table[columns.identifier].str.strip() if columns.identifier else pd.Series([""] * len(table))
    frame = pd.DataFrame({**numbers, "": times, "\0origin": origins}).rename(columns={"": "\0time"})
    report = {"rows_skipped": len(skipped), "steps_filled": 0, "doubles_dropped": 0}
    groups = frame.groupby(names, sort=False)
    grids = {name: _on_grid(part, frequency, fill, report) for name, part in groups}
    frequencies = {grid.frequency for grid in grids.values()}
    if len(frequencies) > 1:
        raise UserError(
            f"{path}: the series have different time steps ({', '.join(sorted(frequencies))}): give them in "
            "separate files, or set data.frequency."
        )
    series = [
        _series(str(name), grid, columns, zone, fill, report, with_future) for name, grid in grids.items()
    ]
    report = {name: count for name, count in report.items() if count}
    return SeriesSet(series, columns, frequencies.pop(), report)


def parse_numbers(texts: pd.Series, name: str, origins: Sequence[str]) -> np.ndarray:
    """Parse the numbers of a column; TRUE is 1, FALSE is 0, an empty cell is NaN.

    Raises:
        UserError: a cell is not a number, or is infinite.
    """
    lowered = texts.str.strip().str.lower()
    numbers = pd.to_numeric(lowered.replace(WORDS), errors="coerce").to_numpy(np.float64)
    infinite = np.isinf(numbers)
    invalid = np.flatnonzero((np.isnan(numbers) & ~lowered.isin(MISSING).to_numpy()) | infinite)
    if len(invalid):
        what = "is infinite" if infinite[invalid[0]] else "is not a number"
        raise UserError(
            f"{origins[invalid[0]]}: {texts.iloc[invalid[0]]!r} in the column {name!r} {what}: correct it, "
            "or leave the cell empty and set data.fill."
        )
    return numbers


@dataclass(frozen=True)
class _Grid:
    frequency: str
    times: pd.DatetimeIndex
    frame: pd.DataFrame


def _on_grid(part: pd.DataFrame, frequency: str | None, fill: str, report: dict[str, int]) -> _Grid:
    """Put the rows of one series on its grid, with empty rows for missing steps."""
    times = pd.DatetimeIndex(part["\0time"])
    origins = part["\0origin"].to_list()
    steps = np.diff(times.asi8)
    back = np.flatnonzero(steps < 0)
    if len(back):
        raise UserError(
            f"{origins[back[0] + 1]}: the time {times[back[0] + 1]} comes after {times[back[0]]}: times are "
            "out of order; sort the rows by time, or name the column with the series' names as DATA_ID."
        )
    double = np.flatnonzero(steps == 0)
    if len(double):
        if fill == "none":
            raise UserError(
                f"{origins[double[0] + 1]}: the time {times[double[0]]} occurs twice"
                f"{_and_more(len(double))}: remove one of the rows, name the column with the series' names "
                "as DATA_ID, or set data.fill to keep the last."
            )
        report["doubles_dropped"] += len(double)
        last = ~times.duplicated(keep="last")
        part, times = part[last], times[last]
        origins = [origin for origin, is_last in zip(origins, last, strict=True) if is_last]
    frequency = checked_frequency(times, frequency, origins)
    grid = pd.date_range(times[0], times[-1], freq=frequency, unit="s")
    outside = np.flatnonzero(~times.isin(grid))
    if len(outside):
        raise UserError(
            f"{origins[outside[0]]}: the time {times[outside[0]]} does not fit a time step of {frequency}: "
            "correct it, or set data.frequency."
        )
    missing = grid.difference(times)
    if len(missing):
        if fill == "none":
            before = int(np.searchsorted(times.asi8, missing.asi8[0])) - 1
            raise UserError(
                f"{origins[before]}: the step {missing[0]} is missing after this line"
                f"{_and_more(len(missing))}: add it, or set data.fill to previous, interpolate or zero."
            )
        report["steps_filled"] += len(missing)
    return _Grid(frequency, grid, part.set_index("\0time").reindex(grid))


def _and_more(count: int) -> str:
    return f" (and {count - 1:,} more)" if count > 1 else ""


def _series(
    name: str,
    grid: _Grid,
    columns: Columns,
    zone: str,
    fill: str,
    report: dict[str, int],
    with_future: bool,
) -> Series:
    """Separate the columns of one series, and fill their empty cells."""
    valued = [*columns.targets, *columns.past]
    values = grid.frame[valued].to_numpy(np.float64)
    end = len(values)
    if with_future:
        filled_rows = np.flatnonzero(~np.isnan(values[:, : len(columns.targets)]).all(axis=1))
        end = int(filled_rows[-1]) + 1 if len(filled_rows) else 0
    known = grid.frame[list(columns.known)].to_numpy(np.float64)
    where = _Where(grid, [*valued, *columns.known])
    filled = _filled(values[:end], fill, report, where, 0)
    known = _filled(known, fill, report, where, len(valued))
    return Series(name, grid.times, filled, known, zone)


@dataclass(frozen=True)
class _Where:
    """Function from a cell to its line and column, for messages."""

    grid: _Grid
    names: list[str]

    def __call__(self, row: int, column: int) -> tuple[str, str]:
        origin = self.grid.frame["\0origin"].iloc[row]
        return (origin if isinstance(origin, str) else str(self.grid.times[row])), self.names[column]


def _filled(
    values: np.ndarray,
    fill: str,
    report: dict[str, int],
    where: Callable[[int, int], tuple[str, str]],
    offset: int,
) -> np.ndarray:
    rows, cells = np.nonzero(np.isnan(values))
    if not len(rows):
        return values
    if fill == "none":
        origin, name = where(int(rows[0]), int(cells[0]) + offset)
        raise UserError(
            f"{origin}: the column {name!r} is empty{_and_more(len(rows))}: fill it in, or set data.fill to "
            "previous, interpolate or zero."
        )
    report["cells_filled"] = report.get("cells_filled", 0) + len(rows)
    frame = pd.DataFrame(values)
    if fill == "zero":
        return frame.fillna(0.0).to_numpy()
    frame = frame.ffill() if fill == "previous" else frame.interpolate(limit_direction="both")
    if frame.isna().to_numpy().any():
        row, cell = (int(index[0]) for index in np.nonzero(frame.isna().to_numpy()))
        origin, name = where(row, cell + offset)
        raise UserError(
            f"{origin}: the first cells of the column {name!r} are empty, so there is no previous value: "
            "fill them in, or set data.fill=zero."
        )
    return frame.to_numpy()
