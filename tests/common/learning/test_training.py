import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pandas as pd
import pytest
from support.command_line import invoke
from support.review_case import SMALL_MODEL, write_reviews

from common.config import TrainSettings
from common.modelling.optimizers import WarmUpThenDecay, build_optimizer
from common.runs.run import Run

# Every kind of state that a resumed run must restore: dropout generators, moving average, optimizer.
FULL_STATE = (
    f"{SMALL_MODEL} model.word_dropout=0.2 model.embedding_dropout=0.2 "
    "train.weight_average=0.9 train.epochs=3 train.averaged_epochs=2"
)


def train(table, run, set_, *more):
    result = invoke("train", "--task", "sentiment", "--data", table, "--run", run, "--set", set_, *more)
    assert result.exit_code == 0, result.output
    return result


def weights(folder):
    return keras.models.load_model(folder / "model.keras").get_weights()


def assert_same_weights(one, other):
    for first, second in zip(weights(one), weights(other), strict=True):
        np.testing.assert_array_equal(first, second)


def test_a_run_folder_is_complete(trained_workspace):
    folder = trained_workspace / "runs" / "sentiment" / "small"
    names = "config.yaml environment.json data.json examples.json preprocessing checkpoints model.keras "
    names += "preprocessing_checksums.json training.json history.csv tensorboard metrics.json "
    names += "predictions.csv figures"
    # The run is shared: other tests may have scored it on other files.
    assert {path.name for path in folder.iterdir()} - {"evaluations"} == set(names.split())
    history = pd.read_csv(folder / "history.csv")
    assert list(history["epoch"]) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert {"loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"} <= set(history)
    training = json.loads((folder / "training.json").read_text())
    assert 0 <= training["padding_share"] < 1
    assert training["parameters"] > 0
    assert training["peak_memory_mb"] > 100
    environment = json.loads((folder / "environment.json").read_text())
    assert environment["versions"]["keras"] == keras.__version__
    assert environment["seed"] == 1
    assert {path.name for path in (folder / "figures").iterdir()} == {
        "learning_curves.png",
        "confusion_matrix.png",
    }
    assert list((folder / "tensorboard").rglob("*tfevents*"))


def test_a_small_model_beats_the_majority_class(trained_workspace):
    metrics = json.loads((trained_workspace / "runs" / "sentiment" / "small" / "metrics.json").read_text())
    assert metrics["metrics"]["accuracy"] > metrics["baselines"]["majority class"]["accuracy"] + 0.1


@pytest.mark.slow
def test_same_seed_same_numbers_other_seed_others(workspace):
    table = write_reviews(workspace / "reviews.csv", 90)
    quick = f"{SMALL_MODEL} model.word_dropout=0.2 train.epochs=1"
    for run, seed in (("one", 1), ("two", 1), ("three", 2)):
        train(table, run, f"{quick} seed={seed}")
    runs = workspace / "runs" / "sentiment"
    assert_same_weights(runs / "one", runs / "two")
    assert (runs / "one" / "predictions.csv").read_bytes() == (runs / "two" / "predictions.csv").read_bytes()
    assert any(np.any(a != b) for a, b in zip(weights(runs / "one"), weights(runs / "three"), strict=True))


