"""Time of one epoch over the IMDB reviews, and of answering one review: ours, plain Keras, PyTorch.

All use the same model: 128-dimensional word embeddings, one bidirectional LSTM of 64 units, max pooling over
the words, a classifier; Adam; batches of 32 reviews, or of as many words as 32 reviews have on average, for
equally many updates per epoch. Plain Keras pads every review to 400 words and uses keras.layers.LSTM; ours
batches similar lengths; PyTorch gets packed batches, sorted by length. Accuracy is on the validation reviews
after the epoch.
"""

import tempfile
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from benchmarks.speed.pytorch_process import PyTorchProcess
from benchmarks.speed.take_turns import take_turns
from common.answering.export import write_saved_model
from common.config import load_settings
from common.contract.find import TASKS_FOLDER, find_task
from common.data.batching import SequenceBatches, choose_buckets
from common.layers.sequence_pooling import SequencePooling

LONGEST = 400
BATCH = 32
ANSWERS = 100
SHORT_WORDS = 20
SAME_MODEL = {
    "data.dataset": "imdb",
    "text.vocabulary_size": 20_000,
    "text.pairs": 0,
    "text.maximum_length": LONGEST,
    "model.embedding_dimension": 128,
    "model.units": 64,
    "model.segment_length": None,
    "model.bag_of_words": False,
    "model.naive_bayes": False,
    "model.word_dropout": 0.0,
    "model.dropout": 0.0,
}


class Reviews:
    """The IMDB reviews as word indices, and their preprocessing."""

    def __init__(self, scratch: Path) -> None:
        """Fetch and preprocess the reviews; `scratch` is a folder for temporary files."""
        self.scratch = scratch
        task_class = find_task("sentiment")
        self.settings = load_settings(
            task_class.settings_class, TASKS_FOLDER / task_class.name, "imdb", SAME_MODEL
        )
        self.task = task_class(self.settings)
        source = self.task.open_source()
        self.preprocessing = self.task.preprocessing_class.learn(self.settings, source)
        self.batches: dict[str, SequenceBatches] = {
            split: self.task.batches(source, self.preprocessing, split, scratch / split)
            for split in ("train", "validation")
        }
        self.texts = [
            example["text"].decode()
            for example in source.dataset("validation").take(ANSWERS).as_numpy_iterator()
        ]
        self.words = int(self.batches["train"].lengths.sum())
        self.tokens_per_batch = round(BATCH * self.words / len(self.batches["train"].lengths))
        self.sizes = {
            "vocabulary_size": self.preprocessing.text.size,
            "embedding_dimension": self.settings.model.embedding_dimension,
            "units": self.settings.model.units,
            "classes": len(self.preprocessing.labels),
        }


def measure_reviews(pytorch: PyTorchProcess | None) -> dict[str, list[dict[str, Any]]]:
    """Measure the epochs and the answers.

    Returns:
        `epoch`: a record for each implementation; `latency`: one for each implementation and length of text.
    """
    with tempfile.TemporaryDirectory() as scratch:
        reviews = Reviews(Path(scratch))
        model = reviews.task.build_model(reviews.preprocessing)
        epochs = {"ours": _our_epoch(reviews, model), "keras": _usual_epoch(reviews)}
        if pytorch:
            epochs["pytorch"] = pytorch.order(
                "epoch",
                file=str(_as_arrays(reviews)),
                tokens_per_batch=reviews.tokens_per_batch,
                sizes=reviews.sizes,
            )
        return {
            "epoch": [_epoch_record(who, reviews.words, result) for who, result in epochs.items()],
            "latency": _latencies(reviews, model, pytorch),
        }


def _epoch_record(who: str, words: int, result: dict[str, float]) -> dict[str, Any]:
    record = {
        "who": who,
        "seconds": round(result["seconds"], 1),
        "words_per_second": round(words / result["seconds"]),
        "validation_accuracy": round(result["accuracy"], 4),
    }
    print(record, flush=True)
    return record


def _our_epoch(reviews: Reviews, model: keras.Model) -> dict[str, float]:
    training = reviews.batches["train"]
    buckets = choose_buckets(training.lengths, reviews.settings.train.buckets, reviews.tokens_per_batch)
    epoch = tf.Variable(0, dtype=tf.int64, trainable=False)
    batches = training.training_batches(buckets, epoch, 1, reviews.settings.train.shuffle_buffer)
    return _timed_epoch(model, batches, reviews)


def _usual_epoch(reviews: Reviews) -> dict[str, float]:
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.layers.Embedding(
                reviews.sizes["vocabulary_size"], reviews.sizes["embedding_dimension"], mask_zero=True
            ),
            keras.layers.Bidirectional(keras.layers.LSTM(reviews.sizes["units"], return_sequences=True)),
            SequencePooling("max"),
            keras.layers.Dense(reviews.sizes["classes"]),
        ]
    )
    examples = reviews.batches["train"].examples.shuffle(reviews.settings.train.shuffle_buffer, seed=1)
    return _timed_epoch(model, examples.padded_batch(BATCH, ([LONGEST], [])), reviews)


def _timed_epoch(model: keras.Model, batches: tf.data.Dataset, reviews: Reviews) -> dict[str, float]:
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    start = time.perf_counter()
    model.fit(batches, shuffle=False, verbose=0)
    seconds = time.perf_counter() - start
    validation = reviews.batches["validation"].examples.padded_batch(BATCH, ([LONGEST], []))
    return {"seconds": seconds, "accuracy": model.evaluate(validation, verbose=0)[1]}


def _as_arrays(reviews: Reviews) -> Path:
    arrays: dict[str, np.ndarray] = {}
    for split, batches in reviews.batches.items():
        numbers, labels = zip(*batches.examples.as_numpy_iterator(), strict=True)
        arrays[f"{split}_numbers"] = np.concatenate(numbers)
        arrays[f"{split}_lengths"] = batches.lengths
        arrays[f"{split}_labels"] = np.asarray(labels)
    path = reviews.scratch / "reviews.npz"
    np.savez(path, **arrays)
    return path


def _latencies(reviews: Reviews, model: keras.Model, pytorch: PyTorchProcess | None) -> list[dict[str, Any]]:
    """Measure the milliseconds from one text to its label and probabilities, for an export and PyTorch."""
    export = reviews.scratch / "export"
    write_saved_model(reviews.task.serving(reviews.preprocessing, [model]), export)
    serve = tf.saved_model.load(str(export)).signatures["serving_default"]
    if pytorch:
        pytorch.order("answer", vocabulary=reviews.preprocessing.text.vocabulary, sizes=reviews.sizes)
    short = [" ".join(text.split()[:SHORT_WORDS]) for text in reviews.texts]
    records = []
    for what, texts in ((f"{SHORT_WORDS} words", short), (f"review, at most {LONGEST} words", reviews.texts)):

        def ours(text: str) -> float:
            start = time.perf_counter()
            {name: value.numpy() for name, value in serve(text=tf.constant([text])).items()}
            return time.perf_counter() - start

        # Truncated for PyTorch too, whose model has no limit.
        truncated = [" ".join(text.split()[:LONGEST]) for text in texts]
        ways = {"ours": ours} | ({"pytorch": pytorch.seconds} if pytorch else {})
        for who, summary in take_turns(ways, truncated).items():
            records.append({"what": what, "who": who, **summary})
            print(records[-1], flush=True)
    return records
