"""The table of a data set, with a row for each of our recipes, the baselines and published results."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.best_baseline import origins_of
from benchmarks.pages.layout import Metric
from benchmarks.pages.markdown import duration, table
from benchmarks.pages.sections import Section, of_all_seeds
from benchmarks.recipe import Recipe
from benchmarks.references import Reference

NOT_MEASURED = "not yet measured"
# Name of a baseline, and the number of test examples that it was scored on; None for all of them.
Baseline = tuple[str, int | None]
OUTSIDE_DATA, NOT_SEEN = "\\*", "†"


@dataclass
class Row:
    """A model with its scores.

    Attributes:
        whose: ours, baseline or published.
        model: its name.
        scores: metric -> score and standard deviation.
        notes: seeds, parameters, training time, and a description or the source.
        compared: whether its scores are on all test examples, and so comparable.
    """

    whose: str
    model: str
    scores: dict[str, tuple[float, float | None]]
    notes: tuple[str, str, str, str] = ("", "", "", "")
    compared: bool = True


def model_table(section: Section) -> str:
    """Write the table of a section whose rows are models."""
    rows = [*_our_rows(section), *_baseline_rows(section), *_published_rows(section)]
    columns = ["", "model", *(metric.title for metric in section.metrics.values())]
    columns += ["seeds", "parameters", "training time", "description or source"]
    compared = [row for row in rows if row.compared]
    best = {name: best_text(metric, _all_scores(compared, name)) for name, metric in section.metrics.items()}
    cells = [
        [row.whose, row.model]
        + [
            score_text(metric, row.scores.get(name), best[name] if row.compared else "")
            for name, metric in section.metrics.items()
        ]
        + list(row.notes)
        for row in rows
    ]
    return table(columns, cells)


def best_text(metric: Metric, scores: list[float]) -> str:
    """Format the best of several scores; empty if there is only one."""
    best_of = max if metric.mode == "max" else min
    return metric.shown(best_of(scores)) if len(scores) > 1 else ""


def score_text(metric: Metric, score: tuple[float, float | None] | None, best: str) -> str:
    """Format a score, bold if it rounds to the best one; empty if there is none."""
    if score is None:
        return ""
    text = metric.shown(*score)
    return f"**{text}**" if metric.shown(score[0]) == best else text


def marked(reference: Reference) -> str:
    """Return the name of a published model, with the marks explained at the top of the page."""
    marks = (OUTSIDE_DATA if reference.outside_data else "") + ("" if reference.seen_at else NOT_SEEN)
    return f"{reference.model} {marks}".strip()


def recipe_link(section: Section, recipe: str) -> str:
    """Return the name of a recipe, as a link to its file."""
    return f"[`{recipe}`](recipes/{section.task}.yaml)"


def baseline_scores(section: Section, record: dict[str, Any]) -> dict[Baseline, dict[str, float]]:
    """Return the scores of a recipe's baselines, by metric."""
    scores: dict[Baseline, dict[str, float]] = {}
    for name in section.metrics:
        of_metric = section.record(record["recipe"], name) or {"baselines": {}}
        for baseline, value in of_metric["baselines"].items():
            scores.setdefault((baseline, origins_of(of_metric, baseline)), {})[name] = value
    return scores


def _all_scores(rows: list[Row], metric: str) -> list[float]:
    return [row.scores[metric][0] for row in rows if metric in row.scores]


def _our_rows(section: Section) -> list[Row]:
    rows = []
    for recipe in section.recipes:
        rows.append(_our_row(section, recipe, lambda metric: metric, recipe.description))
        if recipe.ensemble and section.record(recipe.name, of_all_seeds(section.table.metrics[0])):
            description = f"ensemble of its {len(recipe.seeds)} seeds"
            rows.append(_our_row(section, recipe, of_all_seeds, description))
    return rows


def _our_row(section: Section, recipe: Recipe, recorded_as: Callable[[str], str], description: str) -> Row:
    """Create a row of ours, with the scores recorded as `recorded_as(metric)`."""
    model = recipe_link(section, recipe.name)
    records = {name: section.record(recipe.name, recorded_as(name)) for name in section.metrics}
    measured = {name: record for name, record in records.items() if record}
    if not measured:
        return Row("ours", model, {}, (str(len(recipe.seeds)), "", "", f"{NOT_MEASURED}; {description}"))
    first = next(iter(measured.values()))
    return Row(
        "ours",
        model,
        {name: (record["value"], record["spread"]) for name, record in measured.items()},
        (str(len(first["seeds"])), f"{first['parameters']:,}", duration(first["train_seconds"]), description),
    )


def _baseline_rows(section: Section) -> list[Row]:
    """Create a row for each baseline, and separate rows for recipes with other baseline scores."""
    recipes: dict[tuple[Baseline, tuple[tuple[str, float], ...]], list[str]] = {}
    for record in _measured(section):
        for baseline, scores in baseline_scores(section, record).items():
            recipes.setdefault((baseline, tuple(scores.items())), []).append(record["recipe"])
    baselines = [baseline for baseline, _ in recipes]
    rows = []
    for (baseline, scores), names in recipes.items():
        name, examples = baseline
        note = "" if examples is None else f"too slow for all test windows, scored on {examples}"
        if baselines.count(baseline) > 1:
            name += f", with {', '.join(f'`{recipe}`' for recipe in names)}"
        by_metric = {metric: (value, None) for metric, value in scores}
        rows.append(Row("baseline", name, by_metric, ("", "", "", note), compared=examples is None))
    return sorted(rows, key=lambda row: not row.compared)


def _published_rows(section: Section) -> list[Row]:
    rows = []
    for reference, paper in section.references:
        for data in (name for name in section.data if name in reference.scores):
            scores = {name: (value, None) for name, value in reference.scores[data].items()}
            rows.append(Row("published", marked(reference), scores, ("", "", "", paper.link)))
    return rows


def _measured(section: Section) -> list[dict[str, Any]]:
    """Return one record of each measured recipe, in the order of the recipes."""
    records = [section.record(recipe.name, section.table.metrics[0]) for recipe in section.recipes]
    return [record for record in records if record]
