"""Phrases of the Stanford Sentiment Treebank, where every node of a tree is a phrase with a label."""

import gzip
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from common.errors import UserError

# Spaces separate words; a no-break space, as in "2 1/2", is part of a word.
TOKEN = re.compile(r"[()]|[^ ()\n]+")
ESCAPES = {"-lrb-": "(", "-rrb-": ")", "\\/": "/", "\\*": "*"}
ESCAPED = re.compile("|".join(re.escape(escape) for escape in ESCAPES))


@dataclass(frozen=True)
class Phrase:
    """A node of a tree: its label from 0, very negative, to 4, very positive, and its words."""

    label: int
    text: str
    origin: str


def unescape(text: str) -> str:
    """Replace the treebank's escapes for brackets, slashes and asterisks."""
    return ESCAPED.sub(lambda match: ESCAPES[match[0]], text)


def phrases_of(tree: str) -> Iterator[tuple[int, str]]:
    """Yield label and text, in lower case, of every node of a tree such as "(3 (2 a) (4 delight))".

    Child nodes come before their parents.

    Raises:
        ValueError: the brackets do not match or a label is not a number.
    """
    words: list[str] = []
    open_nodes: list[tuple[int, int]] = []
    tokens = iter(TOKEN.findall(tree))
    for token in tokens:
        if token == "(":
            open_nodes.append((int(next(tokens, "")), len(words)))
        elif token == ")":
            if not open_nodes:
                raise ValueError("a bracket is closed that was not opened")
            label, start = open_nodes.pop()
            yield label, " ".join(words[start:])
        else:
            words.append(unescape(token.lower()))
    if open_nodes:
        raise ValueError("a bracket is not closed")


def read_phrases(path: Path) -> Iterator[Phrase]:
    """Read the phrases of a gzipped file with one tree per line.

    Raises:
        UserError: a line is not a tree.
    """
    with gzip.open(path, "rt", encoding="utf-8", newline="\n") as lines:
        for number, line in enumerate(lines, start=1):
            origin = f"{path.name}:{number}"
            try:
                yield from (Phrase(label, text, origin) for label, text in phrases_of(line))
            except ValueError as error:
                raise UserError(f"{path}:{number}: not a tree ({error}): fetch the file again.") from error
