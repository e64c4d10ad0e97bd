"""Which of the recorded baselines a model may be compared with."""

import re

_ON_A_PART = re.compile(r"(?P<name>.+) \((?P<origins>\d+) origins\)")


def named_by_its_part(name: str, origins: int) -> str:
    """Name a baseline that is too slow for all test examples, with the number of those it was scored on."""
    return f"{name} ({origins} origins)"


def part_of(recorded: str) -> tuple[str, int | None]:
    """Name of a recorded baseline, and the number of examples it was scored on; None if on all of them."""
    found = _ON_A_PART.fullmatch(recorded)
    return (found["name"], int(found["origins"])) if found else (recorded, None)


def best_baseline(baselines: dict[str, float], mode: str) -> tuple[str, float] | None:
    """Name and score of the best baseline on the test examples of the model; None if there is none.

    One that was scored on a part of them is left out: its score is of other examples.

    Args:
        baselines: score of each, by the name it is recorded by.
        mode: max or min, what is better.
    """
    scores = {name: score for name, score in baselines.items() if part_of(name)[1] is None}
    if not scores:
        return None
    best_of = max if mode == "max" else min
    return best_of(scores.items(), key=lambda item: item[1])
