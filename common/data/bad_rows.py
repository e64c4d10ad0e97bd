"""How bad rows of a user's file are handled."""

from collections.abc import Callable

from common.errors import UserError


class BadRow(UserError):  # noqa: N818  Named for the row.
    """One row of a file is invalid; others may be valid. The message starts with file:line."""


class BadRows:
    """Handler of bad rows: raises at the first one, or skips and reports them if `data.skip_bad_rows` is set.

    Call it with the error of each bad row.
    """

    def __init__(
        self,
        skip: bool = False,
        on_bad_row: Callable[[UserError], None] | None = None,
        what: str = "bad rows",
    ) -> None:
        """Configure the handler.

        Args:
            skip: whether bad rows are skipped.
            on_bad_row: called with the error of each skipped row.
            what: name of the rows in messages.
        """
        self.skip = skip
        self.on_bad_row = on_bad_row
        self.what = what

    def __call__(self, error: UserError) -> None:
        """Raise the error, or report it to `on_bad_row`."""
        if not self.skip:
            raise type(error)(f"{error} To skip {self.what}, set data.skip_bad_rows=true.") from error
        if self.on_bad_row is not None:
            self.on_bad_row(error)
