"""Preprocessing, model and decoding joined in one graph; what answers, whether from a run or an export."""

import abc
from collections.abc import Callable, Iterable, Iterator, Mapping
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
from common.precision import precision
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

    def answer(self, examples: list[Example], options: Mapping[str, Any] | None = None) -> list[Answer]:
        """Answer a batch of raw examples; `options` are optional inputs of the signature, by name."""
        given = {name: tf.constant(value) for name, value in (options or {}).items()}
        outputs = self.task.call(self.signatures, examples, given)
        return self.task.answers({name: value.numpy() for name, value in outputs.items()}, self.labels)

    def answer_all(
        self, examples: Iterable[Example], options: Mapping[str, Any] | None = None
    ) -> Iterator[tuple[Example, Answer]]:
        """Answer any number of examples, in batches of like length, in their order."""

        def answer(batch: list[Example]) -> list[Answer]:
            return self.answer(batch, options)

        yield from ordered_answers(
            iter(examples), answer, self.task.length, STEPS_PER_BATCH, self.task.examples_held
        )


def run_predictor(task: Task, run: Run) -> Predictor:
    """Load a run's model and join it with its preprocessing.

    Raises:
        UserError: if the run has not ended or is damaged.
    """
    run.check_finished()
    settings = run.settings(task.settings_class)
    preprocessing = task.load_preprocessing(settings, run.preprocessing_folder)
    module = task.build_serving(settings, preprocessing, load_model(run, settings))
    settings = preprocessing.complete(settings)
    return Predictor(task, settings, preprocessing.labels, _functions(module), f"run {run.name}")


def ensemble_predictor(task: Task, runs: list[Run]) -> Predictor:
    """Load the models of several runs, which answer as one; settings are those of the first.

    Raises:
        UserError: if a run has not ended or is damaged, or these runs make no ensemble.
    """
    for run in runs:
        run.check_finished()
    every = [run.settings(task.settings_class) for run in runs]
    preprocessings = [
        task.load_preprocessing(settings, run.preprocessing_folder)
        for settings, run in zip(every, runs, strict=True)
    ]
    models = [load_model(run, settings) for run, settings in zip(runs, every, strict=True)]
    module = task.build_ensemble(every[0], preprocessings, models)
    names = ", ".join(run.name for run in runs)
    settings = preprocessings[0].complete(every[0])
    return Predictor(task, settings, preprocessings[0].labels, _functions(module), f"runs {names}")


def _functions(module: ServingModule) -> dict[str, Callable[..., dict[str, tf.Tensor]]]:
    return {
        name: tf.function(function, input_signature=signature)
        for name, (function, signature) in module.endpoints().items()
    }


def load_model(run: Run, settings: Any) -> keras.Model:
    """Load the model that a run with these settings ended with, in the precision that it was trained in.

    Raises:
        UserError: if model.keras is damaged.
    """
    try:
        with precision(settings):
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
    if not isinstance(description, dict) or not {"task", "settings", "labels"} <= description.keys():
        raise UserError(f"{folder / 'task.json'} is damaged; export the run again.")
    task = find_task(description["task"])
    settings = check_settings(task.settings_class, description["settings"], where=str(folder / "task.json"))
    try:
        loaded = tf.saved_model.load(str(folder))
    except (OSError, ValueError, tf.errors.OpError) as error:
        first_line = str(error).strip().partition("\n")[0]
        raise UserError(f"{folder} is damaged ({first_line}); export the run again.") from error
    # The functions and not the signatures of the same names: these know no optional inputs. The loaded object
    # must outlive its functions.
    names = [name for name in loaded.signatures if name != "serving_default"]
    signatures = {name: _keep_alive(loaded, getattr(loaded, name)) for name in names}
    return Predictor(task, settings, description["labels"], signatures, str(folder))


def _keep_alive(owner: Any, function: Callable[..., Any]) -> Callable[..., dict[str, tf.Tensor]]:
    def call(**inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        assert owner is not None
        return function(**inputs)

    return call


def dataset_examples(dataset: tf.data.Dataset, binary_features: Iterable[str] = ()) -> Iterator[Example]:
    """Give the raw examples of a data set as a person would write them: str instead of bytes.

    Args:
        dataset: of dicts.
        binary_features: names of those that stay bytes: the content of files.
    """
    for example in dataset.as_numpy_iterator():
        yield {name: value if name in binary_features else _plain(value) for name, value in example.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, np.ndarray) and value.dtype == object:
        return [_plain(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value
