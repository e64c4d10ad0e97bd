"""Figures of forecasts."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from common.data.examples import Answer, Example
from common.scores.plots import plain, text_fonts
from tasks.forecasting.series import SeriesSet

# Maximum number of columns plotted per window.
MOST_COLUMNS = 3
# Maximum number of panels in the figure of a table's forecasts, and look-backs of past values in each.
MOST_PANELS, PAST_DRAWN = 6, 2


def draw_forecasts(
    windows: list[tuple[Example, Answer]], targets: list[str], levels: list[float], steps: int
) -> Figure:
    """Plot windows below each other: past, truth, forecast and interval over the index of the step.

    Args:
        windows: example and answer of each window.
        targets: names of the columns.
        levels: of the answers' quantiles; the outer ones are the interval.
        steps: maximum number of past steps.
    """
    columns = targets[:MOST_COLUMNS]
    width = 9 if len(columns) == 1 else 5 * len(columns)
    size = (width, 2.6 * len(windows))
    figure, panels = draw_panels(
        len(windows), len(columns), size, [*columns, *(example["series"] for example, _ in windows)]
    )
    for row, (example, answer) in zip(panels, windows, strict=True):
        history, truth = np.asarray(example["history"])[-steps:], np.asarray(example["future"])
        past, ahead = range(1 - len(history), 1), range(1, len(truth) + 1)
        for number, (panel, target) in enumerate(zip(row, columns, strict=True)):
            draw_forecast(panel, past, history[:, number], ahead, answer, number, levels)
            panel.plot(ahead, truth[:, number], color="black", linewidth=1, label="truth")
            title = name_of(example["series"], target)
            panel.set(title=f"{title}, read until {example['time']}", xlabel="step")
    name_lines(figure, panels[0, 0])
    return figure


def draw_ahead(
    table: SeriesSet,
    ahead: list[pd.DatetimeIndex],
    answers: list[Answer],
    levels: list[float],
    look_back: int,
) -> Figure:
    """Plot the first few series and columns of a table over time: past, forecast and interval.

    Args:
        table: the series.
        ahead: times of the forecast steps of each series.
        answers: of each series.
        levels: of the answers' quantiles.
        look_back: number of past steps that the model reads.
    """
    plotted = [
        (series, times, answer, number)
        for series, times, answer in zip(table.series, ahead, answers, strict=True)
        for number in range(len(table.columns.targets))
    ][:MOST_PANELS]
    names = [*table.columns.targets, *(series.name for series, *_ in plotted)]
    figure, panels = draw_panels(len(plotted), 1, (9, 3 * len(plotted)), names)
    for panel, (series, times, answer, number) in zip(panels[:, 0], plotted, strict=True):
        first = max(0, len(series) - PAST_DRAWN * look_back)
        past, values = series.times[first : len(series)], series.values[first:, number]
        draw_forecast(panel, past, values, times, answer, number, levels)
        panel.set(title=name_of(series.name, table.columns.targets[number]))
        panel.tick_params(axis="x", labelrotation=30)
    name_lines(figure, panels[0, 0])
    return figure


def draw_panels(rows: int, columns: int, size: tuple[float, float], names: list[str]) -> tuple[Figure, Any]:
    """Create a figure and its empty panels (rows, columns), with fonts for these names in the titles."""
    with plt.rc_context({"font.family": text_fonts(names)}):
        return plt.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained")


def name_of(series: str, target: str) -> str:
    """Return the title of a panel: the series, if there are several, and its column."""
    return plain(f"{series}: {target}" if series else target)


def name_lines(figure: Figure, panel: Axes) -> None:
    """Add one legend for all panels, above them."""
    figure.legend(*panel.get_legend_handles_labels(), loc="outside upper center", ncols=4, fontsize="small")


def draw_forecast(
    panel: Axes,
    past: Sequence[Any],
    values: np.ndarray,
    ahead: Sequence[Any],
    answer: Answer,
    column: int,
    levels: list[float],
) -> None:
    """Plot one column: its past values, its forecast and its interval.

    Args:
        panel: to plot in.
        past: indices of the steps, or times, of the values.
        values: (past,)
        ahead: indices of the steps, or times, of the forecast.
        answer: of the model.
        column: index of the target column.
        levels: of the answer's quantiles.
    """
    panel.plot(past, values, color="tab:gray", linewidth=1, label="past")
    if len(levels) > 1:
        quantiles = np.asarray(answer["quantiles"])[:, column]
        share = f"{100 * (levels[-1] - levels[0]):g} % interval"
        panel.fill_between(
            ahead, quantiles[:, 0], quantiles[:, -1], color="tab:blue", alpha=0.25, label=share
        )
    forecast = np.asarray(answer["forecast"])[:, column]
    panel.plot(ahead, forecast, color="tab:blue", linewidth=1.5, label="forecast")
    panel.grid(alpha=0.3)


def draw_errors_by_step(errors: pd.DataFrame) -> Figure:
    """Plot the scaled errors over the steps of the horizon."""
    figure, panel = plt.subplots(figsize=(6, 3.5), layout="constrained")
    for name, style in (("mae", "-"), ("mse", "--")):
        panel.plot(errors["step"], errors[name], style, label=name)
    panel.set(xlabel="step of the horizon", ylabel="error of scaled values", ylim=(0, None))
    panel.grid(alpha=0.3)
    panel.legend()
    return figure
