"""Evaluation on labelled examples: scores of the serving graph and of the baselines, and result files."""

from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd
from rich.markup import escape
from rich.progress import track
from rich.table import Table

from common.console import results
from common.contract.evaluation import Evaluation, baseline_title
from common.contract.find import find_task
from common.contract.predictor import Predictor
from common.contract.task import Task
from common.data.examples import Example
from common.errors import UserError
from common.files import read_record, whole_file, write_json
from common.runs.run import Run, task_of
from common.scores.plots import save_figure

# Minimum width of a model's name in a table of scores, with its frame.
_NAME_WIDTH = 14


def evaluate_run(run: Run, predictor: Predictor, with_baselines: bool = True) -> dict[str, Any]:
    """Score a run on its test split, with the baselines, and write metrics.json, predictions.csv and figures.

    Args:
        run: a finished run.
        predictor: of the run.
        with_baselines: whether to score the baselines; not needed if another run on the same data has them.

    Returns:
        Content of metrics.json, without the tables.
    """
    task = predicting_task(predictor)
    source = task_of(run).open_source()
    if not run.learned_from(source.fingerprint):
        raise UserError(
            f"The data of run {run.name} has changed since training, so its test split may contain training "
            "examples: train a new run, or score this one on a file: make evaluate DATA=..."
        )
    if "test" not in source.counts:
        raise UserError(
            f"The data of run {run.name} has no test split; score it on a file: make evaluate DATA=..."
        )
    evaluation = evaluate(task, predictor, lambda: source.examples("test"), source.counts["test"])
    baselines: dict[str, dict[str, float]] = {}
    if with_baselines:
        preprocessing = task.preprocessing_class.load(task.settings, run.preprocessing_folder)
        test = source.examples("test")
        with results.status("Training the baselines"):
            baselines = task.baselines(source, preprocessing, test)
    about = {"dataset": source.name, "split": "test", "examples": source.counts["test"]}
    record = _record(task, evaluation, about) | {"baselines": baselines, **read_record(run.training_file)}
    write_evaluation(evaluation, record, run.folder)
    report(evaluation, record, run.name)
    return record


def evaluate_file(predictor: Predictor, path: Path, settings: Any, output: Path | None) -> dict[str, Any]:
    """Score a run or an export on any labelled file.

    Args:
        predictor: from a run or an export.
        path: the labelled file.
        settings: of the run, with the user's column names.
        output: folder for metrics.json, predictions.csv and figures; None to only print.
    """
    labelled = find_task(predictor.task)(settings).open_labelled(path, predictor.labels)
    if not labelled.count:
        raise UserError(f"{path} has no rows to score; give a labelled file.")
    for name, count in labelled.report.items():
        if count:
            results.print(f"{name.replace('_', ' ')}: {count:,}")
    # With the run's own settings: the changed ones only describe how this file is read.
    task = predicting_task(predictor)
    evaluation = evaluate(task, predictor, labelled.examples, labelled.count)
    record = _record(task, evaluation, {"dataset": str(path), "examples": labelled.count})
    return _written(evaluation, record | {"model": predictor.source}, predictor, output)


def evaluate_split(predictor: Predictor, output: Path | None) -> dict[str, Any]:
    """Score an export or an ensemble of runs on the test split of the data that it was trained on."""
    task = predicting_task(predictor)
    source = task.open_source()
    evaluation = evaluate(task, predictor, lambda: source.examples("test"), source.counts["test"])
    about = {"dataset": source.name, "split": "test", "examples": source.counts["test"]}
    record = _record(task, evaluation, about) | {"model": predictor.source}
    return _written(evaluation, record, predictor, output)


def predicting_task(predictor: Predictor) -> Task:
    """Create the task of a predictor, with the predictor's settings."""
    return find_task(predictor.task)(predictor.settings)


def _record(task: Task, evaluation: Evaluation, about: dict[str, Any]) -> dict[str, Any]:
    return {
        "task": task.name,
        **about,
        "metric": task.judged_by,
        "metrics": _all_metrics(evaluation),
    }


def _written(
    evaluation: Evaluation, record: dict[str, Any], predictor: Predictor, output: Path | None
) -> dict[str, Any]:
    if output is not None:
        write_evaluation(evaluation, record, output)
    report(evaluation, record, predictor.source)
    return record


