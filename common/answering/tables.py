"""Answers for a person: one text, lines, or a table of which every row is kept."""

import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console
from rich.progress import track

from common.contract.predictor import STEPS_PER_BATCH, Predictor
from common.data.batching import ordered_answers
from common.data.examples import Answer, Example
from common.data.tables import Row, read_rows, table_columns
from common.errors import UserError, unknown_name
from common.files import whole_file
from common.scores.plots import save_figure

# No markup: what is printed names the user's files.
notes = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)

FORMATS = ("text", "json")
OUTPUT_SUFFIXES = (".csv", ".tsv", ".jsonl")
# Examples among which like lengths are sought.
LINES_AT_ONCE = 2_048
# Notices of one kind beyond this number are counted, not printed.
NOTICES_SHOWN = 5


class Notices:
    """Prints what a user should know of how texts were read, the first few one by one."""

    def __init__(self, predictor: Predictor) -> None:
        self.predictor = predictor
        self.count = 0

    def look_at(self, examples: list[Example]) -> None:
        """Print the notices on some examples."""
        for notice in self.predictor.task.notices(self.predictor.settings, examples, self.predictor):
            self.count += 1
            if self.count <= NOTICES_SHOWN:
                notes.print(notice)

    def close(self) -> None:
        """Say how many were not printed."""
        if self.count > NOTICES_SHOWN:
            notes.print(f"... and {self.count - NOTICES_SHOWN:,} more")


def predict_lines(
    predictor: Predictor,
    lines: Iterable[str],
    output_format: str,
    output: TextIO,
    window: int = LINES_AT_ONCE,
) -> None:
    """Answer one line after the other.

    Args:
        predictor: from a run or an export.
        lines: one raw example each; an empty line gets an empty answer, so that line numbers stay.
        output_format: "text" for label and probability parted by a tab, "json" for one object a line.
        output: where the answers go.
        window: lines that are waited for before they are answered together; 1 for a person who types.

    Raises:
        UserError: if the format is unknown.
    """
    if output_format not in FORMATS:
        raise unknown_name("format", output_format, FORMATS)
    feature = predictor.task.line_feature
    examples = (
        {feature: line.rstrip("\r\n"), "origin": f"line {number}"} for number, line in enumerate(lines, 1)
    )
    for example, answer in _answer_or_leave_empty(predictor, examples, feature, window):
        if output_format == "json":
            output.write(json.dumps({feature: example[feature], **(answer or {})}, ensure_ascii=False) + "\n")
        else:
            colours = output.isatty()
            output.write((predictor.task.shown(example, answer, colours) if answer else "") + "\n")
        output.flush()


