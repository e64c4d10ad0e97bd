"""The tables of the project's README that are generated."""

from benchmarks.gradient_flow.page import gradient_flow_table
from benchmarks.pages.markdown import counted, duration, table
from benchmarks.pages.sections import Comparison, Section, compare
from benchmarks.pages.tables import NOT_MEASURED, NOT_SEEN, OUTSIDE_DATA
from benchmarks.recipe import GRADIENT_FLOW_FOLDER
from common.errors import UserError

_COLUMNS = ("task", "data", "metric", "ours", "best baseline", "best published", "training time")


def results_table(by_task: dict[str, list[Section]]) -> str:
    """Write one row a data set: the recipe best on validation, the best baseline, the best published result.

    Data whose recipes all say `readme: false` are left out.
    """
    rows = []
    for task, sections in by_task.items():
        for section in sections:
            data = dict.fromkeys(recipe.data for recipe in section.recipes if recipe.readme)
            rows += [[task, name, *_row(compare(section, name))] for name in data]
    text = table(_COLUMNS, rows)
    legend = {
        OUTSIDE_DATA: "learned from more than the labelled training split",
        NOT_SEEN: "quoted from memory, not seen again in print",
    }
    notes = [f"{mark} {meaning}" for mark, meaning in legend.items() if mark in text]
    return f"{text}\n{'; '.join(notes)}\n" if notes else text


def with_current_tables(readme: str, by_task: dict[str, list[Section]]) -> str:
    """Put the tables of what is recorded between their markers in the README's text."""
    readme = replace_table(readme, "results", results_table(by_task))
    if GRADIENT_FLOW_FOLDER.is_dir():
        readme = replace_table(readme, "gradient-flow", gradient_flow_table(GRADIENT_FLOW_FOLDER))
    return readme


def replace_table(text: str, name: str, new: str) -> str:
    """Put a table between `<!-- name -->` and `<!-- /name -->`; a text without them stays as it is.

    Raises:
        UserError: if only one marker is there, or they are the wrong way round.
    """
    start_marker, end_marker = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, start, rest = text.partition(start_marker)
    _, end, after = rest.partition(end_marker)
    if not start and end_marker not in text:
        return text
    if not (start and end):
        raise UserError(f"README.md needs both {start_marker} and, after it, {end_marker}; write both.")
    return f"{before}{start}\n{new}{end}{after}"


def _row(found: Comparison | None) -> list[str]:
    """The cells behind task and data."""
    if found is None:
        return ["", NOT_MEASURED, "", "", ""]
    ours, metric = found.ours, found.metric
    baseline = published = ""
    if found.baseline:
        baseline = f"{metric.shown(found.baseline[1])} ({found.baseline[0]})"
    if found.published:
        value, reference, paper = found.published
        marks = (OUTSIDE_DATA if reference.outside_data else "") + ("" if reference.seen_at else NOT_SEEN)
        published = f"{metric.shown(value)}{marks} ({paper.link})"
    score = f"{metric.shown(ours['value'], ours['spread'])} ({counted(len(ours['seeds']), 'seed')})"
    return [metric.title, score, baseline, published, duration(ours["train_seconds"])]
