"""What a task gives back when it compares answers with the truth."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Evaluation:
    """What a task found when it compared answers with the truth.

    Attributes:
        metrics: name -> number; the task's `metric` among them.
        tables: title -> rows, for the terminal and the model card.
        figures: file name -> matplotlib figure.
        predictions: one row an example, for predictions.csv.
        variants: name of another way to answer -> its metrics.
        files: name of another CSV file -> rows.
    """

    metrics: dict[str, float]
    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    figures: dict[str, Any] = field(default_factory=dict)
    predictions: list[dict[str, Any]] = field(default_factory=list)
    variants: dict[str, dict[str, float]] = field(default_factory=dict)
    files: dict[str, list[dict[str, Any]]] = field(default_factory=dict)


def baseline_title(name: str, metrics: dict[str, float]) -> str:
    """Name a baseline for a reader; one that was scored on a part of the examples, with their number."""
    return f"{name} ({metrics['origins']} origins)" if "origins" in metrics else name
