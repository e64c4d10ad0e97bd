"""Classification metrics from scikit-learn, with a confidence interval."""

from typing import Any

import numpy as np
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, precision_recall_fscore_support

BOOTSTRAP_SAMPLES = 2_000


def classification_metrics(truth: np.ndarray, answers: np.ndarray, classes: int) -> dict[str, float]:
    """Compute accuracy with a 95 % bootstrap interval, and macro-F1.

    Args:
        truth: (examples,) indices of the true classes.
        answers: (examples,) indices of the predicted classes.
        classes: number of classes; a class that never occurs counts with an F1 of 0.
    """
    low, high = bootstrap_interval((truth == answers).astype(np.float64))
    return {
        "accuracy": float(accuracy_score(truth, answers)),
        "accuracy_low": low,
        "accuracy_high": high,
        "macro_f1": float(f1_score(truth, answers, labels=range(classes), average="macro", zero_division=0)),
    }


def bootstrap_interval(values: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """Compute the bootstrap percentile interval of the mean, with a fixed seed.

    Args:
        values: (examples,), one value per example.
        level: fraction of the resampled means inside the interval.

    Source: Efron, "Bootstrap methods", 1979.
    """
    generator = np.random.default_rng(0)
    means = np.array(
        [values[generator.integers(0, len(values), len(values))].mean() for _ in range(BOOTSTRAP_SAMPLES)]
    )
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def class_table(truth: np.ndarray, answers: np.ndarray, labels: list[str]) -> list[dict[str, Any]]:
    """Compute precision, recall, F1 and number of examples of each class."""
    columns = precision_recall_fscore_support(truth, answers, labels=range(len(labels)), zero_division=0)
    return [
        {"class": label, "precision": float(p), "recall": float(r), "f1": float(f), "examples": int(n)}
        for label, p, r, f, n in zip(labels, *columns, strict=True)
    ]


def confusion_counts(truth: np.ndarray, answers: np.ndarray, classes: int) -> np.ndarray:
    """Count (truth, answer) pairs: (classes, classes)."""
    return confusion_matrix(truth, answers, labels=range(classes))
