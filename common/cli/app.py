"""The command line: `python -m common.cli VERB`, which the Makefile's targets call."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from common.cli.one_line_errors import one_line_errors
from common.cli.options import (
    ColumnOption,
    DataOption,
    DatasetOption,
    ModelOption,
    PresetOption,
    RunOption,
    SetOption,
    TaskOption,
    command_line,
)
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

# TensorFlow takes seconds to import, so it and modules that need it are imported inside the verbs.
if TYPE_CHECKING:
    from common.contract.predictor import Predictor
    from common.contract.task import Task

app = command_line("Recurrent networks for sequence tasks: train, evaluate, export, predict.")


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
        typer.Option(help="name of a new run; or, without settings and data, of a killed run to resume"),
    ] = "",
    baselines: Annotated[bool, typer.Option(help="whether to train and score the baselines too")] = True,
) -> None:
    """Train a run, or resume a killed one, and score it on its test split."""
    from common.runs.run import check_new_name, existing_run

    if dataset and data:
        raise UserError("Give either DATASET or DATA, not both.")
    killed = existing_run(run, task or None)
    has_settings = any((dataset, preset, set_, data, data_validation, data_test, column))
    if killed is not None and not has_settings:
        task_class = _find_task(killed.task)
        from common.learning.pipeline import resume

        trained = resume(killed)
    else:
        if run and not has_settings:
            check_new_name(run, task or None)
        task_class = _find_task(task)
        from common.config import OWN_FILE, preset_names
        from common.learning.pipeline import start

        files = {"data.file": data, "data.validation_file": data_validation, "data.test_file": data_test}
        overrides = {key: value for key, value in files.items() if value}
        overrides |= _column_overrides(task_class, column)
        own_file = bool(data) and OWN_FILE in preset_names(TASKS_FOLDER / task)
        preset = preset or (OWN_FILE if own_file else "")
        trained = start(task_class(_settings(task, preset, dataset, set_, overrides)), run or None)
    _evaluate_run(trained, baselines)
    name, example = task_class.name, task_class.predictor_class.predict_example
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
    task_class, predictor, trained = _predictor(task, run, model)
    from common.answering.evaluation import evaluate_file, evaluate_split

    if data:
        settings = _for_a_file(task_class, predictor.settings, column, set_)
        folder = Path(output) if output else trained and trained.evaluation_folder(Path(data))
        evaluate_file(predictor, Path(data), settings, folder)
        if folder:
            typer.echo(f"Written: {shown_path(folder)}")
    elif column or set_:
        raise UserError("Columns and SET are for reading a file; name it with DATA.")
    elif trained is not None:
        if output:
            raise UserError("OUTPUT is for DATA or MODEL; a run's scores go to its own folder.")
        _evaluate_run(trained)
    else:
        evaluate_split(predictor, Path(output) if output else None)


@app.command()
@one_line_errors
def export(task: TaskOption = "", run: RunOption = "") -> None:
    """Export a run as a SavedModel, saved_models/<task>/<version>/, and verify it."""
    _, trained = _task_and_run(task, run)
    from common.answering.export import export_run

    folder = export_run(trained)
    typer.echo(
        f"Exported run {trained.name} to {shown_path(folder)}; verified: it gives the run's answers "
        "without this project."
    )
    typer.echo(f"How to call it: {shown_path(folder / 'README.md')}")


@app.command()
@one_line_errors
def predict(
    task: TaskOption = "",
    run: RunOption = "",
    model: ModelOption = "",
    text: Annotated[str | None, typer.Option(help="one text; default: lines on standard input")] = None,
    input_: Annotated[
        str, typer.Option("--input", help="a table, a file of lines, or a picture or a folder of them")
    ] = "",
    output: Annotated[str, typer.Option(help="file for the answers; for a table: .csv, .tsv or .jsonl")] = "",
    column: ColumnOption = None,
    set_: SetOption = "",
    format_: Annotated[str, typer.Option("--format", help="text | json")] = "text",
    plot: Annotated[str, typer.Option(help="file for a plot of the answer: .png, .pdf or .svg")] = "",
) -> None:
    """Answer one text, lines on standard input, or a file."""
    if text is not None and task:
        _find_task(task).predictor_class.check_text(text)
    if text is not None and input_:
        raise UserError("Give either TEXT or INPUT, not both.")
    if input_ and format_ != "text":
        raise UserError("FORMAT is for texts; a table's format is set by OUTPUT: .csv, .tsv or .jsonl.")
    if (set_ or column or output) and not input_:
        raise UserError("SET, columns and OUTPUT are for a file; name it with INPUT.")
    if plot and text is None and not input_:
        raise UserError("PLOT needs TEXT or INPUT: what should be drawn?")
    # The shell does not expand ~ after an equals sign in quotes.
    input_, output, plot = (name and str(Path(name).expanduser()) for name in (input_, output, plot))
    if plot:
        check_plot(Path(plot))
    if input_ and task:
        _find_task(task).predictor_class.check_input(Path(input_), output)
    task_class, predictor, _ = _predictor(task, run, model)
    plot_file = Path(plot) if plot else None
    if input_:
        if not task:
            predictor.check_input(Path(input_), output)
        if not output:
            predictor.show_file(Path(input_), sys.stdout, plot_file)
            return
        settings = _for_a_file(task_class, predictor.settings, column, set_)
        summary = predictor.answer_file(Path(input_), Path(output), settings, plot_file)
        typer.echo(f"{summary} by {predictor.source}: {output}{f', {plot}' if plot else ''}")
        return
    predictor.check_text(text)
    if text is not None:
        predictor.answer_lines([checked_text(text)], format_, sys.stdout)
        if plot_file:
            predictor.draw_text(checked_text(text), plot_file)
            typer.echo(f"Drawn: {plot}", err=True)
    else:
        interactive = sys.stdin.isatty()
        if interactive:
            typer.echo("One text per line; end with Ctrl-D.", err=True)
        predictor.answer_lines(lines_of_stdin(), format_, sys.stdout, one_by_one=interactive)


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
    """Print every setting of a preset, with its value and meaning."""
    from common.cli.listings import print_settings

    print_settings(_settings(task, preset, dataset, set_, {}))


@app.command(name="new-task")
@one_line_errors
def new_task(
    name: Annotated[str, typer.Argument(help="name of the task, e.g. speech_recognition")] = "",
    input_: Annotated[
        str, typer.Option("--input", help="type of the input: text | characters | series | images")
    ] = "text",
) -> None:
    """Create the skeleton of a task, with a first test and a recipe; it trains on toy data at once."""
    from common.cli.new_task import write_task

    for path in write_task(name, input_):
        typer.echo(f"Written: {shown_path(path)}")
    typer.echo(f"Next: make train TASK={name}; make results-page adds the task to the README's tables")


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
    preset = choose_preset(folder, preset or None, dataset or None)
    return load_settings(settings_class, folder, preset, overrides | _parse(set_))


def _for_a_file(task: "type[Task]", settings: Any, column: list[str] | None, set_: str) -> Any:
    """Return the settings of a run, with the user's changes for reading a file."""
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
        # make gives its variables' names as they are: DATA_TEXT is TEXT.
        name = name.lower()
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
    """Return the task, the predictor, and the run if it is a single run."""
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
            raise UserError(f"MODEL={model} belongs to the task {predictor.task}, not {task}.")
        return _find_task(predictor.task), predictor, None
    task_class, trained = _task_and_run(task, run)
    from common.answering.loading import load_run

    return task_class, load_run(trained), trained


def _ensemble(task: str, names: list[str]) -> "Predictor":
    from common.runs.run import find_run

    runs = [find_run(name, task or None) for name in names]
    if not runs:
        raise UserError("MODEL names no runs; give their names, separated by commas.")
    if len({run.task for run in runs}) > 1:
        raise UserError(f"MODEL={','.join(names)}: the runs belong to several tasks; name runs of one task.")
    import_tensorflow_quietly()
    from common.answering.loading import load_runs

    return load_runs(runs)


def _evaluate_run(run: Any, baselines: bool = True) -> None:
    from common.answering.evaluation import evaluate_run
    from common.answering.loading import load_run

    evaluate_run(run, load_run(run), baselines)
    typer.echo(f"Run: {shown_path(run.folder)}")
