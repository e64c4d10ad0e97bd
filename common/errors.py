"""Errors caused by the user, and suggestions for misspelt names."""

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Invalid input by the user: the command line prints the message in one line and exits with code 2.

    The message says what is wrong, where (file, line or key) and what to do.
    """


class DiskFullError(UserError):
    """The disk is full; the partially written file has been removed."""


def unknown_name(kind: str, name: str, valid: Iterable[str]) -> UserError:
    """Build the error for an unknown name, with the nearest valid name and a list of all.

    Args:
        kind: what is named, e.g. "task" or "setting".
        name: what the user wrote; empty if nothing.
        valid: the valid names.
    """
    names = sorted(valid)
    listed = ", ".join(names) if names else "none"
    if not name:
        return UserError(f"No {kind} given. Valid: {listed}.")
    nearest = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
    return UserError(f"Unknown {kind} {name!r}.{hint} Valid: {listed}.")
