"""Preprocessing, model and decoding joined in one graph; what answers, whether from a run or an export."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from common.config import check_settings
from common.contract.predictor import Predictor
from common.contract.serving import ServingModule
from common.contract.task import Task
from common.errors import UserError
from common.files import read_json
from common.modelling.precision import precision
from common.runs.run import Run


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
