"""Training runs: their folders and files, and how to find them."""

import difflib
import hashlib
import os
import re
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.config import SettingsType, read_settings, save_settings
from common.contract.find import find_task
from common.errors import UserError, unknown_name
from common.files import (
    PROJECT_FOLDER,
    file_digest,
    locked,
    read_record,
    remove_partial,
    whole_file,
    write_json,
)
from common.runs.environment import environment


def runs_folder() -> Path:
    """Folder of all runs: RUNS_DIR, or runs/ in the project."""
    return Path(os.environ.get("RUNS_DIR", PROJECT_FOLDER / "runs"))


@dataclass(frozen=True)
class Run:
    """A folder runs/<task>/<run>/ with everything needed to inspect, repeat, resume and export a run."""

    folder: Path

    @property
    def name(self) -> str:
        """Name of the run."""
        return self.folder.name

    @property
    def task(self) -> str:
        """Name of the task."""
        return self.folder.parent.name

    @property
    def config_file(self) -> Path:
        """All settings, resolved."""
        return self.folder / "config.yaml"

    @property
    def preprocessing_folder(self) -> Path:
        """What was learned from the training split."""
        return self.folder / "preprocessing"

    @property
    def checksums_file(self) -> Path:
        """SHA-256 of each file of the preprocessing."""
        return self.folder / "preprocessing_checksums.json"

    @property
    def examples_file(self) -> Path:
        """A few validation examples, to compare an export with the run."""
        return self.folder / "examples.json"

    @property
    def checkpoints_folder(self) -> Path:
        """State to resume an interrupted run from."""
        return self.folder / "checkpoints"

    @property
    def cache_folder(self) -> Path:
        """Preprocessed examples; exists only during training."""
        return self.folder / "cache"

    @property
    def model_file(self) -> Path:
        """The model with the best weights; exists when training has finished."""
        return self.folder / "model.keras"

    @property
    def metrics_file(self) -> Path:
        """Scores on the test split."""
        return self.folder / "metrics.json"

    @property
    def training_file(self) -> Path:
        """Time, memory, epochs etc. of a finished training."""
        return self.folder / "training.json"

    @property
    def finished(self) -> bool:
        """Whether training has finished."""
        return self.model_file.is_file() and self.training_file.is_file()

    def evaluation_folder(self, file: Path) -> Path:
        """Folder for the scores on a user's file, with a name unique to the file's path."""
        digest = hashlib.sha256(str(file.expanduser().resolve()).encode()).hexdigest()[:8]
        return self.folder / "evaluations" / f"{file.name.partition('.')[0]}-{digest}"

    def learned_from(self, fingerprint: str) -> bool:
        """Whether the run was trained on data with this fingerprint.

        Raises:
            UserError: if the run's record of its data is missing or damaged.
        """
        return read_record(self.folder / "data.json", "fingerprint")["fingerprint"] == fingerprint

    def settings(self, settings_class: type[SettingsType]) -> SettingsType:
        """Read the run's settings.

        Raises:
            UserError: if they are missing or damaged.
        """
        if not self.config_file.is_file():
            raise UserError(
                f"Run {self.folder} is damaged: config.yaml is missing; delete the folder and train again."
            )
        return read_settings(settings_class, self.config_file)

    def locked(self) -> AbstractContextManager[None]:
        """Keep other processes from training the run.

        Raises:
            UserError: if another process is training it.
        """
        return locked(
            self.folder,
            f"Run {self.name} of {self.task} is being trained by another process; wait for it to "
            "finish, or stop it first.",
        )

    def save_preprocessing(self, preprocessing: Any) -> None:
        """Save what was learned from the training split, with checksums to detect damage.

        Swapped labels or a reordered vocabulary would load without an error and give wrong predictions.
        """
        preprocessing.save(self.preprocessing_folder)
        files = sorted(self.preprocessing_folder.iterdir())
        write_json(self.checksums_file, {file.name: file_digest(file) for file in files})

    def check_preprocessing(self) -> None:
        """Check that the preprocessing is unchanged since training.

        Raises:
            UserError: if a file is missing or has changed.
        """
        for name, checksum in read_record(self.checksums_file).items():
            file = self.preprocessing_folder / name
            if not file.is_file() or file_digest(file) != checksum:
                raise UserError(
                    f"{file} is missing or damaged: it has changed since training; train the run again."
                )

    def check_finished(self) -> None:
        """Check that the run can predict.

        Raises:
            UserError: if training has not finished, or files are missing or damaged.
        """
        if not self.config_file.is_file():
            raise UserError(
                f"Run {self.folder} is damaged: config.yaml is missing; delete the folder and train again."
            )
        if not self.finished:
            raise UserError(
                f"Run {self.name} has not finished; resume it: make train TASK={self.task} RUN={self.name}"
            )
        self.check_preprocessing()


