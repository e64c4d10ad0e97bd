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
        column: name of the column with the string, which is not changed.
        label_column: name of the column with the label, which is stripped of surrounding whitespace.
        bad_rows: handler of bad rows.
        labels: the allowed labels; None for any.
        feature: name of the string in the examples and messages.
        problem_of: function that returns what is wrong with a string, to be appended to its name; empty if
            it is valid.

    Yields:
        {feature, "label", "origin"} for each row; the origin is its file and line.

    Raises:
        UserError: the file cannot be read or lacks a column.
        BadRow: a row has the wrong shape, its string or label is missing or invalid.
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
                BadRow(f"{row.origin}: the label {label!r} is not in the training data: use one of {known}.")
            )
        else:
            yield {feature: value, "label": label, "origin": row.origin}
