"""The results page: benchmarks/README.md, generated from recipes, recorded results and references."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from benchmarks.pages.layout import read_layout
from benchmarks.pages.overview import draw_overview
from benchmarks.pages.pivots import pivot_table
from benchmarks.pages.preset_scores import write_preset_scores
from benchmarks.pages.readme import with_current_tables
from benchmarks.pages.sections import Section, task_sections
from benchmarks.pages.speed import serving_section, speed_section
from benchmarks.pages.tables import NOT_MEASURED, NOT_SEEN, model_table
from benchmarks.recipe import (
    BENCHMARKS_FOLDER,
    SPEED_FILE,
    SPEED_TRIED_FILE,
    read_serving_speeds,
    recipe_tasks,
)
from benchmarks.references import References, read_references
from common.files import PROJECT_FOLDER, read_json, write_text

_HEADING = """\
# Results

![Our score on each data set, with the best baseline and the best published result](results/overview.png)

Our scores are on the test split: mean over the seeds ± sample standard deviation. The epoch was chosen by the
validation split. Baselines were trained on the same training split and scored on the same test examples;
those scored on fewer are marked and not compared. Published results are of recurrent or simple models that
are comparable to ours, not the state of the art. The best score of a column, or of a row if rows are horizons
or fractions, is **bold**.

- \\* trained on more than the labelled training split (word vectors, ImageNet weights, unlabelled text)
- † quoted from memory, not verified

Recipes are in [recipes/](recipes); all other metrics, peak memory, settings and package versions in
[results/](results); published results in [references.yaml](references.yaml); the choice of metrics in
[metrics.yaml](metrics.yaml). This page is generated from them by `make results-page`; do not edit it by hand.
`make benchmark TASK=... RECIPE=...` repeats a recipe, or without `RECIPE=` all recipes of a task.
"""


def write_results_page() -> Path:
    """Write benchmarks/README.md with its chart, the scores in the presets, and the tables in the README.

    Returns:
        The page.

    Raises:
        UserError: if a recipe, a record or a reference is invalid.
    """
    page = BENCHMARKS_FOLDER / "README.md"
    write_text(page, render_results_page())
    draw_overview(read_sections(), BENCHMARKS_FOLDER / "results" / "overview.png")
    readme = PROJECT_FOLDER / "README.md"
    if readme.is_file():
        text = readme.read_text(encoding="utf-8")
        updated = with_current_tables(text, read_sections())
        if updated != text:
            write_text(readme, updated)
    write_preset_scores()
    return page


def read_sections() -> dict[str, list[Section]]:
    """Collect the sections of every task that has recipes and something to show."""
    layout, references = read_layout(), read_references()
    by_task = {task: task_sections(task, layout, references) for task in recipe_tasks()}
    return {task: sections for task, sections in by_task.items() if sections}


def render_results_page() -> str:
    """Write the results of every task that has recipes, as Markdown."""
    by_task = read_sections()
    parts = [_HEADING, _contents(by_task)]
    for task, sections in by_task.items():
        parts.append(f"## {task}\n")
        parts += [_render_section(section) for section in sections]
    if read_serving_speeds():
        parts.append(serving_section(read_serving_speeds()))
    if SPEED_FILE.is_file():
        parts.append(speed_section(read_json(SPEED_FILE), yaml.safe_load(SPEED_TRIED_FILE.read_text())))
    parts.append(_sources(read_references()))
    return "\n".join(parts)


def _contents(by_task: dict[str, list[Section]]) -> str:
    lines = []
    for task, sections in by_task.items():
        links = ", ".join(f"[{section.title}](#{_anchor(section.title)})" for section in sections)
        lines.append(f"- [{task}](#{_anchor(task)}): {links}\n")
    return "".join(lines)


def _anchor(title: str) -> str:
    return title.lower().replace(" ", "-")


def _render_section(section: Section) -> str:
    body = pivot_table(section) if section.table.rows else model_table(section)
    return "\n".join([f"### {section.title}\n", body, f"{_conditions(section)}\n"])


def _conditions(section: Section) -> str:
    """Write in one line how the numbers of a data set were measured."""
    order = {recipe.name: number for number, recipe in enumerate(section.recipes)}
    records = sorted(section.records, key=lambda record: order.get(record["recipe"], len(order)))
    if not records:
        return f"This data set is {NOT_MEASURED} here."
    hardware = _each(_machine(record["machine"]) for record in records)
    packages = _each(
        f"TensorFlow {record['versions'].get('tensorflow')}, Keras {record['versions'].get('keras')}"
        for record in records
    )
    examples = " / ".join(dict.fromkeys(f"{record['test_examples']:,}" for record in records))
    commits = _each(_short(commit) for record in records for commit in record["commit"].split(", "))
    return (
        f"Measured on {_each(sorted(record['date'] for record in records))} ({hardware}; {packages}) on "
        f"{examples} test examples; commit {commits}."
    )


def _machine(machine: dict[str, Any]) -> str:
    hardware = f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gb']} GB"
    return ", ".join([hardware, *machine["gpus"]])


def _each(values: Iterable[str]) -> str:
    """Join the distinct values."""
    return ", ".join(dict.fromkeys(values))


def _short(commit: str) -> str:
    """Shorten a commit to seven digits; `+changes` is kept, because such code is not available."""
    name, plus, changes = commit.partition("+")
    return f"{name[:7]}{plus}{changes}"


def _sources(references: References) -> str:
    """List every paper once, with where its numbers are and where they were looked up."""
    results = [result for of_task in references.results.values() for result in of_task]
    parts = ["## Sources\n\n*seen*: where the numbers were looked up.\n\n"]
    for key, paper in references.papers.items():
        parts.append(f"- {paper.authors}, [{paper.title}]({paper.address}), {paper.venue} {paper.year}.")
        for result in results:
            if result.paper == key:
                seen = f"; [seen]({result.seen_at})" if result.seen_at else f"; {NOT_SEEN}"
                parts.append(f" *{result.model}*: {result.where}; {result.data}{seen}.")
        parts.append("\n")
    return "".join(parts)
