"""Series: the data sets to choose from, and the user's own tables.

Nothing here imports TensorFlow.
"""

import csv
import gzip
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd

from common.data.data_set import DataSets, own_information
from common.data.information import SourceInformation, data_directory
from common.data.packages import PinnedPackage, fetch_package
from common.data.pins import TSDATA
from common.data.tables.rows import check_table
from common.errors import UserError
from common.files import file_digest
from tasks.forecasting.borders import Borders, CutSeries
from tasks.forecasting.config import ForecastingDataSettings, ForecastingSettings
from tasks.forecasting.metrics import naive2
from tasks.forecasting.series import Columns, Series, SeriesSet, read_series
from tasks.forecasting.series_data import OfficialFiles, SeriesData

ZHOU_2021 = "Zhou et al., Informer: Beyond efficient transformer for long sequence forecasting, AAAI 2021"
M4_2020 = "Makridakis et al., The M4 competition, International Journal of Forecasting 2020"
LAGO_2021 = (
    "Lago et al., Forecasting day-ahead electricity prices: A review of state-of-the-art algorithms, best "
    "practices and an open-access benchmark, Applied Energy 2021"
)
# The competition's files have no times.
M4_START = pd.Timestamp("2000-01-03")
TSIBBLEDATA = "https://tsibbledata.tidyverts.org"
FPPPY = "https://otexts.com/fpppy/"


class PackagedTable(SeriesData):
    """Base class for tables in a package.

    Attributes:
        package: that contains the table.
        file: path of the table in the package's data folder.
    """

    package: ClassVar[PinnedPackage] = TSDATA
    file: ClassVar[str]

    @classmethod
    def read(cls, settings: ForecastingSettings) -> CutSeries:
        """Read the table, fetching the package the first time."""
        path = fetch_package(cls.package, data_directory()) / "tsdata" / cls.file
        return cls.cut_table(path, settings, cls.information, {cls.package.name: cls.package.sha256})


def _packaged(
    name: str, description: str, homepage: str, citation: str = TSDATA.citation
) -> SourceInformation:
    return SourceInformation(
        name, description, TSDATA.licence, citation, homepage, download_bytes=TSDATA.download_bytes
    )


class VicElec(PackagedTable):
    """Electricity demand, with past and known covariates."""

    information = _packaged(
        "vic_elec",
        "Electricity demand of Victoria, Australia, every half-hour from 2012 to 2014, with temperature "
        "(only known up to now) and public holidays (known in advance).",
        TSIBBLEDATA,
    )
    file = "fpp3/vic_elec.csv"
    columns = Columns("Time", ("Demand",), ("Temperature",), ("Holiday",))


class AirPassengers(PackagedTable):
    """One short series, with a seasonal amplitude that grows with the level."""

    information = _packaged("air_passengers", "Airline passengers by month, 1949 to 1960.", FPPPY)
    file = "fpppy/AirPassengers.csv"
    columns = Columns("ds", ("y",))


class CanadianGas(PackagedTable):
    """One series, with a seasonal pattern that changes over time."""

    information = _packaged("canadian_gas", "Gas production of Canada by month, 1960 to 2005.", FPPPY)
    file = "fpppy/canadian_gas.csv"
    columns = Columns("ds", ("y",), identifier="unique_id")


class HouseSales(PackagedTable):
    """One series with a season and a cycle."""

    information = _packaged("house_sales", "Houses sold in the USA by month, 1973 to 1995.", FPPPY)
    file = "fpppy/hsales.csv"
    columns = Columns("ds", ("y",))


class AusRetail(PackagedTable):
    """Many similar series of different lengths."""

    information = _packaged(
        "aus_retail",
        "Retail turnover of Australia by month, state and industry, 1982 to 2018: 152 series.",
        TSIBBLEDATA,
    )
    file = "fpppy/aus_retail.csv"
    columns = Columns("Month", ("Turnover",), identifier="Series ID")


class ElectricityPrices(PackagedTable):
    """Two series, with two known covariates."""

    information = _packaged(
        "electricity_prices",
        "Day-ahead electricity prices of France and Belgium by hour, 2015 and 2016, with forecasts of "
        "generation and load (known in advance).",
        "https://github.com/jeslago/epftoolbox",
        LAGO_2021,
    )
    file = "fpppy/EPF_FR_BE.csv"
    columns = Columns("ds", ("y",), known=("gen_forecast", "system_load"), identifier="unique_id")


