"""Tables of strings and their labels."""

from collections.abc import Callable, Iterator
from pathlib import Path

from common.data.bad_rows import BadRow, BadRows
from common.data.tables.rows import read_rows


def labelled_rows(
    path: Path | str,
    column: str,
    label_column: str,
    bad_rows: BadRows,
    labels: list[str] | None = None,
    *,
    feature: str = "text",
    problem_of: Callable[[str], str] = lambda _: "",
) -> Iterator[dict[str, str]]:
    """Read a table of strings and their labels.

    Args:
        path: CSV, TSV or JSON Lines.
        column: name of the column with the string, which is given as it is.
        label_column: name of the column with the label, which is given without white space around it.
        bad_rows: what becomes of rows that are wrong.
        labels: the labels that may occur; None for any.
        feature: what the string is called.
        problem_of: says what is wrong with a string, in words that go on after its name; empty if nothing is.

    Yields:
        {feature, "label", "origin"} for each row; the origin is its file and line.

    Raises:
        UserError: the file cannot be read or lacks a column.
        BadRow: a row has the wrong shape, no string or a bad one, no label, or one that is not in `labels`.
    """
    for row in read_rows(path, dict.fromkeys((column, label_column)), bad_rows):
        value, label = row.values[column], row.values[label_column].strip()
        if not value.strip():
            bad_rows(BadRow(f"{row.origin}: the {feature} (column {column!r}) is empty: fill it in."))
        elif problem := problem_of(value):
            bad_rows(BadRow(f"{row.origin}: the {feature} (column {column!r}) {problem}"))
        elif not label:
            bad_rows(BadRow(f"{row.origin}: the label (column {label_column!r}) is empty: fill it in."))
        elif labels is not None and label not in labels:
            known = ", ".join(repr(name) for name in labels)
            bad_rows(
                BadRow(f"{row.origin}: the label {label!r} was not seen in training: use one of {known}.")
            )
        else:
            yield {feature: value, "label": label, "origin": row.origin}
