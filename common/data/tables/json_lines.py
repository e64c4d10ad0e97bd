"""Records of JSON Lines files: one object per line."""

import json
from collections.abc import Iterator
from typing import Any

from common.data.bad_rows import BadRow
from common.data.tables.delimited import require_columns
from common.data.tables.lines import Lines, nearest_name
from common.data.tables.row import Row
from common.errors import UserError


def json_records(lines: Lines, required: list[str]) -> Iterator[Row | BadRow]:
    """Yield the objects of a file, or the error of an invalid line.

    Args:
        lines: of the file.
        required: keys that must exist.

    Raises:
        UserError: the first object lacks a required key, or the file is a JSON list.
    """
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
                f"{lines.path}:{lines.number}: this is a JSON list: write one object per line, without "
                "brackets around them and commas between them."
            )
        record = _json_record(lines, line, [] if first else required)
        if first and isinstance(record, Row):
            require_columns(lines.path, required, record.values)
            first = False
        yield record


def _json_record(lines: Lines, line: str, required: list[str]) -> Row | BadRow:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        return lines.bad_row(lines.number, f"not a JSON object ({error}): write one object per line.")
    if not isinstance(record, dict):
        return lines.bad_row(lines.number, 'not a JSON object: write one per line, e.g. {"text": "..."}.')
    values = {name: _json_text(value) for name, value in record.items()}
    for name in required:
        if name not in values:
            hint = nearest_name(name, values)
            return lines.bad_row(lines.number, f"the object has no {name!r}: add it.{hint}")
    joined = "".join(values.values())
    if "\0" in joined or any("\ud800" <= character <= "\udfff" for character in joined):
        return lines.bad_row(lines.number, "contains NUL or half a surrogate pair: correct the text.")
    return Row(f"{lines.path}:{lines.number}", values, record)


def _json_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)