def predict_lines_of_file(predictor: Predictor, path: Path, output: Path, output_format: str = "text") -> int:
    """Answer every line of a text file, and write as many lines.

    Args:
        predictor: from a run or an export.
        path: one raw example a line, in UTF-8.
        output: one answer a line; empty where the line is.
        output_format: as in `predict_lines`.

    Returns:
        The number of lines.

    Raises:
        UserError: if the task answers no lines, the file is not UTF-8, or the output has no place.
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
        predict_lines(predictor, lines(), output_format, file)
    return count


def draw_answer(predictor: Predictor, text: str, path: Path) -> None:
    """Draw how a text was answered.

    Raises:
        UserError: if the task draws nothing.
    """
    save_figure(predictor.task.draw({predictor.task.line_feature: text}, predictor), path)


def predict_table(predictor: Predictor, path: Path, output: Path, settings: Any) -> int:
    """Answer every row of a table and write the table with the answers' columns added.

    Args:
        predictor: from a run or an export.
        path: the table.
        output: .csv, .tsv or .jsonl.
        settings: of the run, with the columns that the user named.

    Returns:
        The number of rows.

    Raises:
        UserError: if the table cannot be read, lacks the column, or the output's format is unknown.
    """
    check_table_output(output, path)
    feature = predictor.task.line_feature
    column = getattr(settings.data, predictor.task.column_settings[feature])
    columns = dict.fromkeys(table_columns(path))
    count = 0
    for row in read_rows(path, [column]):
        # A line of JSON may have keys that the first one has not.
        columns.update(dict.fromkeys(row.values))
        count += 1
    examples = (
        {feature: row.values[column], "origin": row.origin, "row": row} for row in read_rows(path, [column])
    )
    answered = _answer_or_leave_empty(predictor, examples, feature)
    rows = track(answered, "Answering", total=count, console=notes, transient=True)
    with whole_file(output) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        task = predictor.task
        answered_rows = ((example["row"], task.columns(answer) if answer else {}) for example, answer in rows)
        _write_rows(file, output.suffix, list(columns), task.column_names(predictor.labels), answered_rows)
    return count


def check_table_output(output: Path, path: Path) -> None:
    """Check that a table of answers can be written, before anything is answered.

    Raises:
        UserError: its format is unknown, its folder is missing, or it is the user's table itself.
    """
    if output.suffix not in OUTPUT_SUFFIXES:
        raise UserError(f"OUTPUT={output} must end in one of {', '.join(OUTPUT_SUFFIXES)}.")
    check_output(output, path)


def check_output(output: Path, path: Path) -> None:
    """Check that answers have a place, before anything is answered.

    Raises:
        UserError: the folder is missing, or it is the user's file itself.
    """
    if not output.resolve().parent.is_dir():
        raise UserError(
            f"OUTPUT={output}: the folder {output.resolve().parent} does not exist; make it first."
        )
    if output.resolve() == path.expanduser().resolve():
        raise UserError(f"OUTPUT={output} is the INPUT itself; name another file, so that yours stays.")


def _answer_or_leave_empty(
    predictor: Predictor, examples: Iterable[Example], feature: str, window: int = LINES_AT_ONCE
) -> Iterator[tuple[Example, Answer | None]]:
    """Answer what is not empty; nothing can be said of nothing."""
    notices = Notices(predictor)
    empty: list[str] = []

    def has_answer(example: Example) -> bool:
        return predictor.task.answers_empty or bool(example[feature].strip())

    def answer(batch: list[Example]) -> list[Answer | None]:
        filled = [example for example in batch if has_answer(example)]
        notices.look_at(filled)
        answers = iter(predictor.answer(filled) if filled else ())
        return [next(answers) if has_answer(example) else None for example in batch]

    for example, answered in ordered_answers(
        iter(examples), answer, predictor.task.length, STEPS_PER_BATCH, window
    ):
        if answered is None:
            empty.append(example["origin"])
        yield example, answered
    notices.close()
    if empty:
        more = f" and {len(empty) - NOTICES_SHOWN:,} more" if len(empty) > NOTICES_SHOWN else ""
        notes.print(f"no {feature}, so no answer: {', '.join(empty[:NOTICES_SHOWN])}{more}")


def _write_rows(
    file: TextIO,
    suffix: str,
    columns: list[str],
    answer_columns: list[str],
    rows: Iterable[tuple[Row, dict[str, Any]]],
) -> None:
    names = {name: _free_name(name, columns) for name in answer_columns}
    writer = csv.DictWriter(
        file,
        [*columns, *names.values()],
        dialect="excel-tab" if suffix == ".tsv" else "excel",
        lineterminator="\n",
    )
    if suffix != ".jsonl":
        writer.writeheader()
    for row, answer in rows:
        answers = {names[name]: answer.get(name, "") for name in answer_columns}
        if suffix == ".jsonl":
            given = row.values if row.record is None else row.record
            file.write(json.dumps({**given, **answers}, ensure_ascii=False) + "\n")
        else:
            writer.writerow({**row.values, **answers})


def _free_name(name: str, columns: list[str]) -> str:
    """A name for a column of answers: a column of the user's is never written over."""
    while name in columns:
        name = f"predicted_{name}"
    return name
