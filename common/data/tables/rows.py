"""Tables in formats given by their suffixes, read row by row.

Only one row is in memory at a time. Errors are one line that names the file, the line and what to do.
"""

import csv
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from common.data.bad_rows import BadRow
from common.data.tables.delimited import DELIMITERS, delimited_records, read_header
from common.data.tables.json_lines import json_records
from common.data.tables.lines import COMPRESSIONS, Lines, check_file, open_binary
from common.data.tables.row import Row
from common.errors import UserError

JSON_LINES = (".jsonl", ".json")
VALID_EXTENSIONS = ".csv, .tsv, .jsonl, .json (one object per line), each also with .gz or .bz2"


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
        path: a file with the suffix .csv, .tsv, .jsonl or .json, optionally followed by .gz or .bz2.
        required_columns: columns that must exist.
        on_bad_row: called with the error of each bad row, which is then skipped; None raises the first one.
        quoted: whether fields may be enclosed in double quotes (CSV and TSV). If not, quotes are ordinary
            characters and every line is a record.
        encoding: of the text; a byte order mark at the start of UTF-8 is skipped.

    Yields:
        The rows in the order of the file; blank lines are skipped.

    Raises:
        UserError: the file is missing, empty, of an unknown format or damaged, or lacks a column.
        BadRow: a row has the wrong shape or invalid text, and `on_bad_row` is None.
    """
    path = Path(path).expanduser()
    required = list(required_columns)
    kind = table_kind(path)
    with open_binary(path) as binary:
        lines = Lines(path, binary, encoding, "" if kind in DELIMITERS else "\n")
        if kind in DELIMITERS:
            records = delimited_records(lines, DELIMITERS[kind], quoted, required)
        else:
            records = json_records(lines, required)
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
        raise UserError(f"{path} {what}: give a file with at least one row.")


def table_columns(path: Path | str) -> list[str]:
    """Read the names of a table's columns: the header, or the keys of the first JSON line.

    Raises:
        UserError: as `read_rows`.
    """
    path = Path(path).expanduser()
    kind = table_kind(path)
    if kind not in DELIMITERS:
        return list(next(iter(read_rows(path))).values)
    with open_binary(path) as binary:
        lines = Lines(path, binary, "utf-8", "")
        reader = csv.reader(lines, delimiter=DELIMITERS[kind], strict=True)
        return read_header(lines, reader)


def is_table(path: Path | str) -> bool:
    """Return whether a file's suffix is that of a supported table format."""
    try:
        return bool(table_kind(Path(path)))
    except UserError:
        return False


def check_table(path: Path | str) -> Path:
    """Check that a file exists and has a supported format, without reading it.

    Raises:
        UserError: it does not exist, or has another format.
    """
    path = Path(path).expanduser()
    table_kind(path)
    return check_file(path)


def table_kind(path: Path) -> str:
    """Return the lower-case suffix of a table, without that of its compression.

    Raises:
        UserError: if it is not the suffix of a table.
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in COMPRESSIONS:
        suffixes.pop()
    kind = suffixes[-1] if suffixes else ""
    if kind not in DELIMITERS and kind not in JSON_LINES:
        raise UserError(
            f"{path}: {kind or path.name!r} is not the suffix of a table. Valid: {VALID_EXTENSIONS}."
        )
    return kind
