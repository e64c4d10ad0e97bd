"""What tasks share whose answer is one label for the whole example."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from common.contract.evaluation import Evaluation
from common.data.examples import Answer, Example
from common.errors import UserError
from common.files import read_json
from common.kinds.lines import LineTask
from common.modelling.losses import SmoothedCrossEntropy
from common.scores.metrics import class_table, classification_metrics, confusion_counts
from common.scores.plots import confusion_matrix


class ClassificationTask(LineTask):
    """A task whose model gives logits (batch, classes), and whose export gives label and probabilities."""

    metric = "accuracy"

    def compile_arguments(self, settings: Any, preprocessing: Any) -> dict[str, Any]:
        """Cross-entropy of the logits, and accuracy."""
        return {
            "loss": SmoothedCrossEntropy(settings.train.label_smoothing),
            "metrics": [keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
        }

    def answers(self, outputs: dict[str, np.ndarray], labels: list[str]) -> list[Answer]:
        """Label, and the probability of each."""
        return [
            {
                "label": label.decode(),
                "probabilities": dict(zip(labels, map(float, probabilities), strict=True)),
            }
            for label, probabilities in zip(outputs["label"], outputs["probabilities"], strict=True)
        ]

    def evaluate(
        self, settings: Any, labels: list[str], scored: Iterable[tuple[Example, Answer]]
    ) -> Evaluation:
        """Accuracy, macro-F1, and what is confused with what."""
        number_of = {label: number for number, label in enumerate(labels)}
        truth, answers, predictions = [], [], []
        for example, answer in scored:
            truth.append(number_of[example["label"]])
            answers.append(number_of[answer["label"]])
            predictions.append({**example, "predicted": answer["label"], **_probability_columns(answer)})
        truth_numbers, answer_numbers = np.array(truth), np.array(answers)
        counts = confusion_counts(truth_numbers, answer_numbers, len(labels))
        return Evaluation(
            metrics=classification_metrics(truth_numbers, answer_numbers, len(labels)),
            tables={"Classes": class_table(truth_numbers, answer_numbers, labels)},
            figures={"confusion_matrix.png": confusion_matrix(counts, labels)},
            predictions=predictions,
        )

    def line(self, answer: Answer) -> str:
        """Label and its probability, parted by a tab."""
        return f"{' '.join(answer['label'].split())}\t{answer['probabilities'][answer['label']]:.4f}"

    def column_names(self, labels: list[str]) -> list[str]:
        """`label`, and one probability a class."""
        return ["label", *(f"probability_{label}" for label in labels)]

    def columns(self, answer: Answer) -> dict[str, Any]:
        """`label`, and the probability of each class."""
        return {"label": answer["label"], **_probability_columns(answer)}


def learn_labels(labels: tf.data.Dataset) -> list[str]:
    """List the different labels of batches (batch,) of strings, in alphabetical order."""
    different: set[bytes] = set()
    for batch in labels.as_numpy_iterator():
        different.update(batch.tolist())
    return sorted(label.decode() for label in different)


def read_labels(path: Path) -> list[str]:
    """Read a list of labels.

    Raises:
        UserError: if the file is missing or damaged.
    """
    labels = read_json(path)
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise UserError(f"{path} is damaged: it should be a list of names; train the run again.")
    return labels


def label_numbers(labels: list[str]) -> tf.lookup.StaticHashTable:
    """Table from a label to its place in the list, int32; -1 for others."""
    numbers = tf.range(len(labels), dtype=tf.int32)
    return tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(tf.constant(labels), numbers), default_value=-1
    )


def _probability_columns(answer: Answer) -> dict[str, float]:
    return {f"probability_{label}": value for label, value in answer["probabilities"].items()}
