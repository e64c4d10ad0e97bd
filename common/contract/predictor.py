"""The contract of a predictor: how a trained task is asked, whether a run, several or an export answer."""

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

# Time steps answered at once, padding included: wide enough to be quick, narrow enough for 1 GB of memory.
STEPS_PER_BATCH = 16_384


class Predictor(abc.ABC, Generic[SettingsType]):
    """Answers raw examples, from a run or from an export.

    Attributes:
        task: name of the task.
        answers_what: what a file that is answered holds, for messages.
        predict_example: what to type after training.
        examples_drawn: test examples whose answers `evaluate` draws, by `draw`.
        examples_held: examples that are in memory at a time, among which like lengths are sought.
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
        """Raw examples to the named inputs of the serving signature."""

    @abc.abstractmethod
    def answers(self, outputs: dict[str, Any]) -> list[Answer]:
        """Outputs of the serving signature (NumPy arrays) to one answer an example."""

    @abc.abstractmethod
    def cost(self, example: Example) -> int:
        """About how many time steps a raw example has, to batch like lengths."""

    def call(self, examples: list[Example], options: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Call the signature that takes such examples; a task may have others beside `serve`."""
        return self.signatures["serve"](**self.request(examples), **options)

    def answer(self, examples: list[Example], options: Mapping[str, Any] | None = None) -> list[Answer]:
        """Answer a batch of raw examples; `options` are optional inputs of the signature, by name."""
        outputs = self.call(examples, {name: tf.constant(value) for name, value in (options or {}).items()})
        return self.answers({name: value.numpy() for name, value in outputs.items()})

    def answer_all(
        self, examples: Iterable[Example], options: Mapping[str, Any] | None = None
    ) -> Iterator[tuple[Example, Answer]]:
        """Answer any number of examples, in batches of like length, in their order."""

        def answer(batch: list[Example]) -> list[Answer]:
            return self.answer(batch, options)

        yield from ordered_answers(iter(examples), answer, self.cost, STEPS_PER_BATCH, self.examples_held)

    def notices(self, examples: list[Example]) -> list[str]:
        """Say what a user should know of how examples were read, e.g. that one was cut."""
        return []

    def draw(self, example: Example) -> Figure:
        """Draw how an example was answered.

        Raises:
            UserError: if there is nothing to draw in this task.
        """
        raise UserError(f"The task {self.task} draws no pictures of its answers; leave out PLOT.")

    def signature_notes(self) -> list[str]:
        """Say in sentences what the signature's inputs and outputs hold, for the card of an export."""
        if not self.labels:
            return []
        return [f"Classes, in this order: {', '.join(f'`{label}`' for label in self.labels)}."]

    @classmethod
    def check_input(cls, path: Path, output: str) -> None:
        """Check what a user gives to be answered, before anything is loaded.

        Args:
            path: the user's file.
            output: where the answers are to go; empty if that was not said.

        Raises:
            UserError: if it cannot be answered.
        """
        if not output:
            raise UserError("INPUT is given without OUTPUT; name the table to write: OUTPUT=answers.csv.")
        if not path.is_file():
            raise UserError(f"{path} is not a file; give a table, or a file of lines, as INPUT.")

    @classmethod
    def check_text(cls, text: str | None) -> None:
        """Check the text that a user gives to be answered, before anything is loaded; None if there is none.

        Raises:
            UserError: this task answers no texts.
        """
        raise UserError(f"{cls.task} answers {cls.answers_what}; name one: {cls.predict_example}.")

    def answer_lines(
        self, lines: Iterable[str], output_format: str, output: TextIO, one_by_one: bool = False
    ) -> None:
        """Answer lines of text, each in one line.

        Args:
            lines: one raw example each.
            output_format: "text" for a person, "json" for one object a line.
            output: where the answers go.
            one_by_one: whether each line is answered before the next is read, for a person who types.

        Raises:
            UserError: this task answers no lines.
        """
        self.check_text(None)

    def draw_text(self, text: str, path: Path) -> None:
        """Draw how a text was answered.

        Raises:
            UserError: this task answers no texts, or draws nothing.
        """
        self.check_text(text)

    def show_file(self, path: Path, output: TextIO, plot: Path | None = None) -> None:
        """Print the answers to a user's file.

        Raises:
            UserError: if the task writes them to a file alone.
        """
        raise UserError(f"{path}: the task {self.task} writes its answers to a file; name it with OUTPUT.")

    @abc.abstractmethod
    def answer_file(self, path: Path, output: Path, settings: SettingsType, plot: Path | None = None) -> str:
        """Answer a user's file in another file; say what was done.

        Args:
            path: the user's file.
            output: where the answers go.
            settings: of the run, with the columns that the user named.
            plot: a picture of the answers, for tasks that draw one.

        Raises:
            UserError: the file cannot be read, or there is nothing to draw.
        """
