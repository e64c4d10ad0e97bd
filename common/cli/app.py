"""The command line: `python -m common.cli VERB`. The Makefile's targets are each one call of it."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from common.cli.one_line_errors import OneLineGroup, one_line_errors
from common.cli.text_input import checked_text, lines_of_stdin
from common.contract.find import (
    TASKS_FOLDER,
    check_task_name,
    find_data_sets,
    find_settings,
    find_task,
    task_names,
)
from common.errors import UserError, unknown_name
from common.files import check_plot, shown_path
from common.quiet_tensorflow import import_tensorflow_quietly

# TensorFlow takes seconds to import: it and what needs it is imported inside the verbs that use it.
if TYPE_CHECKING:
    from common.contract.predictor import Predictor
    from common.contract.task import Task

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

app = typer.Typer(
    cls=OneLineGroup,
    help="Recurrent networks for sequence tasks: train, evaluate, export, predict.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

TaskOption = Annotated[str, typer.Option("--task", help="folder of the task under tasks/, e.g. sentiment")]
DatasetOption = Annotated[str, typer.Option("--dataset", help="name of a data set, see `datasets`")]
PresetOption = Annotated[str, typer.Option("--preset", help="name of a preset of the task")]
SetOption = Annotated[str, typer.Option("--set", help='settings to change: "model.units=128 train.epochs=3"')]
DataOption = Annotated[str, typer.Option("--data", help="your own file with labelled examples")]
ColumnOption = Annotated[
    list[str] | None, typer.Option("--column", help="column of your file: text=review_body label=stars")
]
RunOption = Annotated[str, typer.Option("--run", help="name of a run; the newest finished one if not given")]
ModelOption = Annotated[
    str, typer.Option("--model", help="folder of an export, or several runs that answer as one: run1,run2")
]


@app.command()
@one_line_errors
def train(
    task: TaskOption = "",
    dataset: DatasetOption = "",
    preset: PresetOption = "",
    set_: SetOption = "",
    data: DataOption = "",
    data_validation: Annotated[str, typer.Option(help="your own validation file")] = "",
    data_test: Annotated[str, typer.Option(help="your own test file")] = "",
    column: ColumnOption = None,
    run: Annotated[
        str,
        typer.Option(help="name of a new run; or, without settings and data, of a killed run, which goes on"),
    ] = "",
    baselines: Annotated[bool, typer.Option(help="whether the baselines are trained and scored too")] = True,
) -> None:
    """Train a run, or go on with one that was killed, and score it on its test split."""
    from common.runs.run import check_new_name, existing_run

    if dataset and data:
        raise UserError("Give either DATASET or DATA, not both.")
    killed = existing_run(run, task or None)
    asked = any((dataset, preset, set_, data, data_validation, data_test, column))
    if killed is not None and not asked:
        found = _find_task(killed.task)
        from common.learning.pipeline import resume

        trained = resume(killed)
    else:
        if run and not asked:
            check_new_name(run, task or None)
        found = _find_task(task)
        from common.config import OWN_FILE, preset_names
        from common.learning.pipeline import start

        files = {"data.file": data, "data.validation_file": data_validation, "data.test_file": data_test}
        overrides = {key: value for key, value in files.items() if value}
        overrides |= _column_overrides(found, column)
        own_file = bool(data) and OWN_FILE in preset_names(TASKS_FOLDER / found.name)
        chosen = preset or (OWN_FILE if own_file else "")
        trained = start(found(_settings(found.name, chosen, dataset, set_, overrides)), run or None)
    _evaluate_run(trained, baselines)
    name, example = found.name, found.predictor_class.predict_example
    typer.echo(f"Next: make predict TASK={name} {example} | make export TASK={name}")


@app.command()
@one_line_errors
def evaluate(
    task: TaskOption = "",
    run: RunOption = "",
    model: ModelOption = "",
    data: DataOption = "",
    column: ColumnOption = None,
    set_: SetOption = "",
    output: Annotated[str, typer.Option(help="folder for metrics.json, predictions.csv and figures")] = "",
) -> None:
    """Score a run on its test split, or a run or an export on any labelled file."""
    output = output and str(Path(output).expanduser())
    found, predictor, trained = _predictor(task, run, model)
    from common.answering.evaluation import evaluate_file, evaluate_split

    if data:
        settings = _for_a_file(found, predictor.settings, column, set_)
        folder = Path(output) if output else trained and trained.evaluation_folder(Path(data))
        evaluate_file(predictor, Path(data), settings, folder)
        if folder:
            typer.echo(f"Written: {shown_path(folder)}")
    elif column or set_:
        raise UserError("Columns and SET say how a file is read; name it with DATA.")
    elif trained is not None:
        if output:
            raise UserError("OUTPUT is for DATA or MODEL; a run's scores go into its own folder.")
        _evaluate_run(trained)
    else:
        evaluate_split(predictor, Path(output) if output else None)


@app.command()
@one_line_errors
def export(task: TaskOption = "", run: RunOption = "") -> None:
    """Write a run as a SavedModel, saved_models/<task>/<version>/, and check it."""
    _, trained = _task_and_run(task, run)
    from common.answering.export import export_run

    folder = export_run(trained)
    typer.echo(
        f"Exported run {trained.name} to {shown_path(folder)}; it answers as the run does, "
        "without this project."
    )
    typer.echo(f"How to call it: {shown_path(folder / 'README.md')}")


@app.command()
@one_line_errors
def predict(
    task: TaskOption = "",
    run: RunOption = "",
    model: ModelOption = "",
    text: Annotated[
        str | None, typer.Option(help="one text; lines are read from standard input if not given")
    ] = None,
    input_: Annotated[
        str, typer.Option("--input", help="a table, a file of lines, of which each is answered, or a picture")
    ] = "",
    output: Annotated[str, typer.Option(help="where the answers go; of a table: .csv, .tsv or .jsonl")] = "",
    column: ColumnOption = None,
    set_: SetOption = "",
    format_: Annotated[str, typer.Option("--format", help="text | json")] = "text",
    plot: Annotated[str, typer.Option(help="where a picture of the answer goes: .png, .pdf or .svg")] = "",
) -> None:
    """Answer one text, a table, or lines on standard input."""
    if text is not None and task:
        _find_task(task).predictor_class.check_text(text)
    if text is not None and input_:
        raise UserError("Give either TEXT or INPUT, not both.")
    if input_ and format_ != "text":
        raise UserError("FORMAT is for texts; a table's format is that of its OUTPUT: .csv, .tsv or .jsonl.")
    if (set_ or column or output) and not input_:
        raise UserError("SET, columns and OUTPUT are for a file that is answered; name it with INPUT.")
    if plot and text is None and not input_:
        raise UserError("PLOT needs TEXT or INPUT: what should be drawn?")
    # The shell leaves ~ alone behind an equals sign in quotes.
    input_, output, plot = (name and str(Path(name).expanduser()) for name in (input_, output, plot))
    if plot:
        check_plot(Path(plot))
    if input_ and task:
        _find_task(task).predictor_class.check_input(Path(input_), output)
    found, predictor, _ = _predictor(task, run, model)
    picture = Path(plot) if plot else None
    if input_:
        if not task:
            predictor.check_input(Path(input_), output)
        if not output:
            predictor.show_file(Path(input_), sys.stdout, picture)
            return
        settings = _for_a_file(found, predictor.settings, column, set_)
        done = predictor.answer_file(Path(input_), Path(output), settings, picture)
        typer.echo(f"{done} by {predictor.source}: {output}{f', {plot}' if plot else ''}")
        return
    predictor.check_text(text)
    if text is not None:
        predictor.answer_lines([checked_text(text)], format_, sys.stdout)
        if picture:
            predictor.draw_text(checked_text(text), picture)
            typer.echo(f"Drawn: {plot}", err=True)
    else:
        typing = sys.stdin.isatty()
        if typing:
            typer.echo("One text a line; end with Ctrl-D.", err=True)
        predictor.answer_lines(lines_of_stdin(), format_, sys.stdout, one_by_one=typing)


@app.command()
@one_line_errors
def benchmark(
    task: TaskOption = "",
    dataset: DatasetOption = "",
    recipe: Annotated[str, typer.Option(help="name of one recipe of benchmarks/recipes/")] = "",
) -> None:
    """Train the recorded recipes, score them and write benchmarks/results/ and the results page."""
    _find_task(task)
    from benchmarks.running import run_recipes

    run_recipes(task, dataset or None, recipe or None)


@app.command(name="results-page")
@one_line_errors
def results_page() -> None:
    """Write the results page again from the recorded results."""
    from benchmarks.pages.results import write_results_page

    typer.echo(f"Written: {shown_path(write_results_page())}")


@app.command(name="gradient-flow")
@one_line_errors
def gradient_flow(
    output: Annotated[str, typer.Option(help="folder for the picture and the tables")] = "runs/gradient_flow",
    lengths: Annotated[
        str, typer.Option(help="the n: how many steps are to be remembered")
    ] = "5 10 20 40 80",
    traced_length: Annotated[int, typer.Option(help="the n at which the norms are taken")] = 40,
    units: Annotated[int, typer.Option(help="width of every state")] = 32,
    steps: Annotated[int, typer.Option(help="training steps at most")] = 1000,
    seeds: Annotated[int, typer.Option(help="trainings of each kind")] = 3,
    workers: Annotated[int, typer.Option(help="processes")] = 2,
) -> None:
    """Measure how far back Elman's layer, LSTM and GRU learn from: norms of ds_t/ds_k, memories solved."""
    from benchmarks.gradient_flow.study import Study, parse_lengths, run_study

    study = Study(parse_lengths(lengths), traced_length, units, steps, seeds, workers)
    study.check()
    import_tensorflow_quietly()
    for path in run_study(study, Path(output)):
        typer.echo(f"Written: {shown_path(path)}")