def test_killed_within_an_epoch_and_resumed_is_bit_for_bit_the_same(workspace):
    table = write_reviews(workspace / "reviews.csv", 1_500)
    set_ = f"{FULL_STATE} train.tokens_per_batch=128"
    runs = workspace / "runs" / "sentiment"
    train(table, "whole", set_)
    command = [
        sys.executable, "-m", "common.cli", "train", "--task", "sentiment", "--data", str(table),
        "--set", set_, "--run", "killed",
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not (runs / "killed" / "history.csv").is_file():
        assert process.poll() is None, "the run ended before it could be killed"
        time.sleep(0.02)
    # An epoch takes longer than this: the second one is in progress.
    time.sleep(0.5)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    done = len(pd.read_csv(runs / "killed" / "history.csv"))
    assert 1 <= done < 3
    assert not Run(runs / "killed").finished
    result = invoke("train", "--run", "killed")
    assert result.exit_code == 0, result.output
    assert_same_weights(runs / "whole", runs / "killed")
    whole, killed = (pd.read_csv(runs / run / "history.csv") for run in ("whole", "killed"))
    pd.testing.assert_frame_equal(whole, killed)


def test_a_finished_run_is_not_trained_again(trained_workspace):
    model = trained_workspace / "runs" / "sentiment" / "small" / "model.keras"
    before = model.read_bytes()
    result = invoke("train", "--run", "small")
    assert result.exit_code == 0
    assert "has finished" in result.output
    assert model.read_bytes() == before


def test_a_run_whose_data_has_changed_is_not_resumed(workspace):
    table = write_reviews(workspace / "reviews.csv", 60)
    train(table, "run", f"{SMALL_MODEL} train.epochs=1")
    (workspace / "runs" / "sentiment" / "run" / "model.keras").unlink()
    write_reviews(table, 60, seed=5)
    result = invoke("train", "--run", "run")
    assert result.exit_code == 2
    assert "data of run run has changed" in result.output


def test_loss_that_is_not_finite_stops_the_run_with_suggestions(workspace):
    table = write_reviews(workspace / "reviews.csv", 60)
    explosive = (
        f"{SMALL_MODEL} train.learning_rate=1e38 train.gradient_clip_norm=null train.schedule=constant"
    )
    result = invoke("train", "--task", "sentiment", "--data", table, "--set", explosive)
    assert result.exit_code == 2
    assert "loss is not finite at epoch" in result.output
    assert "train.learning_rate" in result.output.splitlines()[-1]


@pytest.mark.slow
def test_early_stopping_keeps_the_best_epoch(workspace):
    table = write_reviews(workspace / "reviews.csv", 90)
    train(
        table, "run", f"{SMALL_MODEL} train.epochs=30 train.early_stopping_patience=2 train.schedule=constant"
    )
    folder = workspace / "runs" / "sentiment" / "run"
    training = json.loads((folder / "training.json").read_text())
    history = pd.read_csv(folder / "history.csv")
    assert training["epochs"] == training["best_epoch"] + 2 < 30
    assert history["val_accuracy"].idxmax() + 1 == training["best_epoch"]


@pytest.mark.slow
def test_disk_full_during_a_save_ends_in_one_line_and_the_run_can_be_resumed(workspace):
    table = write_reviews(workspace / "reviews.csv", 90)
    script = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "from common.cli.app import app; import common.learning.pipeline;"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, resource.RLIM_INFINITY)); app()"
    )
    options = [
        "train",
        "--task",
        "sentiment",
        "--data",
        table,
        "--run",
        "full",
        "--set",
        f"{SMALL_MODEL} train.epochs=2",
    ]
    # The table is prepared before, so that only the checkpoint hits the limit.
    train(table, "before", f"{SMALL_MODEL} train.epochs=2")
    result = subprocess.run(
        [sys.executable, "-c", script, *map(str, options)], capture_output=True, text=True
    )
    assert result.returncode == 2, result.stderr
    assert result.stderr.splitlines()[-1].startswith("Error: The disk is full")
    runs = workspace / "runs" / "sentiment"
    assert not list((runs / "full").rglob("*partial*"))
    resumed = invoke("train", "--run", "full")
    assert resumed.exit_code == 0, resumed.output
    assert_same_weights(runs / "before", runs / "full")


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("checkpoints/last.npz", b"rubbish"),
        ("preprocessing/labels.json", b"["),
        ("data.json", b""),
        ("config.yaml", b"a: ["),
    ],
)
def test_damaged_run_is_named(trained_workspace, workspace, file, content):
    shutil.copytree(
        trained_workspace / "runs" / "sentiment" / "small", workspace / "runs" / "sentiment" / "small"
    )
    os.environ["TFDS_DATA_DIR"] = str(trained_workspace / "data")
    folder = workspace / "runs" / "sentiment" / "small"
    (folder / "model.keras").unlink()
    (folder / file).write_bytes(content)
    result = invoke("train", "--run", "small")
    assert result.exit_code == 2, result.output
    assert file.rpartition("/")[2] in result.output
    assert len(result.output.strip().splitlines()[-1]) < 400


def test_warm_up_then_cosine_decay():
    schedule = WarmUpThenDecay(0.1, warmup_steps=10, decay_steps=110)
    assert float(schedule(0)) == pytest.approx(0.01)
    assert float(schedule(9)) == pytest.approx(0.1)
    assert float(schedule(60)) == pytest.approx(0.1 * 0.5 * (1 + math.cos(math.pi * 50 / 100)))
    assert float(schedule(110)) == pytest.approx(0, abs=1e-8)
    assert float(WarmUpThenDecay(0.1, 10, None)(10_000)) == pytest.approx(0.1)


def test_optimizer_follows_the_settings():
    settings = TrainSettings(
        epochs=1,
        tokens_per_batch=1,
        learning_rate=0.1,
        optimizer="adamw",
        weight_decay=0.3,
        gradient_clip_norm=2.0,
        schedule="constant",
    )
    optimizer = build_optimizer(settings, steps_per_epoch=10)
    assert isinstance(optimizer, keras.optimizers.AdamW)
    assert (optimizer.weight_decay, optimizer.global_clipnorm) == (0.3, 2.0)
    assert float(optimizer.learning_rate) == pytest.approx(0.1)
