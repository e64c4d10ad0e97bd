"""How a trained forecasting model is asked: windows, or a table whose next steps are forecast."""

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

# Windows are answered this many at once, whatever their look-back.
WINDOWS_AT_ONCE = 256


class ForecastingPredictor(Predictor[ForecastingSettings]):
    """Windows in, forecasts and quantiles out."""

    task = "forecasting"
    predict_example = "INPUT=recent.csv OUTPUT=forecast.csv PLOT=forecast.png"

    def request(self, examples: list[Example]) -> dict[str, tf.Tensor]:
        """Windows as tensors."""
        return raw_windows(examples)

    def answers(self, outputs: dict[str, np.ndarray]) -> list[Answer]:
        """Forecast (horizon, targets), and quantiles (horizon, targets, levels) if the model has them."""
        names = list(outputs)
        return [dict(zip(names, values, strict=True)) for values in zip(*outputs.values(), strict=True)]

    def cost(self, example: Example) -> int:
        """All windows are alike: the same for each."""
        return STEPS_PER_BATCH // WINDOWS_AT_ONCE

    def signature_notes(self) -> list[str]:
        """Say what the columns, the levels and the time are."""
        data, model = self.settings.data, self.settings.model
        columns = columns_of(data)
        sentences = [
            f"`history` holds the last {data.look_back} steps of `{data.frequency}`, with the columns "
            f"{_listed(columns.targets + columns.past)}, in this order and in your units; `forecast` holds "
            f"{_listed(columns.targets)} of the next {data.horizon} steps."
        ]
        if model.reads_steps and columns.known:
            sentences.append(f"`known` holds {_listed(columns.known)} of both, in this order.")
        if model.reads_steps and model.calendar:
            sentences.append(
                "`time`, where it is an input, is that of the last step of `history`: seconds since 1970 on "
                "the clock of your table."
            )
        if columns.identifier:
            sentences.append(
                "`series` names the series; one that was not trained on is scaled by its window."
            )
        if model.levels:
            sentences.append(f"`quantiles` are those of the levels {_listed(model.levels)}, in this order.")
        return sentences

    def answer_file(
        self, path: Path, output: Path, settings: ForecastingSettings, plot: Path | None = None
    ) -> str:
        """Forecast every series of a table and write a table of the steps ahead.

        Args:
            path: a table with the columns that the model reads; columns known ahead go on for a horizon below
                the last value.
            output: .csv, .tsv or .jsonl.
            settings: of the run, with the columns that the user named.
            plot: a picture of the first forecasts; None for none.

        Raises:
            UserError: a table cannot be read or written, or is too short.
        """
        check_table_output(output, path)
        data, levels = settings.data, settings.model.levels
        table = read_series(
            path, columns_of(data), data.frequency, data.fill, data.skip_bad_rows, with_future=True
        )
        for what, count in table.report.items():
            notes.print(f"{what.replace('_', ' ')}: {count:,}")
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
    """Cut the last window of a series; of what lies ahead, the known columns alone are given.

    Raises:
        UserError: the series is shorter than what is read, or lacks known columns ahead.
    """
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
    example |= known_ahead(settings, series, steps, table.frequency)
    missing = data.look_back + data.horizon - len(example.get("known", ()))
    if "known" in example and missing:
        raise UserError(
            f"{path}: {series.title} lacks {missing:,} of the {data.horizon:,} rows ahead: the model needs "
            f"{', '.join(table.columns.known)} there; add rows with {table.columns.time} and these columns, "
            "and leave the other cells empty."
        )
    return example


def times_ahead(series: Series, table: SeriesSet, horizon: int) -> pd.DatetimeIndex:
    """Times of the steps after the last value."""
    return pd.date_range(series.times[len(series) - 1], periods=horizon + 1, freq=table.frequency)[1:]


def forecast_rows(
    series: Series, ahead: pd.DatetimeIndex, table: SeriesSet, answer: Answer, levels: list[float]
) -> Iterator[dict[str, Any]]:
    """Rows of the steps ahead of a series: its name, the time, each target's forecast and quantiles.

    Times are written as dates alone where those of the table are, numbers with the digits of a float32.
    """
    columns = table.columns
    days = not series.zone and all(
        (times == times.normalize()).all() for times in (series.times[: len(series)], ahead)
    )
    for step, time in enumerate(ahead):
        row: dict[str, Any] = {columns.identifier: series.name} if columns.identifier else {}
        row[columns.time] = f"{time.date() if days else time}{series.zone}"
        for number, target in enumerate(columns.targets):
            row[target] = _shortest(answer["forecast"][step][number])
            for position, level in enumerate(levels):
                if level != 0.5:  # That is the forecast itself.
                    row[f"{target}_{level * 100:g}"] = _shortest(answer["quantiles"][step][number][position])
        yield row


def _shortest(number: Any) -> float:
    """The shortest decimal number that is this float32."""
    return float(str(np.float32(number)))


def _write(rows: pd.DataFrame, output: Path) -> None:
    with whole_file(output) as temporary:
        if output.suffix == ".jsonl":
            rows.to_json(temporary, orient="records", lines=True, force_ascii=False)
        else:
            rows.to_csv(temporary, index=False, sep="\t" if output.suffix == ".tsv" else ",")


def _listed(names: Iterable[Any]) -> str:
    return ", ".join(f"`{name}`" for name in names)
