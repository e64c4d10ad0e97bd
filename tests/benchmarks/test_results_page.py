"""The results page says what was measured, and is not stale."""

import json

import pytest

from benchmarks import recipe as recipes
from benchmarks.best_baseline import best_baseline, named_by_its_part
from benchmarks.pages import results as results_page
from benchmarks.pages.preset_scores import presets_with_scores, score_line
from benchmarks.pages.results import (
    render_results_page,
    replace_table,
    results_table_for_readme,
    with_current_tables,
    write_results_page,
)
from benchmarks.recipe import BENCHMARKS_FOLDER, read_recipes, read_records, recipe_tasks
from common.errors import UserError
from common.files import PROJECT_FOLDER

README_START, README_END = "<!-- results -->", "<!-- /results -->"
RECIPES = """
- {name: small, dataset: reviews, preset: default, seeds: [1, 2], description: a small one.}
- {name: large, dataset: reviews, preset: default, seeds: [1, 2], description: a large one.}
- {name: tweeted, dataset: tweets, preset: default, seeds: [1], description: on tweets.}
"""
REFERENCES = """
opinion:
  - {dataset: reviews, metric: accuracy, value: 0.9, model: LSTM, paper: Somebody 2015, where: Table 1,
     data: the same split, outside_data: true, checked: false}
"""
RECORD = {
    "task": "opinion",
    "dataset": "reviews",
    "recipe": "small",
    "metric": "accuracy",
    "metric_mode": "max",
    "value": 0.8123456,
    "spread": 0.0123,
    "values": [0.8, 0.82],
    "seeds": [1, 2],
    "parameters": 12345,
    "train_seconds": 300.0,
    "peak_memory_mb": 1234.4,
    "test_examples": 1283,
    "command": "make benchmark TASK=opinion RECIPE=small",
    "baselines": {"majority class": 0.5, "TF-IDF": 0.7},
    "machine": {"processor": "Some CPU", "cores": 2, "memory_gb": 8.0, "system": "Linux", "gpus": []},
    "versions": {"python": "3.11.7", "tensorflow": "2.21.0"},
    "commit": "abc",
    "date": "2026-01-01",
}


@pytest.fixture
def benchmarks(tmp_path, monkeypatch):
    """A folder of benchmarks with one measured recipe out of three."""
    for module in (recipes, results_page):
        monkeypatch.setattr(module, "BENCHMARKS_FOLDER", tmp_path / "benchmarks")
    monkeypatch.setattr(results_page, "PROJECT_FOLDER", tmp_path)
    folder = tmp_path / "benchmarks"
    (folder / "recipes").mkdir(parents=True)
    (folder / "results").mkdir()
    (folder / "recipes" / "opinion.yaml").write_text(RECIPES)
    (folder / "references.yaml").write_text(REFERENCES)
    (folder / "results" / "opinion.json").write_text(json.dumps([RECORD]))
    return folder


def line_with(text, *parts):
    found = [line for line in text.splitlines() if all(part in line for part in parts)]
    assert len(found) == 1, (parts, found)
    return found[0]


def test_page_is_not_stale():
    assert (BENCHMARKS_FOLDER / "README.md").read_text(encoding="utf-8") == render_results_page(), (
        "run `make results-page`"
    )


def test_readme_is_not_stale():
    text = (PROJECT_FOLDER / "README.md").read_text(encoding="utf-8")
    assert with_current_tables(text) == text, "run `make results-page`"


def test_presets_state_the_recorded_scores():
    texts = presets_with_scores()
    for path, text in texts.items():
        assert path.read_text(encoding="utf-8") == text, "run `make results-page`"
    # Whose recipes change what the first line names: the pair of languages, the horizon.
    assert {"multi30k", "etth1"} <= {path.stem for path in texts}


def test_score_of_a_preset():
    record = RECORD | {
        "metric": "accuracy", "metric_mode": "max", "value": 0.81234, "spread": 0.001,
        "seeds": [1, 2], "train_seconds": 61.4, "baselines": {"weak": 0.5, "strong": 0.79999},
    }  # fmt: skip
    cores = record["machine"]["cores"]
    assert score_line(record) == (
        f"# 61 s on {cores} CPU cores; test accuracy 0.8123 +- 0.0010 (2 seeds); strong 0.8000."
    )
    assert "(1 seed); weak 0.5000" in score_line(
        record | {"seeds": [1], "spread": None, "metric_mode": "min"}
    )


def test_every_record_has_its_recipe():
    for task in recipe_tasks():
        known = {(recipe.data, recipe.name) for recipe in read_recipes(task)}
        assert {(record["dataset"], record["recipe"]) for record in read_records(task)} <= known