class Transformers(OfficialFiles):
    """Base class for the ETT tables.

    Attributes:
        file: name of the table.
        digest: of the table.
        month: number of rows in 30 days.
    """

    columns = Columns("date", ("HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL", "OT"))
    file: ClassVar[str]
    digest: ClassVar[str]
    month: ClassVar[int]

    @classmethod
    def read(cls, settings: ForecastingSettings) -> CutSeries:
        """Read the table and split it as in the papers: 12, 4 and 4 months of 30 days."""
        path = cls.official_file(f"ett/{cls.file}.csv", cls.digest)
        series = read_series(path, cls.columns_for(settings.data), fill=settings.data.fill)
        start = round((1 - settings.data.training_share) * 12 * cls.month)
        borders = Borders(start, 12 * cls.month, 16 * cls.month, 20 * cls.month)
        return CutSeries(cls.information, series, [borders], {cls.file: cls.digest})


def _transformer(file: str, step: str) -> SourceInformation:
    return SourceInformation(
        name=file.lower(),
        description=f"Loads and oil temperature of an electricity transformer, every {step}; 12, 4 and 4 "
        "months for training, validation and test, as in the papers; you place the file yourself.",
        licence="CC BY-ND 4.0",
        citation=ZHOU_2021,
        homepage="https://github.com/zhouhaoyi/ETDataset",
        manual_files=(f"ett/{file}.csv or ett/{file}.csv.gz",),
    )


class EttH1(Transformers):
    """The first transformer, hourly."""

    file = "ETTh1"
    digest = "f18de3ad269cef59bb07b5438d79bb3042d3be49bdeecf01c1cd6d29695ee066"
    month = 720
    information = _transformer(file, "hour")


class EttH2(Transformers):
    """The second transformer, hourly."""

    file = "ETTh2"
    digest = "a3dc2c597b9218c7ce1cd55eb77b283fd459a1d09d753063f944967dd6b9218b"
    month = 720
    information = _transformer(file, "hour")


class EttM1(Transformers):
    """The first transformer, every quarter of an hour."""

    file = "ETTm1"
    digest = "6ce1759b1a18e3328421d5d75fadcb316c449fcd7cec32820c8dafda71986c9e"
    month = 2_880
    information = _transformer(file, "quarter of an hour")


class EttM2(Transformers):
    """The second transformer, every quarter of an hour."""

    file = "ETTm2"
    digest = "db973ca252c6410a30d0469b13d696cf919648d0f3fd588c60f03fdbdbadd1fd"
    month = 2_880
    information = _transformer(file, "quarter of an hour")


class Competition(OfficialFiles):
    """Base class for the frequencies of the M4 competition.

    Attributes:
        file: prefix of the files' names.
        horizon: steps to forecast.
        season: length of the season in steps; 1 for none.
        frequency: pandas' name of the time step.
        digests: of the files, by split.
    """

    # Of a user's table of further steps; the competition's own files have one row per series.
    columns = Columns("time", ("value",), identifier="id")
    measures_owa = True
    file: ClassVar[str]
    horizon: ClassVar[int]
    season: ClassVar[int]
    frequency: ClassVar[str]
    digests: ClassVar[Mapping[str, str]]

    @classmethod
    def read(cls, settings: ForecastingSettings) -> CutSeries:
        """Read the series; the last steps of each before the official test split are validation."""
        if settings.data.horizon != cls.horizon:
            raise UserError(
                f"{cls.information.name} needs data.horizon={cls.horizon}, not {settings.data.horizon}: "
                "leave out HORIZON."
            )
        rows = {
            split: _values_by_name(cls.official_file(f"m4/{cls.file}-{split}.csv", digest))
            for split, digest in cls.digests.items()
        }
        histories = list(rows["train"].values())
        cut = [cls._cut(name, before, rows["test"][name], settings) for name, before in rows["train"].items()]
        series, borders = (list(parts) for parts in zip(*cut, strict=True))

        def naive2_of(number: int) -> np.ndarray:
            return naive2(histories[number], cls.season, cls.horizon)[:, np.newaxis].astype(np.float32)

        data = SeriesSet(series, cls.columns, cls.frequency)
        return CutSeries(cls.information, data, borders, cls.digests, naive2_of)

    @classmethod
    def _cut(
        cls, name: str, before: np.ndarray, test: np.ndarray, settings: ForecastingSettings
    ) -> tuple[Series, Borders]:
        """Create one series, padded with its first value if it is shorter than the look-back."""
        data = settings.data
        values = np.concatenate([before, test])
        padding = max(0, data.look_back + 2 * cls.horizon - len(before))
        values = np.concatenate([np.full(padding, values[0]), values])[:, np.newaxis]
        times = pd.date_range(M4_START, periods=len(values), freq=cls.frequency, unit="s")
        test_start = len(values) - cls.horizon
        train_end = test_start - cls.horizon
        start = padding if padding == 0 else max(0, padding - data.look_back)
        start = max(start, round((1 - data.training_share) * train_end))
        borders = Borders(start, train_end, test_start, len(values), padding)
        return Series(name, times, values, np.empty((len(values), 0))), borders


