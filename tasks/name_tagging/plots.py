"""Plot of a sentence with its names in colour."""

import unicodedata
from itertools import accumulate, cycle
from typing import Any

from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from common.scores.plots import text_fonts

# Suitable for most kinds of colour blindness (Okabe and Ito, 2008).
COLOURS = ("#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#f0e442", "#d55e00")
COLUMNS = 80
# Sizes in inches of a column, and of a line with the types below it.
COLUMN_WIDTH, LINE_HEIGHT = 0.1, 0.55


def draw_names(text: str, spans: list[dict[str, Any]]) -> Figure:
    """Plot a sentence, each name highlighted in the colour of its type, with the type below it.

    Args:
        text: the sentence.
        spans: of the names: `start` and `end` in characters, and `type`.
    """
    lines = _wrapped(text)
    colour_of = dict(zip(sorted({span["type"] for span in spans}), cycle(COLOURS), strict=False))
    figure = plt.figure(figsize=(COLUMNS * COLUMN_WIDTH, LINE_HEIGHT * len(lines)))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, COLUMNS), ylim=(len(lines), 0))
    axes.axis("off")
    fonts = ["DejaVu Sans Mono", *text_fonts([text])]
    for row, (first, line) in enumerate(lines):
        edges = [0, *accumulate(map(_columns, line))]
        for span in spans:
            start, end = max(span["start"] - first, 0), min(span["end"] - first, len(line))
            if start < end:
                left, right = edges[start], edges[end]
                axes.add_patch(
                    Rectangle((left, row + 0.1), right - left, 0.55, color=colour_of[span["type"]])
                )
                axes.text(left, row + 0.7, span["type"], va="top", size=7, family=fonts)
        for character, left, right in zip(line, edges, edges[1:], strict=False):
            middle = (left + right) / 2
            axes.text(middle, row + 0.375, character, ha="center", va="center", family=fonts, size=11)
    return figure


def _columns(character: str) -> int:
    """Return the width of a character in columns: East Asian characters are twice as wide."""
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _wrapped(text: str) -> list[tuple[int, str]]:
    """Break a text into lines, after a space if there is one; each with the index of its first character."""
    lines, first = [], 0
    while first < len(text) or not lines:
        widths = accumulate(map(_columns, text[first:]))
        end = first + sum(width <= COLUMNS for width in widths)
        space = text.rfind(" ", first, end)
        if end < len(text) and space > first:
            end = space + 1
        lines.append((first, text[first:end]))
        first = end
    return lines
