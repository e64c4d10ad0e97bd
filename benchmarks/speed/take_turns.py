"""Measurement of several implementations that take turns."""

import statistics
from collections.abc import Callable, Sequence
from typing import Any

WARM_UPS = 2


def take_turns(ways: dict[str, Callable[[Any], float]], inputs: Sequence[Any]) -> dict[str, dict[str, float]]:
    """Measure every implementation once for each input, in turn, so that other load affects all equally.

    Args:
        ways: name -> function of an input that returns its time in seconds.
        inputs: one per round.

    Returns:
        name -> median and minimum in milliseconds, and the number of rounds.
    """
    seconds: dict[str, list[float]] = {who: [] for who in ways}
    for value in inputs[:WARM_UPS]:
        for way in ways.values():
            way(value)
    for value in inputs:
        for who, way in ways.items():
            seconds[who].append(way(value))
    return {
        who: {
            "median_ms": round(1000 * statistics.median(times), 2),
            "minimum_ms": round(1000 * min(times), 2),
            "repeats": len(times),
        }
        for who, times in seconds.items()
    }
