"""The contract of a task: how a model is learned and judged."""

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
    """One kind of problem, made with the settings of a run: what it reads, what it builds, how it is judged.

    Data flows one way: source -> preprocessing -> batches -> model -> decoding -> answer. `serving` joins
    preprocessing, model and decoding in one graph; `evaluate`, `predict` and the SavedModel all answer
    through it, by way of the task's `Predictor`.

    Attributes:
        name: of the task's folder.
        metric: what counts, named as in `Evaluation.metrics`; the best epoch is chosen by it, if `monitor`
            does not say otherwise.
        metric_mode: whether more of it is better, or less.
        settings_class: of all settings of a run.
        data_sets: to choose from, and the class that reads the user's own files.
        columns: of the user's files: DATA_TEXT=... is kept in the setting data.<columns["text"]>.
        preprocessing_class: what is learned from the training split.
        predictor_class: how a trained model is asked.
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
        """The task's name and what it does, in a few words."""
        return task_title(self.name)

    @property
    def monitor(self) -> str:
        """The validation score by which the best epoch is chosen."""
        return self.metric

    @property
    def judged_by(self) -> str:
        """The metric that counts for a run with these settings, one of `Evaluation.metrics`."""
        return self.metric

    def open_source(self) -> ExampleSource:
        """Fetch and prepare the data that the settings name.

        Raises:
            UserError: there is no such data set, or the data cannot be had or is wrong.
        """
        chosen = self.data_sets.choose(self.settings.data)
        return open_source(chosen.from_settings(self.settings))

    def open_labelled(self, path: Path, labels: list[str]) -> LabelledFile:
        """Read a labelled file of the user's, for `evaluate`.

        Args:
            path: of the file.
            labels: those that were learned.

        Raises:
            UserError: the file cannot be read, or a row is wrong and bad rows are not to be left out.
        """
        return self.data_sets.own.labelled_file(path, self.settings, labels)

    def check_start(self, source: ExampleSource, preprocessing: PreprocessingType) -> None:
        """See whether the model can be built, before a run is made; raise a UserError if it cannot."""
        return

    def batches(self, source: Any, preprocessing: PreprocessingType, split: str, cache: Path) -> Batches:
        """Preprocess one split into batches of (inputs, targets); the cache is a path that may be used."""
        return SequenceBatches(preprocessing.examples(source.dataset(split)), cache)

    @abc.abstractmethod
    def build_model(self, preprocessing: PreprocessingType) -> keras.Model:
        """Build the model."""

    @abc.abstractmethod
    def loss_and_metrics(self) -> dict[str, Any]:
        """Loss and metrics for `keras.Model.compile`; the task's `metric` among the metrics."""

    def validation_scores(
        self, source: ExampleSource, preprocessing: PreprocessingType, model: keras.Model
    ) -> Callable[[], dict[str, float]] | None:
        """Give a function that scores the model, as it then is, on the validation split after each epoch.

        For scores that are no mean over batches; the task's `metric` may be among them instead of those of
        `loss_and_metrics`.
        """
        return None

    @abc.abstractmethod
    def serving(self, preprocessing: PreprocessingType, models: list[keras.Model]) -> ServingModule:
        """Join preprocessing, model and decoding.

        Args:
            preprocessing: of the models.
            models: one; or several that answer as one, for which `check_ensemble` has found no fault.
        """

    def check_ensemble(self, preprocessings: list[PreprocessingType]) -> None:
        """See whether models with these preprocessings can answer as one.

        Raises:
            UserError: if the task has no ensembles, or these runs make none.
        """
        raise UserError(f"The task {self.name} has no ensembles of runs; name one run with RUN=.")

    @abc.abstractmethod
    def evaluate(self, labels: list[str], scored: Iterable[tuple[Example, Answer]]) -> Evaluation:
        """Compare answers with the truth."""

    def variants(self) -> dict[str, dict[str, Any]]:
        """Other ways to answer that `evaluate` scores too: name -> optional inputs of the signature."""
        return {}

    @abc.abstractmethod
    def baselines(
        self, source: Any, preprocessing: PreprocessingType, examples: Iterable[Example]
    ) -> dict[str, dict[str, float]]:
        """Train the baselines on the training split and score them on the same examples: name -> metrics.

        One that is too slow for all examples says among its metrics on how many it was scored: `origins`.
        """

    @classmethod
    def check_reading(cls, trained: SettingsType, settings: SettingsType) -> None:
        """Check that a model can answer a file that is read with other settings than its own.

        Args:
            trained: settings of the run.
            settings: those with what the user changed.

        Raises:
            UserError: if it cannot: something else than the reading was changed.
        """
        for key, _ in setting_fields(cls.settings_class):
            if not key.startswith("data.") and setting_value(settings, key) != setting_value(trained, key):
                raise UserError(
                    f"SET changes {key}, but the model is trained: SET says how a file is read (data....)."
                )
