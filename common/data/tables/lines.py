"""Streaming of the lines of a text file, plain or compressed, with errors that name the line."""

import bz2
import difflib
import gzip
import io
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, BinaryIO

from common.data.bad_rows import BadRow
from common.errors import UserError

COMPRESSIONS: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open}


class Lines:
    """Iterator over the lines of a text file, for a parser; it records what is wrong with them."""

    def __init__(self, path: Path, binary: BinaryIO, encoding: str, newline: str) -> None:
        self.path = path
        self.number = 0
        self.encoding = encoding
        # Invalid bytes are decoded as surrogates, so that a bad line can be reported or skipped and reading
        # can continue after it.
        python_encoding = "utf-8-sig" if encoding == "utf-8" else encoding
        self._text = io.TextIOWrapper(
            binary, encoding=python_encoding, errors="surrogateescape", newline=newline
        )
        self._problem: BadRow | None = None

    def __iter__(self) -> "Lines":
        return self

    def __next__(self) -> str:
        try:
            line = next(self._text)
        except (EOFError, OSError, zlib.error) as error:
            raise UserError(
                f"{self.path}:{self.number + 1}: the file is truncated or damaged ({error}): fetch or "
                "compress it again."
            ) from error
        self.number += 1
        if self._problem is None:
            self._problem = self._check(line)
        return line

    def _check(self, line: str) -> BadRow | None:
        if "\0" in line:
            return self.bad_row(
                self.number, "contains a NUL byte: save the file as UTF-8 text without NUL bytes."
            )
        try:
            line.encode("utf-8")
        except UnicodeEncodeError:
            return self.bad_row(
                self.number, f"is not {self.encoding.upper()} text: save the file with that encoding."
            )
        return None

    def bad_row(self, number: int, message: str) -> BadRow:
        """Create the error for a line."""
        return BadRow(f"{self.path}:{number}: {message}")

    def take_problem(self) -> BadRow | None:
        """Return the first problem of the lines read since the last call, if any."""
        problem, self._problem = self._problem, None
        return problem


def check_file(path: Path | str) -> Path:
    """Check that a file exists and can be opened.

    Raises:
        UserError: it does not exist or cannot be opened.
    """
    path = Path(path).expanduser()
    open_binary(path).close()
    return path


def open_binary(path: Path) -> BinaryIO:
    """Open a file, plain or compressed, for reading bytes.

    Raises:
        UserError: it does not exist, or cannot be opened.
    """
    if path.is_dir():
        raise UserError(f"{path} is a folder: name a file inside it.")
    if not path.exists():
        folder = path.parent if path.parent.is_dir() else None
        hint = nearest_name(path.name, sorted(item.name for item in folder.iterdir())) if folder else ""
        raise UserError(f"{path} does not exist: check the path.{hint}")
    try:
        return COMPRESSIONS.get(path.suffix.lower(), Path.open)(path, "rb")
    except OSError as error:
        raise UserError(f"{path} cannot be opened ({error.strerror}): check its permissions.") from error


def nearest_name(name: str, names: Iterable[str]) -> str:
    """Suggest the most similar name, as a sentence with a leading space; empty if none is similar."""
    nearest = difflib.get_close_matches(name, list(names), n=1, cutoff=0.6)
    return f" Did you mean {nearest[0]!r}?" if nearest else ""
