"""Pieces of Markdown."""

from collections.abc import Sequence


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table; a `|` in a cell is escaped."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def details(summary: str, text: str) -> str:
    """Write a collapsible section."""
    return f"<details><summary>{summary}</summary>\n\n{text}</details>\n"


def duration(seconds: float) -> str:
    """Format a time in seconds, or in minutes if it is at least two."""
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} min"


def counted(number: int, noun: str) -> str:
    """Format a number with its noun: 1 seed, 3 seeds."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
