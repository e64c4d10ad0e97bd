import csv
import json
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from support.command_line import invoke
from support.review_case import use_folders
from typer.testing import CliRunner

from common.answering import model_card
from common.answering.export import export_run, find_export
from common.answering.loading import load_export, load_run
from common.answering.signature import Signature, SignatureTensor
from common.cli.app import app
from common.runs.run import find_run

TEXTS = [
    "a lovely film",
    "two hours of dull scenes",
    "",
    "words nobody knows 这部电影",
    "a\x00b \u2028",
    "x " * 2_000,
]


@pytest.fixture(scope="module")
def exported(trained):
    """The small run's export, after earlier versions."""
    versions = trained / "saved_models" / "sentiment"
    for name in ("9", "10"):
        (versions / name).mkdir(parents=True)
    with pytest.MonkeyPatch.context() as patch:
        use_folders(patch, trained)
        result = invoke("export", "--task", "sentiment")
        assert result.exit_code == 0, result.output
        yield find_export("sentiment")


def test_versions_count_up_and_nothing_else_is_left(exported, trained_workspace):
    assert exported == trained_workspace / "saved_models" / "sentiment" / "11"
    assert {path.name for path in exported.parent.iterdir()} == {"9", "10", "11"}


def test_signature_is_what_a_person_would_name(exported):
    loaded = tf.saved_model.load(str(exported))
    serve = loaded.signatures["serving_default"]
    assert serve.structured_input_signature[1].keys() == {"text"}
    assert serve.structured_outputs.keys() == {"label", "probabilities"}
    answer = serve(text=tf.constant(["a lovely film", "a dull film"]))
    assert answer["label"].numpy().tolist() == [b"good", b"bad"]
    np.testing.assert_allclose(answer["probabilities"].numpy().sum(axis=1), 1, rtol=1e-6)


def test_export_and_run_give_the_same_answers_to_any_text(exported, trained_workspace):
    served = load_export(exported)
    run = load_run(find_run("small"))
    examples = [{"text": text} for text in TEXTS]
    assert served.answer(examples) == run.answer(examples)


def test_export_and_run_have_equal_scores_and_labels_on_the_whole_test_split(
    exported, trained_workspace, tmp_path
):
    result = invoke("evaluate", "--model", exported, "--output", tmp_path)
    assert result.exit_code == 0, result.output
    folder = trained_workspace / "runs" / "sentiment" / "small"
    of_run, of_export = (json.loads((path / "metrics.json").read_text()) for path in (folder, tmp_path))
    assert of_export["metrics"] == of_run["metrics"]
    assert of_export["examples"] == of_run["examples"] > 0
    pd.testing.assert_frame_equal(
        pd.read_csv(tmp_path / "predictions.csv"), pd.read_csv(folder / "predictions.csv"), check_exact=True
    )


