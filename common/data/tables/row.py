"""One record of a table."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Row:
    """One record of a table.

    Attributes:
        origin: where the record starts, e.g. "reviews.csv:12".
        values: text by column name; numbers in JSON files are converted to text.
        record: the object of a JSON file, with its numbers and lists; None for other files.
    """

    origin: str
    values: dict[str, str]
    record: dict[str, Any] | None = None
