"""The chart at the top of the results page."""

from pathlib import Path

import matplotlib

from benchmarks.pages.sections import Comparison, Section, compare
from common.scores.plots import save_figure

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

# Okabe and Ito's colours, suitable for colour-blind readers; the shapes differ too.
_MARKERS = {
    "best published": {
        "marker": "D",
        "facecolors": "none",
        "edgecolors": "#D55E00",
        "linewidths": 1.7,
        "s": 62,
        "zorder": 4,
    },
    "best baseline": {"marker": "|", "color": "#000000", "s": 120, "linewidths": 2.2, "zorder": 2},
    "ours": {"marker": "o", "color": "#0072B2", "s": 34, "zorder": 3},
}
_BETTER = {"max": "more is better →", "min": "← less is better"}


def draw_overview(by_task: dict[str, list[Section]], path: Path) -> None:
    """Plot our score on each data set with the best baseline and the best published result.

    Studies that compare our own settings are left out.

    Args:
        by_task: recorded and published results.
        path: of the image file.
    """
    panels = _panels(by_task)
    if not panels:
        return
    columns = _balanced(panels)
    height = max(sum(len(rows) + 2.2 for rows in column.values()) for column in columns)
    figure = plt.figure(figsize=(12, 0.27 * height + 0.6), layout="constrained")
    grid = figure.add_gridspec(1, len(columns))
    for number, column in enumerate(columns):
        ratios = [len(rows) + 1.2 for rows in column.values()]
        cells = grid[number].subgridspec(len(column), 1, height_ratios=ratios)
        for cell, (title, rows) in zip(cells, column.items(), strict=True):
            _draw_panel(figure.add_subplot(cell), title, rows)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles[::-1], labels[::-1], loc="outside upper center", ncols=3, frameon=False)
    save_figure(figure, path)


def _panels(by_task: dict[str, list[Section]]) -> dict[str, list[Comparison]]:
    """Collect the comparisons by panel."""
    panels: dict[str, list[Comparison]] = {}
    for section in (section for sections in by_task.values() for section in sections):
        if section.table.columns is None:
            for comparison in filter(None, (compare(section, data) for data in section.data)):
                panel = comparison.metric.panel or comparison.metric.title
                panels.setdefault(panel, []).append(comparison)
    return panels


def _balanced(panels: dict[str, list[Comparison]]) -> list[dict[str, list[Comparison]]]:
    """Distribute the panels over two columns of about the same height, largest first."""
    columns: list[dict[str, list[Comparison]]] = [{}, {}]
    for title, rows in sorted(panels.items(), key=lambda panel: -len(panel[1])):
        shorter = min(columns, key=lambda column: sum(len(panel) + 2 for panel in column.values()))
        shorter[title] = rows
    return [column for column in columns if column]


def _draw_panel(axes: Axes, title: str, rows: list[Comparison]) -> None:
    """Plot a row of markers for each data set, the first on top."""
    heights = range(len(rows), 0, -1)
    scores = {
        "best published": [row.published[0] if row.published else None for row in rows],
        "best baseline": [row.baseline[1] if row.baseline else None for row in rows],
        "ours": [row.ours["value"] for row in rows],
    }
    for height, *values in zip(heights, *scores.values(), strict=True):
        known = [value for value in values if value is not None]
        axes.hlines(height, min(known), max(known), color="0.75", linewidth=1.5, zorder=1)
    for name, values in scores.items():
        axes.scatter(
            [float("nan") if value is None else value for value in values],
            heights,
            label=name,
            **_MARKERS[name],
        )
    axes.set_yticks(heights, [_label(row, title) for row in rows], fontsize=9)
    axes.set_ylim(0.4, len(rows) + 0.6)
    axes.set_xlabel(f"{title}   ({_BETTER[rows[0].metric.mode]})", fontsize=9)
    axes.tick_params(axis="x", labelsize=9)
    axes.grid(axis="x", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def _label(row: Comparison, panel: str) -> str:
    """Return the name of the data, with the metric if the panel has several."""
    return row.data if row.metric.title == panel else f"{row.data} ({row.metric.title})"