def create_run(
    task: str,
    name: str,
    settings: Any,
    preprocessing: Any,
    data: dict[str, Any],
    examples: list[dict[str, Any]],
) -> Run:
    """Create the folder of a new run, with everything known before training.

    Args:
        task: the task's name.
        name: the run's name.
        settings: resolved settings.
        preprocessing: as learned from the training split.
        data: name, fingerprint, counts etc. of the data.
        examples: a few raw examples of the validation split.

    Raises:
        UserError: if a run of that name exists.
    """
    folder = runs_folder() / task / name
    busy = f"Another process is starting a run of {task}; waiting for it."
    with locked(folder.parent, busy, wait=True):
        remove_partial(folder.parent, below=False)
        if folder.exists():
            raise UserError(f"Run {name!r} of {task} exists; choose another name.")
        with whole_file(folder) as temporary:
            temporary.mkdir()
            run = Run(temporary)
            run.save_preprocessing(preprocessing)
            write_json(temporary / "data.json", data)
            write_json(run.examples_file, examples)
            write_json(temporary / "environment.json", environment(settings.seed))
            save_settings(settings, run.config_file)
    return Run(folder)


def new_run_name(task: str, dataset: str) -> str:
    """Name a run after start time and data, with a number if the name is taken."""
    safe = re.sub(r"[^\w.-]+", "_", dataset)
    name = f"{time.strftime('%Y%m%d-%H%M%S')}-{safe}"
    number = 2
    while (runs_folder() / task / name).exists():
        name, number = f"{name.partition('.')[0]}.{number}", number + 1
    return name


def check_run_name(name: str) -> None:
    """Check that a name can be a folder directly below runs/<task>/.

    Raises:
        UserError: if it cannot.
    """
    if not re.fullmatch(r"\w[\w.-]*", name):
        raise UserError(f"RUN={name} is not a valid name; use letters, digits, '-', '_' and '.'.")


def task_of(run: Run) -> Any:
    """Create the task of a run (`common.contract.task.Task`) with the settings of the run.

    Raises:
        UserError: if the settings are missing or damaged.
    """
    task_class = find_task(run.task)
    return task_class(run.settings(task_class.settings_class))


def list_runs(task: str | None = None) -> list[Run]:
    """List all runs, the newest last."""
    # Hidden: a run that is being made, or whose making was cut off.
    folders = [path.parent for path in runs_folder().glob(f"{task or '*'}/[!.]*/config.yaml")]
    return [
        Run(folder)
        for folder in sorted(
            folders, key=lambda folder: ((folder / "config.yaml").stat().st_mtime, folder.name)
        )
    ]


def find_run(name: str, task: str | None = None) -> Run:
    """Find a run by its name or its folder.

    Raises:
        UserError: if there is none of that name, or several tasks have one.
    """
    matches = _runs_named(name, task)
    if not matches:
        raise unknown_name("run", name, [run.name for run in list_runs(task)])
    if len(matches) > 1:
        raise UserError(
            f"Several tasks have a run {name!r}: {', '.join(run.task for run in matches)}; add TASK=."
        )
    return matches[0]


def existing_run(name: str | None, task: str | None) -> Run | None:
    """Find a run to resume; None if there is none of that name.

    Raises:
        UserError: if several tasks have one.
    """
    return find_run(name, task) if name and _runs_named(name, task) else None


def check_new_name(name: str, task: str | None) -> None:
    """Check that the name of a new run, given without settings, is not a misspelt unfinished run.

    Raises:
        UserError: if it is close to the name of an unfinished run, or no task is given.
    """
    if not task:
        error = unknown_name("run", name, [run.name for run in list_runs()])
        raise UserError(f"{error} To start a new run, give TASK.")
    unfinished = [run.name for run in list_runs(task) if not run.finished]
    # Stricter than for other names: "trial2" next to "trial1" is intended.
    nearest = difflib.get_close_matches(name, unfinished, n=1, cutoff=0.85)
    if nearest:
        raise UserError(
            f"There is no run {name!r} of {task}. Did you mean {nearest[0]!r}, which has not finished? To "
            "start a new run of this name, give its settings, e.g. PRESET=default."
        )


def _runs_named(name: str, task: str | None) -> list[Run]:
    if Path(name).is_dir() and (Path(name).resolve().parent.parent == runs_folder().resolve()):
        name, task = Path(name).resolve().name, Path(name).resolve().parent.name
    folders = sorted(runs_folder().glob(f"{task or '*'}/*"))
    return [Run(folder) for folder in folders if folder.name == name and folder.is_dir()]


def newest_run(task: str) -> Run:
    """Find the newest run whose training has finished.

    Raises:
        UserError: if there is none.
    """
    finished = [run for run in list_runs(task) if run.finished]
    if not finished:
        raise UserError(f"No finished run of {task}; train one first: make train TASK={task}")
    return finished[-1]
