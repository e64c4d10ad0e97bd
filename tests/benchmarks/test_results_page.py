"""The results page says what was measured and published, once and to the digit, and is not stale."""

import json

import pytest
from support.page_case import cells, line_with, sections_of_page

from benchmarks import recipe as recipes
from benchmarks import references as published
from benchmarks.best_baseline import best_baseline, with_origins
from benchmarks.pages import layout, results
from benchmarks.pages.preset_scores import score_line
from benchmarks.pages.readme import replace_table, results_table
from benchmarks.pages.results import read_sections, render_results_page, write_results_page
from common.errors import UserError

README_START, README_END = "<!-- results -->", "<!-- /results -->"
RECIPES = """
- {name: small, dataset: reviews, preset: default, seeds: [1, 2], description: a small one.}
- {name: large, dataset: reviews, preset: default, seeds: [1, 2], description: a large one.}
- {name: tweeted, dataset: tweets, preset: default, seeds: [1], description: on tweets.}
"""
METRICS = """
metrics:
  accuracy: {title: Accuracy, mode: max, digits: 4}
  macro_f1: {title: macro-F1, mode: max, digits: 2}
  mse: {title: MSE, mode: min, digits: 3}
tables:
  opinion:
    - {dataset: series, metrics: [mse], rows: {setting: data.horizon, title: horizon}}
    - {dataset: errors, metrics: [mse]}
    - {metrics: [accuracy, macro_f1]}
"""
PAPER = '{authors: Somebody, title: On Opinions, venue: ACL, year: 2015, address: "https://example.org/1"}'
REFERENCES = f"""
papers:
  somebody: {PAPER}
results:
  opinion:
    - {{model: LSTM, paper: somebody, scores: {{reviews: {{accuracy: 0.9}}}}, where: Table 1,
       data: the same split, outside_data: true}}
    - {{model: GRU, paper: somebody, scores: {{reviews: {{accuracy: 0.6}}, series horizon 3: {{mse: 0.2}}}},
       where: Table 2, data: the same split, outside_data: false, seen_at: "https://example.org/2"}}
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
    "versions": {"python": "3.11.7", "tensorflow": "2.21.0", "keras": "3.15.1"},
    "commit": "abcdef0123, abcdef0123+changes",
    "date": "2026-01-01",
    "settings": {"data": {"horizon": 3}},
}
ERRORS = {**RECORD, "metric": "mse", "metric_mode": "min", "baselines": {"naive": 0.9, "mean": 1.2}}


@pytest.fixture
def benchmarks(tmp_path, monkeypatch):
    """A folder of benchmarks with one measured recipe out of three."""
    folder = tmp_path / "benchmarks"
    for module in (recipes, published, layout, results):
        monkeypatch.setattr(module, "BENCHMARKS_FOLDER", folder)
    monkeypatch.setattr(results, "PROJECT_FOLDER", tmp_path)
    (folder / "recipes").mkdir(parents=True)
    (folder / "results").mkdir()
    (folder / "recipes" / "opinion.yaml").write_text(RECIPES)
    (folder / "metrics.yaml").write_text(METRICS)
    (folder / "references.yaml").write_text(REFERENCES)
    record(folder, RECORD)
    return folder


def record(folder, *records):
    (folder / "results" / "opinion.json").write_text(json.dumps(records))


def add_recipes(folder, *added):
    common = "preset: default, seeds: [1], description: another."
    lines = [f"- {{{recipe}, {common}}}\n" for recipe in added]
    (folder / "recipes" / "opinion.yaml").write_text(RECIPES + "".join(lines))


def readme_table():
    return results_table(read_sections())


def test_score_of_a_preset():
    baselines = {"weak": 0.5, "strong": 0.79999}
    measured = RECORD | {"value": 0.81234, "spread": 0.001, "train_seconds": 61.4, "baselines": baselines}
    assert (
        score_line(measured)
        == "# 61 s on 2 CPU cores; test accuracy 0.8123 +- 0.0010 (2 seeds); strong 0.8000."
    )
    assert "(1 seed); weak 0.5000" in score_line(
        measured | {"seeds": [1], "spread": None, "metric_mode": "min"}
    )


def test_rows_tell_who_measured(benchmarks):
    page = render_results_page()
    measured = cells(line_with(page, "| ours |", "[`small`]"))
    assert measured[2:] == ["0.8123 ± 0.0123", "", "2", "12,345", "5.0 min", "a small one."]
    assert cells(line_with(page, "| baseline |", "TF-IDF"))[2] == "0.7000"
    best = cells(line_with(page, "| published |", "LSTM"))
    assert best[1:3] == ["LSTM \\*†", "**0.9000**"]
    assert best[-1] == "[Somebody 2015](https://example.org/1)"
    assert cells(line_with(sections_of_page(page)["reviews"], "| published |", "GRU"))[1] == "GRU"
    conditions = line_with(page, "Measured on 2026-01-01", "Some CPU")
    assert "TensorFlow 2.21.0, Keras 3.15.1" in conditions
    assert "1,283 test examples; commit abcdef0, abcdef0+changes." in conditions


def test_what_was_not_measured_has_no_number(benchmarks):
    for name in ("large", "tweeted"):
        row = cells(line_with(render_results_page(), f"[`{name}`]"))
        assert row[-1].startswith("not yet measured; ")
        assert not any(row[2:4])
    assert "This data set is not yet measured here." in sections_of_page(render_results_page())["tweets"]
    assert line_with(readme_table(), "tweets") == "| opinion | tweets |  | not yet measured |  |  |  |"


def test_readme_names_the_recipe_best_on_validation_and_the_best_of_others(benchmarks):
    better = {**RECORD, "recipe": "large", "value": 0.85, "seeds": [1], "spread": None}
    better |= {"validation_value": 0.83}
    other_metric = {**better, "metric": "macro_f1", "metric_mode": None, "value": 0.99}
    record(benchmarks, RECORD | {"value": 0.9, "validation_value": 0.82}, better, other_metric)
    row = cells(line_with(readme_table(), "reviews"))
    assert row[2:5] == ["Accuracy", "0.8500 (1 seed)", "0.7000 (TF-IDF)"]
    assert row[5:] == ["0.9000\\*† ([Somebody 2015](https://example.org/1))", "5.0 min"]
    assert "† quoted from memory" in readme_table()


def test_scores_are_compared_in_a_metric_that_was_published(benchmarks):
    text = REFERENCES.replace("accuracy: 0.9", "macro_f1: 0.75").replace("accuracy: 0.6", "macro_f1: 0.5")
    (benchmarks / "references.yaml").write_text(text)
    other = {
        **RECORD,
        "metric": "macro_f1",
        "metric_mode": None,
        "value": 0.8,
        "baselines": {"a": 0.1, "b": 0.3},
    }
    record(benchmarks, RECORD, other)
    row = cells(line_with(readme_table(), "reviews"))
    assert row[2:5] == ["macro-F1", "0.80 ± 0.01 (2 seeds)", "0.30 (b)"]
    assert row[5].startswith("0.75")


SLOW_BASELINES = {
    "recorded with its number": {
        "baselines": {"AutoTheta": 0.1, "naive": 0.9},
        "baseline_origins": {"AutoTheta": 20},
    },
    "recorded by its name": {"baselines": {"AutoTheta (20 origins)": 0.1, "naive": 0.9}},
}


@pytest.mark.parametrize("recorded", SLOW_BASELINES.values(), ids=SLOW_BASELINES)
def test_a_baseline_scored_on_other_examples_is_not_compared_with(benchmarks, recorded):
    add_recipes(benchmarks, "name: forecast, dataset: errors")
    errors = {**ERRORS, "dataset": "errors", "recipe": "forecast", **recorded}
    record(benchmarks, errors | {"value": 0.4})
    assert "| 0.900 (naive) |" in line_with(readme_table(), "errors")
    assert score_line(with_origins(errors)).endswith("; naive 0.9000.")
    row = cells(line_with(render_results_page(), "| baseline |", "AutoTheta"))
    assert (row[2], row[-1]) == ("0.100", "too slow for all test windows, scored on 20")
    assert "**0.400 ± 0.012**" in line_with(render_results_page(), "[`forecast`]")
    alone = {"baselines": {"AutoTheta": 0.1}, "baseline_origins": {"AutoTheta": 20}}
    assert best_baseline(alone, "min") is None


def test_recipes_stand_in_the_order_of_their_file_then_baselines_then_published(benchmarks):
    record(benchmarks, {**RECORD, "recipe": "large"}, RECORD)
    text = sections_of_page(render_results_page())["reviews"]
    rows = [cells(line)[:2] for line in text.splitlines() if line.startswith("| ")][2:]
    assert rows == [
        ["ours", "[`small`](recipes/opinion.yaml)"],
        ["ours", "[`large`](recipes/opinion.yaml)"],
        ["baseline", "majority class"],
        ["baseline", "TF-IDF"],
        ["published", "LSTM \\*†"],
        ["published", "GRU"],
    ]


def test_baselines_that_were_given_other_data_have_rows_of_their_own(benchmarks):
    record(benchmarks, RECORD, {**RECORD, "recipe": "large", "baselines": {"TF-IDF": 0.75}})
    page = render_results_page()
    assert "0.7000" in line_with(page, "TF-IDF, with `small`")
    assert "0.7500" in line_with(page, "TF-IDF, with `large`")


def test_all_seeds_as_one_model_have_a_row(benchmarks):
    text = RECIPES.replace("description: a small one.", "ensemble: true, description: a small one.")
    (benchmarks / "recipes" / "opinion.yaml").write_text(text)
    together = {
        **RECORD,
        "metric": "accuracy_of_all_seeds",
        "metric_mode": None,
        "value": 0.95,
        "spread": None,
    }
    record(benchmarks, RECORD, together)
    row = cells(line_with(render_results_page(), "ensemble of its 2 seeds"))
    assert row[2] == "**0.9500**"


def test_values_of_a_setting_are_the_rows_of_one_table(benchmarks):
    names = [f"name: series_{n}, dataset: series, part: horizon {n}" for n in (12, 3, 24)]
    add_recipes(benchmarks, *names)
    measured = [
        {
            **ERRORS,
            "recipe": f"series_{n}",
            "dataset": f"series horizon {n}",
            "value": n / 10,
            "spread": None,
            "baselines": {"naive": n / 5, "drift": n, "AutoTheta": 0.01},
            "baseline_origins": {"AutoTheta": 5},
            "settings": {"data": {"horizon": n}},
        }
        for n in (12, 3)
    ]
    record(benchmarks, *measured)
    text = sections_of_page(render_results_page())["series"]
    assert cells(line_with(text, "| horizon: MSE |"))[:4] == [
        "horizon: MSE",
        "ours",
        "baseline: naive",
        "published: GRU, [Somebody 2015](https://example.org/1)",
    ]
    rows = [cells(line) for line in text.splitlines() if "[`series_" in line]
    assert [row[:4] for row in rows] == [
        ["3", "0.300", "0.600", "**0.200**"],
        ["12", "**1.200**", "2.400", ""],
    ]
    assert "\n`series_24`: not yet measured.\n" in text
    assert cells(line_with(text, "| drift |")) == ["drift", "all", "3.000", "12.000"]
    assert cells(line_with(text, "| AutoTheta |"))[1:3] == ["5", "0.010"]


def test_a_study_is_on_the_results_page_alone(benchmarks):
    add_recipes(benchmarks, "name: half, dataset: reviews, part: by share, readme: false")
    record(benchmarks, RECORD, {**RECORD, "recipe": "half", "dataset": "reviews by share", "value": 0.99})
    assert "0.9900" in line_with(render_results_page(), "[`half`]")
    assert "by share" not in readme_table()
    assert "0.8123" in line_with(readme_table(), "reviews")


def test_lower_is_better_where_the_metric_says_so(benchmarks):
    add_recipes(benchmarks, "name: first, dataset: errors", "name: second, dataset: errors")
    errors = {**ERRORS, "dataset": "errors", "spread": None}
    record(
        benchmarks,
        errors | {"recipe": "first", "value": 0.4, "validation_value": 0.25},
        errors | {"recipe": "second", "value": 0.3, "validation_value": 0.2},
    )
    assert cells(line_with(readme_table(), "errors"))[2:5] == ["MSE", "0.300 (2 seeds)", "0.900 (naive)"]
    assert "**0.300**" in line_with(render_results_page(), "[`second`]")


def test_a_task_that_no_table_is_named_for_is_shown_by_the_metric_that_counts(benchmarks):
    (benchmarks / "metrics.yaml").write_text("metrics: {}\ntables: {}\n")
    (benchmarks / "references.yaml").write_text("papers: {}\nresults: {}\n")
    counting = {**RECORD, "metric": "wer", "metric_mode": "min", "value": 0.25, "baselines": {"naive": 0.5}}
    record(benchmarks, {**RECORD, "metric": "wer_lc", "metric_mode": None}, counting)
    section = sections_of_page(render_results_page())["reviews"]
    assert "| model | wer |" in section
    assert "**0.2500 ± 0.0123**" in line_with(section, "[`small`]")
    assert "0.5000" in line_with(section, "naive")
    assert cells(line_with(readme_table(), "reviews"))[2:5] == [
        "wer",
        "0.2500 ± 0.0123 (2 seeds)",
        "0.5000 (naive)",
    ]
    # Nothing is recorded of the second data set.
    assert "not yet measured" in line_with(readme_table(), "tweets")


def test_a_new_task_has_no_section_before_it_is_measured(benchmarks):
    (benchmarks / "metrics.yaml").write_text("metrics: {}\ntables: {}\n")
    (benchmarks / "references.yaml").write_text("papers: {}\nresults: {}\n")
    (benchmarks / "results" / "opinion.json").unlink()
    assert read_sections() == {}
    assert "opinion" not in render_results_page()


def test_writes_page_chart_and_readme(benchmarks, tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{README_START}\nold\n{README_END}\nafter\n")
    assert write_results_page() == benchmarks / "README.md"
    assert (benchmarks / "results" / "overview.png").is_file()
    text = readme.read_text()
    assert text == f"before\n{README_START}\n{readme_table()}{README_END}\nafter\n"
    assert replace_table(text, "results", readme_table()) == text


def test_readme_without_markers_stays():
    assert replace_table("nothing here\n", "results", "table\n") == "nothing here\n"


@pytest.mark.parametrize("text", [f"{README_START}\n", f"{README_END}\n{README_START}\n", README_END])
def test_half_of_the_markers_is_an_error(text):
    with pytest.raises(UserError, match="needs <!-- "):
        replace_table(text, "results", "table\n")


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("metrics.yaml", "[accuracy, macro_f1]", "[acuracy]", "accuracy"),
        ("metrics.yaml", "    - {metrics: [accuracy, macro_f1]}\n", "", "no table for reviews"),
        ("metrics.yaml", "digits: 4", "digits: many", "digits"),
        ("references.yaml", "paper: somebody", "paper: nobody", "nobody"),
        ("references.yaml", "papers:", f"papers:\n  unused: {PAPER}", "'unused'"),
    ],
)  # fmt: skip
def test_wrong_files_end_in_one_line(benchmarks, file, old, new, message):
    path = benchmarks / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(UserError, match=message):
        render_results_page()
