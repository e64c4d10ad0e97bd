import io
import json
import subprocess
import sys

import pandas as pd
import pytest
from support.command_line import invoke
from support.parallel_case import SMALL_MODEL, make_pairs, write_pairs
from support.task_case import run_task_test

from common.answering.export import export_run
from common.answering.loading import load_run
from common.errors import UserError
from common.runs.run import find_run

EXAMPLES = [
    {"source": source}
    for source in ("the red dog sees a cat.", "", "Does the cat hear 龘 ?", "the dog sees a bird " * 60)
]


def train(table, run, set_=""):
    arguments = ["train", "--task", "translation", "--data", table, "--run", run]
    result = invoke(*arguments, "--set", f"{SMALL_MODEL} {set_}")
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Folders with a small run that has ended."""
    folder = tmp_path_factory.mktemp("translation")
    with pytest.MonkeyPatch.context() as patch:
        for name, place in (("RUNS_DIR", "runs"), ("SAVED_MODELS_DIR", "models"), ("TFDS_DATA_DIR", "data")):
            patch.setenv(name, str(folder / place))
        train(write_pairs(folder / "pairs.tsv", make_pairs()), "small", "train.averaged_epochs=2")
        yield folder


@pytest.fixture(scope="module")
def predictor(folder):
    return load_run(find_run("small", "translation"))


def scores_of(folder, run="small"):
    return json.loads((folder / "runs" / "translation" / run / "metrics.json").read_text())


def test_contract(folder):
    run_task_test("translation", "small", EXAMPLES)


def test_beats_its_baselines_and_says_how_it_was_scored(folder):
    scores = scores_of(folder)
    assert scores["metrics"]["bleu"] > 60
    assert max(baseline["bleu"] for baseline in scores["baselines"].values()) < scores["metrics"]["bleu"]
    assert {"bleu_greedy", "chrf", "bleu_lc", "chrf_lc_greedy"} <= set(scores["metrics"])
    signatures = {row["metric"]: row["signature"] for row in scores["tables"]["Signatures of sacrebleu"]}
    assert "case:lc" in signatures["bleu_lc"]
    assert "tok:13a" in signatures["bleu_lc"]
    by_length = scores["tables"]["BLEU by words of the source"]
    assert sum(row["sentences"] for row in by_length) == scores["examples"]
    figures = folder / "runs" / "translation" / "small" / "figures"
    assert len(list(figures.glob("example_*.png"))) == 4
    predictions = pd.read_csv(folder / "runs" / "translation" / "small" / "predictions.csv")
    assert list(predictions) == ["source", "target", "translation", "score"]


def test_the_best_epochs_mean_is_kept_only_if_it_is_better(folder):
    run = folder / "runs" / "translation" / "small"
    training = json.loads((run / "training.json").read_text())
    history = pd.read_csv(run / "history.csv")
    best = sorted(history["val_bleu"], reverse=True)
    kept = {path.name for path in (run / "checkpoints").glob("epoch_*.npz")}
    assert len(kept) == 2
    assert f"epoch_{training['best_epoch']}.npz" in kept
    if training["averaged_epochs"] == 2:
        assert training["best_validation_bleu"] > best[0]
    else:
        assert training["best_validation_bleu"] == best[0]


def test_long_sentences_are_cut_and_it_is_said(predictor):
    long = [{"source": "the dog sees a cat " * 200, "origin": "line 1"}, *EXAMPLES]
    notices = predictor.notices(long)
    assert [notice.partition(":")[0] for notice in notices] == ["line 1", "sentence"]
    assert "truncated to 100 of 1," in notices[0]
    assert len(predictor.answer(long[:1])[0]["translation"]) > 0


def test_a_sentence_one_piece_too_long_is_cut_and_it_is_said(predictor):
    """A hundred letters never seen are as many pieces, and one for the blank before them."""
    for letters, pieces in ((99, []), (100, ["101"])):
        notices = predictor.notices([{"source": "龘" * letters}])
        assert [notice.split()[5] for notice in notices] == pieces


def test_an_empty_sentence_has_an_empty_translation(predictor):
    output = io.StringIO()
    predictor.answer_lines([" "], "json", output)
    assert json.loads(output.getvalue()) == {"source": " ", "translation": "", "score": 0.0}
    with pytest.raises(UserError, match="An empty sentence has no plot"):
        predictor.draw({"source": " "})


def test_optional_inputs(predictor):
    (answer,) = predictor.answer(EXAMPLES[:1], {"n_best": 3})
    found = answer["translations"]
    assert len(found) == 3
    assert found[0] == {"translation": answer["translation"], "score": answer["score"]}
    assert len({one["translation"] for one in found}) > 1
    assert "translations" not in predictor.answer(EXAMPLES[:1], {"beam": 1})[0]


def test_lines_of_a_file_keep_their_places(folder, tmp_path):
    lines, output = tmp_path / "lines.en", tmp_path / "lines.eo"
    lines.write_text("the red dog sees a cat.\n\nthe old man loves a bird.\n", encoding="utf-8")
    result = invoke("predict", "--run", "small", "--input", lines, "--output", output)
    assert result.exit_code == 0, result.output
    assert "3 lines answered by run small" in result.output
    written = output.read_text(encoding="utf-8").split("\n")
    assert [bool(line) for line in written] == [True, False, True, False]
    assert written[0].startswith("la ")
    assert invoke("predict", "--run", "small", "--input", lines, "--output", lines).exit_code == 2
    lines.write_bytes(b"good\nb\xffd\n")
    result = invoke("predict", "--run", "small", "--input", lines, "--output", output)
    assert result.exit_code == 2
    assert "lines.en:2: not UTF-8" in result.output
    assert output.read_text(encoding="utf-8").split("\n") == written


@pytest.mark.slow
def test_picture_of_an_answer(folder, tmp_path):
    arguments = ["predict", "--run", "small", "--text", "the red dog sees a cat."]
    result = invoke(*arguments, "--plot", tmp_path / "attention.png")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "attention.png").read_bytes().startswith(b"\x89PNG")
    result = invoke(*arguments, "--plot", tmp_path / "attention.txt")
    assert result.exit_code == 2
    assert "must end in one of .png, .pdf, .svg" in result.output
    result = invoke("predict", "--run", "small", "--plot", tmp_path / "attention.png")
    assert "PLOT needs TEXT or INPUT" in result.output


@pytest.mark.slow
def test_several_runs_answer_as_one(folder, tmp_path):
    single = invoke("predict", "--run", "small", "--text", "the red dog sees a cat.", "--format", "json")
    twice = invoke(
        "predict", "--model", "small, small", "--text", "the red dog sees a cat.", "--format", "json"
    )
    assert twice.exit_code == 0, twice.output
    one, other = (json.loads(result.stdout.splitlines()[0]) for result in (single, twice))
    assert one["translation"] == other["translation"]
    result = invoke("predict", "--model", "small,none", "--text", "x")
    assert result.exit_code == 2
    assert "Unknown run 'none'" in result.output


@pytest.mark.slow
def test_the_export_answers_without_this_project_and_with_its_defaults(folder):
    """Empty, long and unknown texts too, beams and n-best given or not."""
    exported = export_run(find_run("small", "translation"))
    code = """
