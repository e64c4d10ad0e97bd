"""Forecasts of a user's table: times, forecast and interval of the steps ahead, and a picture."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from common.answering.tables import check_table_output, notes
from common.contract.predictor import Predictor
from common.data.examples import Answer, Example
from common.errors import UserError
from common.files import whole_file
from common.scores.plots import save_figure
from tasks.forecasting.config import ForecastingSettings
from tasks.forecasting.data import columns_of
from tasks.forecasting.plots import draw_forecast, draw_panels, name_lines, name_of
from tasks.forecasting.series import Columns, Series, SeriesSet, read_series
from tasks.forecasting.windows import check_ratios, told_ahead

# Series and columns that one picture shows, and look-backs of their past.
MOST_PANELS, PAST_DRAWN = 6, 2


def predict_table(
    predictor: Predictor, path: Path, output: Path, settings: ForecastingSettings, plot: Path | None
) -> int:
    """Forecast every series of a table and write a table of the steps ahead.

    Args:
        predictor: from a run or an export.
        path: a table with the columns that the model reads; columns known ahead go on for a horizon below
            the last value.
        output: .csv, .tsv or .jsonl.
        settings: of the run, with the columns that the user named.
        plot: a picture; None for none.

    Returns:
        The number of steps written.

    Raises:
        UserError: a table cannot be read or written, or is too short.
    """
    check_table_output(output, path)
    data = settings.data
    columns = columns_of(data)
    found = read_series(path, columns, data.frequency, data.fill, data.skip_bad_rows, with_future=True)
    for what, count in found.report.items():
        notes.print(f"{what.replace('_', ' ')}: {count:,}")
    examples = [_example(series, found, settings, path) for series in found.series]
    if settings.model.kind == "es_rnn":
        check_ratios(str(path), found, data.look_back)
    answers = [answer for _, answer in predictor.answer_all(examples)]
    levels = settings.model.levels
    rows = [
        row
        for series, answer in zip(found.series, answers, strict=True)
        for row in forecast_rows(series, found, answer, levels)
    ]
    table = pd.DataFrame(rows)
    with whole_file(output) as temporary:
        if output.suffix == ".jsonl":
            table.to_json(temporary, orient="records", lines=True, force_ascii=False)
        else:
            table.to_csv(temporary, index=False, sep="\t" if output.suffix == ".tsv" else ",")
    if plot is not None:
        _draw(found, answers, settings, plot)
    return len(table)


def _example(series: Series, found: SeriesSet, settings: ForecastingSettings, path: Path) -> Example:
    """The last window of a series; what lies ahead is known of the known columns alone."""
    data, steps = settings.data, len(series)
    if steps < data.look_back:
        raise UserError(
            f"{path}: {series.title} has {steps:,} steps with values; the model reads {data.look_back:,}: "
            f"give the last {data.look_back:,} at least."
        )
    example: Example = {
        "series": series.name,
        "time": str(series.times[steps - 1]),
        "history": series.values[-data.look_back :].astype(np.float32),
    }
    example |= told_ahead(settings, series, steps, found.frequency)
    missing = data.look_back + data.horizon - len(example.get("known", ()))
    if "known" in example and missing:
        raise UserError(
            f"{path}: {series.title} lacks {missing:,} of the {data.horizon:,} rows ahead: the model needs "
            f"{', '.join(found.columns.known)} there; add rows with {found.columns.time} and these columns, "
            "and leave the other cells empty."
        )
    return example


def _ahead(series: Series, found: SeriesSet, horizon: int) -> pd.DatetimeIndex:
    """Times of the steps after the last value."""
    return pd.date_range(series.times[len(series) - 1], periods=horizon + 1, freq=found.frequency)[1:]


def forecast_rows(
    series: Series, found: SeriesSet, answer: Answer, levels: list[float]
) -> Iterator[dict[str, Any]]:
    """Rows of the steps ahead of a series: its name, the time, each target's forecast and quantiles.

    Times are written as dates alone where those of the table are, numbers with the digits of a float32.
    """
    columns: Columns = found.columns
    ahead = _ahead(series, found, len(answer["forecast"]))
    days = not series.zone and all(
        (times == times.normalize()).all() for times in (series.times[: len(series)], ahead)
    )
    for step, time in enumerate(ahead):
        row: dict[str, Any] = {columns.identifier: series.name} if columns.identifier else {}
        row[columns.time] = f"{time.date() if days else time}{series.zone}"
        for number, target in enumerate(columns.targets):
            row[target] = _shortest(answer["forecast"][step][number])
            for place, level in enumerate(levels):
                if level != 0.5:  # That is the forecast itself.
                    row[f"{target}_{level * 100:g}"] = _shortest(answer["quantiles"][step][number][place])
        yield row


def _shortest(number: Any) -> float:
    """The shortest decimal number that is this float32."""
    return float(str(np.float32(number)))


def _draw(found: SeriesSet, answers: list[Answer], settings: ForecastingSettings, plot: Path) -> None:
    """Draw the first few series and columns."""
    shown = [
        (series, answer, number)
        for series, answer in zip(found.series, answers, strict=True)
        for number in range(len(found.columns.targets))
    ][:MOST_PANELS]
    names = [*found.columns.targets, *(series.name for series, _, _ in shown)]
    figure, panels = draw_panels(len(shown), 1, (9, 3 * len(shown)), names)
    for panel, (series, answer, number) in zip(panels[:, 0], shown, strict=True):
        first = max(0, len(series) - PAST_DRAWN * settings.data.look_back)
        past, values = series.times[first : len(series)], series.values[first:, number]
        ahead = _ahead(series, found, len(answer["forecast"]))
        draw_forecast(panel, past, values, ahead, answer, number, settings.model.levels)
        panel.set(title=name_of(series.name, found.columns.targets[number]))
        panel.tick_params(axis="x", labelrotation=30)
    name_lines(figure, panels[0, 0])
    save_figure(figure, plot)
