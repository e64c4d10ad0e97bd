"""What is recorded and published of each data set, gathered for its table."""

from dataclasses import dataclass
from typing import Any

from benchmarks.best_baseline import best_baseline
from benchmarks.pages.layout import Layout, Metric, Table
from benchmarks.recipe import Recipe, read_recipes, read_records
from benchmarks.references import Paper, Reference, References


@dataclass(frozen=True)
class Section:
    """A table of the results page, and what stands in it.

    Attributes:
        task: name of the task.
        title: data set, with its part if the table is of one part alone.
        table: what is shown.
        metrics: how the table's metrics are shown, by name.
        data: names of the data that scores are of: the data set with each of its parts.
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
        """The recorded result of a recipe in a metric; None if it was not measured."""
        found = [one for one in self.records if (one["recipe"], one["metric"]) == (recipe, metric)]
        return found[0] if found else None


@dataclass(frozen=True)
class Comparison:
    """Our result on some data beside the best of others.

    Attributes:
        data: name of the data.
        metric: in which they are compared.
        ours: our record in that metric.
        baseline: name and score of the best baseline trained here.
        published: score of the best published result, with its source.
    """

    data: str
    metric: Metric
    ours: dict[str, Any]
    baseline: tuple[str, float] | None
    published: tuple[float, Reference, Paper] | None


def of_all_seeds(metric: str) -> str:
    """Name by which the score of all seeds' runs as one model is recorded."""
    return f"{metric}_of_all_seeds"


def task_sections(task: str, layout: Layout, references: References) -> list[Section]:
    """Gather the sections of a task: those with recipes in their order, then those that others published.

    A task that metrics.yaml does not name has none before something is recorded.
    """
    recipes, records, published = read_recipes(task), read_records(task), references.of_task(task)
    tables: dict[str, Table] = {}
    data: dict[str, dict[str, None]] = {}
    for recipe in recipes:
        found = layout.table_of(task, recipe.dataset, recipe.part, records)
        if found is None:
            continue
        title = recipe.dataset if found.rows and found.part is None else recipe.data
        tables[title] = found
        data.setdefault(title, {})[recipe.data] = None
    known = {name for names in data.values() for name in names}
    for name in (name for reference, _ in published for name in reference.scores):
        found = None if name in known else layout.table_of(task, name, "", records)
        if found is not None:
            tables[name], data[name] = found, {name: None}
    return [
        Section(
            task=task,
            title=title,
            table=found,
            metrics={name: layout.metric(name, records) for name in found.metrics},
            data=tuple(data[title]),
            recipes=[recipe for recipe in recipes if recipe.data in data[title]],
            records=[record for record in records if record["dataset"] in data[title]],
            references=[pair for pair in published if data[title].keys() & pair[0].scores.keys()],
        )
        for title, found in tables.items()
    ]


def compare(section: Section, data: str) -> Comparison | None:
    """Set our recipe that is best on validation beside the best of others; None if nothing was measured.

    They are compared in the first metric of the table in which something was published, so that all scores
    are of one kind; in the first of all if there is none.
    """
    counting = section.table.metrics[0]
    judged = [
        record for record in section.records if record["dataset"] == data and record["metric"] == counting
    ]
    if not judged:
        return None
    published = [pair for pair in section.references if data in pair[0].scores]
    chosen = best_on_validation(judged, section.metrics[counting].mode)
    name = next(
        (
            metric
            for metric in section.table.metrics
            if any(metric in reference.scores[data] for reference, _ in published)
            and section.record(chosen["recipe"], metric)
        ),
        counting,
    )
    metric = section.metrics[name]
    ours = section.record(chosen["recipe"], name) or chosen
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


def best_on_validation(judged: list[dict[str, Any]], mode: str) -> dict[str, Any]:
    """The record of the recipe with the best validation score: the test score chooses nothing."""
    if any(record.get("validation_value") is None for record in judged):
        return judged[0]
    best_of = max if mode == "max" else min
    return best_of(judged, key=lambda record: record["validation_value"])
