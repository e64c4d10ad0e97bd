"""From settings to a finished run: start a new run, or resume one."""

import shutil
from itertools import islice
from typing import Any

from common.console import progress
from common.contract.task import Task
from common.data.examples import to_json
from common.errors import DiskFullError, UserError
from common.files import disk_is_full, is_disk_full, read_record, remove_partial
from common.learning.training import train
from common.runs.run import Run, check_run_name, create_run, new_run_name, runs_folder, task_of

# Validation examples saved with the run, so that it can be exported where the data is not available.
SAVED_EXAMPLES = 16


def start(task: Task, name: str | None = None) -> Run:
    """Open the data, learn the preprocessing, create the run's folder and train.

    Nothing is written to runs/ before data and settings have been checked.

    Raises:
        UserError: if the data is invalid, the model cannot be built, or the run exists.
    """
    source = task.open_source()
    name = name or new_run_name(task.name, source.name)
    check_run_name(name)
    if (runs_folder() / task.name / name).exists():
        raise UserError(
            f"Run {name!r} of {task.name} exists; choose another name, or resume it without other settings."
        )
    preprocessing = task.preprocessing_class.learn(task.settings, source)
    task.check_start(source, preprocessing)
    data = {
        "name": source.name,
        "fingerprint": source.fingerprint,
        "counts": source.counts,
        "report": source.report,
        "licence": source.information.licence,
        "citation": source.information.citation,
        "homepage": source.information.homepage,
    }
    examples = [to_json(example) for example in islice(source.examples("validation"), SAVED_EXAMPLES)]
    run = create_run(task.name, name, task.settings, preprocessing, data, examples)
    with run.locked():
        _train(task, source, run, "New run")
    return run


def resume(run: Run) -> Run:
    """Resume an interrupted run from its last finished epoch.

    Raises:
        UserError: if the run is damaged, its data has changed since, or another process is training it.
    """
    with run.locked():
        task = task_of(run)
        if run.finished:
            progress.print(f"Run {run.name} has finished training; there is nothing to resume.")
            return run
        run.check_preprocessing()
        remove_partial(run.folder)
        source = task.open_source()
        if not run.learned_from(source.fingerprint):
            raise UserError(f"The data of run {run.name} has changed since it was started; start a new run.")
        _train(task, source, run, "Resuming run")
    return run


def _train(task: Task, source: Any, run: Run, action: str) -> None:
    counts = ", ".join(f"{count:,} {split}" for split, count in source.counts.items())
    progress.print(f"{action} {run.name}: {task.title.lower()}; {source.name}: {counts} examples")
    for problem, count in source.report.items():
        if isinstance(count, int) and count:
            progress.print(f"  {problem.replace('_', ' ')}: {count:,}")
    # Load it from the run, so that new and resumed runs use exactly the same.
    preprocessing = task.preprocessing_class.load(task.settings, run.preprocessing_folder)
    try:
        train(task, source, preprocessing, run)
    except (Exception, KeyboardInterrupt) as error:
        full = isinstance(error, DiskFullError) or is_disk_full(error)
        if full or isinstance(error, KeyboardInterrupt):
            command = f"make train TASK={task.name} RUN={run.name}"
            progress.print(f"To resume run {run.name}: {command}")
        if full and not isinstance(error, DiskFullError):  # TensorFlow's error, for its cache or events.
            raise disk_is_full(run.folder) from None
        raise
    finally:
        shutil.rmtree(run.cache_folder, ignore_errors=True)
    training = read_record(run.training_file)
    progress.print(
        f"{training['parameters']:,} parameters, {training['epochs']} epochs "
        f"in {training['train_seconds']:.0f} s, best epoch {training['best_epoch']}; "
        f"{training['padding_share']:.1%} of the steps were padding"
    )
