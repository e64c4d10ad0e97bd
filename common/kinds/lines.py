"""Predictors for TEXT=, for lines on standard input, and for a column of a table; each answer is one line."""

import abc
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar, TextIO

from rich.progress import track

from common.answering.tables import check_output, check_table_output, write_answered_rows
from common.config import TaskSettings
from common.console import notes
from common.contract.predictor import STEPS_PER_BATCH, Predictor, SettingsType
from common.data.batching import ordered_answers
from common.data.examples import Answer, Example
from common.data.tables.rows import is_table, read_rows, table_columns
from common.errors import UserError, unknown_name
from common.files import whole_file
from common.scores.plots import save_figure

FORMATS = ("text", "json")
# Number of examples that are sorted by length together.
LINES_AT_ONCE = 2_048
# Maximum number of notices printed one by one; further ones are only counted.
NOTICES_SHOWN = 5


class LinePredictor(Predictor[SettingsType]):
    """A predictor for lines of text, with answers of one line.

    Attributes:
        line_feature: name of a line in a raw example.
        answers_empty: whether empty texts are answered, too.
    """

    line_feature: ClassVar[str]
    answers_empty: ClassVar[bool] = False

    @abc.abstractmethod
    def line(self, answer: Answer) -> str:
        """Format an answer as one line of text."""

    def shown(self, example: Example, answer: Answer, colours: bool) -> str:
        """Format an answer for the terminal, on one line; in colour if `colours`."""
        return self.line(answer)

    @classmethod
    def check_text(cls, text: str | None) -> None:
        """Check that the text is not empty."""
        if text is not None and not text.strip() and not cls.answers_empty:
            raise UserError("TEXT is empty; give a text to answer.")

    def answer_lines(
        self, lines: Iterable[str], output_format: str, output: TextIO, one_by_one: bool = False
    ) -> None:
        """Answer lines in order; an empty line gets an empty answer, so that line numbers match."""
        if output_format not in FORMATS:
            raise unknown_name("format", output_format, FORMATS)
        feature = self.line_feature
        examples = (
            {feature: line.rstrip("\r\n"), "origin": f"line {number}"} for number, line in enumerate(lines, 1)
        )
        for example, answer in self._answer_or_leave_empty(examples, 1 if one_by_one else LINES_AT_ONCE):
            if output_format == "json":
                record = {feature: example[feature], **(answer or {})}
                output.write(json.dumps(record, ensure_ascii=False) + "\n")
            else:
                output.write((self.shown(example, answer, output.isatty()) if answer else "") + "\n")
            output.flush()

    def draw_text(self, text: str, path: Path) -> None:
        """Plot the answer to a text."""
        save_figure(self.draw({self.line_feature: text}), path)

    def answer_lines_of_file(self, path: Path, output: Path, output_format: str = "text") -> int:
        """Answer every line of a UTF-8 text file, and write the answers line by line.

        Returns:
            The number of lines.

        Raises:
            UserError: the file is not UTF-8, or the output cannot be written.
        """
        check_output(output, path)
        count = 0

        def lines() -> Iterator[str]:
            nonlocal count
            with path.open("rb") as file:
                for count, line in enumerate(file, 1):
                    try:
                        yield line.decode("utf-8-sig" if count == 1 else "utf-8")
                    except UnicodeDecodeError:
                        raise UserError(f"{path}:{count}: not UTF-8; convert the file first.") from None

        with whole_file(output) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
            self.answer_lines(lines(), output_format, file)
        return count

    def _answer_or_leave_empty(
        self, examples: Iterable[Example], window: int = LINES_AT_ONCE
    ) -> Iterator[tuple[Example, Answer | None]]:
        """Answer the texts that are not empty; the others get None."""
        feature = self.line_feature
        notices = _Notices(self)
        empty: list[str] = []

        def has_answer(example: Example) -> bool:
            return self.answers_empty or bool(example[feature].strip())

        def answer(batch: list[Example]) -> list[Answer | None]:
            filled = [example for example in batch if has_answer(example)]
            notices.print(filled)
            answers = iter(self.answer(filled) if filled else ())
            return [next(answers) if has_answer(example) else None for example in batch]

        for example, answered in ordered_answers(iter(examples), answer, self.cost, STEPS_PER_BATCH, window):
            if answered is None:
                empty.append(example["origin"])
            yield example, answered
        notices.close()
        if empty:
            more = f" and {len(empty) - NOTICES_SHOWN:,} more" if len(empty) > NOTICES_SHOWN else ""
            notes.print(f"empty {feature}, so no answer: {', '.join(empty[:NOTICES_SHOWN])}{more}")


class RowPredictor(LinePredictor[SettingsType]):
    """A predictor that also answers the rows of a table and adds the answers as columns.

    Attributes:
        column_setting: setting in the group `data` with the name of the column to answer.
    """

    column_setting: ClassVar[str]

    @abc.abstractmethod
    def column_names(self) -> list[str]:
        """Return the columns that `predict` adds to a user's table."""

    @abc.abstractmethod
    def columns(self, answer: Answer) -> dict[str, Any]:
        """Return the values of the columns that `predict` adds to a user's table, see `column_names`."""

    def answer_file(self, path: Path, output: Path, settings: TaskSettings, plot: Path | None = None) -> str:
        """Answer the rows of a table (.csv, .tsv or .jsonl), or the lines of any other file.

        Raises:
            UserError: the file cannot be read, columns are given for a file without columns, or a plot is
                requested.
        """
        if plot is not None:
            raise UserError(f"{self.task} does not plot the answers to a file; leave out PLOT.")
        if is_table(path):
            return f"{self.answer_table(path, output, settings):,} rows answered"
        if settings.data != self.settings.data:
            raise UserError(f"{path} is not a table, so it has no columns; leave out DATA_...= and SET.")
        return f"{self.answer_lines_of_file(path, output):,} lines answered"

    def answer_table(self, path: Path, output: Path, settings: TaskSettings) -> int:
        """Answer every row of a table and write the table with the answers as further columns.

        Args:
            path: the table.
            output: .csv, .tsv or .jsonl.
            settings: of the run, with the user's column names.

        Returns:
            The number of rows.

        Raises:
            UserError: if the table cannot be read, lacks the column, or the output's format is unknown.
        """
        check_table_output(output, path)
        column = getattr(settings.data, self.column_setting)
        columns = dict.fromkeys(table_columns(path))
        count = 0
        for row in read_rows(path, [column]):
            # A line of JSON may have keys that the first line lacks.
            columns.update(dict.fromkeys(row.values))
            count += 1
        examples = (
            {self.line_feature: row.values[column], "origin": row.origin, "row": row}
            for row in read_rows(path, [column])
        )
        answered = self._answer_or_leave_empty(examples)
        rows = track(answered, "Answering", total=count, console=notes, transient=True)
        answered_rows = ((example["row"], self.columns(answer) if answer else {}) for example, answer in rows)
        with whole_file(output) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
            write_answered_rows(file, output.suffix, list(columns), self.column_names(), answered_rows)
        return count


class _Notices:
    """Prints the first few of a predictor's notices, and counts the others."""

    def __init__(self, predictor: Predictor) -> None:
        self.predictor = predictor
        self.count = 0

    def print(self, examples: list[Example]) -> None:
        """Print the notices for some examples."""
        for notice in self.predictor.notices(examples):
            self.count += 1
            if self.count <= NOTICES_SHOWN:
                notes.print(notice)

    def close(self) -> None:
        """Print the number of notices that were not printed."""
        if self.count > NOTICES_SHOWN:
            notes.print(f"... and {self.count - NOTICES_SHOWN:,} more")
