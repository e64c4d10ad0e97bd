"""What becomes of a row of the user's file that is wrong."""

from collections.abc import Callable

from common.errors import UserError


class BadRow(UserError):  # noqa: N818  It is the row that is named.
    """One row of a file is wrong; the others may be right. The message starts with file:line."""


class BadRows:
    """Stops at the first bad row; or, if `data.skip_bad_rows` is set, tells of each that is left out.

    Call it with the error of each bad row.
    """

    def __init__(
        self,
        skip: bool = False,
        on_bad_row: Callable[[UserError], None] | None = None,
        what: str = "bad rows",
    ) -> None:
        """Say what becomes of bad rows.

        Args:
            skip: whether they are left out.
            on_bad_row: told of each row that is left out.
            what: what they are called in the message.
        """
        self.skip = skip
        self.on_bad_row = on_bad_row
        self.what = what

    def __call__(self, error: UserError) -> None:
        """Raise the error, or tell of it."""
        if not self.skip:
            raise type(error)(f"{error} To leave {self.what} out, set data.skip_bad_rows=true.") from error
        if self.on_bad_row is not None:
            self.on_bad_row(error)