def _values_by_name(path: Path) -> dict[str, np.ndarray]:
    """Read a file of the competition: a header, then rows of a name and its values."""
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        next(rows)
        return {row[0]: np.array([float(cell) for cell in row[1:] if cell]) for row in rows}


def _frequency_of_m4(file: str, series: int, horizon: int) -> SourceInformation:
    return SourceInformation(
        name=f"m4_{file.lower()}",
        description=f"The {series} {file.lower()} series of the M4 competition, with the next {horizon} "
        "steps of each to forecast; you place the files yourself. Validation is cut from train.",
        licence="none stated (open competition data)",
        citation=M4_2020,
        homepage="https://github.com/Mcompetitions/M4-methods",
        manual_files=(f"m4/{file}-train.csv.gz and m4/{file}-test.csv.gz, or unpacked",),
    )


class M4Hourly(Competition):
    """Hourly series, with a daily season."""

    file = "Hourly"
    horizon = 48
    season = 24
    frequency = "h"
    digests: ClassVar[Mapping[str, str]] = {
        "train": "ea59b7783573c49077a835ab6465c7d66f1474783360f310988a9a737fbca62f",
        "test": "71a57fccb15e534d973626ada4fb87febf789e9317715b7cc6dd3b5f90db6f42",
    }
    information = _frequency_of_m4(file, 414, horizon)


class M4Weekly(Competition):
    """Weekly series, without a season."""

    file = "Weekly"
    horizon = 13
    season = 1
    frequency = "7D"
    digests: ClassVar[Mapping[str, str]] = {
        "train": "d478d3f6ed673e6ed3c2cb0fbed5425f72eedd51318ebebeb0b5ecfcefc37714",
        "test": "3b2bc4be8e636e802260dcd843ca3c5da40536a1fbe1ecb3229a97dae4f44688",
    }
    information = _frequency_of_m4(file, 359, horizon)


class OwnTable(SeriesData):
    """The user's own table."""

    columns = Columns("time", ("value",))

    @classmethod
    def read(cls, settings: ForecastingSettings) -> CutSeries:
        """Read the table; the last steps are test, those before them validation."""
        data = settings.data
        for name in ("validation_file", "test_file"):
            if getattr(data, name) is not None:
                raise UserError(
                    f"data.{name} is set, but a series is one file that is split by time: put all of it into "
                    "data.file, and set data.validation_fraction and data.test_fraction."
                )
        path = check_table(data.file)
        return cls.cut_table(path, settings, own_information(path), {"file": file_digest(path)})


DATA_SETS = DataSets(
    VicElec,
    AirPassengers,
    CanadianGas,
    HouseSales,
    AusRetail,
    ElectricityPrices,
    EttH1,
    EttH2,
    EttM1,
    EttM2,
    M4Hourly,
    M4Weekly,
    own=OwnTable,
)


def columns_of(data: ForecastingDataSettings) -> Columns:
    """Return the columns of the data set or user's file in the settings.

    Raises:
        UserError: a column is named twice.
    """
    return DATA_SETS.choose(data).columns_for(data)


def read_cut_series(settings: ForecastingSettings) -> CutSeries:
    """Read the data set or user's file in the settings.

    Raises:
        UserError: there is no such data set, or the data cannot be fetched or is invalid.
    """
    data_set = DATA_SETS.choose(settings.data)
    if settings.evaluation.metric == "owa" and not data_set.measures_owa:
        names = ", ".join(other.information.name for other in DATA_SETS if other.measures_owa)
        raise UserError(
            f"evaluation.metric=owa is only for the M4 series ({names}), which have Naive2: choose mase."
        )
    return data_set.read(settings)
