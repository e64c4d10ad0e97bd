"""Streaming readers for the tables that users bring: CSV, TSV and JSON Lines, plain or compressed.

One row is in memory at a time. Whatever is wrong with a file is said in one line that names the file, the
line and what to do.
"""

import bz2
import csv
import difflib
import gzip
import io
import json
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from common.errors import UserError

DELIMITERS = {".csv": ",", ".tsv": "\t"}
JSON_LINES = (".jsonl", ".json")
COMPRESSIONS: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open}
VALID_EXTENSIONS = ".csv, .tsv, .jsonl, .json (one object a line), each also with .gz or .bz2"

# The csv module stops at 131,072 characters by default; a novel has some millions. A field beyond this limit
# is a quote that was never closed.
LONGEST_FIELD = 100_000_000


class BadRow(UserError):  # noqa: N818  It is the row that is named.
    """One row of a file is wrong; the others may be right. The message starts with file:line."""


@dataclass(frozen=True)
class Row:
    """One record of a table.

    Attributes:
        origin: where the record starts, e.g. "reviews.csv:12".
        values: text by column name; numbers of JSON files are given as they would be written.
        record: the object of a JSON file, with its numbers and lists; None of other files.
    """

    origin: str
    values: dict[str, str]
    record: dict[str, Any] | None = None


def read_rows(
    path: Path | str,
    required_columns: Iterable[str] = (),
    on_bad_row: Callable[[BadRow], None] | None = None,
    *,
    quoted: bool = True,
    encoding: str = "utf-8",
) -> Iterator[Row]:
    """Read a table row by row.

    Args:
        path: a file whose name ends in .csv, .tsv, .jsonl or .json, maybe followed by .gz or .bz2.
        required_columns: columns that must be there.
        on_bad_row: called with each row that is wrong, which is then left out; None raises the first.
        quoted: whether a field may stand in double quotes (CSV and TSV). Without, a quote is a character like
            any other and a record is a line.
        encoding: of the text; a byte order mark at the start of UTF-8 is left out.

    Yields:
        The rows in the order of the file; blank lines are no rows.

    Raises:
        UserError: the file is missing, empty, not of a known kind, damaged, or lacks a column.
        BadRow: a row is not of the right shape or text, and `on_bad_row` is None.
    """
    path = Path(path).expanduser()
    required = list(required_columns)
    kind = table_kind(path)
    with _open(path) as binary:
        lines = _Lines(path, binary, encoding, "" if kind in DELIMITERS else "\n")
        if kind in DELIMITERS:
            records = _delimited_records(lines, DELIMITERS[kind], quoted, required)
        else:
            records = _json_records(lines, required)
        empty = True
        for record in records:
            empty = False
            if isinstance(record, Row):
                yield record
            elif on_bad_row is None:
                raise record
            else:
                on_bad_row(record)
    if empty:
        what = "has a header but no rows" if lines.number else "is empty"
        raise UserError(f"{path} {what}: give a file with at least one row below its column names.")


def labelled_rows(
    path: Path | str,
    column: str,
    label_column: str,
    skip_bad_rows: bool = False,
    labels: list[str] | None = None,
    on_bad_row: Callable[[BadRow], None] | None = None,
    *,
    feature: str = "text",
    problem_of: Callable[[str], str] = lambda _: "",
) -> Iterator[dict[str, str]]:
    """Read a table of strings and their labels.

    Args:
        path: CSV, TSV or JSON Lines.
        column: name of the column with the string, which is given as it is.
        label_column: name of the column with the label, which is given without white space around it.
        skip_bad_rows: leave bad rows out instead of raising.
        labels: the labels that may occur; None for any.
        on_bad_row: told of each row that is left out.
        feature: what the string is called.
        problem_of: says what is wrong with a string, in words that go on after its name; empty if nothing is.

    Yields:
        {feature, "label", "origin"} for each row; the origin is its file and line.

    Raises:
        UserError: the file cannot be read or lacks a column.
        BadRow: a row has the wrong shape, no string or a bad one, no label, or one that is not in `labels`.
    """

    def reject(error: BadRow) -> None:
        if not skip_bad_rows:
            raise BadRow(f"{error} To leave bad rows out, set data.skip_bad_rows=true.") from error
        if on_bad_row is not None:
            on_bad_row(error)

    for row in read_rows(path, dict.fromkeys((column, label_column)), reject):
        value, label = row.values[column], row.values[label_column].strip()
        if not value.strip():
            reject(BadRow(f"{row.origin}: the {feature} (column {column!r}) is empty: fill it in."))
        elif problem := problem_of(value):
            reject(BadRow(f"{row.origin}: the {feature} (column {column!r}) {problem}"))
        elif not label:
            reject(BadRow(f"{row.origin}: the label (column {label_column!r}) is empty: fill it in."))
        elif labels is not None and label not in labels:
            known = ", ".join(repr(name) for name in labels)
            reject(BadRow(f"{row.origin}: the label {label!r} was not seen in training: use one of {known}."))
        else:
            yield {feature: value, "label": label, "origin": row.origin}


