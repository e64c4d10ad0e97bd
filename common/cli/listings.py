"""Tables for the terminal: data sets, runs, settings."""

from typing import Any

import pandas as pd

from common.config import setting_fields, setting_value
from common.console import results
from common.contract.find import find_data_sets, task_title
from common.errors import UserError
from common.files import read_json
from common.runs.run import Run, list_runs


def print_datasets(tasks: list[str]) -> None:
    """List every data set of the tasks, without importing TensorFlow."""
    for task in tasks:
        what = task_title(task).partition(": ")[2] or task_title(task)
        results.print(f"[bold]{task}[/bold]: {what}\n", soft_wrap=True)
        for data_set in find_data_sets(task):
            information = data_set.information
            counts = ", ".join(f"{count:,} {split}" for split, count in (information.counts or {}).items())
            results.print(f"  [bold]{information.name}[/bold]", markup=True)
            for name, value in (
                ("", information.description),
                ("examples", counts or "counted when prepared"),
                ("download", _megabytes(information.download_bytes)),
                ("files to place", "; ".join(information.manual_files)),
                ("licence", information.licence),
                ("cite", information.citation),
                ("homepage", information.homepage),
            ):
                if value:
                    results.print(f"    {name + ': ' if name else ''}{value}", soft_wrap=True, markup=False)
            results.print()


def print_runs(task: str | None) -> None:
    """List the runs, newest last."""
    runs = list_runs(task)
    if not runs:
        results.print(f"No runs yet. Train one: make train TASK={task or 'sentiment'}")
        return
    names = ("data", "score", "parameters", "seconds", "state")
    rows = [
        {"task": run.task, "run": run.name, **dict(zip(names, _run_columns(run), strict=True))}
        for run in runs
    ]
    # Never truncated, because RUN= needs the full name.
    results.print(pd.DataFrame(rows).to_string(index=False), soft_wrap=True, markup=False)


def print_settings(settings: Any) -> None:
    """Print every setting in the format of SET=, followed by its meaning."""
    lines = {}
    for key, field in setting_fields(type(settings)):
        value = setting_value(settings, key)
        lines[f"{key}={'' if value is None else value}"] = field.description
    width = max(map(len, lines))
    for line, meaning in lines.items():
        results.print(f"{line:{width}}  # {meaning}", markup=False, soft_wrap=True)


def _run_columns(run: Run) -> tuple[str, str, str, str, str]:
    try:
        data = read_json(run.folder / "data.json")["name"]
        training = read_json(run.training_file) if run.training_file.is_file() else {}
        metrics = read_json(run.metrics_file) if run.metrics_file.is_file() else None
        score = f"{metrics['metric']} {metrics['metrics'][metrics['metric']]:.4f}" if metrics else ""
        parameters = f"{training['parameters']:,}" if training else ""
        seconds = f"{training['train_seconds']:.0f}" if training else ""
    except (UserError, KeyError, TypeError):
        return "", "", "", "", "damaged"
    return data, score, parameters, seconds, "finished" if run.finished else "unfinished"


def _megabytes(size: int | None) -> str:
    return f"{size / 1e6:.1f} MB" if size else ""
