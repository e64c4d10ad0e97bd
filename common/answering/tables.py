"""Tables of answers: checks of the output file, and writing of rows."""

import csv
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TextIO

from common.data.tables.row import Row
from common.errors import UserError

OUTPUT_SUFFIXES = (".csv", ".tsv", ".jsonl")


def check_table_output(output: Path, path: Path) -> None:
    """Check that a table of answers can be written, before the work starts.

    Raises:
        UserError: its format is unknown, its folder is missing, or it is the input file itself.
    """
    if output.suffix not in OUTPUT_SUFFIXES:
        raise UserError(f"OUTPUT={output} must end in one of {', '.join(OUTPUT_SUFFIXES)}.")
    check_output(output, path)


def check_output(output: Path, path: Path) -> None:
    """Check that a file of answers can be written, before the work starts.

    Raises:
        UserError: its folder is missing, or it is the input file itself.
    """
    if not output.resolve().parent.is_dir():
        raise UserError(
            f"OUTPUT={output}: the folder {output.resolve().parent} does not exist; create it first."
        )
    if output.resolve() == path.expanduser().resolve():
        raise UserError(f"OUTPUT={output} is the INPUT file; name another one, so as not to overwrite it.")


class TableWriter:
    """Writer of rows as CSV, TSV or JSON Lines."""

    def __init__(self, file: TextIO, suffix: str, columns: list[str]) -> None:
        """Write the header, if the format has one.

        Args:
            file: open for writing text, without newline translation.
            suffix: one of `OUTPUT_SUFFIXES`.
            columns: of the rows, in order.
        """
        self._file = file
        self._writer = None
        if suffix != ".jsonl":
            dialect = "excel-tab" if suffix == ".tsv" else "excel"
            self._writer = csv.DictWriter(file, columns, dialect=dialect, lineterminator="\n")
            self._writer.writeheader()

    def write(self, row: Mapping[str, Any]) -> None:
        """Write one row."""
        if self._writer is None:
            self._file.write(json.dumps(row, ensure_ascii=False) + "\n")
        else:
            self._writer.writerow(row)


def write_answered_rows(
    file: TextIO,
    suffix: str,
    columns: list[str],
    answer_columns: list[str],
    rows: Iterable[tuple[Row, dict[str, Any]]],
) -> None:
    """Write the rows of a user's table with the columns of the answers appended.

    Args:
        file: open for writing text, without newline translation.
        suffix: one of `OUTPUT_SUFFIXES`.
        columns: of the user's table.
        answer_columns: names of the answers' columns; renamed if the user's table has a column of that name.
        rows: of the user's table, each with the values of its answer's columns.
    """
    names = {name: _free_name(name, columns) for name in answer_columns}
    table = TableWriter(file, suffix, [*columns, *names.values()])
    for row, answer in rows:
        # JSON Lines keep the numbers and lists of the user's records.
        values = row.values if suffix != ".jsonl" or row.record is None else row.record
        table.write({**values, **{names[name]: answer.get(name, "") for name in answer_columns}})


def _free_name(name: str, columns: list[str]) -> str:
    """Name a column of answers without overwriting one of the user's columns."""
    while name in columns:
        name = f"predicted_{name}"
    return name
