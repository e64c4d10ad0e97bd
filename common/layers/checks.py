"""Checks of a layer's arguments: an error names the argument, its value and the valid ones in one line."""

from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any


def check_one_of(name: str, value: Any, valid: Iterable[Any]) -> None:
    """Raise ValueError unless the value is one of the valid ones."""
    valid = list(valid)
    # By type too: True == 1, and a list has no hash but can be compared.
    if not any(type(value) is type(other) and value == other for other in valid):
        listed = ", ".join(map(repr, valid))
        raise ValueError(f"{name} must be one of {listed}, not {value!r}.")


def check_positive(**values: Any) -> None:
    """Raise ValueError unless each value is a positive integer."""
    for name, value in values.items():
        if not _is_integer(value) or value < 1:
            raise ValueError(f"{name} must be a positive integer, not {value!r}.")


def check_not_negative(**values: Any) -> None:
    """Raise ValueError unless each value is an integer of at least 0."""
    for name, value in values.items():
        if not _is_integer(value) or value < 0:
            raise ValueError(f"{name} must be an integer of at least 0, not {value!r}.")


def check_fraction(**values: Any) -> None:
    """Raise ValueError unless each value is a number from 0 to 1."""
    for name, value in values.items():
        if not isinstance(value, Real) or isinstance(value, bool) or not 0 <= value <= 1:
            raise ValueError(f"{name} must be a number from 0 to 1, not {value!r}.")


def _is_integer(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)
