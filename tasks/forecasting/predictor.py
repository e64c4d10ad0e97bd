"""Predictor of forecasts for windows, or for the next steps of a table."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tensorflow as tf

from common.answering.tables import check_table_output
from common.console import notes
from common.contract.predictor import STEPS_PER_BATCH, Predictor
from common.data.examples import Answer, Example
from common.errors import UserError
from common.files import whole_file
from common.scores.plots import save_figure
from tasks.forecasting.config import ForecastingSettings
from tasks.forecasting.data import columns_of
from tasks.forecasting.plots import draw_ahead
from tasks.forecasting.preprocessing import raw_windows
from tasks.forecasting.series import Series, SeriesSet, check_ratios, read_series
from tasks.forecasting.windows import known_ahead

# Batch size in windows, for any look-back.
WINDOWS_AT_ONCE = 256


class ForecastingPredictor(Predictor[ForecastingSettings]):
    """A predictor of forecasts and quantiles for windows."""

    task = "forecasting"
    predict_example = "INPUT=recent.csv OUTPUT=forecast.csv PLOT=forecast.png"

    def request(self, examples: list[Example]) -> dict[str, tf.Tensor]:
        """Convert windows to tensors."""
        return raw_windows(examples)

    def answers(self, outputs: dict[str, np.ndarray]) -> list[Answer]:
        """Convert outputs to forecast (horizon, targets), and quantiles (horizon, targets, levels) if any."""
        names = list(outputs)
        return [dict(zip(names, values, strict=True)) for values in zip(*outputs.values(), strict=True)]

    def cost(self, example: Example) -> int:
        """Return the same cost for all windows, which have the same length."""
        return STEPS_PER_BATCH // WINDOWS_AT_ONCE

    def signature_notes(self) -> list[str]:
        """Describe the columns, the levels and the time."""
        data, model = self.settings.data, self.settings.model
        columns = columns_of(data)
        sentences = [
            f"`history` is the last {data.look_back} steps of `{data.frequency}`, with the columns "
            f"{_listed(columns.targets + columns.past)}, in this order and in your units; `forecast` is "
            f"{_listed(columns.targets)} for the next {data.horizon} steps."
        ]
        if model.reads_steps and columns.known:
            sentences.append(f"`known` is {_listed(columns.known)} for both, in this order.")
        if model.reads_steps and model.calendar:
            sentences.append(
                "`time`, if it is an input, is that of the last step of `history`: seconds since 1970, in "
                "the local time of your table."
            )
        if columns.identifier:
            sentences.append(
                "`series` is the name of the series; one that was not trained on is scaled by its window."
            )
        if model.levels:
            sentences.append(f"`quantiles` have the levels {_listed(model.levels)}, in this order.")
        return sentences

    def answer_file(
        self, path: Path, output: Path, settings: ForecastingSettings, plot: Path | None = None
    ) -> str:
        """Forecast every series of a table and write a table of the future steps.

        Args:
            path: a table with the model's columns; known columns continue for a horizon after the last value.
            output: .csv, .tsv or .jsonl.
            settings: of the run, with the user's column names.
            plot: image file for a plot of the first forecasts; None for no plot.

        Raises:
            UserError: a table cannot be read or written, or is too short.
        """
        check_table_output(output, path)
        data, levels = settings.data, settings.model.levels
        table = read_series(
            path, columns_of(data), data.frequency, data.fill, data.skip_bad_rows, with_future=True
        )
        for name, count in table.report.items():
            notes.print(f"{name.replace('_', ' ')}: {count:,}")
        examples = [last_window(series, table, settings, path) for series in table.series]
        if settings.model.kind == "es_rnn":
            check_ratios(str(path), table, data.look_back)
        answers = [answer for _, answer in self.answer_all(examples)]
        ahead = [times_ahead(series, table, data.horizon) for series in table.series]
        rows = pd.DataFrame(
            [
                row
                for series, times, answer in zip(table.series, ahead, answers, strict=True)
                for row in forecast_rows(series, times, table, answer, levels)
            ]
        )
        _write(rows, output)
        if plot is not None:
            save_figure(draw_ahead(table, ahead, answers, levels, data.look_back), plot)
        return f"{len(rows):,} steps forecast"


def last_window(series: Series, table: SeriesSet, settings: ForecastingSettings, path: Path) -> Example:
    """Create the last window of a series; of the future steps it has only the known columns.

    Raises:
        UserError: the series is shorter than the look-back, or known columns of the future are missing.
    """
    data, steps = settings.data, len(series)
    if steps < data.look_back:
        raise UserError(
            f"{path}: {series.title} has {steps:,} steps with values; the model needs {data.look_back:,}: "
            f"give at least the last {data.look_back:,}."
        )
    example: Example = {
        "series": series.name,
        "time": str(series.times[steps - 1]),
        "history": series.values[-data.look_back :].astype(np.float32),
    }
    example |= known_ahead(settings, series, steps, table.frequency)
    missing = data.look_back + data.horizon - len(example.get("known", ()))
    if "known" in example and missing:
        raise UserError(
            f"{path}: {series.title} lacks {missing:,} of the {data.horizon:,} future rows: the model needs "
            f"{', '.join(table.columns.known)} for them; add rows with {table.columns.time} and these "
            "columns, and leave the other cells empty."
        )
    return example


def times_ahead(series: Series, table: SeriesSet, horizon: int) -> pd.DatetimeIndex:
    """Return the times of the steps after the last value."""
    return pd.date_range(series.times[len(series) - 1], periods=horizon + 1, freq=table.frequency)[1:]


def forecast_rows(
    series: Series, ahead: pd.DatetimeIndex, table: SeriesSet, answer: Answer, levels: list[float]
) -> Iterator[dict[str, Any]]:
    """Yield rows for the future steps of a series: its name, the time, each target's forecast and quantiles.

    Times are written as dates if the table's times are, numbers with the digits of a float32.
    """
    columns = table.columns
    are_dates = not series.zone and all(
        (times == times.normalize()).all() for times in (series.times[: len(series)], ahead)
    )
    for step, time in enumerate(ahead):
        row: dict[str, Any] = {columns.identifier: series.name} if columns.identifier else {}
        row[columns.time] = f"{time.date() if are_dates else time}{series.zone}"
        for number, target in enumerate(columns.targets):
            row[target] = _shortest(answer["forecast"][step][number])
            for position, level in enumerate(levels):
                if level != 0.5:  # That is the forecast itself.
                    row[f"{target}_{level * 100:g}"] = _shortest(answer["quantiles"][step][number][position])
        yield row


def _shortest(number: Any) -> float:
    """Round to the shortest decimal number for this float32."""
    return float(str(np.float32(number)))


def _write(rows: pd.DataFrame, output: Path) -> None:
    with whole_file(output) as temporary:
        if output.suffix == ".jsonl":
            rows.to_json(temporary, orient="records", lines=True, force_ascii=False)
        else:
            rows.to_csv(temporary, index=False, sep="\t" if output.suffix == ".tsv" else ",")


def _listed(names: Iterable[Any]) -> str:
    return ", ".join(f"`{name}`" for name in names)
