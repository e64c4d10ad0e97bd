"""Predictors for tasks with image files as input: one file, or all files of a folder."""

import abc
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, TextIO

import tensorflow as tf
from matplotlib.figure import Figure
from rich.progress import track

from common.answering.tables import TableWriter, check_table_output
from common.config import TaskSettings
from common.console import notes
from common.contract.predictor import STEPS_PER_BATCH, Predictor, SettingsType
from common.data.examples import Answer, Example
from common.data.image_files import image_files
from common.errors import UserError
from common.files import whole_file
from common.inputs.images import BROKEN, read_image
from common.kinds.labels import LabelAnswers
from common.scores.plots import save_figure

# Batch size, in files.
FILES_AT_ONCE = 32


class ImagePredictor(Predictor[SettingsType]):
    """A predictor for image files, whose serving signature has an output `problem` for each image.

    Unreadable files are reported, and the other files of the folder are answered.

    Attributes:
        image_feature: name of a file's bytes in a raw example and in the signature.
        what_was_done: past participle for the summary of `answer_file`.
        without_answer: values of columns that are not empty for an unreadable image.
        images_drawn: maximum number of images of a folder that `draw_images` plots.
    """

    image_feature: ClassVar[str] = "image"
    what_was_done: ClassVar[str] = "answered"
    without_answer: ClassVar[dict[str, Any]] = {}
    images_drawn: ClassVar[int] = 0
    answers_what: ClassVar[str] = "pictures"
    predict_example: ClassVar[str] = "INPUT=picture.png"
    # Photos need more memory than texts.
    examples_held: ClassVar[int] = FILES_AT_ONCE

    def request(self, examples: list[Example]) -> dict[str, tf.Tensor]:
        """Convert the bytes of files to one string tensor."""
        contents = [example[self.image_feature] for example in examples]
        return {self.image_feature: tf.constant(contents, tf.string)}

    def cost(self, example: Example) -> int:
        """Return the same cost for all images, which are resized to one size."""
        return STEPS_PER_BATCH // FILES_AT_ONCE

    @abc.abstractmethod
    def line(self, answer: Answer) -> str:
        """Format an answer as one line of text."""

    @abc.abstractmethod
    def column_names(self) -> list[str]:
        """Return the columns of a table of answers, apart from the file's name and its problem."""

    @abc.abstractmethod
    def columns(self, answer: Answer) -> dict[str, Any]:
        """Return the values of the columns of a table of answers, see `column_names`."""

    def draw_images(self, contents: list[bytes], answers: list[Answer]) -> Figure:
        """Plot the first images of a folder with their answers, for tasks with `images_drawn`.

        Raises:
            UserError: if the task does not plot its answers.
        """
        raise self._no_plot()

    def _no_plot(self) -> UserError:
        return UserError(f"The task {self.task} does not plot its answers; leave out PLOT.")

    @classmethod
    def check_input(cls, path: Path, output: str) -> None:
        """Check that the input is a file or a folder with images."""
        if path.is_dir():
            image_files(path)
        elif not path.is_file():
            raise UserError(f"{path} does not exist; name a picture, or a folder of pictures, as INPUT.")
        if output:
            check_table_output(Path(output), path)

    def show_file(self, path: Path, output: TextIO, plot: Path | None = None) -> None:
        """Print the answer for a file, or a line with name and answer for each file of a folder."""
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
                values = dict.fromkeys(names) | self.without_answer if problem else self.columns(answer)
                table.write({"picture": name, **values, "problem": problem})
                count, failed = count + 1, failed + bool(problem)
        unread = f", {failed:,} that cannot be read," if failed else ""
        return f"{count - failed:,} pictures {self.what_was_done}{unread}"

    def _answers(self, path: Path, plot: Path | None) -> Iterator[tuple[str, Answer]]:
        """Answer a file or the files of a folder, report the unreadable ones, and plot the first others."""
        if plot is not None and not self.images_drawn:
            raise self._no_plot()
        paths = image_files(path) if path.is_dir() else [path]
        groups = [paths[start : start + FILES_AT_ONCE] for start in range(0, len(paths), FILES_AT_ONCE)]
        good: list[tuple[Path, Answer]] = []
        for group in track(groups, "Answering", console=notes, transient=True, disable=len(groups) < 2):
            for file, answer in zip(group, self._answer_files(group), strict=True):
                if answer["problem"]:
                    if path.is_file():
                        raise UserError(f"{file} {answer['problem']}.")
                    notes.print(f"{file} {answer['problem']}")
                elif len(good) <= self.images_drawn:
                    good.append((file, answer))
                yield str(file.relative_to(path) if path.is_dir() else file), answer
        if not good:
            raise UserError(f"{path}: none of the {len(paths):,} files can be read as a picture.")
        if plot is not None:
            self._draw(path, good[: self.images_drawn], plot)

    def _draw(self, path: Path, answered: list[tuple[Path, Answer]], plot: Path) -> None:
        contents = [file.read_bytes() for file, _ in answered]
        if path.is_file():
            figure = self.draw({self.image_feature: contents[0]})
        else:
            figure = self.draw_images(contents, [answer for _, answer in answered])
        save_figure(figure, plot)
        notes.print(f"Drawn: {plot}")

    def _answer_files(self, paths: list[Path]) -> list[Answer]:
        contents = [read_image(path) for path in paths]
        readable = [{self.image_feature: content} for content, problem in contents if not problem]
        try:
            answered = iter(self.answer(readable) if readable else ())
        except tf.errors.OpError:
            # One file with broken pixels fails the whole batch.
            answered = (self._answer_alone(example) for example in readable)
        return [{"problem": problem} if problem else next(answered) for _, problem in contents]

    def _answer_alone(self, example: Example) -> Answer:
        try:
            return self.answer([example])[0]
        except tf.errors.OpError:
            return {"problem": BROKEN}


class LabelImagePredictor(LabelAnswers, ImagePredictor[SettingsType]):
    """A predictor of the label of an image, and the probability of each label."""

    def answers(self, outputs: dict[str, Any]) -> list[Answer]:
        """Convert outputs to labels, probabilities and problems of unreadable files."""
        answered = zip(super().answers(outputs), outputs["problem"], strict=True)
        return [answer | {"problem": problem.decode()} for answer, problem in answered]