def evaluate(
    task: Task, predictor: Predictor, examples: Callable[[], Iterable[Example]], count: int
) -> Evaluation:
    """Answer examples through the serving graph and compare the answers with the truth.

    Args:
        task: of the predictor, with its settings.
        predictor: from a run or an export.
        examples: yields the examples; called for each pass, so that they need not fit in memory.
        count: number of examples.
    """

    def scored(options: dict[str, Any] | None = None) -> Evaluation:
        answered = predictor.answer_all(examples(), options)
        tracked = track(answered, "Answering", total=count, console=results, transient=True)
        return task.evaluate(predictor.labels, tracked)

    evaluation = scored()
    for name, options in task.variants().items():
        evaluation.variants[name] = scored(options).metrics
    for number, example in enumerate(islice(examples(), predictor.examples_drawn), 1):
        evaluation.figures[f"example_{number}.png"] = predictor.draw(example)
    return evaluation


def _all_metrics(evaluation: Evaluation) -> dict[str, float]:
    """The metrics, and those of the variants with the variant's name appended."""
    of_variants = {
        f"{metric}_{name}": value
        for name, metrics in evaluation.variants.items()
        for metric, value in metrics.items()
    }
    return evaluation.metrics | of_variants


def write_evaluation(evaluation: Evaluation, record: dict[str, Any], folder: Path) -> None:
    """Write predictions.csv, the task's other files, figures/ and, last, metrics.json."""
    with whole_file(folder / "predictions.csv") as path:
        pd.DataFrame(evaluation.predictions).to_csv(path, index=False)
    for name, rows in evaluation.files.items():
        with whole_file(folder / name) as path:
            pd.DataFrame(rows).to_csv(path, index=False)
    for name, figure in evaluation.figures.items():
        save_figure(figure, folder / "figures" / name)
    write_json(folder / "metrics.json", {**record, "tables": evaluation.tables})


def report(evaluation: Evaluation, record: dict[str, Any], name: str) -> None:
    """Print the scores with those of the baselines, and the task's tables."""
    names = [metric for metric in evaluation.metrics if not metric.endswith(("_low", "_high"))]
    where = f"{record['dataset']}, {record.get('split', 'file')}"
    rows = [(name, [_with_interval(evaluation.metrics, metric) for metric in names])]
    baselines = record.get("baselines", {})
    others = evaluation.variants | {baseline_title(*item): item[1] for item in baselines.items()}
    rows += [(other, [_number(metrics.get(metric)) for metric in names]) for other, metrics in others.items()]
    results.print(_scores(f"{escape(where)}: {record['examples']:,} examples", names, rows))
    for title, rows in evaluation.tables.items():
        table = Table(title=title)
        for column in rows[0]:
            justify = "left" if isinstance(rows[0][column], str) else "right"
            table.add_column(escape(column), justify=justify, overflow="fold")
        for row in rows:
            table.add_row(*(_number(value) for value in row.values()))
        results.print(table)


def _scores(title: str, metrics: list[str], rows: list[tuple[str, list[str]]]) -> Table:
    """A row for each model; transposed if only then no number is truncated."""
    table = Table(title=title)
    (first, numbers), *others = [(escape(name), numbers) for name, numbers in rows]
    width = sum(max(map(len, column)) + 3 for column in zip(metrics, *(row for _, row in rows), strict=True))
    transposed = max(map(len, metrics)) + sum(max(map(len, row)) + 3 for _, row in rows)
    if width + _NAME_WIDTH <= results.width or transposed + _NAME_WIDTH > results.width:
        # Folded instead of truncated: the path of an export may be long.
        table.add_column("model", overflow="fold")
        for metric in metrics:
            table.add_column(metric, justify="right")
        for name, row in ((f"[bold]{first}[/bold]", numbers), *others):
            table.add_row(name, *row)
    else:
        table.add_column("metric", no_wrap=True)
        for name in (first, *(other for other, _ in others)):
            table.add_column(name, justify="right", overflow="fold")
        for metric, *row in zip(metrics, numbers, *(row for _, row in others), strict=True):
            table.add_row(metric, *row)
    return table


def _with_interval(metrics: dict[str, float], metric: str) -> str:
    if f"{metric}_low" not in metrics:
        return _number(metrics[metric])
    return f"{metrics[metric]:.4f} (95 %: {metrics[f'{metric}_low']:.4f} to {metrics[f'{metric}_high']:.4f})"


def _number(value: Any) -> str:
    """Format a cell, escaping markup: a class may be named "[/bold]"."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4f}"
    return f"{value:,}" if isinstance(value, int) else escape(str(value))
