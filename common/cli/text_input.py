"""Texts for `predict`: from the command line, or from standard input."""

import sys
from collections.abc import Iterator

from common.errors import UserError


def checked_text(text: str) -> str:
    """Replace the line breaks in a text from the command line by spaces.

    Raises:
        UserError: if it is not UTF-8.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UserError("TEXT contains bytes that are not UTF-8; give it in UTF-8.") from None
    return " ".join(text.splitlines())


def lines_of_stdin() -> Iterator[str]:
    """Yield the lines of standard input as they arrive.

    Raises:
        UserError: if there are no lines, or a line is not UTF-8.
    """
    number = 0
    for number, line in enumerate(sys.stdin.buffer, 1):
        try:
            yield line.decode()
        except UnicodeDecodeError:
            raise UserError(f"Standard input, line {number}: not UTF-8; convert it first.") from None
    if not number:
        raise UserError("Standard input is empty; give one text per line, or TEXT=..., or INPUT=table.")
