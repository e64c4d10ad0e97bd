"""Records of CSV and TSV files."""

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path

from common.data.bad_rows import BadRow
from common.data.tables.lines import Lines, nearest_name
from common.data.tables.row import Row
from common.errors import UserError

DELIMITERS = {".csv": ",", ".tsv": "\t"}

# The csv module stops at 131,072 characters by default; a novel has some millions. A field beyond this limit
# is a quote that was never closed.
LONGEST_FIELD = 100_000_000


def read_header(lines: Lines, reader: Iterator[list[str]]) -> list[str]:
    """Read the column names; none of an empty file.

    Raises:
        UserError: they cannot be read, or one occurs twice.
    """
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


def require_columns(path: Path, required: list[str], names: Iterable[str]) -> None:
    """Raise a UserError that names the nearest column if a required one is missing."""
    names = list(names)
    for column in required:
        if column not in names:
            there = ", ".join(repr(name) for name in names)
            raise UserError(
                f"{path}:1: there is no column {column!r}.{nearest_name(column, names)} Columns there: "
                f"{there}; name yours as the task's README shows (DATA_...=)."
            )


def delimited_records(
    lines: Lines, delimiter: str, quoted: bool, required: list[str]
) -> Iterator[Row | BadRow]:
    """Give the rows of a table, or the error of a row that is wrong.

    Args:
        lines: of the file.
        delimiter: between two fields.
        quoted: whether a field may stand in double quotes.
        required: columns that must be there.

    Raises:
        UserError: a required column is missing, or a quote is never closed.
    """
    csv.field_size_limit(max(csv.field_size_limit(), LONGEST_FIELD))
    quoting = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
    # Strict: a stray quote is an error to be named, not a character silently lost.
    reader = csv.reader(lines, delimiter=delimiter, quoting=quoting, strict=True)
    names = read_header(lines, reader)
    if not names:
        return
    require_columns(lines.path, required, names)
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


def _broken_quotes(lines: Lines, start: int, error: csv.Error) -> BadRow:
    if "unexpected end of data" in str(error) or "field larger" in str(error):
        # The rest of the file was swallowed: to skip it as one bad row would hide the loss.
        raise UserError(
            f"{lines.path}:{start}: a double quote is opened here and never closed: close it, or double it "
            "where it is part of the text."
        ) from error
    return lines.bad_row(
        start, f"misplaced double quote ({error}): quote the whole field and double the quotes inside it."
    )
