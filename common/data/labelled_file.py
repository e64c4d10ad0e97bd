"""A labelled file of the user's that a trained model is scored on."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from common.data.examples import Example
from common.errors import UserError


@dataclass(frozen=True)
class LabelledFile:
    """The examples of a labelled file, which has been read once.

    Attributes:
        count: number of examples.
        report: what was left out or filled in, by what it was: its count.
        examples: reads them again, in their order.
    """

    count: int
    report: dict[str, Any]
    examples: Callable[[], Iterator[Example]]

    @classmethod
    def counted(cls, read: Callable[[Callable[[UserError], None]], Iterator[Example]]) -> "LabelledFile":
        """Read a file once, so that a bad row stops the work before it starts.

        Args:
            read: gives the examples, and calls its argument with the error of each row that is left out.

        Raises:
            UserError: a row is wrong, or the file cannot be read.
        """
        bad_rows: list[UserError] = []
        count = sum(1 for _ in read(bad_rows.append))
        return cls(count, {"rows_skipped": len(bad_rows)}, lambda: read(lambda _: None))
