"""Marking of names in a line of text."""

from itertools import accumulate
from typing import Any

from rich.style import Style

from common.inputs.tag_schemes import spans_of

COLOURS = ("bright_red", "bright_green", "bright_blue", "bright_magenta", "bright_cyan", "bright_yellow")
USUAL_TYPES = ("PER", "LOC", "ORG", "MISC")


def marked_sentence(text: str, spans: list[dict[str, Any]], colours: bool) -> str:
    """Mark names in a sentence: "[PER Ada Lovelace] met", optionally with colours by type.

    Args:
        text: the sentence.
        spans: its names in order: "start" and "end", in characters, and "type".
        colours: whether to use colours.
    """
    pieces, end = [], 0
    for span in spans:
        name = text[span["start"] : span["end"]]
        marked = f"[{span['type']} {name}]"
        pieces += [text[end : span["start"]], _coloured(marked, span["type"]) if colours else marked]
        end = span["end"]
    return "".join([*pieces, text[end:]])


def marked_words(words: list[str], tags: list[str]) -> str:
    """Join words by spaces, and mark the names given by iob2 tags."""
    starts = [0, *accumulate(len(word) + 1 for word in words)]
    spans = [
        {"start": starts[span.start], "end": starts[span.end] - 1, "type": span.type}
        for span in spans_of(tags, "iob2")
    ]
    return marked_sentence(" ".join(words), spans, colours=False)


def _coloured(text: str, entity_type: str) -> str:
    usual = entity_type in USUAL_TYPES
    number = USUAL_TYPES.index(entity_type) if usual else sum(entity_type.encode())
    return Style.parse(f"bold {COLOURS[number % len(COLOURS)]}").render(text)