def table_columns(path: Path | str) -> list[str]:
    """Read the names of a table's columns: the header, or the keys of the first JSON line.

    Raises:
        UserError: as `read_rows`.
    """
    path = Path(path).expanduser()
    kind = table_kind(path)
    if kind not in DELIMITERS:
        return list(next(iter(read_rows(path))).values)
    with _open(path) as binary:
        lines = _Lines(path, binary, "utf-8", "")
        reader = csv.reader(lines, delimiter=DELIMITERS[kind], strict=True)
        return _header(lines, reader)


def is_table(path: Path | str) -> bool:
    """Whether a file's name is that of a table that can be read."""
    try:
        return bool(table_kind(Path(path)))
    except UserError:
        return False


def check_table(path: Path | str) -> Path:
    """Check that a file is there and of a kind that can be read, without reading it.

    Raises:
        UserError: it is not.
    """
    path = Path(path).expanduser()
    table_kind(path)
    return check_file(path)


def check_file(path: Path | str) -> Path:
    """Check that a file is there and can be opened.

    Raises:
        UserError: it is not.
    """
    path = Path(path).expanduser()
    _open(path).close()
    return path


def nearest_name(name: str, names: Iterable[str]) -> str:
    """Say which of the names was probably meant, as a sentence with a blank before it, or nothing."""
    nearest = difflib.get_close_matches(name, list(names), n=1, cutoff=0.6)
    return f" Did you mean {nearest[0]!r}?" if nearest else ""


class _Lines:
    """Lines of a text file for a parser that asks for one at a time; remembers what was wrong with them."""

    def __init__(self, path: Path, binary: BinaryIO, encoding: str, newline: str) -> None:
        self.path = path
        self.number = 0
        self.encoding = encoding
        # Bytes that are not of the encoding are carried on as surrogates, so that one bad line can be named,
        # and left out, without losing one's place in the file.
        python_encoding = "utf-8-sig" if encoding == "utf-8" else encoding
        self._text = io.TextIOWrapper(
            binary, encoding=python_encoding, errors="surrogateescape", newline=newline
        )
        self._problem: BadRow | None = None

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        try:
            line = next(self._text)
        except (EOFError, OSError, zlib.error) as error:
            raise UserError(
                f"{self.path}:{self.number + 1}: the file breaks off or is damaged ({error}): fetch or "
                "compress it again."
            ) from error
        self.number += 1
        if self._problem is None:
            self._problem = self._check(line)
        return line

    def _check(self, line: str) -> BadRow | None:
        if "\0" in line:
            return self.bad_row(
                self.number, "holds a NUL byte: save the file as UTF-8 text without NUL bytes."
            )
        try:
            line.encode("utf-8")
        except UnicodeEncodeError:
            return self.bad_row(
                self.number, f"is not {self.encoding.upper()} text: save the file with that encoding."
            )
        return None

    def bad_row(self, number: int, message: str) -> BadRow:
        """Build the error for a line."""
        return BadRow(f"{self.path}:{number}: {message}")

    def take_problem(self) -> BadRow | None:
        """Return what was wrong with the lines since the last call."""
        problem, self._problem = self._problem, None
        return problem


