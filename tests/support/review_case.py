"""Made-up reviews, and a small sentiment run that learns them."""

import csv
import random

import pytest

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


SMALL_MODEL = (
    "model.units=8 model.embedding_dimension=16 train.epochs=8 train.tokens_per_batch=256 "
    "train.learning_rate=0.02 train.buckets=2 text.minimum_count=1 text.pairs=0 model.naive_bayes=false"
)


def use_folders(patch, folder):
    """Name a folder's parts in the environment: runs, exports and prepared data."""
    patch.setenv("RUNS_DIR", str(folder / "runs"))
    patch.setenv("SAVED_MODELS_DIR", str(folder / "saved_models"))
    patch.setenv("TFDS_DATA_DIR", str(folder / "data"))


def train_small(folder):
    """Train the small sentiment run in a folder, on a table there."""
    from typer.testing import CliRunner

    from common.cli.app import app

    table = write_reviews(folder / "reviews.csv")
    arguments = ["train", "--task", "sentiment", "--data", str(table), "--run", "small", "--set", SMALL_MODEL]
    with pytest.MonkeyPatch.context() as patch:
        use_folders(patch, folder)
        result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
