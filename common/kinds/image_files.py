"""Tasks that are asked with image files: one file, or all of a folder."""

import abc
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, TextIO

import tensorflow as tf
from rich.progress import track

from common.answering.tables import TableWriter, check_table_output
from common.config import TaskSettings
from common.console import notes
from common.contract.predictor import Predictor, SettingsType
from common.data.examples import Answer, Example
from common.errors import UserError
from common.files import whole_file
from common.inputs.images import BROKEN, read_picture
from common.kinds.labelled_images import image_files
from common.kinds.labels import LabelAnswers

# Files that are answered together.
FILES_AT_ONCE = 32


class ImagePredictor(Predictor[SettingsType]):
    """A predictor of image files, whose serving signature gives a `problem` beside each answer.

    A file that cannot be read is named, and the others of its folder are answered.
    """

    answers_what: ClassVar[str] = "pictures"
    predict_example: ClassVar[str] = "INPUT=picture.png"
    # The bytes of photos, not texts.
    examples_held: ClassVar[int] = FILES_AT_ONCE

    def request(self, examples: list[Example]) -> dict[str, tf.Tensor]:
        """The bytes of files as one string tensor."""
        return {"image": tf.constant([example["image"] for example in examples], tf.string)}

    def cost(self, example: Example) -> int:
        """Images have one size."""
        return 1

    @abc.abstractmethod
    def line(self, answer: Answer) -> str:
        """Write an answer in one line, for a person."""

    @abc.abstractmethod
    def column_names(self) -> list[str]:
        """Name the columns of a table of answers, besides the file's name and its problem."""

    @abc.abstractmethod
    def columns(self, answer: Answer) -> dict[str, Any]:
        """Values of the columns of a table of answers; as `column_names`."""

    @classmethod
    def check_input(cls, path: Path, output: str) -> None:
        """Check that there is a file or a folder with images."""
        if path.is_dir():
            image_files(path)
        elif not path.is_file():
            raise UserError(f"{path} does not exist; give a picture, or a folder of pictures, as INPUT.")
        if output:
            check_table_output(Path(output), path)

    def show_file(self, path: Path, output: TextIO, plot: Path | None = None) -> None:
        """Print the answer to a file, or a line with name and answer for each file of a folder."""
        for name, answer in self._answers(path, plot):
            if not answer["problem"]:
                output.write(f"{name}\t{self.line(answer)}\n" if path.is_dir() else f"{self.line(answer)}\n")
                output.flush()

    def answer_file(self, path: Path, output: Path, settings: TaskSettings, plot: Path | None = None) -> str:
        """Write a table with a row for each image."""
        check_table_output(output, path)
        names = self.column_names()
        count = failed = 0
        with whole_file(output) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
            table = TableWriter(file, output.suffix, ["picture", *names, "problem"])
            for name, answer in self._answers(path, plot):
                problem = answer["problem"]
                values = dict.fromkeys(names) if problem else self.columns(answer)
                table.write({"picture": name, **values, "problem": problem})
                count, failed = count + 1, failed + bool(problem)
        return f"{count - failed:,} pictures answered" + (
            f", {failed:,} that cannot be read," if failed else ""
        )

    def _answers(self, path: Path, plot: Path | None) -> Iterator[tuple[str, Answer]]:
        """Answer a file or the files of a folder, and name the bad ones on the error stream."""
        if plot is not None:
            raise UserError(f"The task {self.task} draws no pictures of its answers; leave out PLOT.")
        paths = image_files(path) if path.is_dir() else [path]
        groups = [paths[start : start + FILES_AT_ONCE] for start in range(0, len(paths), FILES_AT_ONCE)]
        good = 0
        for group in track(groups, "Answering", console=notes, transient=True, disable=len(groups) < 2):
            for file, answer in zip(group, self._answer_files(group), strict=True):
                if answer["problem"]:
                    if path.is_file():
                        raise UserError(f"{file} {answer['problem']}.")
                    notes.print(f"{file} {answer['problem']}")
                good += not answer["problem"]
                yield str(file.relative_to(path) if path.is_dir() else file), answer
        if not good:
            raise UserError(f"{path} holds {len(paths):,} files, of which none can be read as a picture.")

    def _answer_files(self, paths: list[Path]) -> list[Answer]:
        contents = [read_picture(path) for path in paths]
        readable = [{"image": content} for content, problem in contents if not problem]
        try:
            answered = iter(self.answer(readable) if readable else ())
        except tf.errors.OpError:
            # The pixels of one are broken, which spoils the batch.
            answered = (self._answer_alone(example) for example in readable)
        return [{"problem": problem} if problem else next(answered) for _, problem in contents]

    def _answer_alone(self, example: Example) -> Answer:
        try:
            return self.answer([example])[0]
        except tf.errors.OpError:
            return {"problem": BROKEN}


class LabelImagePredictor(LabelAnswers, ImagePredictor[SettingsType]):
    """Asks for the label of an image, and the probability of each."""

    def answers(self, outputs: dict[str, Any]) -> list[Answer]:
        """Label, probabilities, and what is wrong with a file that cannot be read."""
        answered = zip(super().answers(outputs), outputs["problem"], strict=True)
        return [answer | {"problem": problem.decode()} for answer, problem in answered]
