"""What tests share: a folder of their own for runs, exports and data; a small sample of reviews."""

import csv
import os
import random

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
# Two workers share two cores: each test process keeps to one.
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")

# Files of minutes: pytest-xdist hands files out in order, and a long one at the end leaves a core idle.
LONG_FILES = ("test_training.py", "test_task.py", "test_cli.py", "test_new_task.py", "test_export.py")


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.path.name not in LONG_FILES)


GOOD = ("lovely", "funny", "charming", "brilliant", "moving", "delightful", "superb")
BAD = ("dull", "boring", "clumsy", "tedious", "awful", "lifeless", "dreadful")
FRAMES = (
    "a {word} film about {thing}",
    "the plot is {word} and {thing} cannot change it",
    "i found {thing} quite {word}",
    "two hours of {word} scenes with {thing} in between",
    "what a {word} story , even {thing} looks {word}",
)
THINGS = ("the sea", "a lost dog", "two brothers", "the old town", "a train to nowhere", "the final match")


def write_reviews(path, examples=240, seed=0):
    """Write a table of made-up reviews, `text` and `label`, whose words tell the label."""
    generator = random.Random(seed)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        for number in range(examples):
            # Twice as many good as bad ones, so that the majority class is no coin toss.
            label = "bad" if number % 3 == 0 else "good"
            word = generator.choice(BAD if label == "bad" else GOOD)
            text = generator.choice(FRAMES).format(word=word, thing=generator.choice(THINGS))
            writer.writerow([f"{text} {number}", label])
    return path


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    """Folders of the test's own for runs, exports and prepared data."""
    monkeypatch.setenv("RUNS_DIR", str(tmp_path / "runs"))
    monkeypatch.setenv("SAVED_MODELS_DIR", str(tmp_path / "saved_models"))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "data"))
    return tmp_path


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A small sentiment run that has ended: its folders, and the table it was trained on."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RUNS_DIR", str(folder / "runs"))
        patch.setenv("SAVED_MODELS_DIR", str(folder / "saved_models"))
        patch.setenv("TFDS_DATA_DIR", str(folder / "data"))
        from typer.testing import CliRunner

        from common.cli.app import app

        table = write_reviews(folder / "reviews.csv")
        arguments = [
            "train",
            "--task",
            "sentiment",
            "--data",
            str(table),
            "--run",
            "small",
            "--set",
            SMALL_MODEL,
        ]
        result = CliRunner().invoke(app, arguments, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        yield folder


@pytest.fixture
def trained_workspace(trained, monkeypatch):
    """The small run's folders, named in the environment."""
    monkeypatch.setenv("RUNS_DIR", str(trained / "runs"))
    monkeypatch.setenv("SAVED_MODELS_DIR", str(trained / "saved_models"))
    monkeypatch.setenv("TFDS_DATA_DIR", str(trained / "data"))
    return trained


SMALL_MODEL = (
    "model.units=8 model.embedding_dimension=16 train.epochs=8 train.tokens_per_batch=256 "
    "train.learning_rate=0.02 train.buckets=2 text.minimum_count=1 text.pairs=0 model.naive_bayes=false"
)
