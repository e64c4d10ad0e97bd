"""Interface of a predictor, which answers raw examples with a run, an ensemble of runs or an export."""

import abc
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Generic, TextIO, TypeVar

import tensorflow as tf
from matplotlib.figure import Figure

from common.config import TaskSettings
from common.data.batching import ordered_answers
from common.data.examples import Answer, Example
from common.errors import UserError

SettingsType = TypeVar("SettingsType", bound=TaskSettings)

# Time steps per batch, padding included: large enough to be fast, small enough for 1 GB of memory.
STEPS_PER_BATCH = 16_384


class Predictor(abc.ABC, Generic[SettingsType]):
    """Answers raw examples with a run, an ensemble of runs or an export.

    Attributes:
        task: name of the task.
        answers_what: plural noun for the inputs, for messages.
        predict_example: arguments of an example call of `make predict`, shown after training.
        examples_drawn: number of test examples that `evaluate` plots with `draw`.
        examples_held: number of examples in memory at a time, which are sorted by length together.
        settings: of the run.
        labels: names of the classes, if there are classes.
        signatures: name -> function of named tensors.
        source: "run NAME" or the export's folder.
    """

    task: ClassVar[str]
    answers_what: ClassVar[str] = "tables"
    predict_example: ClassVar[str] = "TEXT=..."
    examples_drawn: ClassVar[int] = 0
    examples_held: ClassVar[int] = 2_048

    def __init__(
        self,
        settings: SettingsType,
        labels: list[str],
        signatures: dict[str, Callable[..., dict[str, tf.Tensor]]],
        source: str,
    ) -> None:
        self.settings = settings
        self.labels = labels
        self.signatures = signatures
        self.source = source

    @abc.abstractmethod
    def request(self, examples: list[Example]) -> dict[str, tf.Tensor]:
        """Convert raw examples to the named inputs of the serving signature."""

    @abc.abstractmethod
    def answers(self, outputs: dict[str, Any]) -> list[Answer]:
        """Convert outputs of the serving signature (NumPy arrays) to one answer per example."""

    @abc.abstractmethod
    def cost(self, example: Example) -> int:
        """Estimate the number of time steps of a raw example, for batches of similar lengths."""

    def call(self, examples: list[Example], options: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Call the signature for these examples; a task may have others than `serve`."""
        return self.signatures["serve"](**self.request(examples), **options)

    def answer(self, examples: list[Example], options: Mapping[str, Any] | None = None) -> list[Answer]:
        """Answer a batch of raw examples; `options` are optional inputs of the signature, by name."""
        outputs = self.call(examples, {name: tf.constant(value) for name, value in (options or {}).items()})
        return self.answers({name: value.numpy() for name, value in outputs.items()})

    def answer_all(
        self, examples: Iterable[Example], options: Mapping[str, Any] | None = None
    ) -> Iterator[tuple[Example, Answer]]:
        """Answer any number of examples in batches of similar lengths, and yield them in order."""

        def answer(batch: list[Example]) -> list[Answer]:
            return self.answer(batch, options)

        yield from ordered_answers(iter(examples), answer, self.cost, STEPS_PER_BATCH, self.examples_held)

    def notices(self, examples: list[Example]) -> list[str]:
        """Return what a user should know about how examples were read, e.g. that one was truncated."""
        return []

    def draw(self, example: Example) -> Figure:
        """Plot the answer to an example.

        Raises:
            UserError: if this task has no plots.
        """
        raise UserError(f"The task {self.task} does not plot its answers; leave out PLOT.")

    def signature_notes(self) -> list[str]:
        """Describe the signature's inputs and outputs in sentences, for the model card of an export."""
        if not self.labels:
            return []
        return [f"Classes, in this order: {', '.join(f'`{label}`' for label in self.labels)}."]

    @classmethod
    def check_input(cls, path: Path, output: str) -> None:
        """Check a user's file before anything is loaded.

        Args:
            path: the user's file.
            output: file for the answers; empty if not given.

        Raises:
            UserError: if the file cannot be answered.
        """
        if not output:
            raise UserError("INPUT needs OUTPUT: name the table to write, e.g. OUTPUT=answers.csv.")
        if not path.is_file():
            raise UserError(f"{path} is not a file; give a table, or a file of lines, as INPUT.")

    @classmethod
    def check_text(cls, text: str | None) -> None:
        """Check a user's text before anything is loaded; None if no text is given.

        Raises:
            UserError: this task does not answer texts.
        """
        raise UserError(f"{cls.task} answers {cls.answers_what}; name one: {cls.predict_example}.")

    def answer_lines(
        self, lines: Iterable[str], output_format: str, output: TextIO, one_by_one: bool = False
    ) -> None:
        """Answer lines of text, one line each.

        Args:
            lines: one raw example each.
            output_format: "text" for people, "json" for one object per line.
            output: for the answers.
            one_by_one: whether to answer each line before reading the next, for interactive use.

        Raises:
            UserError: this task does not answer lines.
        """
        self.check_text(None)

    def draw_text(self, text: str, path: Path) -> None:
        """Plot the answer to a text.

        Raises:
            UserError: this task does not answer texts, or has no plots.
        """
        self.check_text(text)

    def show_file(self, path: Path, output: TextIO, plot: Path | None = None) -> None:
        """Print the answers to a user's file.

        Raises:
            UserError: if the task only writes them to a file.
        """
        raise UserError(f"{path}: the task {self.task} writes its answers to a file; name one with OUTPUT.")

    @abc.abstractmethod
    def answer_file(self, path: Path, output: Path, settings: SettingsType, plot: Path | None = None) -> str:
        """Answer a user's file, write the answers to another file, and return a summary.

        Args:
            path: the user's file.
            output: for the answers.
            settings: of the run, with the user's column names.
            plot: image file for a plot of the answers, for tasks that have one.

        Raises:
            UserError: the file cannot be read, or this task has no plots.
        """
