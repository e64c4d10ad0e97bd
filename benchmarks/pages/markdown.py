"""Pieces of Markdown."""

from collections.abc import Sequence


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table; a `|` in a cell is escaped."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def details(summary: str, text: str) -> str:
    """Fold a text away under a line that opens it."""
    return f"<details><summary>{summary}</summary>\n\n{text}</details>\n"


def duration(seconds: float) -> str:
    """Write a time in seconds, or in minutes from two on."""
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} min"


def counted(number: int, noun: str) -> str:
    """Write a number with its noun: 1 seed, 3 seeds."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
