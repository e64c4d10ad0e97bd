"""Which of the recorded baselines a model may be compared with."""

import re
from typing import Any

_ON_A_PART = re.compile(r" \(\d+ origins\)$")


def named_by_its_part(name: str, origins: int) -> str:
    """Name a baseline that is too slow for all test examples, with the number of those it was scored on."""
    return f"{name} ({origins} origins)"


def best_baseline(record: dict[str, Any]) -> tuple[str, float] | None:
    """Name and score of the best baseline on the test examples of the model; None if there is none.

    One that was scored on a part of them is left out: its score is of other examples.

    Args:
        record: with `baselines`, name -> score, and `metric_mode`, max or min.
    """
    scores = {name: score for name, score in record["baselines"].items() if not _ON_A_PART.search(name)}
    if not scores:
        return None
    best_of = max if record["metric_mode"] == "max" else min
    return best_of(scores.items(), key=lambda item: item[1])
