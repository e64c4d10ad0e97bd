"""Scores on labelled examples: answers through the serving graph, baselines beside, files for later."""

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

# Signs that a model's name has in a table of scores at least, with its frame.
_NAME_WIDTH = 14


def evaluate_run(run: Run, predictor: Predictor, with_baselines: bool = True) -> dict[str, Any]:
    """Score a run on its test split, with the baselines, and write metrics.json, predictions.csv and figures.

    Args:
        run: whose training has ended.
        predictor: of the run.
        with_baselines: False leaves them out, where another run on the same data has them.

    Returns:
        What metrics.json holds.
    """
    task = predicting_task(predictor)
    source = task_of(run).open_source()
    if not run.learned_from(source.fingerprint):
        raise UserError(
            f"The data of run {run.name} has changed since it was trained, and its test split may hold what "
            "was learned from: train a new run, or score this one on a file: make evaluate DATA=..."
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
        settings: of the run, with the columns that the user named.
        output: folder for metrics.json, predictions.csv and figures; None to print only.
    """
    labelled = find_task(predictor.task)(settings).open_labelled(path, predictor.labels)
    if not labelled.count:
        raise UserError(f"{path} holds no row to score.")
    for what, how_many in labelled.report.items():
        if how_many:
            results.print(f"{what.replace('_', ' ')}: {how_many:,}")
    # By the run's own settings: those with the user's columns say how this file is read, not the run's data.
    task = predicting_task(predictor)
    evaluation = evaluate(task, predictor, labelled.examples, labelled.count)
    record = _record(task, evaluation, {"dataset": str(path), "examples": labelled.count})
    return _written(evaluation, record | {"model": predictor.source}, predictor, output)


def evaluate_split(predictor: Predictor, output: Path | None) -> dict[str, Any]:
    """Score an export, or several runs as one, on the test split of the data that was trained on."""
    task = predicting_task(predictor)
    source = task.open_source()
    evaluation = evaluate(task, predictor, lambda: source.examples("test"), source.counts["test"])
    about = {"dataset": source.name, "split": "test", "examples": source.counts["test"]}
    record = _record(task, evaluation, about) | {"model": predictor.source}
    return _written(evaluation, record, predictor, output)


def predicting_task(predictor: Predictor) -> Task:
    """Make the task of a predictor, with the predictor's settings."""
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
        examples: called for each time that they are gone through, so that they need not be in memory.
        count: how many there are.
    """

    def scored(options: dict[str, Any] | None = None) -> Evaluation:
        answered = predictor.answer_all(examples(), options)
        shown = track(answered, "Answering", total=count, console=results, transient=True)
        return task.evaluate(predictor.labels, shown)

    evaluation = scored()
    for name, options in task.variants().items():
        evaluation.variants[name] = scored(options).metrics
    for number, example in enumerate(islice(examples(), predictor.examples_drawn), 1):
        evaluation.figures[f"example_{number}.png"] = predictor.draw(example)
    return evaluation


def _all_metrics(evaluation: Evaluation) -> dict[str, float]:
    """The metrics, and those of the variants with the variant's name behind."""
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
    """Print the scores, the baselines beside them, and the task's tables."""
    shown = [metric for metric in evaluation.metrics if not metric.endswith(("_low", "_high"))]
    where = f"{record['dataset']}, {record.get('split', 'file')}"
    rows = [(name, [_with_interval(evaluation.metrics, metric) for metric in shown])]
    baselines = record.get("baselines", {})
    others = evaluation.variants | {baseline_title(*item): item[1] for item in baselines.items()}
    rows += [(other, [_number(metrics.get(metric)) for metric in shown]) for other, metrics in others.items()]
    results.print(_scores(f"{escape(where)}: {record['examples']:,} examples", shown, rows))
    for title, rows in evaluation.tables.items():
        table = Table(title=title)
        for column in rows[0]:
            justify = "left" if isinstance(rows[0][column], str) else "right"
            table.add_column(escape(column), justify=justify, overflow="fold")
        for row in rows:
            table.add_row(*(_number(value) for value in row.values()))
        results.print(table)


def _scores(title: str, metrics: list[str], rows: list[tuple[str, list[str]]]) -> Table:
    """A row for each model; a column for each where only so no number is cut."""
    table = Table(title=title)
    (first, numbers), *others = [(escape(name), numbers) for name, numbers in rows]
    beside = sum(max(map(len, column)) + 3 for column in zip(metrics, *(row for _, row in rows), strict=True))
    below = max(map(len, metrics)) + sum(max(map(len, row)) + 3 for _, row in rows)
    if beside + _NAME_WIDTH <= results.width or below + _NAME_WIDTH > results.width:
        # Folded, not cut: the folder of an export may be long.
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
    """Write a cell; a class named "[/bold]" is no markup."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4f}"
    return f"{value:,}" if isinstance(value, int) else escape(str(value))
