"""Records of CSV and TSV files."""

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path

from common.data.bad_rows import BadRow
from common.data.tables.lines import Lines, nearest_name
from common.data.tables.row import Row
from common.errors import UserError

DELIMITERS = {".csv": ",", ".tsv": "\t"}

# The csv module's default limit is 131,072 characters; a novel has millions. A longer field is assumed to be
# an unclosed quote.
LONGEST_FIELD = 100_000_000


def read_header(lines: Lines, reader: Iterator[list[str]]) -> list[str]:
    """Read the column names; an empty file has none.

    Raises:
        UserError: the header cannot be read, or a name occurs twice.
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
        raise UserError(f"{lines.path}:1: duplicate column {repeated[0]!r}: rename one of the two.")
    return names


def require_columns(path: Path, required: list[str], names: Iterable[str]) -> None:
    """Raise a UserError that suggests the most similar column if a required one is missing."""
    names = list(names)
    for column in required:
        if column not in names:
            available = ", ".join(repr(name) for name in names)
            raise UserError(
                f"{path}:1: column {column!r} is missing.{nearest_name(column, names)} Available columns: "
                f"{available}; name yours with DATA_...=, as the task's README shows."
            )


def delimited_records(
    lines: Lines, delimiter: str, quoted: bool, required: list[str]
) -> Iterator[Row | BadRow]:
    """Yield the rows of a table, or the error of an invalid row.

    Args:
        lines: of the file.
        delimiter: between two fields.
        quoted: whether fields may be enclosed in double quotes.
        required: columns that must exist.

    Raises:
        UserError: a required column is missing, or a quote is never closed.
    """
    csv.field_size_limit(max(csv.field_size_limit(), LONGEST_FIELD))
    quoting = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
    # Strict, so that a stray quote is reported and not silently dropped.
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


def _wrong_number(expected: int, actual: int, delimiter: str) -> str:
    what = "too few columns" if actual < expected else "too many columns"
    name = {",": "comma", "\t": "tab"}[delimiter]
    hint = f"put fields that contain a {name} or a line break in double quotes"
    return f"{what}: expected {expected}, found {actual}; {hint}."


def _broken_quotes(lines: Lines, start: int, error: csv.Error) -> BadRow:
    if "unexpected end of data" in str(error) or "field larger" in str(error):
        # The field swallowed the rest of the file: skipping it as one bad row would hide the loss.
        raise UserError(
            f"{lines.path}:{start}: a double quote is opened here and never closed: close it, or double it "
            "if it is part of the text."
        ) from error
    return lines.bad_row(
        start, f"misplaced double quote ({error}): quote the whole field and double the quotes inside it."
    )
