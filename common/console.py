"""What is printed for a person: results on the output stream, notes on the error stream."""

import functools

from rich.console import Console


@functools.cache
def announce(line: str) -> None:
    """Tell the user something on the error stream, once in a process."""
    Console(stderr=True, soft_wrap=True).print(line, highlight=False, markup=False)
