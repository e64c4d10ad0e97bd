"""Pairs of sentences in a user's files, and limits for training pairs."""

import zlib
from collections.abc import Callable, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

from common.data.bad_rows import BadRow, BadRows
from common.data.tables.lines import COMPRESSIONS, check_file
from common.data.tables.rows import is_table, read_rows, table_kind
from common.errors import UserError
from common.inputs.scripts import WORD


def file_names(file: Path | str) -> list[Path]:
    """Parse DATA=: a table, or two line-aligned files separated by a comma.

    Raises:
        UserError: a file is missing, or has an unsupported format.
    """
    if Path(file).expanduser().exists() or "," not in str(file):
        path = check_file(file)
        if not is_table(path):
            raise UserError(
                f"{path}: give a table of pairs (.tsv, .csv, .jsonl), or two files separated by a comma: "
                f"{path},TRANSLATIONS."
            )
        return [path]
    names = [name.strip() for name in str(file).split(",") if name.strip()]
    if len(names) != 2:
        raise UserError(f"{file}: give two line-aligned files, one per language, not {len(names)}.")
    return [check_file(name) for name in names]


def read_pairs(
    file: Path | str,
    source_column: str,
    target_column: str,
    skip_bad_rows: bool = False,
    on_bad_row: Callable[[UserError], None] | None = None,
) -> Iterator[dict[str, str]]:
    """Read pairs of sentences.

    Args:
        file: a table, or two line-aligned files separated by a comma. In a .tsv file quotes are ordinary
            characters, and a header is optional: without one the two columns are the sentence and its
            translation.
        source_column: name of the column with the sentence.
        target_column: name of the column with its translation.
        skip_bad_rows: whether to skip bad rows instead of raising.
        on_bad_row: called with the error of each skipped row.

    Yields:
        {"source", "target", "origin"} for each pair; the origin is its file and line.

    Raises:
        UserError: a file cannot be read or lacks a column, or two files differ in length.
        BadRow: a row has the wrong number of columns, or one side is empty.
    """
    reject = BadRows(skip_bad_rows, on_bad_row)
    paths = file_names(file)
    if len(paths) == 2:
        pairs = _aligned(*paths, reject)
    elif table_kind(paths[0]) == ".tsv":
        pairs = _tab_separated(paths[0], source_column, target_column, reject)
    else:
        rows = read_rows(paths[0], dict.fromkeys((source_column, target_column)), reject)
        pairs = ((row.origin, row.values[source_column], row.values[target_column]) for row in rows)
    for origin, source, target in pairs:
        if not source.strip() or not target.strip():
            side = "translation" if source.strip() else "sentence"
            reject(BadRow(f"{origin}: the {side} is empty: fill it in."))
        else:
            yield {"source": source.strip(), "target": target.strip(), "origin": origin}


def _aligned(sources: Path, targets: Path, reject: BadRows) -> Iterator[tuple[str, str, str]]:
    counts = [0, 0]
    for lines in zip_longest(_lines(sources), _lines(targets)):
        for side, line in enumerate(lines):
            counts[side] += line is not None
        if None in lines:
            continue
        bad = next((line for line in lines if isinstance(line, BadRow)), None)
        if bad is not None:
            reject(bad)
        else:
            yield f"{sources}:{counts[0]}", *lines
    if counts[0] != counts[1]:
        raise UserError(
            f"{sources} has {counts[0]:,} lines, but {targets} has {counts[1]:,}: line-aligned files need "
            "the same number, with each line the translation of its counterpart."
        )


def _tab_separated(
    path: Path, source_column: str, target_column: str, reject: BadRows
) -> Iterator[tuple[str, str, str]]:
    columns, positions, header = 2, (0, 1), False
    for number, line in enumerate(_lines(path), 1):
        if isinstance(line, BadRow):
            reject(line)
            continue
        fields = line.split("\t")
        if number == 1 and {source_column, target_column} <= {field.strip() for field in fields}:
            names = [field.strip() for field in fields]
            columns, header = len(names), True
            positions = names.index(source_column), names.index(target_column)
        elif number == 1 and (source_column, target_column) != ("source", "target"):
            raise UserError(
                f"{path}:1: the columns {source_column!r} and {target_column!r} are missing: check "
                "DATA_SOURCE and DATA_TARGET."
            )
        elif len(fields) == columns:
            yield f"{path}:{number}", fields[positions[0]], fields[positions[1]]
        elif line.strip():
            what = "column" if len(fields) == 1 else "columns"
            advice = "as many as the header has" if header else "the sentence, one tab, its translation"
            reject(BadRow(f"{path}:{number}: has {len(fields)} {what}, not {columns}: write {advice}."))


def _lines(path: Path) -> Iterator[str | BadRow]:
    """Yield the lines of a UTF-8 text file; invalid ones as errors, so that lines stay aligned."""
    open_file: Any = COMPRESSIONS.get(path.suffix.lower(), Path.open)
    number = 0
    try:
        with open_file(path, "rb") as file:
            for number, line in enumerate(file, 1):
                try:
                    yield line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
                except UnicodeDecodeError:
                    yield BadRow(f"{path}:{number}: is not UTF-8: save the file with that encoding.")
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path}:{number + 1}: the file is damaged ({error}): fetch it again.") from error


def reason_to_leave_out(
    source: str, target: str, maximum_words: int, maximum_ratio: float, keep_copies: bool
) -> str | None:
    """Return why a training pair is left out, as a key of the data's report; None if it is kept.

    Lengths are in words, or in characters for scripts without spaces.
    """
    words, others = len(WORD.findall(source)), len(WORD.findall(target))
    if max(words, others) > maximum_words:
        return "pairs_too_long"
    if max(words, others) > maximum_ratio * min(words, others):
        return "pairs_of_unlike_length"
    if not keep_copies and source == target:
        return "translations_equal_to_their_source"
    return None
