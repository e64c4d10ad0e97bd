"""Exports: a SavedModel that answers raw inputs, verified without this project, with a model card."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from keras.export import ExportArchive

from common.answering.loading import load_model, load_run
from common.answering.model_card import RunRecords, model_card
from common.answering.signature import Signature, signature_of
from common.contract.predictor import Predictor
from common.contract.serving import ServingModule
from common.data.examples import Example, from_json
from common.errors import UserError
from common.files import PROJECT_FOLDER, locked, read_json, remove_partial, whole_file, write_json, write_text
from common.runs.run import Run, task_of

# Runs in a process that cannot import this project (-I: no current folder, no PYTHONPATH).
_CHECK = """
import json, os, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
import tensorflow as tf
try:
    import common
except ImportError:
    pass
else:
    sys.exit("the check can import this project")
folder, inputs, outputs = sys.argv[1:]
loaded = tf.saved_model.load(folder)
# Strings are pickled: NumPy's own string type would strip zero bytes at the end of a file's content.
given = np.load(inputs, allow_pickle=True)
answers = loaded.serve(**{name: tf.constant(given[name]) for name in given.files})
np.savez(outputs, **{name: value.numpy() for name, value in answers.items()})
"""


def exports_folder() -> Path:
    """Return the folder of all exports: SAVED_MODELS_DIR, else saved_models/ of the project."""
    return Path(os.environ.get("SAVED_MODELS_DIR", PROJECT_FOLDER / "saved_models"))


def export_run(run: Run, folder: Path | None = None) -> Path:
    """Write the next version of a task's export, and verify it before it gets its name.

    Args:
        run: a finished run.
        folder: of all exports; None for `exports_folder()`.

    Returns:
        The version's folder, <exports>/<task>/<version>.

    Raises:
        UserError: if the run is damaged, the disk is full, or another process is exporting the task.
        RuntimeError: if the export's answers differ from the run's.
    """
    run.check_finished()
    # First, so that damaged files are found at once.
    records = RunRecords.read(run)
    examples = read_json(run.examples_file)
    if not isinstance(examples, list) or not examples:
        raise UserError(f"{run.examples_file} is damaged: it contains no examples; train the run again.")
    task = task_of(run)
    preprocessing = task.preprocessing_class.load(task.settings, run.preprocessing_folder)
    module = task.serving(preprocessing, [load_model(run, task.settings)])
    predictor = load_run(run)
    versions = (folder or exports_folder()) / task.name
    busy = f"Another process is writing an export to {versions}; run this again when it has finished."
    with locked(versions, busy):
        remove_partial(versions)
        target = _next_version(versions)
        with whole_file(target) as temporary:
            write_saved_model(module, temporary)
            signature = _check_without_project(predictor, module, temporary, examples)
            description = {
                "task": task.name,
                "run": run.name,
                "labels": predictor.labels,
                "settings": predictor.settings.model_dump(mode="json"),
            }
            write_json(temporary / "task.json", description)
            card = model_card(task, run, records, target, signature, predictor.signature_notes())
            write_text(temporary / "README.md", card)
    return target


def write_saved_model(module: ServingModule, folder: Path) -> None:
    """Write a serving module as a SavedModel with a signature for each of its endpoints."""
    archive = ExportArchive()
    archive.track(module)
    for name, (function, signature) in module.endpoints().items():
        archive.add_endpoint(name, function, input_signature=signature)
    archive.write_out(str(folder), verbose=False)


def _check_without_project(
    predictor: Predictor, module: ServingModule, folder: Path, examples: list[Example]
) -> Signature:
    """Load the export in a process that cannot import this project and compare its answers with the run's."""
    request = predictor.request([from_json(example) for example in examples])
    expected = {name: value.numpy() for name, value in predictor.signatures["serve"](**request).items()}
    with tempfile.TemporaryDirectory() as scratch:
        inputs, outputs = Path(scratch) / "inputs.npz", Path(scratch) / "outputs.npz"
        np.savez(inputs, **{name: value.numpy() for name, value in request.items()})
        command = [sys.executable, "-I", "-c", _CHECK, str(folder.resolve()), str(inputs), str(outputs)]
        checked = subprocess.run(command, cwd=scratch, capture_output=True, text=True, check=False)
        if checked.returncode != 0:
            raise RuntimeError(f"the export cannot be loaded without this project:\n{checked.stderr}")
        with np.load(outputs, allow_pickle=True) as answers:
            for name, value in expected.items():
                if not np.array_equal(value, answers[name]):
                    raise RuntimeError(
                        f"the export's {name} differs from the run's: {answers[name]} != {value}"
                    )
    specs = predictor.signatures["serve"].get_concrete_function().structured_outputs
    return signature_of(module, request, {name: specs[name] for name in expected})


def _next_version(folder: Path) -> Path:
    versions = [int(path.name) for path in folder.glob("*") if path.name.isdigit()]
    return folder / str(max(versions, default=0) + 1)


def find_export(model: str) -> Path:
    """Find an export by its folder, by <task>/<version>, or by <task> for the newest version.

    Raises:
        UserError: if there is no such export.
    """
    for folder in (Path(model), exports_folder() / model):
        if (folder / "saved_model.pb").is_file():
            return folder
        versions = sorted(
            (path for path in folder.glob("*") if path.name.isdigit()), key=lambda path: int(path.name)
        )
        if versions:
            return versions[-1]
    exports = sorted(
        f"{path.parent.parent.name}/{path.parent.name}"
        for path in exports_folder().glob("*/*/saved_model.pb")
    )
    raise UserError(
        f"No export at {model!r}. Exports: {', '.join(exports) or 'none; run make export TASK=... first'}."
    )
