"""A user's labelled file on which a trained model is scored."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from common.data.examples import Example
from common.errors import UserError


@dataclass(frozen=True)
class LabelledFile:
    """The examples of a labelled file that has been read once.

    Attributes:
        count: number of examples.
        report: counts of what was left out or filled in, by name.
        examples: function that reads the examples again, in the same order.
    """

    count: int
    report: dict[str, Any]
    examples: Callable[[], Iterator[Example]]

    @classmethod
    def counted(cls, read: Callable[[Callable[[UserError], None]], Iterator[Example]]) -> "LabelledFile":
        """Read a file once, so that bad rows are found before the work starts.

        Args:
            read: yields the examples, and calls its argument with the error of each skipped row.

        Raises:
            UserError: a row is invalid, or the file cannot be read.
        """
        bad_rows: list[UserError] = []
        count = sum(1 for _ in read(bad_rows.append))
        return cls(count, {"rows_skipped": len(bad_rows)}, lambda: read(lambda _: None))
