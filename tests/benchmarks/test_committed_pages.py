"""The pages in the repository are those made from the recorded results."""

import re

import pytest
from support.page_case import cells, line_with, sections_of_page

from benchmarks.pages.overview import draw_overview
from benchmarks.pages.preset_scores import presets_with_scores
from benchmarks.pages.readme import with_current_tables
from benchmarks.pages.results import read_sections, render_results_page
from benchmarks.pages.tables import marked
from benchmarks.recipe import BENCHMARKS_FOLDER, read_recipes, read_records, recipe_tasks
from benchmarks.references import read_references
from common.contract.find import find_data_sets, task_names, task_title
from common.files import PROJECT_FOLDER


@pytest.fixture
def committed():
    return (BENCHMARKS_FOLDER / "README.md").read_text(encoding="utf-8")


def test_page_is_not_stale(committed):
    assert committed == render_results_page(), "run `make results-page`"


def test_readme_is_not_stale():
    text = (PROJECT_FOLDER / "README.md").read_text(encoding="utf-8")
    assert with_current_tables(text, read_sections()) == text, "run `make results-page`"


def test_presets_state_the_recorded_scores():
    texts = presets_with_scores()
    for path, text in texts.items():
        assert path.read_text(encoding="utf-8") == text, "run `make results-page`"
    # Whose recipes change what the first line names: the pair of languages, the horizon.
    assert {"multi30k", "etth1"} <= {path.stem for path in texts}


def test_every_record_has_its_recipe():
    for task in recipe_tasks():
        known = {(recipe.data, recipe.name) for recipe in read_recipes(task)}
        assert {(one["dataset"], one["recipe"]) for one in read_records(task)} <= known


def test_committed_numbers_are_the_recorded_ones_rounded(committed):
    """Each recipe stands in one row of its data set, with every metric that the table shows."""
    texts = sections_of_page(committed)
    for section in (one for of_task in read_sections().values() for one in of_task):
        for recipe in section.recipes:
            rows = [line for line in texts[section.title].splitlines() if f"[`{recipe.name}`]" in line]
            scores = []
            for name, metric in section.metrics.items():
                (found,) = [
                    one
                    for one in read_records(section.task)
                    if (one["dataset"], one["recipe"], one["metric"]) == (recipe.data, recipe.name, name)
                ]
                spread = "" if found["spread"] is None else f" ± {found['spread']:.{metric.digits}f}"
                scores.append(f"{found['value']:.{metric.digits}f}{spread}")
            row = cells(rows[0].replace("**", ""))
            assert len(rows) == 1 + recipe.ensemble
            if section.table.rows:
                assert " / ".join(scores) in row
            else:
                assert row[2 : 2 + len(scores)] == scores


def test_each_published_result_stands_once_in_its_table_and_its_paper_once_in_the_sources(committed):
    texts = sections_of_page(committed)
    for section in (one for of_task in read_sections().values() for one in of_task):
        for reference, paper in section.references:
            name, link = marked(reference), paper.link
            text = texts[section.title]
            row = rf"^\| published \| {re.escape(name)} \|.*{re.escape(link)} \|$"
            found = re.findall(row, text, flags=re.MULTILINE)
            assert len(found) + text.count(f"| published: {name}, {link} |") == 1
            shown = {metric for data in section.data for metric in reference.scores.get(data, {})}
            assert shown & set(section.metrics)
    for paper in read_references().papers.values():
        assert texts["Sources"].count(f"[{paper.title}]({paper.address})") == 1


def test_committed_chart_is_there_and_small():
    path = BENCHMARKS_FOLDER / "results" / "overview.png"
    assert path.read_bytes().startswith(b"\x89PNG")
    assert path.stat().st_size < 200_000


def test_chart_can_be_drawn_from_what_is_recorded(tmp_path):
    draw_overview(read_sections(), tmp_path / "chart.png")
    assert (tmp_path / "chart.png").stat().st_size > 10_000


def test_readme_lists_every_task_and_every_data_set():
    text = (PROJECT_FOLDER / "README.md").read_text(encoding="utf-8")
    for name in task_names():
        assert task_title(name).partition(": ")[2] in line_with(text, f"| `{name}` |", f"[tasks/{name}]")
        for data_set in find_data_sets(name):
            known = data_set.information
            family = f"`{known.name.partition('/')[0]}/...`"
            rows = [line for line in text.splitlines() if f"| `{name}` | {known.licence} |" in line]
            assert any(f"`{known.name}`" in row or family in row for row in rows), known.name