@app.command()
@one_line_errors
def datasets(task: TaskOption = "") -> None:
    """List the data sets with their counts, sizes, licences and citations."""
    from common.cli.listings import print_datasets

    print_datasets([task] if task else task_names())


@app.command()
@one_line_errors
def runs(task: TaskOption = "") -> None:
    """List the runs with their scores."""
    from common.cli.listings import print_runs

    print_runs(task or None)


@app.command()
@one_line_errors
def config(
    task: TaskOption = "", preset: PresetOption = "", dataset: DatasetOption = "", set_: SetOption = ""
) -> None:
    """Print every setting of a preset: its value and its meaning."""
    from common.cli.listings import print_settings

    print_settings(_settings(task, preset, dataset, set_, {}))


@app.command(name="new-task")
@one_line_errors
def new_task(
    name: Annotated[str, typer.Argument(help="name of the task, e.g. speech_recognition")] = "",
    input_: Annotated[
        str, typer.Option("--input", help="what goes in: text | characters | series | images")
    ] = "text",
) -> None:
    """Write the skeleton of a task with a first test and a recipe; it trains at once on toy data."""
    from common.cli.new_task import write_task

    for path in write_task(name, input_):
        typer.echo(f"Written: {shown_path(path)}")
    typer.echo(f"Next: make train TASK={name}; make results-page puts the task in the README's tables")


