"""Times of several ways to do the same, measured in turns."""

import statistics
from collections.abc import Callable, Sequence
from typing import Any

WARM_UPS = 2


def take_turns(ways: dict[str, Callable[[Any], float]], inputs: Sequence[Any]) -> dict[str, dict[str, float]]:
    """Measure every way once for each input, one after another, so that the machine's moods hit all alike.

    Args:
        ways: who -> function of an input that gives the seconds it took.
        inputs: one a round.

    Returns:
        who -> median and minimum in milliseconds, and the number of rounds.
    """
    seconds: dict[str, list[float]] = {who: [] for who in ways}
    for given in inputs[:WARM_UPS]:
        for way in ways.values():
            way(given)
    for given in inputs:
        for who, way in ways.items():
            seconds[who].append(way(given))
    return {
        who: {
            "median_ms": round(1000 * statistics.median(taken), 2),
            "minimum_ms": round(1000 * min(taken), 2),
            "repeats": len(taken),
        }
        for who, taken in seconds.items()
    }
