"""What is printed for a person: results on the output stream, notes on the error stream."""

import functools

from rich.console import Console

# For numbers and tables of ours.
results = Console(highlight=False)
# Progress of a training and notes on what was read. No markup: what is printed names the user's files.
progress = Console(highlight=False, soft_wrap=True, markup=False)
notes = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)


@functools.cache
def announce(line: str) -> None:
    """Tell the user something on the error stream, once in a process."""
    notes.print(line)
