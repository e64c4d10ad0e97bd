"""Which of the recorded baselines a model may be compared with."""

import re
from typing import Any

_NAME_WITH_ORIGINS = re.compile(r"(?P<name>.+) \((?P<origins>\d+) origins\)")


def with_origins(record: dict[str, Any]) -> dict[str, Any]:
    """Give a recorded result with its `baseline_origins` apart from the names of its baselines.

    Those baselines that are too slow for all test examples were scored on so many of them: name -> number.
    Results that were recorded before this was a value have it in the names, "AutoTheta (20 origins)"; it is
    read from there, once, so that all code asks the value alone and the recorded files stay as they are.
    """
    baselines = record.get("baselines", {})
    matches = {name: _NAME_WITH_ORIGINS.fullmatch(name) for name in baselines}
    if not any(matches.values()):
        return record
    plain = {name: match["name"] if match else name for name, match in matches.items()}
    origins = {match["name"]: int(match["origins"]) for match in matches.values() if match}
    renamed = {plain[name]: score for name, score in baselines.items()}
    return record | {"baselines": renamed, "baseline_origins": origins}


def origins_of(record: dict[str, Any], baseline: str) -> int | None:
    """On how many test examples a baseline was scored; None if on all of them."""
    return record.get("baseline_origins", {}).get(baseline)


def best_baseline(record: dict[str, Any], mode: str) -> tuple[str, float] | None:
    """Name and score of the best baseline on the test examples of the model; None if there is none.

    One that was scored on a part of them is left out: its score is of other examples.

    Args:
        record: with `baselines`, name -> score.
        mode: max or min, what is better.
    """
    scores = {name: score for name, score in record["baselines"].items() if origins_of(record, name) is None}
    if not scores:
        return None
    best_of = max if mode == "max" else min
    return best_of(scores.items(), key=lambda item: item[1])
