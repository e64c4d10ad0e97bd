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
    """List every data set of the tasks; needs no TensorFlow."""
    for task in tasks:
        results.print(f"[bold]{task}[/bold]: {task_title(task)}\n")
        for data_set in find_data_sets(task):
            known = data_set.information
            counts = ", ".join(f"{count:,} {split}" for split, count in (known.counts or {}).items())
            results.print(f"  [bold]{known.name}[/bold]", markup=True)
            for name, value in (
                ("", known.description),
                ("examples", counts or "counted when it is prepared"),
                ("download", _megabytes(known.download_bytes)),
                ("files to place", "; ".join(known.manual_files)),
                ("licence", known.licence),
                ("cite", known.citation),
                ("home", known.homepage),
            ):
                if value:
                    results.print(f"    {name + ': ' if name else ''}{value}", soft_wrap=True, markup=False)
            results.print()


def print_runs(task: str | None) -> None:
    """List the runs, the newest last."""
    runs = list_runs(task)
    if not runs:
        results.print(f"No runs yet. Train one: make train TASK={task or 'sentiment'}")
        return
    names = ("data", "score", "parameters", "seconds", "state")
    rows = [
        {"task": run.task, "run": run.name, **dict(zip(names, _run_columns(run), strict=True))}
        for run in runs
    ]
    # Never cut: the name is what RUN= takes.
    results.print(pd.DataFrame(rows).to_string(index=False), soft_wrap=True, markup=False)


def print_settings(settings: Any) -> None:
    """Print every setting as it is written in SET=, with its meaning behind it."""
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
    return data, score, parameters, seconds, "finished" if run.finished else "not ended"


def _megabytes(size: int | None) -> str:
    return f"{size / 1e6:.1f} MB" if size else ""
