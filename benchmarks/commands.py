"""The command line of the benchmarks: `python -m benchmarks VERB`; the Makefile calls it."""

from pathlib import Path
from typing import Annotated

import typer

from common.cli.one_line_errors import one_line_errors
from common.cli.options import DatasetOption, TaskOption, command_line
from common.contract.find import check_task_name
from common.files import shown_path
from common.quiet_tensorflow import import_tensorflow_quietly

app = command_line("Recipes, the pages generated from their results, and studies of the layers.")


@app.command(name="run")
@one_line_errors
def run(
    task: TaskOption = "",
    dataset: DatasetOption = "",
    recipe: Annotated[str, typer.Option(help="name of one recipe in benchmarks/recipes/")] = "",
) -> None:
    """Train the recorded recipes, score them and write benchmarks/results/ and the results page."""
    check_task_name(task)
    import_tensorflow_quietly()
    from benchmarks.running import run_recipes

    run_recipes(task, dataset or None, recipe or None)


@app.command(name="results-page")
@one_line_errors
def results_page() -> None:
    """Regenerate the results page and the README's tables from the recorded results."""
    from benchmarks.pages.results import write_results_page

    typer.echo(f"Written: {shown_path(write_results_page())}")


@app.command(name="gradient-flow")
@one_line_errors
def gradient_flow(
    output: Annotated[str, typer.Option(help="folder for the figure and the tables")] = "runs/gradient_flow",
    lengths: Annotated[
        str, typer.Option(help="values of n, the number of steps to remember")
    ] = "5 10 20 40 80",
    traced_length: Annotated[int, typer.Option(help="the n for which the norms are measured")] = 40,
    units: Annotated[int, typer.Option(help="hidden units of every cell")] = 32,
    steps: Annotated[int, typer.Option(help="maximum number of training steps")] = 1000,
    seeds: Annotated[int, typer.Option(help="number of runs of each kind")] = 3,
    workers: Annotated[int, typer.Option(help="number of processes")] = 2,
) -> None:
    """Measure how far back Elman, LSTM and GRU layers learn: norms of ds_t/ds_k, and a memory task."""
    from benchmarks.gradient_flow.study import Study, parse_lengths, run_study

    study = Study(parse_lengths(lengths), traced_length, units, steps, seeds, workers)
    study.check()
    import_tensorflow_quietly()
    for path in run_study(study, Path(output)):
        typer.echo(f"Written: {shown_path(path)}")
