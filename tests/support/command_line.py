"""The command line, in the test's own process."""

from typer.testing import CliRunner

from common.cli.app import app


def invoke(*arguments, **options):
    """Run a command, and give its result, whatever its exit code."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments], **options)