def test_loads_without_this_project_and_as_its_card_says_wherever_it_is(exported, tmp_path):
    """One process for both: most of its time goes into the import of TensorFlow."""
    folder = shutil.copytree(exported, tmp_path / "elsewhere" / "7")
    of_card = (folder / "README.md").read_text().partition("```python\n")[2].partition("```")[0]
    lines = of_card.replace('"..."', '"a lovely film"').splitlines()
    lines[-1] = f"print({lines[-1]}['label'].numpy()[0].decode())"
    script = textwrap.dedent(
        """
        import sys
        import tensorflow as tf
        assert not any(name == "common" or name.startswith("common.") for name in sys.modules)
        serve = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
        print(serve(text=tf.constant(["a lovely film"]))["label"].numpy()[0].decode(), flush=True)
        exec(sys.argv[2], {})
        """
    )
    result = subprocess.run(
        [sys.executable, "-I", "-c", script, exported, "\n".join(lines)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout == "good\ngood\n"
    assert b"cudnn" not in (exported / "saved_model.pb").read_bytes().lower()


def test_model_card_says_what_a_user_needs(exported):
    card = (exported / "README.md").read_text()
    for part in (
        "## Data",
        "Licence",
        "## Scores",
        "majority class",
        "`text`",
        "`probabilities`",
        "Classes, in this order: `bad`, `good`.",
        ":predict",
        "seed 1",
    ):
        assert part in card


def test_the_model_card_leaves_optional_inputs_out():
    inputs = {"sentence": SignatureTensor("string", (None,)), "beam": SignatureTensor("int32", (), 5)}
    lines = model_card._calls("sentiment", Signature(inputs, {}))
    assert [str(tensor) for tensor in inputs.values()] == ["string (batch,)", "int32 (); 5 if not given"]
    assert 'model.serve(sentence=tf.constant(["..."]))' in lines
    assert """-d '{"inputs": {"sentence": ["..."], "beam": 5}}'""" in lines[-2]


def test_failed_export_leaves_nothing(trained_workspace, monkeypatch, tmp_path):
    def broken_disk(module, folder):
        (folder / "assets").mkdir(parents=True)
        raise OSError("broken disk")

    monkeypatch.setattr("common.answering.export.write_saved_model", broken_disk)
    with pytest.raises(OSError, match="broken disk"):
        export_run(find_run("small"), tmp_path)
    assert list((tmp_path / "sentiment").iterdir()) == []


@pytest.mark.parametrize(
    ("file", "content"),
    [("saved_model.pb", b"rubbish"), ("task.json", b"{"), ("task.json", b"{}")],
    ids=["graph", "cut", "empty"],
)
def test_damaged_export_is_one_line(exported, tmp_path, file, content):
    folder = tmp_path / "1"
    folder.mkdir()
    for name in ("saved_model.pb", "task.json"):
        (folder / name).write_bytes(content if name == file else (exported / name).read_bytes())
    result = invoke("predict", "--model", folder, "--text", "hello")
    assert result.exit_code == 2, result.output
    assert result.output.count("\n") == 1
    assert str(folder) in result.output


def test_no_such_export(trained_workspace):
    result = invoke("predict", "--model", "sentimnt/9", "--text", "hello")
    assert result.exit_code == 2
    assert "No export at 'sentimnt/9'. Exports: " in result.output


def test_predict_text(exported, trained_workspace):
    for choice in (["--run", "small"], ["--model", exported], ["--task", "sentiment"]):
        result = invoke("predict", *choice, "--text", "a lovely\nfilm")
        assert result.exit_code == 0, result.output
        label, probability = result.output.strip().split("\t")
        assert label == "good"
        assert 0.5 < float(probability) <= 1
    result = invoke("predict", "--run", "small", "--text", "a dull film", "--format", "json")
    answer = json.loads(result.output)
    assert answer["label"] == "bad"
    assert set(answer["probabilities"]) == {"good", "bad"}


def test_predict_lines_keeps_line_numbers(trained_workspace):
    result = CliRunner().invoke(app, ["predict", "--run", "small"], input="a lovely film\n\na dull film\n")
    assert [line.partition("\t")[0] for line in result.stdout.split("\n")] == ["good", "", "bad", ""]
    assert "empty text, so no answer: line 2" in result.stderr


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl"])
def test_predict_table_keeps_every_row_and_column(trained_workspace, tmp_path, suffix):
    texts = ["a dull film", "", 'quoted "lovely", with comma', "a lovely film\nin two lines"]
    table = pd.DataFrame({"id": range(4), "review": texts, "label": ["x", "y", "z", ""]})
    table.to_csv(tmp_path / "in.csv", index=False)
    output = tmp_path / f"out{suffix}"
    result = invoke(
        "predict",
        "--run",
        "small",
        "--input",
        tmp_path / "in.csv",
        "--output",
        output,
        "--column",
        "text=review",
    )
    assert result.exit_code == 0, result.output
    if suffix == ".jsonl":
        rows = [json.loads(line) for line in output.read_text().splitlines()]
    else:
        with output.open(newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t" if suffix == ".tsv" else ","))
    assert [row["review"] for row in rows] == texts
    assert [row["label"] for row in rows] == ["x", "y", "z", ""]
    # The user's own column `label` is not written over.
    assert [row["predicted_label"] for row in rows] == ["bad", "", "good", "good"]
    assert list(rows[0]) == [
        "id",
        "review",
        "label",
        "predicted_label",
        "probability_bad",
        "probability_good",
    ]


def test_long_text_is_cut_and_said(trained_workspace):
    result = invoke("predict", "--run", "small", "--text", "lovely " * 150_000)
    assert result.exit_code == 0
    assert "line 1: truncated to 400 of 150,000 words" in " ".join(result.output.split())


def test_evaluate_on_another_file(exported, trained_workspace, tmp_path):
    pd.DataFrame({"body": ["lovely", "dull", "lovely"], "stars": ["good", "bad", "bad"]}).to_csv(
        tmp_path / "o.csv"
    )
    columns = ["--column", "text=body", "--column", "label=stars", "--output", tmp_path / "scores"]
    for choice in (["--run", "small"], ["--model", exported]):
        result = invoke("evaluate", *choice, "--data", tmp_path / "o.csv", *columns)
        assert result.exit_code == 0, result.output
        metrics = json.loads((tmp_path / "scores" / "metrics.json").read_text())
        assert metrics["metrics"]["accuracy"] == pytest.approx(2 / 3)


def test_files_of_one_name_have_scores_of_their_own(trained_workspace, tmp_path):
    for folder, label in (("a", "good"), ("b", "bad"), ("a", "good")):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / "x.csv").write_text(f"text,label\nlovely,{label}\n")
        result = invoke("evaluate", "--run", "small", "--data", tmp_path / folder / "x.csv")
        assert result.exit_code == 0, result.output
        written = Path(result.output.splitlines()[-1].removeprefix("Written: "))
        record = json.loads((written / "metrics.json").read_text())
        assert record["dataset"] == str(tmp_path / folder / "x.csv")
        assert record["metrics"]["accuracy"] == (1.0 if folder == "a" else 0.0)
    assert len(list(written.parent.glob("x-*"))) == 2


@pytest.mark.parametrize("set_", ["text.maximum_length=1", "data.skip_bad_rows=true model.units=3", "seed=2"])
def test_what_was_learned_cannot_be_set_when_a_file_is_read(trained_workspace, tmp_path, set_):
    (tmp_path / "o.csv").write_text("text,label\nlovely,good\n")
    result = invoke("evaluate", "--run", "small", "--data", tmp_path / "o.csv", "--set", set_)
    said = f"SET cannot change {set_.split()[-1].partition('=')[0]} of a trained model"
    assert (result.exit_code, said in result.output) == (2, True), result.output


def test_evaluate_on_a_file_with_a_label_unseen_in_training(trained_workspace, tmp_path):
    (tmp_path / "other.csv").write_text("text,label\nlovely,good\nfine,neutral\n")
    result = invoke("evaluate", "--run", "small", "--data", tmp_path / "other.csv")
    assert result.exit_code == 2
    assert "other.csv:3" in result.output
    assert "'neutral'" in result.output
    folder = trained_workspace / "runs" / "sentiment" / "small"
    assert not list(folder.glob("evaluations/other*"))
