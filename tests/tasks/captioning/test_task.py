import io
import json
import random
import subprocess
import sys

import pandas as pd
import pytest
from support.command_line import invoke
from support.image_case import SMALL_MODEL, draw, encoded, huge_png, noise, write_images

from common.answering.export import export_run
from common.answering.loading import load_run
from common.errors import UserError
from common.runs.run import find_run

# The contract, on a smaller run, is in test_contract.py, and not slow.
pytestmark = pytest.mark.slow

GENERATOR = random.Random(7)
EXAMPLES = [
    {"picture": encoded(draw("red", "circle", GENERATOR))},
    {"picture": encoded(draw("blue", "cross", GENERATOR), "JPEG")},
    {"picture": b"no picture"},
    {"picture": encoded(noise(), "BMP")},
]


def train(folder, run, set_=""):
    arguments = ["train", "--task", "captioning", "--data", folder, "--run", run]
    result = invoke(*arguments, "--set", f"{SMALL_MODEL} {set_}")
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Folders with a small run that has ended."""
    folder = tmp_path_factory.mktemp("captioning")
    with pytest.MonkeyPatch.context() as patch:
        for name, place in (("RUNS_DIR", "runs"), ("SAVED_MODELS_DIR", "models"), ("TFDS_DATA_DIR", "data")):
            patch.setenv(name, str(folder / place))
        train(write_images(folder / "pictures"), "small", "augmentation.shift=0.05")
        yield folder


@pytest.fixture(scope="module")
def predictor(folder):
    return load_run(find_run("small", "captioning"))


@pytest.fixture
def mixed(tmp_path):
    """A folder of pictures of which some are none."""
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    (mixed / "a.png").write_bytes(EXAMPLES[0]["picture"])
    (mixed / "cmyk.jpg").write_bytes(encoded(noise().convert("CMYK"), "JPEG"))
    (mixed / "cut.jpg").write_bytes(EXAMPLES[1]["picture"][:500])
    (mixed / "grey.png").write_bytes(encoded(noise().convert("L")))
    (mixed / "huge.png").write_bytes(huge_png(20_000, 20_000))
    (mixed / "pixel.gif").write_bytes(encoded(noise().resize((1, 1)), "GIF"))
    (mixed / "text.jpeg").write_text("not a picture")
    (mixed / "z").mkdir()
    (mixed / "z" / "clear.PNG").write_bytes(encoded(noise().convert("RGBA")))
    return mixed


def scores_of(folder, run="small"):
    return json.loads((folder / "runs" / "captioning" / run / "metrics.json").read_text())


def test_beats_its_baselines(workspace):
    train(write_images(workspace / "pictures"), "long", "augmentation.shift=0.05 train.epochs=12")
    scores = scores_of(workspace, "long")
    for baseline in scores["baselines"].values():
        assert scores["metrics"]["bleu_4"] > baseline["bleu_4"]


def test_what_a_run_leaves(folder):
    scores = scores_of(folder)
    assert scores["baselines"].keys() == {"most frequent caption", "nearest picture's caption"}
    assert {"bleu_1", "rouge_l", "cider_d", "distinct_2", "unseen", "bleu_4_greedy"} <= set(scores["metrics"])
    figures = folder / "runs" / "captioning" / "small" / "figures"
    assert {path.name for path in figures.glob("*.png")} == {
        "contact_sheet.png",
        "learning_curves.png",
        *(f"example_{number}.png" for number in range(1, 5)),
    }
    predictions = pd.read_csv(folder / "runs" / "captioning" / "small" / "predictions.csv")
    assert list(predictions) == ["name", "caption", "score", "in_training", "references"]
    history = pd.read_csv(folder / "runs" / "captioning" / "small" / "history.csv")
    assert {"val_bleu_4", "val_cider_d"} <= set(history)


def test_optional_inputs(predictor):
    (answer,) = predictor.answer(EXAMPLES[:1], {"n_best": 3})
    found = answer["captions"]
    assert len(found) == 3
    assert found[0] == {"caption": answer["caption"], "score": answer["score"]}
    assert "captions" not in predictor.answer(EXAMPLES[:1], {"beam": 1})[0]
    bad = predictor.answer(EXAMPLES)[2]
    assert (bad["caption"], bad["problem"]) == ("", "is no JPEG, PNG, GIF or BMP picture")


def shown(predictor, path, plot=None):
    output = io.StringIO()
    predictor.show_file(path, output, plot)
    return output.getvalue()


def test_one_picture(folder, predictor, mixed, tmp_path):
    arguments = ["predict", "--run", "small", "--input", mixed / "a.png"]
    result = invoke(*arguments, "--plot", tmp_path / "attention.png")
    assert result.exit_code == 0, result.output
    (expected,) = predictor.answer([{"picture": (mixed / "a.png").read_bytes()}])
    assert result.stdout == f"{expected['caption']}\n"
    assert (tmp_path / "attention.png").read_bytes().startswith(b"\x89PNG")
    result = invoke("predict", "--task", "captioning", "--input", mixed / "none.png")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "none.png does not exist; name a picture, or a folder of pictures" in result.stderr
    result = invoke("predict", "--run", "small", "--text", "a red circle")
    assert (result.exit_code, "captioning answers pictures" in result.stderr) == (2, True)


def test_one_bad_picture_is_one_line(predictor, mixed, tmp_path):
    for name, words in {
        "text.jpeg": "is no JPEG, PNG, GIF or BMP picture",
        "cut.jpg": "is damaged or cut short",
        "huge.png": "has 20000 x 20000 pixels",
    }.items():
        with pytest.raises(UserError, match=f"{name} {words}") as raised:
            shown(predictor, mixed / name)
        assert "\n" not in str(raised.value)


def test_a_folder_goes_on_past_bad_files(predictor, mixed, tmp_path, capsys):
    captions = dict(line.split("\t") for line in shown(predictor, mixed).splitlines())
    assert set(captions) == {"a.png", "cmyk.jpg", "grey.png", "z/clear.PNG"}
    problems = [line for line in capsys.readouterr().err.splitlines() if "mixed" in line]
    assert len(problems) == 4
    output = tmp_path / "captions.csv"
    done = predictor.answer_file(mixed, output, predictor.settings, tmp_path / "sheet.png")
    assert done == "4 pictures captioned, 4 that cannot be read,"
    table = pd.read_csv(output, keep_default_na=False).set_index("picture")
    assert {name: table.loc[name, "caption"] for name in captions} == captions
    assert table.loc["huge.png", "problem"].startswith("has 20000 x 20000 pixels")
    assert (tmp_path / "sheet.png").exists()
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(UserError, match="contains no pictures"):
        shown(predictor, empty)
    (empty / "bad.png").write_text("no picture")
    with pytest.raises(UserError, match="can be read as a picture"):
        predictor.answer_file(empty, output, predictor.settings)
    assert len(pd.read_csv(output)) == 8


def test_evaluate_a_folder(folder, tmp_path):
    other = write_images(tmp_path / "other", count=9, seed=3)
    arguments = ["evaluate", "--run", "small", "--data", other]
    result = invoke(*arguments, "--output", tmp_path / "scores")
    assert result.exit_code == 0, result.output
    assert json.loads((tmp_path / "scores" / "metrics.json").read_text())["examples"] == 9
    (other / "004.png").write_text("no picture")
    result = invoke(*arguments, "--output", tmp_path / "scores")
    assert (result.exit_code, "004.png is no JPEG" in result.stderr) == (2, True)
    result = invoke(*arguments, "--output", tmp_path / "scores", "--set", "data.skip_bad_rows=true")
    assert (result.exit_code, "rows skipped: 1" in result.stdout) == (0, True)


def test_the_export_answers_without_this_project_and_with_its_defaults(folder):
    exported = export_run(find_run("small", "captioning"))
    picture = folder / "pictures" / "000.png"
    code = """
