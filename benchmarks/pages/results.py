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

![Our score on each data set beside the best baseline and the best published one](results/overview.png)

Our scores are of the test split: the mean over the seeds ± the sample standard deviation. The validation
split chose the epoch. Baselines learned from the same training split and were scored on the same test
examples; those that were not say so, and are not compared with. Published numbers are other people's, of
recurrent or simple models that ours can be compared with, not the state of the art. The best score of a
column, or of a row where rows are horizons or shares, is **bold**.

- \\* learned from more than the labelled training split (word vectors, weights of ImageNet, unlabelled text)
- † quoted from memory: nobody here has seen this number again in print

Recipes are in [recipes/](recipes), every other metric, peak memory, settings and package versions in
[results/](results), published numbers in [references.yaml](references.yaml), the choice of metrics in
[metrics.yaml](metrics.yaml). `make results-page` writes this page from them; do not edit it by hand.
`make benchmark TASK=... RECIPE=...` measures a recipe again, without `RECIPE=` every one of the task.
"""


def write_results_page() -> Path:
    """Write benchmarks/README.md with its chart, the scores in the presets, and the tables in the README.

    Returns:
        The page.

    Raises:
        UserError: if a recipe, a record or a reference is wrong.
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
    """Gather the sections of every task that has recipes and something to show."""
    layout, references = read_layout(), read_references()
    sections = {task: task_sections(task, layout, references) for task in recipe_tasks()}
    return {task: found for task, found in sections.items() if found}


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
    """Say in one line what the numbers of a data set were measured with."""
    places = {recipe.name: place for place, recipe in enumerate(section.recipes)}
    records = sorted(section.records, key=lambda record: places.get(record["recipe"], len(places)))
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
    """Every value once."""
    return ", ".join(dict.fromkeys(values))


def _short(commit: str) -> str:
    """A commit by seven digits; `+changes` stays, for nobody else has such code."""
    name, plus, changes = commit.partition("+")
    return f"{name[:7]}{plus}{changes}"


def _sources(references: References) -> str:
    """List every paper once, with where its numbers stand and where they were seen."""
    results = [one for of_task in references.results.values() for one in of_task]
    parts = ["## Sources\n\n*seen*: where the numbers were looked up.\n\n"]
    for key, paper in references.papers.items():
        parts.append(f"- {paper.authors}, [{paper.title}]({paper.address}), {paper.venue} {paper.year}.")
        for one in (result for result in results if result.paper == key):
            seen = f"; [seen]({one.seen_at})" if one.seen_at else f"; {NOT_SEEN}"
            parts.append(f" *{one.model}*: {one.where}; {one.data}{seen}.")
        parts.append("\n")
    return "".join(parts)
