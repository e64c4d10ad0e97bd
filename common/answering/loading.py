"""Loading the predictor of a run, an ensemble of runs or an export."""

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
    """Load the predictor of a run: its preprocessing and model.

    Raises:
        UserError: if the run is unfinished or damaged.
    """
    return load_runs([run])


def load_runs(runs: list[Run]) -> Predictor:
    """Load the predictor of one run, or of an ensemble of runs of one task, with the first run's settings.

    Raises:
        UserError: if a run is unfinished or damaged, or these runs cannot form an ensemble.
    """
    for run in runs:
        run.check_finished()
    tasks = [task_of(run) for run in runs]
    task = tasks[0]
    preprocessings = [
        run_task.preprocessing_class.load(run_task.settings, run.preprocessing_folder)
        for run_task, run in zip(tasks, runs, strict=True)
    ]
    if len(runs) > 1:
        task.check_ensemble(preprocessings)
    models = [load_model(run, run_task.settings) for run, run_task in zip(runs, tasks, strict=True)]
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
    """Load the final model of a run with these settings, in the precision of its training.

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
        UserError: if the folder is not an export or is damaged.
    """
    if not (folder / "saved_model.pb").is_file():
        raise UserError(
            f"{folder} is not an export: saved_model.pb is missing; create one with: make export TASK=..."
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
    # Use the functions: signatures cannot have optional inputs. The loaded object must outlive its functions.
    names = [name for name in loaded.signatures if name != "serving_default"]
    signatures = {name: _keep_alive(loaded, getattr(loaded, name)) for name in names}
    return task.predictor_class(settings, description["labels"], signatures, str(folder))


def _keep_alive(owner: Any, function: Callable[..., Any]) -> Callable[..., dict[str, tf.Tensor]]:
    def call(**inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        assert owner is not None
        return function(**inputs)

    return call
