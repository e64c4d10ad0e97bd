"""Readers of two corpora of Chinese news, with names tagged by character."""

import re
from collections.abc import Iterator
from pathlib import Path

from common.inputs.tag_schemes import Span, spans_of
from tasks.name_tagging.conll import Sentence

# Maximum number of characters of a Chinese surname.
LONGEST_SURNAME = 2


def read_msra(path: Path) -> Iterator[Sentence]:
    """Read the sentences of one of MSRA's files, with one character and its tag per line.

    A few entities lack the B of their first character: as in conlleval, a tag that continues no entity begins
    one.
    """
    for place, (number, characters, tags) in enumerate(_blocks(path), 1):
        continuing = [re.sub("^S", "B", re.sub("^[ME]", "I", tag)) for tag in tags]
        yield Sentence(characters, spans_of(continuing, "iob1"), 0, place, f"{path.name}:{number}")


def _blocks(path: Path) -> Iterator[tuple[int, list[str], list[str]]]:
    """Yield first line number, characters and tags of each sentence; a line without a tag ends a sentence."""
    characters: list[str] = []
    tags: list[str] = []
    number = 0
    with path.open(encoding="utf-8", newline="\n") as lines:
        for number, line in enumerate(lines, 1):
            character, space, tag = line.rstrip("\r\n").rpartition(" ")
            if space and character:
                characters.append(character)
                tags.append(tag)
            elif characters:
                yield number - len(characters), characters, tags
                characters, tags = [], []
    if characters:
        yield number - len(characters), characters, tags


def read_peoples_daily(path: Path) -> Iterator[Sentence]:
    """Read the lines of People's Daily: words with their parts of speech; `nr` is a person's name."""
    with path.open(encoding="utf-8", newline="\n") as lines:
        for number, line in enumerate(lines, 1):
            words = [token.rpartition("/")[::2] for token in line.split()]
            if words:
                characters = [character for word, _ in words for character in word]
                yield Sentence(characters, join_names(words), 0, number, f"{path.name}:{number}")


def join_names(words: list[tuple[str, str]]) -> list[Span]:
    """Return persons as spans of characters from tagged words, joining surnames and given names."""
    spans: list[Span] = []
    start, surname = 0, False  # Whether the previous word is a surname without a given name.
    for word, kind in words:
        end = start + len(word)
        if kind == "nr" and surname:
            spans[-1] = Span(spans[-1].start, end, "PER")
            surname = False
        elif kind == "nr":
            spans.append(Span(start, end, "PER"))
            surname = len(word) <= LONGEST_SURNAME
        else:
            surname = False
        start = end
    return spans
