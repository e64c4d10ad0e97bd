"""Classification tasks: one label for each example."""

import abc
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from common.contract.evaluation import Evaluation
from common.contract.predictor import SettingsType
from common.contract.preprocessing import Preprocessing
from common.contract.task import PreprocessingType, Task
from common.data.examples import Answer, Example
from common.data.source import Source
from common.files import write_json
from common.inputs.lookup import label_numbers, learn_labels, read_labels
from common.kinds.lines import RowPredictor
from common.modelling.losses import SmoothedCrossEntropy
from common.scores.metrics import class_table, classification_metrics, confusion_counts
from common.scores.plots import confusion_matrix

LABELS_FILE = "labels.json"


class LabelPreprocessing(Preprocessing):
    """Converts labels to class indices; the task converts the other feature to the model's inputs.

    Attributes:
        feature: name of the other feature in a raw example.
        examples_at_once: batch size of the preprocessing.
        labels: names of the classes in alphabetical order.
        label_table: class name -> class index.
    """

    feature: ClassVar[str]
    examples_at_once: ClassVar[int] = 256

    def __init__(self, labels: list[str]) -> None:
        super().__init__(name=f"{self.feature}_preprocessing")
        self.labels = labels
        self.label_table = label_numbers(labels)

    @abc.abstractmethod
    def inputs(self, raw: tf.Tensor) -> tf.Tensor | tf.RaggedTensor:
        """Convert the feature of raw examples (batch,) to the model's inputs (batch, time, ...)."""

    @classmethod
    def training_labels(cls, source: Source) -> list[str]:
        """List the labels of the training split."""
        labels = source.dataset("train").map(lambda example: example["label"])
        return learn_labels(labels.batch(cls.examples_at_once))

    @classmethod
    def training_batches(cls, source: Source) -> tf.data.Dataset:
        """Return batches (batch,) of the feature of the training split."""
        return source.dataset("train").map(lambda example: example[cls.feature]).batch(cls.examples_at_once)

    def examples(self, dataset: tf.data.Dataset) -> tf.data.Dataset:
        """Convert raw examples to (inputs of one example as in `inputs`, class index () int32)."""

        def batch_to_numbers(example: dict[str, tf.Tensor]) -> tuple[tf.Tensor | tf.RaggedTensor, tf.Tensor]:
            return self.inputs(example[self.feature]), self.label_table.lookup(example["label"])

        batches = dataset.batch(self.examples_at_once).map(batch_to_numbers, num_parallel_calls=2)
        shape = batches.element_spec[0].shape[1:]
        # A row of a ragged tensor is a dense tensor, which its type does not say yet.
        return batches.unbatch().map(lambda inputs, label: (tf.ensure_shape(inputs, shape), label))

    def save(self, directory: Path) -> None:
        """Save the labels."""
        write_json(directory / LABELS_FILE, self.labels)

    @classmethod
    def saved_labels(cls, directory: Path) -> list[str]:
        """Load the labels that `save` wrote.

        Raises:
            UserError: if the file is missing or damaged.
        """
        return read_labels(directory / LABELS_FILE)


class LabelTask(Task[SettingsType, PreprocessingType]):
    """A task whose model outputs logits (batch, classes), and its export label and probabilities."""

    metric = "accuracy"

    def loss_and_metrics(self) -> dict[str, Any]:
        """Cross-entropy of the logits, and accuracy."""
        return {
            "loss": SmoothedCrossEntropy(self.settings.train.label_smoothing),
            "metrics": [keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
        }

    def evaluate(self, labels: list[str], scored: Iterable[tuple[Example, Answer]]) -> Evaluation:
        """Compute accuracy, macro-F1 and the confusion matrix."""
        number_of = {label: number for number, label in enumerate(labels)}
        truth, answers, predictions = [], [], []
        for example, answer in scored:
            truth.append(number_of[example["label"]])
            answers.append(number_of[answer["label"]])
            # The contents of files are left out of predictions.csv.
            columns = {name: value for name, value in example.items() if not isinstance(value, bytes)}
            predictions.append({**columns, "predicted": answer["label"], **_probability_columns(answer)})
        truth_numbers, answer_numbers = np.array(truth), np.array(answers)
        counts = confusion_counts(truth_numbers, answer_numbers, len(labels))
        return Evaluation(
            metrics=classification_metrics(truth_numbers, answer_numbers, len(labels)),
            tables={"Classes": class_table(truth_numbers, answer_numbers, labels)},
            figures={"confusion_matrix.png": confusion_matrix(counts, labels)},
            predictions=predictions,
        )


class LabelAnswers:
    """Mixin for predictors: answers with a label and the probability of each label.

    Attributes:
        labels: names of the classes.
    """

    labels: list[str]

    def answers(self, outputs: dict[str, np.ndarray]) -> list[Answer]:
        """Convert outputs to labels, and the probability of each label."""
        return [
            {
                "label": label.decode(),
                "probabilities": dict(zip(self.labels, map(float, probabilities), strict=True)),
            }
            for label, probabilities in zip(outputs["label"], outputs["probabilities"], strict=True)
        ]

    def line(self, answer: Answer) -> str:
        """Format label and probability, separated by a tab."""
        return f"{' '.join(answer['label'].split())}\t{answer['probabilities'][answer['label']]:.4f}"

    def column_names(self) -> list[str]:
        """Return `label`, and a probability for each class."""
        return ["label", *(f"probability_{label}" for label in self.labels)]

    def columns(self, answer: Answer) -> dict[str, Any]:
        """Return the label, and the probability of each class."""
        return {"label": answer["label"], **_probability_columns(answer)}


class LabelPredictor(LabelAnswers, RowPredictor[SettingsType]):
    """A predictor of the label of a line, or of a row of a table."""


def score_classifiers(
    classifiers: Mapping[str, Any],
    train: tuple[Sequence[Any], Sequence[str]],
    test: tuple[Sequence[Any], Sequence[str]],
    labels: list[str],
) -> dict[str, dict[str, float]]:
    """Train and score scikit-learn classifiers, as baselines.

    Args:
        classifiers: by name.
        train: inputs and labels of the training examples.
        test: inputs and labels of the test examples.
        labels: names of the classes.

    Returns:
        Metrics of each classifier, by name.
    """
    number_of = {label: number for number, label in enumerate(labels)}
    truth = np.array([number_of[label] for label in test[1]])
    scores = {}
    for name, classifier in classifiers.items():
        answers = classifier.fit(*train).predict(test[0])
        numbers = np.array([number_of[label] for label in answers])
        scores[name] = classification_metrics(truth, numbers, len(labels))
    return scores


def _probability_columns(answer: Answer) -> dict[str, float]:
    return {f"probability_{label}": value for label, value in answer["probabilities"].items()}
