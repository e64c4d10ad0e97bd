"""Options shared by several verbs, and the creation of a command line."""

import os
from typing import Annotated

import typer

from common.cli.one_line_errors import OneLineGroup

# Before TensorFlow or Keras is imported.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

TaskOption = Annotated[str, typer.Option("--task", help="folder of the task under tasks/, e.g. sentiment")]
DatasetOption = Annotated[str, typer.Option("--dataset", help="name of a data set, see `datasets`")]
PresetOption = Annotated[str, typer.Option("--preset", help="name of a preset of the task")]
SetOption = Annotated[str, typer.Option("--set", help='settings to change: "model.units=128 train.epochs=3"')]
DataOption = Annotated[str, typer.Option("--data", help="your own file with labelled examples")]
ColumnOption = Annotated[
    list[str] | None, typer.Option("--column", help="column of your file, e.g. text=review_body")
]
RunOption = Annotated[str, typer.Option("--run", help="name of a run; default: the newest finished one")]
ModelOption = Annotated[
    str, typer.Option("--model", help="folder of an export, or an ensemble of runs: run1,run2")
]


def command_line(summary: str) -> typer.Typer:
    """Create a command line with one-line errors.

    Args:
        summary: purpose, for --help.
    """
    return typer.Typer(
        cls=OneLineGroup,
        help=summary,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
