"""Output for people: results on stdout, notes on stderr."""

import functools

from rich.console import Console

# Results and tables, whose markup is the project's own.
results = Console(highlight=False)
# Training progress, and notes on the input. Without markup, because they contain the user's file names.
progress = Console(highlight=False, soft_wrap=True, markup=False)
notes = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)


@functools.cache
def announce(line: str) -> None:
    """Print a note on stderr, once per process."""
    notes.print(line)
