"""Texts as they are given to `predict`: in the command line, or on standard input."""

import sys
from collections.abc import Iterator

from common.errors import UserError


def checked_text(text: str) -> str:
    """Write a text of the command line in one line.

    Raises:
        UserError: if it is not UTF-8.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UserError("TEXT holds bytes that are not UTF-8; give it in UTF-8.") from None
    return " ".join(text.splitlines())


def lines_of_stdin() -> Iterator[str]:
    """Yield the lines of standard input as they come.

    Raises:
        UserError: if there is none, or one is not UTF-8.
    """
    number = 0
    for number, line in enumerate(sys.stdin.buffer, 1):
        try:
            yield line.decode()
        except UnicodeDecodeError:
            raise UserError(f"Standard input, line {number}: not UTF-8; convert it first.") from None
    if not number:
        raise UserError("Standard input is empty; give one text a line, or TEXT=..., or INPUT=table.")
