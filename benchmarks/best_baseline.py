"""The best of the recorded baselines that a model can be compared with."""

import re
from typing import Any

_NAME_WITH_ORIGINS = re.compile(r"(?P<name>.+) \((?P<origins>\d+) origins\)")


def with_origins(record: dict[str, Any]) -> dict[str, Any]:
    """Return a recorded result with `baseline_origins`, name -> number of test examples.

    It has the baselines that were too slow for all test examples. Older results have the number in the name,
    "AutoTheta (20 origins)"; it is parsed here, so that the recorded files need not change.
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
    """Return the number of test examples that a baseline was scored on; None for all of them."""
    return record.get("baseline_origins", {}).get(baseline)


def best_baseline(record: dict[str, Any], mode: str) -> tuple[str, float] | None:
    """Return name and score of the best baseline on all test examples; None if there is none.

    Baselines that were scored on a subset of the test examples are not comparable, and left out.

    Args:
        record: with `baselines`, name -> score.
        mode: max or min, whichever is better.
    """
    scores = {name: score for name, score in record["baselines"].items() if origins_of(record, name) is None}
    if not scores:
        return None
    best_of = max if mode == "max" else min
    return best_of(scores.items(), key=lambda item: item[1])
