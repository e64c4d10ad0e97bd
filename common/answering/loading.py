"""From a run, several runs or an export to the predictor that answers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from common.config import check_settings
from common.contract.find import find_task
from common.contract.predictor import Predictor
from common.contract.serving import ServingModule
from common.errors import UserError
from common.files import read_json
from common.modelling.precision import precision
from common.runs.run import Run, task_of


def load_run(run: Run) -> Predictor:
    """Load a run's model and join it with its preprocessing.

    Raises:
        UserError: if the run has not ended or is damaged.
    """
    return load_runs([run])


def load_runs(runs: list[Run]) -> Predictor:
    """Load the models of one or several runs of a task, which answer as one; settings are those of the first.

    Raises:
        UserError: if a run has not ended or is damaged, or these runs make no ensemble.
    """
    for run in runs:
        run.check_finished()
    tasks = [task_of(run) for run in runs]
    task = tasks[0]
    preprocessings = [
        one.preprocessing_class.load(one.settings, run.preprocessing_folder)
        for one, run in zip(tasks, runs, strict=True)
    ]
    if len(runs) > 1:
        task.check_ensemble(preprocessings)
    models = [load_model(run, one.settings) for run, one in zip(runs, tasks, strict=True)]
    first = preprocessings[0]
    functions = _functions(task.serving(first, models))
    source = f"{'run' if len(runs) == 1 else 'runs'} {', '.join(run.name for run in runs)}"
    return task.predictor_class(first.complete(task.settings), first.labels, functions, source)


def _functions(module: ServingModule) -> dict[str, Callable[..., dict[str, tf.Tensor]]]:
    # Without a translation of the Python, which takes longer than the graph itself: exports have none either.
    return {
        name: tf.function(function, input_signature=signature, autograph=False)
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


def load_export(folder: Path) -> Predictor:
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
    return task.predictor_class(settings, description["labels"], signatures, str(folder))


def _keep_alive(owner: Any, function: Callable[..., Any]) -> Callable[..., dict[str, tf.Tensor]]:
    def call(**inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        assert owner is not None
        return function(**inputs)

    return call
