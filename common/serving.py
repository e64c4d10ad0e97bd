"""Preprocessing, model and decoding joined in one graph; what answers, whether from a run or an export."""

import abc
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from common.config import check_settings
from common.data.batching import ordered_answers
from common.errors import UserError
from common.files import read_json
from common.runs import Run
from common.task import Answer, Example, Task

Endpoint = tuple[Callable[..., dict[str, tf.Tensor]], list[tf.TensorSpec]]

# Time steps answered at once, padding included: wide enough to be quick, narrow enough for 1 GB of memory.
STEPS_PER_BATCH = 16_384


class ServingModule(tf.Module, abc.ABC):
    """What an export holds: named functions from raw inputs to answers."""

    @abc.abstractmethod
    def endpoints(self) -> dict[str, Endpoint]:
        """Name each function, with its input signature; the first is the one that servers call by default."""


@dataclass(frozen=True)
class Predictor:
    """Answers raw examples, from a run or from an export.

    Attributes:
        task: whose answers they are.
        settings: of the run.
        labels: names of the classes, if there are classes.
        signatures: name -> function of named tensors.
        source: "run NAME" or the export's folder.
    """

    task: Task
    settings: Any
    labels: list[str]
    signatures: dict[str, Callable[..., dict[str, tf.Tensor]]]
    source: str

    def answer(self, examples: list[Example]) -> list[Answer]:
        """Answer a batch of raw examples."""
        outputs = self.task.call(self.signatures, examples)
        return self.task.answers({name: value.numpy() for name, value in outputs.items()}, self.labels)

    def answer_all(self, examples: Iterable[Example]) -> Iterator[tuple[Example, Answer]]:
        """Answer any number of examples, in batches of like length, in their order."""
        yield from ordered_answers(iter(examples), self.answer, self.task.length, STEPS_PER_BATCH)


def run_predictor(task: Task, run: Run) -> Predictor:
    """Load a run's model and join it with its preprocessing.

    Raises:
        UserError: if the run has not ended or is damaged.
    """
    run.check_finished()
    settings = run.settings(task.settings_class)
    preprocessing = task.load_preprocessing(settings, run.preprocessing_folder)
    module = task.build_serving(settings, preprocessing, load_model(run))
    signatures = {
        name: tf.function(function, input_signature=signature)
        for name, (function, signature) in module.endpoints().items()
    }
    return Predictor(task, settings, preprocessing.labels, signatures, f"run {run.name}")


def load_model(run: Run) -> keras.Model:
    """Load the model that a run ended with.

    Raises:
        UserError: if model.keras is damaged.
    """
    try:
        return keras.models.load_model(run.model_file, compile=False)
    except Exception as error:
        # Keras, h5py and zipfile each raise their own errors for a broken file, some of them misleading.
        raise UserError(f"{run.model_file} is damaged or missing; train the run again.") from error


def saved_model_predictor(find_task: Callable[[str], Task], folder: Path) -> Predictor:
    """Load an export.

    Raises:
        UserError: if the folder is none or is damaged.
    """
    if not (folder / "saved_model.pb").is_file():
        raise UserError(
            f"{folder} is no export: saved_model.pb is missing; make one with: make export TASK=..."
        )
    description = read_json(folder / "task.json")
    task = find_task(description["task"])
    settings = check_settings(task.settings_class, description["settings"], where=str(folder / "task.json"))
    try:
        loaded = tf.saved_model.load(str(folder))
    except (OSError, ValueError, tf.errors.OpError) as error:
        first_line = str(error).strip().partition("\n")[0]
        raise UserError(f"{folder} is damaged ({first_line}); export the run again.") from error
    # The loaded object must outlive its functions.
    signatures = {name: _keep_alive(loaded, loaded.signatures[name]) for name in loaded.signatures}
    return Predictor(task, settings, description["labels"], signatures, str(folder))


def _keep_alive(owner: Any, function: Callable[..., Any]) -> Callable[..., dict[str, tf.Tensor]]:
    def call(**inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        assert owner is not None
        return function(**inputs)

    return call


def dataset_examples(dataset: tf.data.Dataset) -> Iterator[Example]:
    """Give the raw examples of a data set as a person would write them: str instead of bytes."""
    for example in dataset.as_numpy_iterator():
        yield {name: _plain(value) for name, value in example.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, np.ndarray) and value.dtype == object:
        return [_plain(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value
