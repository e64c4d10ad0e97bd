"""The contract that every task fulfils, and how a task is found by its folder's name."""

import abc
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TextIO

from common.config import TaskSettings, setting_fields, setting_value
from common.contract.evaluation import Evaluation
from common.contract.find import TASKS_FOLDER
from common.contract.preprocessing import Preprocessing
from common.data.examples import Answer, Example
from common.errors import UserError

if TYPE_CHECKING:
    import keras
    import tensorflow as tf
    from matplotlib.figure import Figure

    from common.contract.predictor import Predictor
    from common.data.batching import Batches
    from common.data.information import SourceInformation
    from common.data.source import ExampleSource


class Task(abc.ABC):
    """One kind of problem: what it reads, what it builds, how it answers, how it is judged.

    Data flows one way: source -> preprocessing -> batches -> model -> decoding -> answer. The serving
    module joins preprocessing, model and decoding in one graph; `evaluate`, `predict` and the SavedModel
    all answer through it.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    # Named as in `compile_arguments` and `Evaluation.metrics`; the best epoch is chosen by it, if the task
    # does not say otherwise in `monitor`.
    metric: ClassVar[str]
    metric_mode: ClassVar[Literal["max", "min"]] = "max"
    settings_class: ClassVar[type[TaskSettings]]
    # Named at the command line as DATA_TEXT=..., kept in settings as data.text_column.
    column_settings: ClassVar[dict[str, str]] = {}
    # Whether there is an answer to an empty text, too.
    answers_empty: ClassVar[bool] = False
    # What a file that is answered holds.
    answers_what: ClassVar[str] = "tables"
    # What to type after training.
    predict_example: ClassVar[str] = "TEXT=..."
    # Test examples whose answers `evaluate` draws, by `draw`.
    examples_drawn: ClassVar[int] = 0
    # Examples that are in memory at a time, among which like lengths are sought.
    examples_held: ClassVar[int] = 2_048

    @property
    def folder(self) -> Path:
        """The task's folder."""
        return TASKS_FOLDER / self.name

    @property
    def monitor(self) -> str:
        """The training score by which the best epoch is chosen."""
        return self.metric

    def judged_by(self, settings: Any) -> str:
        """The metric that counts for a run with these settings, one of `Evaluation.metrics`."""
        return self.metric

    @abc.abstractmethod
    def sources(self) -> dict[str, "SourceInformation"]:
        """List the data sets by name, without fetching anything."""

    @abc.abstractmethod
    def open_source(self, settings: Any) -> "ExampleSource":
        """Fetch and prepare the data that the settings name."""

    @abc.abstractmethod
    def labelled_examples(
        self, path: Path, settings: Any, labels: list[str], on_bad_row: Callable[[UserError], None]
    ) -> Iterator[Example]:
        """Read a labelled file of the user's, for `evaluate`; `on_bad_row` is told of each row left out."""

    def reading_report(self, path: Path, settings: Any) -> dict[str, int]:
        """Count what else was left out or filled in when a labelled file was read, by what it was."""
        return {}

    @abc.abstractmethod
    def learn_preprocessing(self, settings: Any, source: "ExampleSource") -> Preprocessing:
        """Learn vocabularies, labels and scalers from the training split alone."""

    def check_start(self, settings: Any, source: "ExampleSource", preprocessing: Any) -> None:
        """See whether the model can be built, before a run is made; raise a UserError if it cannot."""
        return

    @abc.abstractmethod
    def load_preprocessing(self, settings: Any, directory: Path) -> Preprocessing:
        """Read what `Preprocessing.save` wrote."""

    @abc.abstractmethod
    def batches(
        self, settings: Any, source: "ExampleSource", preprocessing: Any, split: str, cache: Path
    ) -> "Batches":
        """Preprocess one split into (sequence, target) examples."""

    @abc.abstractmethod
    def build_model(self, settings: Any, preprocessing: Any) -> "keras.Model":
        """Build the model."""

    @abc.abstractmethod
    def compile_arguments(self, settings: Any, preprocessing: Any) -> dict[str, Any]:
        """Loss and metrics for `keras.Model.compile`; the task's `metric` among the metrics."""

    def validation_scores(
        self, settings: Any, source: "ExampleSource", preprocessing: Any, model: "keras.Model"
    ) -> Callable[[], dict[str, float]] | None:
        """Give a function that scores the model, as it then is, on the validation split after each epoch.

        For scores that are no mean over batches; the task's `metric` may be among them instead of those of
        `compile_arguments`.
        """
        return None

    @abc.abstractmethod
    def build_serving(self, settings: Any, preprocessing: Any, model: "keras.Model") -> "tf.Module":
        """Join preprocessing, model and decoding: a `common.serving.ServingModule`."""

    def build_ensemble(
        self, settings: Any, preprocessings: list[Any], models: list["keras.Model"]
    ) -> "tf.Module":
        """Join the models of several runs to a `common.serving.ServingModule` that answers as one.

        Raises:
            UserError: if the task has no ensembles, or these runs make none.
        """
        raise UserError(f"The task {self.name} has no ensembles of runs; name one run with RUN=.")

    @abc.abstractmethod
    def request(self, examples: list[Example]) -> dict[str, "tf.Tensor"]:
        """Raw examples to the named inputs of the serving signature."""

    def call(
        self,
        signatures: dict[str, Callable[..., dict[str, "tf.Tensor"]]],
        examples: list[Example],
        options: dict[str, "tf.Tensor"],
    ) -> dict[str, "tf.Tensor"]:
        """Call the serving signature that takes such examples; a task may have others beside `serve`."""
        return signatures["serve"](**self.request(examples), **options)

    @abc.abstractmethod
    def answers(self, outputs: dict[str, Any], labels: list[str]) -> list[Answer]:
        """Outputs of the serving signature (NumPy arrays) to one answer an example."""

    @abc.abstractmethod
    def length(self, example: Example) -> int:
        """About how many time steps a raw example has, to batch like lengths."""

    @abc.abstractmethod
    def evaluate(
        self, settings: Any, labels: list[str], scored: Iterable[tuple[Example, Answer]]
    ) -> Evaluation:
        """Compare answers with the truth."""

    def variants(self, settings: Any) -> dict[str, dict[str, Any]]:
        """Other ways to answer that `evaluate` scores too: name -> optional inputs of the signature."""
        return {}

    def draw(self, example: Example, predictor: "Predictor") -> "Figure":
        """Draw how an example was answered.

        Raises:
            UserError: if there is nothing to draw in this task.
        """
        raise UserError(f"The task {self.name} draws no pictures of its answers; leave out PLOT.")

    @abc.abstractmethod
    def baselines(
        self, settings: Any, source: "ExampleSource", preprocessing: Any, examples: Iterable[Example]
    ) -> dict[str, dict[str, float]]:
        """Train the baselines on the training split and score them on the same examples: name -> metrics."""

    def notices(self, settings: Any, examples: list[Example], predictor: Any) -> list[str]:
        """Say what a user should know of how examples were read, e.g. that one was cut."""
        return []

    def check_input(self, path: Path, output: str) -> None:
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

    def check_reading(self, trained: Any, settings: Any) -> None:
        """Check that a model can answer a file that is read with other settings than its own.

        Args:
            trained: settings of the run.
            settings: those with what the user changed.

        Raises:
            UserError: if it cannot: something else than the reading was changed.
        """
        for key, _ in setting_fields(type(settings)):
            if not key.startswith("data.") and setting_value(settings, key) != setting_value(trained, key):
                raise UserError(
                    f"SET changes {key}, but the model is trained: SET says how a file is read (data....)."
                )

    def signature_notes(self, settings: Any, labels: list[str]) -> list[str]:
        """Say in sentences what the signature's inputs and outputs hold, for the card of an export."""
        return [f"Classes, in this order: {', '.join(f'`{label}`' for label in labels)}."] if labels else []

    def show_file(self, predictor: "Predictor", path: Path, output: TextIO, plot: Path | None = None) -> None:
        """Print the answers to a user's file.

        Raises:
            UserError: if the task writes them to a file alone.
        """
        raise UserError(f"{path}: the task {self.name} writes its answers to a file; name it with OUTPUT.")

    @abc.abstractmethod
    def predict_file(
        self, predictor: "Predictor", path: Path, output: Path, settings: Any, plot: Path | None = None
    ) -> str:
        """Answer a user's file in another file; say what was done.

        Args:
            predictor: from a run or an export.
            path: the user's file.
            output: where the answers go.
            settings: of the run, with the columns that the user named.
            plot: a picture of the answers, for tasks that draw one.

        Raises:
            UserError: the file cannot be read, or there is nothing to draw.
        """
