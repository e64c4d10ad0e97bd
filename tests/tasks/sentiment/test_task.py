import json

import pytest
import tensorflow as tf
from support.command_line import invoke
from support.review_case import SMALL_MODEL, write_reviews
from support.task_case import run_task_test

from common.answering.loading import load_run
from common.config import load_settings
from common.contract.find import TASKS_FOLDER
from common.runs.run import find_run
from tasks.sentiment.config import SentimentSettings
from tasks.sentiment.preprocessing import SentimentPreprocessing

EXAMPLES = [{"text": text} for text in ("a lovely film", "dull", "", "这部电影 ok", "quite tedious " * 600)]


@pytest.mark.slow
def test_contract(trained_workspace):
    run_task_test("sentiment", "small", EXAMPLES)


@pytest.mark.slow
def test_contract_with_pairs_and_segments(workspace):
    table = write_reviews(workspace / "reviews.csv", 120)
    every_part = "text.pairs=50 model.naive_bayes=true model.bag_of_words=true model.segment_length=4"
    set_ = f"{SMALL_MODEL} {every_part} train.epochs=2"
    result = invoke("train", "--task", "sentiment", "--data", table, "--run", "pairs", "--set", set_)
    assert result.exit_code == 0, result.output
    run_task_test("sentiment", "pairs", EXAMPLES)


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        "model.cell=elman model.pooling=last",
        "model.cell=gru model.pooling=attention train.mixed_precision=bfloat16",
        "train.schedule=plateau train.warmup_epochs=0 train.optimizer=adamw train.weight_decay=0.01",
        "train.xla=true",
        "train.weight_average=0.5",
    ],
)
def test_trains_with(workspace, options):
    table = write_reviews(workspace / "reviews.csv", 240)
    set_ = f"{SMALL_MODEL} train.epochs=2 {options}"
    result = invoke("train", "--task", "sentiment", "--data", table, "--run", "run", "--set", set_)
    assert result.exit_code == 0, result.output
    metrics = json.loads((workspace / "runs" / "sentiment" / "run" / "metrics.json").read_text())
    history = (workspace / "runs" / "sentiment" / "run" / "history.csv").read_text()
    assert len(history.splitlines()) == 3
    assert metrics["metrics"]["accuracy"] >= 0.4


@pytest.mark.slow
def test_many_classes_with_labels_of_any_script(workspace):
    names = ["très bien", "★★", "3", "不好", "a,b"]
    rows = ["text\tlabel"] + [
        f"word{number % 5} filler {number}\t{names[number % 5]}" for number in range(200)
    ]
    (workspace / "many.tsv").write_text("\n".join(rows))
    set_ = f"{SMALL_MODEL} train.epochs=15 train.early_stopping_patience=15"
    result = invoke(
        "train", "--task", "sentiment", "--data", workspace / "many.tsv", "--run", "many", "--set", set_
    )
    assert result.exit_code == 0, result.output
    predictor = load_run(find_run("many"))
    assert predictor.labels == sorted(names)
    assert [predictor.answer([{"text": f"word{number}"}])[0]["label"] for number in range(5)] == names


def test_files_of_their_own_for_validation_and_test(workspace):
    for name, examples in (("train", 90), ("validation", 24), ("test", 30)):
        write_reviews(workspace / f"{name}.csv", examples, seed=len(name))
    files = [
        part for name in ("validation", "test") for part in (f"--data-{name}", workspace / f"{name}.csv")
    ]
    set_ = f"{SMALL_MODEL} train.epochs=1"
    result = invoke(
        "train", "--task", "sentiment", "--data", workspace / "train.csv", *files, "--run", "r", "--set", set_
    )
    assert result.exit_code == 0, result.output
    data = json.loads((workspace / "runs" / "sentiment" / "r" / "data.json").read_text())
    assert data["counts"]["test"] == 30
    assert data["counts"]["validation"] >= 20  # Less what stands in the test file too.


def test_vocabulary_and_labels_come_from_the_training_split_alone():
    class Splits:
        def dataset(self, split):
            assert split == "train", "only the training split may be read"
            return tf.data.Dataset.from_tensor_slices(
                {"text": ["good film", "bad film"], "label": ["b", "a"]}
            )

    changes = {"text.minimum_count": 1}
    settings = load_settings(SentimentSettings, TASKS_FOLDER / "sentiment", "default", changes)
    learned = SentimentPreprocessing.learn(settings, Splits())
    assert learned.text.vocabulary == ["film", "bad", "good"]
    assert learned.labels == ["a", "b"]
    examples = list(learned.examples(Splits().dataset("train")).as_numpy_iterator())
    assert learned.text.pairs == ["bad film", "good film"]
    # Each word, and the pair that it ends.
    assert [numbers.tolist() for numbers, _ in examples] == [[[4, 0], [2, 2]], [[3, 0], [2, 1]]]
    assert [int(label) for _, label in examples] == [1, 0]
