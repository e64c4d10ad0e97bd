"""The one error that a user can cause, and how the nearest valid name is found for its message."""

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Something the user gave is wrong: the command line prints the message in one line and exits with 2.

    The message says what is wrong, where (file, line or key) and what to do.
    """


class DiskFullError(UserError):
    """A disk filled up; what was being written was taken away again."""


def unknown_name(kind: str, name: str, valid: Iterable[str]) -> UserError:
    """Build the error for a misspelt name: the nearest valid one first, then all of them.

    Args:
        kind: what the name stands for, e.g. "task" or "setting".
        name: what the user wrote; empty if nothing was written.
        valid: the names that would have been right.
    """
    names = sorted(valid)
    listed = ", ".join(names) if names else "none"
    if not name:
        return UserError(f"No {kind} given. Valid: {listed}.")
    nearest = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
    return UserError(f"Unknown {kind} {name!r}.{hint} Valid: {listed}.")
