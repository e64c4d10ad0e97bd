"""Tasks whose answer is one label for the whole example."""

from collections.abc import Iterable
from typing import Any

import keras
import numpy as np

from common.contract.evaluation import Evaluation
from common.contract.predictor import SettingsType
from common.contract.task import PreprocessingType, Task
from common.data.examples import Answer, Example
from common.kinds.lines import RowPredictor
from common.modelling.losses import SmoothedCrossEntropy
from common.scores.metrics import class_table, classification_metrics, confusion_counts
from common.scores.plots import confusion_matrix


class LabelTask(Task[SettingsType, PreprocessingType]):
    """A task whose model gives logits (batch, classes), and whose export gives label and probabilities."""

    metric = "accuracy"

    def loss_and_metrics(self) -> dict[str, Any]:
        """Cross-entropy of the logits, and accuracy."""
        return {
            "loss": SmoothedCrossEntropy(self.settings.train.label_smoothing),
            "metrics": [keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
        }

    def evaluate(self, labels: list[str], scored: Iterable[tuple[Example, Answer]]) -> Evaluation:
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


class LabelPredictor(RowPredictor[SettingsType]):
    """Asks for a label and the probability of each."""

    def answers(self, outputs: dict[str, np.ndarray]) -> list[Answer]:
        """Label, and the probability of each."""
        return [
            {
                "label": label.decode(),
                "probabilities": dict(zip(self.labels, map(float, probabilities), strict=True)),
            }
            for label, probabilities in zip(outputs["label"], outputs["probabilities"], strict=True)
        ]

    def line(self, answer: Answer) -> str:
        """Label and its probability, separated by a tab."""
        return f"{' '.join(answer['label'].split())}\t{answer['probabilities'][answer['label']]:.4f}"

    def column_names(self) -> list[str]:
        """`label`, and one probability a class."""
        return ["label", *(f"probability_{label}" for label in self.labels)]

    def columns(self, answer: Answer) -> dict[str, Any]:
        """`label`, and the probability of each class."""
        return {"label": answer["label"], **_probability_columns(answer)}


def _probability_columns(answer: Answer) -> dict[str, float]:
    return {f"probability_{label}": value for label, value in answer["probabilities"].items()}
