"""Interface of a task: how a model is trained and evaluated."""

import abc
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, ClassVar, Generic, Literal, TypeVar

import keras

from common.config import TaskSettings, setting_fields, setting_value
from common.contract.evaluation import Evaluation
from common.contract.find import task_title
from common.contract.predictor import Predictor
from common.contract.preprocessing import Preprocessing
from common.contract.serving import ServingModule
from common.data.batching import Batches, SequenceBatches
from common.data.data_set import DataSets
from common.data.examples import Answer, Example
from common.data.labelled_file import LabelledFile
from common.data.source import ExampleSource, open_source
from common.errors import UserError

SettingsType = TypeVar("SettingsType", bound=TaskSettings)
PreprocessingType = TypeVar("PreprocessingType", bound=Preprocessing)


class Task(abc.ABC, Generic[SettingsType, PreprocessingType]):
    """One kind of problem, created with the settings of a run: its data, its model and its evaluation.

    Data flows one way: source -> preprocessing -> batches -> model -> decoding -> answer. `serving` joins
    preprocessing, model and decoding in one graph; `evaluate`, `predict` and the SavedModel all answer
    through it, by way of the task's `Predictor`.

    Attributes:
        name: of the task's folder.
        metric: the main metric, one of `Evaluation.metrics`; it also chooses the best epoch, unless
            `monitor` is overridden.
        metric_mode: whether larger or smaller is better.
        settings_class: of all settings of a run.
        data_sets: to choose from, and the class that reads the user's own files.
        columns: of the user's files: DATA_TEXT=... sets data.<columns["text"]>.
        preprocessing_class: learned from the training split.
        predictor_class: answers with a trained model.
        settings: of the run.
    """

    name: ClassVar[str]
    metric: ClassVar[str]
    metric_mode: ClassVar[Literal["max", "min"]] = "max"
    settings_class: ClassVar[type[TaskSettings]]
    data_sets: ClassVar[DataSets]
    columns: ClassVar[dict[str, str]] = {}
    preprocessing_class: ClassVar[type[Preprocessing]]
    predictor_class: ClassVar[type[Predictor]]

    def __init__(self, settings: SettingsType) -> None:
        self.settings = settings

    @property
    def title(self) -> str:
        """What the task does, in a few words."""
        return task_title(self.name)

    @property
    def monitor(self) -> str:
        """The validation score that chooses the best epoch."""
        return self.metric

    @property
    def judged_by(self) -> str:
        """The main metric of a run with these settings, one of `Evaluation.metrics`."""
        return self.metric

    def open_source(self) -> ExampleSource:
        """Fetch and prepare the data that the settings name.

        Raises:
            UserError: there is no such data set, or the data cannot be fetched or is invalid.
        """
        data_set = self.data_sets.choose(self.settings.data)
        return open_source(data_set.from_settings(self.settings))

    def open_labelled(self, path: Path, labels: list[str]) -> LabelledFile:
        """Open a user's labelled file, for `evaluate`.

        Args:
            path: of the file.
            labels: of the trained model.

        Raises:
            UserError: the file cannot be read, or a row is invalid and bad rows are not skipped.
        """
        return self.data_sets.own.labelled_file(path, self.settings, labels)

    def check_start(self, source: ExampleSource, preprocessing: PreprocessingType) -> None:
        """Raise a UserError if the model cannot be built, before a run is created."""
        return

    def batches(self, source: Any, preprocessing: PreprocessingType, split: str, cache: Path) -> Batches:
        """Preprocess one split into batches of (inputs, targets); `cache` is the prefix of cache files."""
        return SequenceBatches(preprocessing.examples(source.dataset(split)), cache)

    @abc.abstractmethod
    def build_model(self, preprocessing: PreprocessingType) -> keras.Model:
        """Build the model."""

    @abc.abstractmethod
    def loss_and_metrics(self) -> dict[str, Any]:
        """Loss and metrics for `keras.Model.compile`, including the task's `metric`."""

    def validation_scores(
        self, source: ExampleSource, preprocessing: PreprocessingType, model: keras.Model
    ) -> Callable[[], dict[str, float]] | None:
        """Return a function that scores the model in its current state on the validation split.

        It is called after each epoch, for scores that are not means over batches. The task's `metric` may be
        one of these instead of one of `loss_and_metrics`.
        """
        return None

    @abc.abstractmethod
    def serving(self, preprocessing: PreprocessingType, models: list[keras.Model]) -> ServingModule:
        """Join preprocessing, model and decoding.

        Args:
            preprocessing: of the models.
            models: one, or an ensemble that passed `check_ensemble`.
        """

    def check_ensemble(self, preprocessings: list[PreprocessingType]) -> None:
        """Check that models with these preprocessings can form an ensemble.

        Raises:
            UserError: if they cannot, or the task does not support ensembles.
        """
        raise UserError(f"The task {self.name} does not support ensembles of runs; name one run with RUN=.")

    @abc.abstractmethod
    def evaluate(self, labels: list[str], scored: Iterable[tuple[Example, Answer]]) -> Evaluation:
        """Compare answers with the truth."""

    def variants(self) -> dict[str, dict[str, Any]]:
        """Other decodings that `evaluate` scores too: name -> optional inputs of the signature."""
        return {}

    @abc.abstractmethod
    def baselines(
        self, source: Any, preprocessing: PreprocessingType, examples: Iterable[Example]
    ) -> dict[str, dict[str, float]]:
        """Train the baselines on the training split and score them on the same examples: name -> metrics.

        A baseline that is too slow for all examples adds a metric `origins`, the number it was scored on.
        """

    @classmethod
    def check_reading(cls, trained: SettingsType, settings: SettingsType) -> None:
        """Check that a trained model can be used with changed settings: only `data` settings may change.

        Args:
            trained: settings of the run.
            settings: with the user's changes.

        Raises:
            UserError: if another setting was changed.
        """
        for key, _ in setting_fields(cls.settings_class):
            if not key.startswith("data.") and setting_value(settings, key) != setting_value(trained, key):
                raise UserError(
                    f"SET cannot change {key} of a trained model; here it may only change how a file is read "
                    "(data....)."
                )
