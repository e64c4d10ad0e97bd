"""The contract of tasks that answer lines of text: from TEXT=, standard input, or a column of a table."""

import abc
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from common.contract.task import Task
from common.data.examples import Answer, Example
from common.errors import UserError

if TYPE_CHECKING:
    from common.contract.predictor import Predictor


class LineTask(Task):
    """A task for whose answer one line is enough."""

    # What a line is called in a raw example.
    line_feature: ClassVar[str]

    def predict_file(
        self, predictor: "Predictor", path: Path, output: Path, settings: Any, plot: Path | None = None
    ) -> str:
        """Answer the rows of a table (.csv, .tsv or .jsonl), or the lines of any other file.

        Raises:
            UserError: the file cannot be read, or columns are named for a file that has none, or a picture is
                asked for.
        """
        from common.answering.tables import predict_lines_of_file, predict_table
        from common.data.tables import is_table

        if plot is not None:
            raise UserError(f"{self.name} draws no picture of the answers to a file; leave out PLOT.")
        if is_table(path):
            return f"{predict_table(predictor, path, output, settings):,} rows answered"
        if settings.data != predictor.settings.data:
            raise UserError(f"{path} is no table but a file of lines; leave out the columns.")
        return f"{predict_lines_of_file(predictor, path, output):,} lines answered"

    @abc.abstractmethod
    def line(self, answer: Answer) -> str:
        """Write an answer in one line, for a person."""

    def shown(self, example: Example, answer: Answer, colours: bool) -> str:
        """Write an answer to a line in one line, for a person; in colours if there are any to be had."""
        return self.line(answer)

    @abc.abstractmethod
    def column_names(self, labels: list[str]) -> list[str]:
        """Name the columns that `predict` adds to a user's table."""

    @abc.abstractmethod
    def columns(self, answer: Answer) -> dict[str, Any]:
        """Values of the columns that `predict` adds to a user's table; as `column_names`."""
