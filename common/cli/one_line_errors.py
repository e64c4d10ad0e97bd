"""User errors are reported in one line, with exit code 2."""

import errno
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any, NoReturn

import typer
from typer._click.exceptions import NoArgsIsHelpError, UsageError  # Typer gives them no public name.
from typer.core import TyperGroup

from common.contract.find import check_task_name
from common.errors import UserError


class OneLineGroup(TyperGroup):
    """Commands whose misspelt names and options are reported in one line, without Typer's usage message."""

    def main(self, *arguments: Any, **options: Any) -> NoReturn:
        """Run the verb in the arguments, and exit."""
        try:
            sys.exit(super().main(*arguments, **{**options, "standalone_mode": False}))
        except NoArgsIsHelpError as error:
            error.show()
            sys.exit(error.exit_code)
        except UsageError as error:
            message = error.format_message()
            end = "" if message.endswith((".", "?")) else "."
            hint = f" See: {error.ctx.command_path} --help" if error.ctx else ""
            _print(f"{message}{end}{hint}")
            sys.exit(error.exit_code)


def one_line_errors(verb: Callable[..., None]) -> Callable[..., None]:
    """Report user errors in one line, with exit code 2; bugs keep their traceback."""

    @wraps(verb)
    def wrapped(*arguments: Any, **options: Any) -> None:
        from common.files import disk_is_full, is_disk_full

        try:
            if options.get("task"):
                check_task_name(options["task"])
            verb(*arguments, **options)
        except UserError as error:
            _fail(str(error))
        except OSError as error:
            if is_disk_full(error):
                _fail(str(disk_is_full(error.filename or "a file")))
            if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
                raise
            _fail(f"{error.filename} cannot be read or written ({error.strerror}); choose another path.")
        except KeyboardInterrupt:
            _fail("Stopped.", code=130)

    return wrapped


def _fail(message: str, code: int = 2) -> NoReturn:
    _print(message)
    raise typer.Exit(code)


def _print(message: str) -> None:
    typer.echo(f"Error: {' '.join(message.split())}", err=True)
