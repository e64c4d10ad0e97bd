import random

import pandas as pd
import pytest
from support.image_case import SMALL_MODEL, draw, encoded, noise, write_images
from support.task_case import invoke, run_task_test

GENERATOR = random.Random(7)
EXAMPLES = [
    {"picture": encoded(draw("red", "circle", GENERATOR))},
    {"picture": encoded(draw("blue", "cross", GENERATOR), "JPEG")},
    {"picture": b"no picture"},
    {"picture": encoded(noise(), "BMP")},
]


@pytest.fixture
def run(workspace):
    """A small run that has ended: of few pictures and epochs, but it writes captions by what it sees."""
    pictures = write_images(workspace / "pictures", 45)
    set_ = f"{SMALL_MODEL} augmentation.shift=0.05 train.epochs=4 train.tokens_per_batch=32"
    invoke("train", "--task", "captioning", "--data", pictures, "--run", "small", "--set", set_)
    return workspace / "runs" / "captioning" / "small"


def test_contract(run):
    run_task_test("captioning", "small", EXAMPLES)
    predictions = pd.read_csv(run / "predictions.csv", keep_default_na=False)
    assert predictions["caption"].str.split().str.len().min() > 2
    assert predictions["score"].nunique() == len(predictions)