import sys
import tensorflow as tf
model = tf.saved_model.load(sys.argv[1])
content = open(sys.argv[2], "rb").read()
usual = model.serve(tf.constant([content, b"text"]))
assert usual["captions"].shape == (2, 1) and usual["problem"][1].numpy()
assert model.serve(tf.constant([content]), n_best=tf.constant(2))["scores"].shape == (1, 2)
assert model.attention(tf.constant([content]))["attention"].shape[0] == 1
assert "beam" in model.signatures["serving_default"].structured_input_signature[1]
"""
    command = [sys.executable, "-I", "-c", code, str(exported), str(picture)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


def test_a_second_stage_starts_where_the_first_ended(folder):
    first = pd.read_csv(folder / "runs" / "captioning" / "small" / "history.csv")["val_loss"]
    train(folder / "pictures", "second", "model.start_from=small train.epochs=1 train.learning_rate=0.0001")
    second = pd.read_csv(folder / "runs" / "captioning" / "second" / "history.csv")["val_loss"]
    assert second[0] < first[0] / 2
    # Frozen now: its features are kept once, and give the same captions.
    train(
        folder / "pictures", "frozen", "model.start_from=small model.frozen=true train.epochs=1 "
        "train.learning_rate=0.0001",
    )  # fmt: skip
    assert list((folder / "data" / "features").glob("pictures_train_*.npy"))
    assert scores_of(folder, "frozen")["metrics"]["bleu_4"] > 50
    train(
        folder / "pictures", "rewarded", "model.start_from=small model.objective=cider train.epochs=2 "
        "train.learning_rate=0.0002",
    )  # fmt: skip
    first, rewarded = (scores_of(folder, run)["metrics"]["cider_d"] for run in ("small", "rewarded"))
    assert rewarded > 0.95 * first
    result = invoke(
        "train", "--task", "captioning", "--data", folder / "pictures", "--run", "third", "--set",
        f"{SMALL_MODEL} model.start_from=small model.decoder_units=16",
    )  # fmt: skip
    assert (result.exit_code, "that run's weights do not fit" in result.stderr) == (2, True)
    assert not (folder / "runs" / "captioning" / "third").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("model.start_from=smal", "Unknown run 'smal'. Did you mean 'small'"),
        (
            "model.start_from=small data.split_seed=2",
            "model.start_from=small: that run was trained on other data",
        ),
        (
            "model.start_from=small text.lowercase=false",
            "model.start_from=small: that run has another vocabulary",
        ),
        ("model.encoder=small_cn", "Unknown image encoder 'small_cn'"),
    ],
)
def test_a_run_that_cannot_start_is_not_made(folder, options, said):
    result = invoke(
        "train", "--task", "captioning", "--data", folder / "pictures", "--run", "unmade", "--set",
        f"{SMALL_MODEL} {options}",
    )  # fmt: skip
    assert (result.exit_code, said in result.stderr) == (2, True), result.stderr
    assert not (folder / "runs" / "captioning" / "unmade").exists()


@pytest.mark.parametrize(
    "options",
    [
        "model.decoder=init_inject",
        "model.decoder=merge model.cell=gru train.epochs=12",
        "model.attention_cover=0.1 model.scheduled_sampling=0.1",
        "text.units=characters search.maximum_length=60 train.epochs=14",
        "train.mixed_precision=bfloat16",
        "train.xla=true",
    ],
)
def test_trains_with(workspace, options):
    train(write_images(workspace / "pictures"), "run", options)
    assert scores_of(workspace, "run")["metrics"]["bleu_4"] > 30
