"""Result of comparing a model's answers with the truth."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Evaluation:
    """Result of comparing a model's answers with the truth.

    Attributes:
        metrics: name -> value, including the task's `metric`.
        tables: title -> rows, for the terminal and metrics.json.
        figures: file name -> matplotlib figure.
        predictions: one row per example, for predictions.csv.
        variants: name of another decoding -> its metrics.
        files: name of another CSV file -> rows.
    """

    metrics: dict[str, float]
    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    figures: dict[str, Any] = field(default_factory=dict)
    predictions: list[dict[str, Any]] = field(default_factory=list)
    variants: dict[str, dict[str, float]] = field(default_factory=dict)
    files: dict[str, list[dict[str, Any]]] = field(default_factory=dict)


def baseline_title(name: str, metrics: dict[str, float]) -> str:
    """Return a baseline's name, with the number of examples if it was scored on a subset of them."""
    return f"{name} ({metrics['origins']} origins)" if "origins" in metrics else name