def _find_task(name: str) -> "type[Task]":
    check_task_name(name)
    import_tensorflow_quietly()
    return find_task(name)


def _settings(task: str, preset: str, dataset: str, set_: str, overrides: dict[str, Any]) -> Any:
    """Resolve the settings of a new run; needs no TensorFlow."""
    from common.config import choose_preset, load_settings

    settings_class = find_settings(task)
    if dataset:
        find_data_sets(task).find(dataset)
        overrides = {"data.dataset": dataset, **overrides}
    folder = TASKS_FOLDER / task
    chosen = choose_preset(folder, preset or None, dataset or None)
    return load_settings(settings_class, folder, chosen, overrides | _parse(set_))


def _for_a_file(task: "type[Task]", settings: Any, column: list[str] | None, set_: str) -> Any:
    """Settings of a run, with what the user says of a file that it is to answer."""
    from common.config import override_settings

    overrides = _column_overrides(task, column) | _parse(set_)
    if not overrides:
        return settings
    changed = override_settings(settings, overrides)
    task.check_reading(settings, changed)
    return changed


def _parse(set_: str) -> dict[str, Any]:
    from common.config import parse_overrides

    return parse_overrides(set_)


def _column_overrides(task: "type[Task]", columns: list[str] | None) -> dict[str, str]:
    overrides = {}
    for pair in columns or []:
        name, equals, value = pair.partition("=")
        if not equals:
            raise UserError(f"--column {pair}: write NAME=COLUMN, e.g. --column text={pair}.")
        if name not in task.columns:
            variables = [f"DATA_{column.upper()}" for column in task.columns]
            raise unknown_name("variable", f"DATA_{name.upper()}", variables)
        overrides[f"data.{task.columns[name]}"] = value
    return overrides


def _task_and_run(task: str, run: str) -> tuple["type[Task]", Any]:
    from common.runs.run import find_run, newest_run

    if run:
        trained = find_run(run, task or None)
        return _find_task(trained.task), trained
    return _find_task(task), newest_run(task)


def _predictor(task: str, run: str, model: str) -> tuple["type[Task]", "Predictor", Any]:
    """What answers, its task, and its run if it is one run."""
    if run and model:
        raise UserError("Give either RUN or MODEL, not both.")
    if "," in model:
        predictor = _ensemble(task, [name.strip() for name in model.split(",") if name.strip()])
        return _find_task(predictor.task), predictor, None
    if model:
        import_tensorflow_quietly()
        from common.answering.export import find_export
        from common.answering.loading import load_export

        predictor = load_export(find_export(model))
        if task and predictor.task != task:
            raise UserError(f"MODEL={model} is of the task {predictor.task}, not {task}.")
        return _find_task(predictor.task), predictor, None
    found, trained = _task_and_run(task, run)
    from common.answering.loading import load_run

    return found, load_run(trained), trained


def _ensemble(task: str, names: list[str]) -> "Predictor":
    from common.runs.run import find_run

    runs = [find_run(name, task or None) for name in names]
    if not runs:
        raise UserError("MODEL names no run; give names with commas between them.")
    if len({run.task for run in runs}) > 1:
        raise UserError(f"MODEL={','.join(names)} are runs of several tasks; name runs of one.")
    import_tensorflow_quietly()
    from common.answering.loading import load_runs

    return load_runs(runs)


def _evaluate_run(run: Any, baselines: bool = True) -> None:
    from common.answering.evaluation import evaluate_run
    from common.answering.loading import load_run

    evaluate_run(run, load_run(run), baselines)
    typer.echo(f"Run: {shown_path(run.folder)}")