def test_rows_tell_who_measured(benchmarks):
    page = render_results_page()
    measured = line_with(page, "**this project**", "small")
    for part in (
        "0.8123 ± 0.0123",
        "12,345",
        "5.0 min",
        "1,234 MB",
        "make benchmark TASK=opinion RECIPE=small",
    ):
        assert part in measured
    assert "0.7000" in line_with(page, "| baseline |", "TF-IDF")
    published = line_with(page, "*published*", "LSTM")
    for part in ("0.9", "Somebody 2015", "Table 1", "outside data", "not looked up"):
        assert part in published
    for part in ("Some CPU", "tensorflow 2.21.0", "commit abc"):
        assert part in page


def test_what_was_not_measured_has_no_number(benchmarks):
    for name in ("large", "tweeted"):
        cells = line_with(render_results_page(), f"| {name} |", "RECIPE=").split(" | ")
        assert cells[3] == "not yet measured"
        assert not any(cells[5:8])
    assert line_with(results_table_for_readme(), "tweets") == "| opinion | tweets | not yet measured |  |  |"


def test_readme_names_the_recipe_best_on_validation_and_the_best_baseline(benchmarks):
    better = {**RECORD, "recipe": "large", "value": 0.85, "seeds": [1], "spread": None}
    better |= {"validation_value": 0.83}
    other_metric = {**better, "metric": "macro_f1", "metric_mode": None, "value": 0.99}
    (benchmarks / "results" / "opinion.json").write_text(
        json.dumps([RECORD | {"value": 0.9, "validation_value": 0.82}, better, other_metric])
    )
    row = line_with(results_table_for_readme(), "reviews")
    assert row == "| opinion | reviews | accuracy 0.8500 (1 seed) | 0.7000 (TF-IDF) | 5.0 min |"


def test_a_baseline_scored_on_other_examples_is_not_compared_with(benchmarks):
    slow = named_by_its_part("AutoTheta", 20)
    errors = {**RECORD, "metric": "mse", "metric_mode": "min", "baselines": {"naive": 0.9, slow: 0.1}}
    (benchmarks / "results" / "opinion.json").write_text(json.dumps([errors]))
    assert "| 0.9000 (naive) |" in line_with(results_table_for_readme(), "reviews")
    assert score_line(errors).endswith("; naive 0.9000.")
    assert "0.1000" in line_with(render_results_page(), "baseline", slow)
    assert best_baseline(errors | {"baselines": {slow: 0.1}}) is None


def test_recipes_stand_side_by_side_in_the_order_of_their_file(benchmarks):
    """The metric that counts comes first."""
    records = [
        {**RECORD, "recipe": name, "metric": metric, "metric_mode": "max" if metric == "accuracy" else None}
        for name in ("large", "small")
        for metric in ("macro_f1", "accuracy")
    ]
    (benchmarks / "results" / "opinion.json").write_text(json.dumps(records))
    rows = [line.split(" | ")[1:3] for line in render_results_page().splitlines() if "**this" in line]
    assert rows == [
        ["**small**", "accuracy"],
        ["**large**", "accuracy"],
        ["**small**", "macro_f1"],
        ["**large**", "macro_f1"],
    ]


def test_a_study_is_on_the_results_page_alone(benchmarks):
    study = "- {name: half, dataset: reviews, part: by share, preset: default, seeds: [1], readme: false, "
    (benchmarks / "recipes" / "opinion.yaml").write_text(f"{RECIPES}{study}description: half of it.}}\n")
    (benchmarks / "results" / "opinion.json").write_text(
        json.dumps([RECORD, {**RECORD, "recipe": "half", "dataset": "reviews by share", "value": 0.99}])
    )
    assert "0.9900" in line_with(render_results_page(), "**half**")
    assert "by share" not in results_table_for_readme()
    assert "0.8123" in line_with(results_table_for_readme(), "reviews")


def test_lower_is_better_where_the_task_says_so(benchmarks):
    errors = {**RECORD, "metric": "mse", "metric_mode": "min", "baselines": {"naive": 0.9, "mean": 1.2}}
    better = {**errors, "recipe": "large", "value": 0.3, "spread": None, "validation_value": 0.2}
    records = [{**errors, "value": 0.4, "validation_value": 0.25}, better]
    (benchmarks / "results" / "opinion.json").write_text(json.dumps(records))
    row = line_with(results_table_for_readme(), "reviews")
    assert "mse 0.3000" in row
    assert "0.9000 (naive)" in row


def test_writes_page_and_readme(benchmarks, tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{README_START}\nold\n{README_END}\nafter\n")
    assert write_results_page() == benchmarks / "README.md"
    text = readme.read_text()
    assert text == f"before\n{README_START}\n{results_table_for_readme()}{README_END}\nafter\n"
    assert replace_table(text, "results", results_table_for_readme()) == text


def test_readme_without_markers_stays(benchmarks):
    assert replace_table("nothing here\n", "results", "table\n") == "nothing here\n"


@pytest.mark.parametrize("text", [f"{README_START}\n", f"{README_END}\n{README_START}\n", README_END])
def test_half_of_the_markers_is_an_error(text):
    with pytest.raises(UserError, match="needs both"):
        replace_table(text, "results", "table\n")
