"""Tables for the terminal: data sets, runs, settings."""

from typing import Any

import pandas as pd
from rich.console import Console

from common.config import setting_fields, setting_value
from common.contract.task import Task
from common.errors import UserError
from common.files import read_json
from common.runs.run import Run, list_runs

console = Console(highlight=False)


def print_datasets(tasks: list[Task]) -> None:
    """List every source of the tasks."""
    for task in tasks:
        console.print(f"[bold]{task.name}[/bold]: {task.title}\n")
        for source in task.sources().values():
            counts = ", ".join(f"{count:,} {split}" for split, count in (source.counts or {}).items())
            console.print(f"  [bold]{source.name}[/bold]", markup=True)
            for name, value in (
                ("", source.description),
                ("examples", counts or "counted when it is prepared"),
                ("download", _megabytes(source.download_bytes)),
                ("files to place", "; ".join(source.manual_files)),
                ("licence", source.licence),
                ("cite", source.citation),
                ("home", source.homepage),
            ):
                if value:
                    console.print(f"    {name + ': ' if name else ''}{value}", soft_wrap=True, markup=False)
            console.print()


def print_runs(task: str | None) -> None:
    """List the runs, the newest last."""
    runs = list_runs(task)
    if not runs:
        console.print(f"No runs yet. Train one: make train TASK={task or 'sentiment'}")
        return
    names = ("data", "score", "parameters", "seconds", "state")
    rows = [
        {"task": run.task, "run": run.name, **dict(zip(names, _run_columns(run), strict=True))}
        for run in runs
    ]
    # Never cut: the name is what RUN= takes.
    console.print(pd.DataFrame(rows).to_string(index=False), soft_wrap=True, markup=False)


def print_settings(settings: Any) -> None:
    """Print every setting as it is written in SET=, with its meaning behind it."""
    lines = {}
    for key, field in setting_fields(type(settings)):
        value = setting_value(settings, key)
        lines[f"{key}={'' if value is None else value}"] = field.description
    width = max(map(len, lines))
    for line, meaning in lines.items():
        console.print(f"{line:{width}}  # {meaning}", markup=False, soft_wrap=True)


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