import sys
import tensorflow as tf
model = tf.saved_model.load(sys.argv[1])
usual = model.serve(tf.constant(["the red dog sees a cat.", "", "龘"]))
assert usual["translations"].shape == (3, 1) and usual["translation"][1].numpy() == b""
assert model.serve(tf.constant(["the dog."]), n_best=tf.constant(2))["scores"].shape == (1, 2)
assert model.attention(tf.constant(["the dog."]))["attention"].shape[0] == 1
assert "beam" in model.signatures["serving_default"].structured_input_signature[1]
exec(sys.argv[2])
"""
    card = (exported / "README.md").read_text()
    of_card = card.partition("```python\n")[2].partition("```")[0]
    command = [sys.executable, "-I", "-c", code, str(exported), of_card]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=exported)
    assert ended.returncode == 0, ended.stderr
    assert "| input | `beam` | int32 (); 3 if not given |" in card


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        "text.source.units=unigram text.target.units=words",
        "text.joint=true model.tied_embeddings=all text.source.vocabulary_size=80",
        "text.source.units=characters text.target.units=characters train.epochs=14",
        "model.cell=lstm model.attention=general model.input_feeding=true",
        "model.scheduled_sampling=0.2 train.weight_average=0.8",
        "search.coverage_penalty=0.2 search.no_repeat_ngram=3",
        "train.mixed_precision=bfloat16",
        "train.xla=true",
    ],
)
def test_trains_with(workspace, options):
    train(write_pairs(workspace / "pairs.tsv", make_pairs()), "run", options)
    assert scores_of(workspace, "run")["metrics"]["bleu"] > 20
