"""Predictions as the command line gives them, and what it says of input that is wrong."""

import csv
import io
import json
import os
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from common.cli.app import app

PROJECT = Path(__file__).resolve().parents[3]


def predict(*arguments, **options):
    command = ["predict", "--task", "sentiment", *map(str, arguments)]
    return CliRunner().invoke(app, command, **options)


def test_a_column_of_the_users_is_never_written_over(trained_workspace, tmp_path):
    table = tmp_path / "table.csv"
    table.write_text("text,label,predicted_label\na lovely film,mine,also mine\n")
    assert predict("--input", table, "--output", tmp_path / "out.csv").exit_code == 0
    with (tmp_path / "out.csv").open() as file:
        header, row = list(csv.reader(file))
    assert len(set(header)) == len(header)
    values = dict(zip(header, row, strict=True))
    assert (values["label"], values["predicted_label"]) == ("mine", "also mine")
    assert values["predicted_predicted_label"] in ("good", "bad")


def test_keys_that_the_first_line_of_json_has_not_are_columns_too(trained_workspace, tmp_path):
    table = tmp_path / "table.jsonl"
    table.write_text('{"text": "a lovely film"}\n{"text": "a dull film", "note": "seen twice"}\n')
    result = predict("--input", table, "--output", tmp_path / "out.csv")
    assert result.exit_code == 0, result.output
    with (tmp_path / "out.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["note"] for row in rows] == ["", "seen twice"]


def test_values_of_json_come_out_as_they_went_in(trained_workspace, tmp_path):
    rows = [
        {"text": "a lovely film", "id": 3, "seen": True, "tags": ["a", None]},
        {"text": "dull", "id": 0.5},
    ]
    (tmp_path / "table.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    result = predict("--input", tmp_path / "table.jsonl", "--output", tmp_path / "out.jsonl")
    assert result.exit_code == 0, result.output
    written = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [{name: row[name] for name in given} for row, given in zip(written, rows, strict=True)] == rows
    assert all(row["label"] in ("good", "bad") for row in written)


def test_lines_that_are_not_utf8_are_named(trained_workspace):
    result = predict(input=b"a lovely film\na \xff film\n")
    assert result.exit_code == 2
    assert "Standard input, line 2: not UTF-8" in result.output


def test_a_text_that_is_not_utf8_is_one_line(trained_workspace):
    # Bytes that are not UTF-8 reach Python as surrogates.
    result = predict("--text", os.fsdecode(b"a \xff film"))
    assert result.exit_code == 2
    assert "TEXT contains bytes that are not UTF-8" in result.output


def test_a_person_who_types_is_answered_line_by_line(trained_workspace):
    from common.answering.loading import load_run
    from common.runs.run import newest_run

    predictor = load_run(newest_run("sentiment"))
    output = io.StringIO()

    def lines():
        yield "a lovely film\n"
        assert output.getvalue().count("\n") == 1
        yield "a dull film\n"

    predictor.answer_lines(lines(), "text", output, one_by_one=True)
    assert output.getvalue().count("\n") == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--text", "x", "--input", "t.csv"], "Give either TEXT or INPUT"),
        (["--input", "t.csv", "--output", "o.csv", "--format", "json"], "FORMAT is for texts"),
        (["--input", __file__, "--output", "o.csv", "--column", "text"], "write NAME=COLUMN"),
    ],
)
def test_options_that_do_not_go_together(trained_workspace, arguments, message):
    result = predict(*arguments)
    assert result.exit_code == 2
    assert message in result.output


def test_output_that_cannot_be_written(trained_workspace, tmp_path):
    table = tmp_path / "table.csv"
    table.write_text("text\na lovely film\n")
    (tmp_path / "folder.csv").mkdir()
    result = predict("--input", table, "--output", tmp_path / "folder.csv")
    assert result.exit_code == 2
    assert "cannot be written" in result.output
    assert sorted(os.listdir(tmp_path)) == ["folder.csv", "table.csv"]


def test_classes_named_like_markup_are_printed_as_they_are(workspace, capsys):
    from common.answering.evaluation import report
    from common.contract.evaluation import Evaluation

    evaluation = Evaluation({"accuracy": 0.5}, tables={"[b]": [{"[/bold]": "[/i]", "n": 1}]})
    report(evaluation, {"dataset": "[x].csv", "examples": 2}, "[/bold]")
    printed = capsys.readouterr().out
    assert "[x].csv" in printed
    assert printed.count("[/bold]") == 2
    assert "[/i]" in printed


def test_a_long_name_is_shown_whole(capsys):
    from common.answering.evaluation import report
    from common.contract.evaluation import Evaluation

    name = f"/{'long_folder/' * 12}1"
    classes = {"Classes": [{"class": "[b]" + "very_long_name" * 9, "n": 1}]}
    record = {"dataset": "x.csv", "examples": 2, "baselines": {}}
    report(Evaluation({"accuracy": 0.5, "macro_f1": 0.5}, tables=classes), record, name)
    # Of a table's lines, the first column alone.
    column = "".join(
        line.partition("│")[2].partition("│")[0].strip() for line in capsys.readouterr().out.splitlines()
    )
    assert name in column
    assert classes["Classes"][0]["class"] in column


def test_many_scores_stand_below_each_other(capsys):
    from common.answering.evaluation import report
    from common.contract.evaluation import Evaluation

    metrics = {f"metric_{number}": number / 8 for number in range(9)}
    record = {"dataset": "x.csv", "examples": 2, "baselines": {"most frequent": {"metric_8": 0.5}}}
    report(Evaluation(metrics, variants={"greedy": metrics}), record, "greedy")
    printed = capsys.readouterr().out
    assert all(name in printed for name in metrics)
    assert printed.count("0.1250") == 2
    assert printed.index("most frequent") < printed.index("metric_0")


def test_names_of_files_are_no_markup(trained_workspace, tmp_path):
    table = tmp_path / "[b]x.csv"
    table.write_text("text\n  \na lovely film\n")
    result = predict("--input", table, "--output", tmp_path / "out.csv")
    assert result.exit_code == 0, result.output
    assert f"empty text, so no answer: {table}:2\n" in result.stderr


def test_nothing_on_standard_input_is_said(trained_workspace):
    result = predict(input="")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("Error: Standard input is empty; ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "TASK=sentiment", "DATASTE=tweets"], "unknown variable DATASTE. Valid: "),
        (
            ["--dry-run", "predict", "TASK=sentiment", "TEXT=two\nlines 'quoted'"],
            "'two lines '\\''quoted'\\'''",
        ),
    ],
)
def test_make_says_what_it_was_given(arguments, message):
    result = subprocess.run(["make", *arguments], cwd=PROJECT, capture_output=True, text=True)
    assert message in result.stdout + result.stderr
    assert result.returncode == (2 if "DATASTE" in arguments[-1] else 0)


def test_json_lines_hold_the_text(trained_workspace):
    result = predict("--format", "json", input="a lovely film\n\n")
    first, second = result.stdout.splitlines()
    assert json.loads(first)["label"] in ("good", "bad")
    assert json.loads(second) == {"text": ""}


def test_output_is_not_the_input(trained_workspace, tmp_path):
    table = tmp_path / "table.csv"
    table.write_text("text\na lovely film\n")
    result = predict("--input", table, "--output", tmp_path / "." / "table.csv")
    assert result.exit_code == 2
    assert "is the INPUT file" in result.output
    assert table.read_text() == "text\na lovely film\n"