def table_kind(path: Path) -> str:
    """The ending of a table's name, in small letters and without that of its compression.

    Raises:
        UserError: if it is none of a table.
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in COMPRESSIONS:
        suffixes.pop()
    kind = suffixes[-1] if suffixes else ""
    if kind not in DELIMITERS and kind not in JSON_LINES:
        raise UserError(
            f"{path}: a table's name cannot end in {kind or path.name!r}. Valid: {VALID_EXTENSIONS}."
        )
    return kind


def _open(path: Path) -> BinaryIO:
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


def _header(lines: _Lines, reader: Iterator[list[str]]) -> list[str]:
    try:
        names = [name.strip() for name in next((fields for fields in reader if fields), [])]
    except csv.Error as error:
        raise UserError(f"{lines.path}:1: the header cannot be read ({error}): check its quotes.") from error
    problem = lines.take_problem()
    if problem is not None:
        raise UserError(str(problem))
    repeated = sorted({name for name in names if name and names.count(name) > 1})
    if repeated:
        raise UserError(f"{lines.path}:1: the column {repeated[0]!r} is there twice: rename one of them.")
    return names


def _require_columns(path: Path, required: list[str], names: Iterable[str]) -> None:
    names = list(names)
    for column in required:
        if column not in names:
            there = ", ".join(repr(name) for name in names)
            raise UserError(
                f"{path}:1: there is no column {column!r}.{nearest_name(column, names)} Columns there: "
                f"{there}; name yours as the task's README shows (DATA_...=)."
            )


def _delimited_records(
    lines: _Lines, delimiter: str, quoted: bool, required: list[str]
) -> Iterator[Row | BadRow]:
    csv.field_size_limit(max(csv.field_size_limit(), LONGEST_FIELD))
    quoting = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
    # Strict: a stray quote is an error to be named, not a character silently lost.
    reader = csv.reader(lines, delimiter=delimiter, quoting=quoting, strict=True)
    names = _header(lines, reader)
    if not names:
        return
    _require_columns(lines.path, required, names)
    while True:
        start = lines.number + 1
        try:
            fields = next(reader, None)
        except csv.Error as error:
            lines.take_problem()
            yield _broken_quotes(lines, start, error)
            continue
        if fields is None:
            return
        problem = lines.take_problem()
        if problem is not None:
            yield problem
        elif len(fields) == len(names):
            yield Row(f"{lines.path}:{start}", dict(zip(names, fields, strict=True)))
        elif fields:
            yield lines.bad_row(start, _wrong_number(len(names), len(fields), delimiter))


def _wrong_number(expected: int, found: int, delimiter: str) -> str:
    what = "too few columns" if found < expected else "too many columns"
    name = {",": "comma", "\t": "tab"}[delimiter]
    hint = f"put a text that holds a {name} or a line break in double quotes"
    return f"{what}: expected {expected}, found {found}; {hint}."


def _broken_quotes(lines: _Lines, start: int, error: csv.Error) -> BadRow:
    if "unexpected end of data" in str(error) or "field larger" in str(error):
        # The rest of the file was swallowed: to skip it as one bad row would hide the loss.
        raise UserError(
            f"{lines.path}:{start}: a double quote is opened here and never closed: close it, or double it "
            "where it is part of the text."
        ) from error
    return lines.bad_row(
        start, f"misplaced double quote ({error}): quote the whole field and double the quotes inside it."
    )


def _json_records(lines: _Lines, required: list[str]) -> Iterator[Row | BadRow]:
    first = True
    for line in lines:
        if not line.strip():
            continue
        problem = lines.take_problem()
        if problem is not None:
            yield problem
            continue
        if first and line.lstrip().startswith("["):
            raise UserError(
                f"{lines.path}:{lines.number}: this is a JSON list: write one object a line, without "
                "brackets and commas around them."
            )
        record = _json_record(lines, line, [] if first else required)
        if first and isinstance(record, Row):
            _require_columns(lines.path, required, record.values)
            first = False
        yield record


def _json_record(lines: _Lines, line: str, required: list[str]) -> Row | BadRow:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        return lines.bad_row(lines.number, f"not a JSON object ({error}): write one object a line.")
    if not isinstance(record, dict):
        return lines.bad_row(lines.number, 'not a JSON object: write one a line, such as {"text": "..."}.')
    values = {name: _json_text(value) for name, value in record.items()}
    for name in required:
        if name not in values:
            hint = nearest_name(name, values)
            return lines.bad_row(lines.number, f"the object has no {name!r}: add it.{hint}")
    joined = "".join(values.values())
    if "\0" in joined or any("\ud800" <= character <= "\udfff" for character in joined):
        return lines.bad_row(lines.number, "holds a NUL or half a surrogate pair: correct the text.")
    return Row(f"{lines.path}:{lines.number}", values, record)


def _json_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)
