"""The table of a data set whose recipes vary a setting: a row for each value, a column for each model.

A cell has all metrics of a model.
"""

from collections.abc import Sequence
from typing import Any

from benchmarks.best_baseline import best_baseline
from benchmarks.pages.markdown import details, duration, table
from benchmarks.pages.sections import Section
from benchmarks.pages.tables import (
    NOT_MEASURED,
    Baseline,
    baseline_scores,
    best_text,
    marked,
    recipe_link,
    score_text,
)

Scores = dict[str, tuple[float, float | None]]


def pivot_table(section: Section) -> str:
    """Write the table of a section whose rows are values of a setting, and its other baselines."""
    rows = _records_by_row(section)
    columns = [
        *_our_columns(section, rows),
        *_baseline_columns(section, rows),
        *_published_columns(section, rows),
    ]
    cells = [
        [
            _setting_text(value),
            *_score_cells(section, [scores[value] for _, scores in columns]),
            *_notes(section, records),
        ]
        for value, records in rows.items()
    ]
    metrics = " / ".join(metric.title for metric in section.metrics.values())
    titles = [f"{section.table.rows.title}: {metrics}", *(title for title, _ in columns)]
    parts = [table([*titles, "parameters", "training time", "recipe"], cells), *_unmeasured(section)]
    return "\n".join([*parts, _other_baselines(section, rows)])


def _records_by_row(section: Section) -> dict[Any, list[dict[str, Any]]]:
    """Collect the records of the main metric by the value of the rows' setting, in ascending order."""
    rows: dict[Any, list[dict[str, Any]]] = {}
    for recipe in section.recipes:
        record = section.record(recipe.name, section.table.metrics[0])
        if record:
            rows.setdefault(_setting(record, section.table.rows.setting), []).append(record)
    return dict(sorted(rows.items()))


def _our_columns(
    section: Section, rows: dict[Any, list[dict[str, Any]]]
) -> list[tuple[str, dict[Any, Scores]]]:
    """Create our column, or one for each value of the columns' setting."""
    varied = section.table.columns
    columns: dict[str, dict[Any, Scores]] = {}
    for value, records in rows.items():
        for record in records:
            title = f"ours: {_setting(record, varied.setting)}" if varied else "ours"
            columns.setdefault(title, {key: {} for key in rows})[value] = _our_scores(
                section, record["recipe"]
            )
    return list(columns.items())


def _our_scores(section: Section, recipe: str) -> Scores:
    records = {name: section.record(recipe, name) for name in section.metrics}
    return {name: (record["value"], record["spread"]) for name, record in records.items() if record}


def _baseline_columns(
    section: Section, rows: dict[Any, list[dict[str, Any]]]
) -> list[tuple[str, dict[Any, Scores]]]:
    """Create a column for each baseline that is the best one in a row."""
    return [
        (
            f"baseline: {name}",
            {
                value: _with_no_spread(baseline_scores(section, records[0]).get((name, None), {}))
                for value, records in rows.items()
            },
        )
        for name in _best_baselines(section, rows)
    ]


def _best_baselines(section: Section, rows: dict[Any, list[dict[str, Any]]]) -> list[str]:
    mode = section.metrics[section.table.metrics[0]].mode
    best = [best_baseline(records[0], mode) for records in rows.values()]
    return list(dict.fromkeys(baseline[0] for baseline in best if baseline))


def _published_columns(
    section: Section, rows: dict[Any, list[dict[str, Any]]]
) -> list[tuple[str, dict[Any, Scores]]]:
    return [
        (
            f"published: {marked(reference)}, {paper.link}",
            {
                value: _with_no_spread(reference.scores.get(records[0]["dataset"], {}))
                for value, records in rows.items()
            },
        )
        for reference, paper in section.references
    ]


def _with_no_spread(scores: dict[str, float]) -> Scores:
    return {name: (value, None) for name, value in scores.items()}


def _score_cells(section: Section, columns: Sequence[Scores]) -> list[str]:
    """Format the scores of a row, all metrics of a model in one cell."""
    best = {
        name: best_text(metric, [scores[name][0] for scores in columns if name in scores])
        for name, metric in section.metrics.items()
    }
    return [
        " / ".join(
            score_text(metric, scores[name], best[name])
            for name, metric in section.metrics.items()
            if name in scores
        )
        for scores in columns
    ]


def _notes(section: Section, records: list[dict[str, Any]]) -> list[str]:
    """Format parameters, training times and recipes of a row."""
    return [
        " / ".join(f"{record['parameters']:,}" for record in records),
        " / ".join(duration(record["train_seconds"]) for record in records),
        ", ".join(recipe_link(section, record["recipe"]) for record in records),
    ]


def _unmeasured(section: Section) -> list[str]:
    names = [
        f"`{recipe.name}`"
        for recipe in section.recipes
        if section.record(recipe.name, section.table.metrics[0]) is None
    ]
    return [f"{', '.join(names)}: {NOT_MEASURED}.\n"] if names else []


def _other_baselines(section: Section, rows: dict[Any, list[dict[str, Any]]]) -> str:
    """Write the other baselines, and those scored on a subset of the windows, as a collapsible section."""
    in_table = [(name, None) for name in _best_baselines(section, rows)]
    cells: dict[Baseline, dict[Any, str]] = {}
    for value, records in rows.items():
        for baseline, scores in baseline_scores(section, records[0]).items():
            texts = [metric.shown(scores[key]) for key, metric in section.metrics.items() if key in scores]
            if baseline not in in_table:
                cells.setdefault(baseline, {})[value] = " / ".join(texts)
    if not cells:
        return ""
    lines = [
        [name, str(origins or "all"), *(by_row.get(value, "") for value in rows)]
        for (name, origins), by_row in cells.items()
    ]
    title = section.table.rows.title
    columns = ["baseline", "test windows", *(f"{title} {_setting_text(value)}" for value in rows)]
    summary = "Other baselines; those that are too slow for all test windows are not comparable"
    return details(summary, table(columns, lines))


def _setting(record: dict[str, Any], name: str) -> Any:
    value: Any = record["settings"]
    for key in name.split("."):
        value = value[key]
    return value


def _setting_text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
