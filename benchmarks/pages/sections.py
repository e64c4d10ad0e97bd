"""Recorded and published results of each data set, collected for its table."""

from dataclasses import dataclass
from typing import Any

from benchmarks.best_baseline import best_baseline
from benchmarks.pages.layout import Layout, Metric, Table
from benchmarks.recipe import Recipe, read_recipes, read_records
from benchmarks.references import Paper, Reference, References


@dataclass(frozen=True)
class Section:
    """A table of the results page, and its content.

    Attributes:
        task: name of the task.
        title: data set, with its part if the table is only about one part.
        table: its layout.
        metrics: the table's metrics, by name.
        data: names of the data: the data set with each of its parts.
        recipes: recipes of these data.
        records: recorded results of these data.
        references: published results of these data, with their papers.
    """

    task: str
    title: str
    table: Table
    metrics: dict[str, Metric]
    data: tuple[str, ...]
    recipes: list[Recipe]
    records: list[dict[str, Any]]
    references: list[tuple[Reference, Paper]]

    def record(self, recipe: str, metric: str) -> dict[str, Any] | None:
        """Return the recorded result of a recipe in a metric; None if it was not measured."""
        matches = (
            record for record in self.records if (record["recipe"], record["metric"]) == (recipe, metric)
        )
        return next(matches, None)


@dataclass(frozen=True)
class Comparison:
    """Our result on some data, with the best baseline and the best published result.

    Attributes:
        data: name of the data.
        metric: of the comparison.
        ours: our record in that metric.
        baseline: name and score of the best baseline.
        published: score of the best published result, with its source.
    """

    data: str
    metric: Metric
    ours: dict[str, Any]
    baseline: tuple[str, float] | None
    published: tuple[float, Reference, Paper] | None


def of_all_seeds(metric: str) -> str:
    """Return the recorded name of the metric for the ensemble of all seeds' runs."""
    return f"{metric}_of_all_seeds"


def task_sections(task: str, layout: Layout, references: References) -> list[Section]:
    """Collect the sections of a task: those with recipes, in their order, then those only published.

    A task that is not in metrics.yaml has no sections before something is recorded.
    """
    recipes, records, published = read_recipes(task), read_records(task), references.of_task(task)
    tables: dict[str, Table] = {}
    data: dict[str, dict[str, None]] = {}
    for recipe in recipes:
        table = layout.table_of(task, recipe.dataset, recipe.part, records)
        if table is None:
            continue
        title = recipe.dataset if table.rows and table.part is None else recipe.data
        tables[title] = table
        data.setdefault(title, {})[recipe.data] = None
    known = {name for names in data.values() for name in names}
    for name in (name for reference, _ in published for name in reference.scores):
        table = None if name in known else layout.table_of(task, name, "", records)
        if table is not None:
            tables[name], data[name] = table, {name: None}
    return [
        Section(
            task=task,
            title=title,
            table=table,
            metrics={name: layout.metric(name, records) for name in table.metrics},
            data=tuple(data[title]),
            recipes=[recipe for recipe in recipes if recipe.data in data[title]],
            records=[record for record in records if record["dataset"] in data[title]],
            references=[pair for pair in published if data[title].keys() & pair[0].scores.keys()],
        )
        for title, table in tables.items()
    ]


def compare(section: Section, data: str) -> Comparison | None:
    """Compare our recipe that is best on validation with others' results; None if nothing was measured.

    The metric is the table's first one with a published result, so that all scores are comparable; if there
    is none, the table's first metric.
    """
    main_metric = section.table.metrics[0]
    records = [
        record for record in section.records if record["dataset"] == data and record["metric"] == main_metric
    ]
    if not records:
        return None
    published = [pair for pair in section.references if data in pair[0].scores]
    best = best_on_validation(records, section.metrics[main_metric].mode)
    name = next(
        (
            metric
            for metric in section.table.metrics
            if any(metric in reference.scores[data] for reference, _ in published)
            and section.record(best["recipe"], metric)
        ),
        main_metric,
    )
    metric = section.metrics[name]
    ours = section.record(best["recipe"], name) or best
    scores = [
        (reference.scores[data][name], reference, paper)
        for reference, paper in published
        if name in reference.scores[data]
    ]
    best_of = max if metric.mode == "max" else min
    return Comparison(
        data=data,
        metric=metric,
        ours=ours,
        baseline=best_baseline(ours, metric.mode),
        published=best_of(scores, key=lambda score: score[0]) if scores else None,
    )


def best_on_validation(records: list[dict[str, Any]], mode: str) -> dict[str, Any]:
    """Return the record with the best validation score; the test score must not choose a recipe."""
    if any(record.get("validation_value") is None for record in records):
        return records[0]
    best_of = max if mode == "max" else min
    return best_of(records, key=lambda record: record["validation_value"])
