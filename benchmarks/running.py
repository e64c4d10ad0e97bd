"""Running of recipes: each seed is trained and scored in its own process, and recorded as JSON."""

import os
import statistics
import subprocess
import sys
import time
from typing import Any

from benchmarks.pages.results import write_results_page
from benchmarks.recipe import Recipe, choose_recipes, read_records, records_file
from common.answering.evaluation import evaluate_split
from common.answering.loading import load_runs
from common.config import choose_preset, load_settings, parse_overrides
from common.console import progress
from common.contract.find import TASKS_FOLDER, find_task
from common.contract.task import Task
from common.errors import UserError
from common.files import PROJECT_FOLDER, read_json, write_json
from common.runs.environment import environment
from common.runs.run import Run, list_runs, runs_folder, task_of

INTERVAL_SUFFIXES = ("_low", "_high")


def run_recipes(name: str, dataset: str | None, recipe: str | None) -> None:
    """Train and score the chosen recipes, and record each as soon as its last seed is finished.

    Killed runs are resumed, and a seed with a finished run of the same settings and commit is not repeated.

    Args:
        name: of the task.
        dataset: only the recipes on this data set.
        recipe: only the recipe of this name.

    Raises:
        UserError: if there is no such recipe, a recipe is invalid, or training fails.
    """
    # Check all recipes before the first one is trained.
    task = find_task(name)
    chosen = choose_recipes(name, dataset, recipe)
    for recipe_of_task in chosen:
        for seed in recipe_of_task.seeds:
            recipe_settings(task, recipe_of_task, seed)
    if (environment(seed=0)["commit"] or "").endswith("+changes"):
        progress.print("The code has uncommitted changes, so these results are not reproducible for others.")
    for recipe_of_task in chosen:
        stages = [
            # The baselines do not depend on the seed.
            _run_seed(task, recipe_of_task, seed, baselines=number == 0)
            for number, seed in enumerate(recipe_of_task.seeds)
        ]
        records = make_records(task, recipe_of_task, stages)
        if recipe_of_task.ensemble:
            records += ensemble_records(task, recipe_of_task, [runs[-1] for runs in stages], records[0])
        save_records(task.name, records)
        path = write_results_page()
        progress.print(f"Recipe {recipe_of_task.name} is recorded in {records_file(task.name)} and {path}")


def recipe_settings(task: type[Task], recipe: Recipe, seed: int, first_stage: str = "") -> Any:
    """Resolve a recipe's settings for one seed, as the command line does.

    Args:
        task: whose recipe it is.
        recipe: the recipe.
        seed: one of its seeds.
        first_stage: run to start from, for recipes with `start_from`.

    Raises:
        UserError: if the recipe names a data set, preset or setting that does not exist.
    """
    task.data_sets.find(recipe.dataset)
    changes = _changes(recipe, seed, first_stage or recipe.start_from)
    overrides = {"data.dataset": recipe.dataset, **parse_overrides(changes)}
    folder = TASKS_FOLDER / task.name
    preset = choose_preset(folder, recipe.preset, recipe.dataset)
    return load_settings(task.settings_class, folder, preset, overrides)


def _changes(recipe: Recipe, seed: int, first_stage: str) -> str:
    """Return a recipe's changes to its preset, as in SET=."""
    start = f"model.start_from={first_stage}" if first_stage else ""
    return " ".join(filter(None, (recipe.set, start, f"seed={seed}")))


def make_records(task: type[Task], recipe: Recipe, stages: list[list[Run]]) -> list[dict[str, Any]]:
    """Summarise the runs of a recipe, with one record per metric; the main metric is first.

    Args:
        task: of the recipe.
        recipe: the recipe.
        stages: runs of each seed; the last stage is scored, and the time is that of all stages.
    """
    runs = [of_seed[-1] for of_seed in stages]
    scores = [read_json(run.metrics_file) for run in runs]
    metrics = [name for name in scores[0]["metrics"] if not name.endswith(INTERVAL_SUFFIXES)]
    judged_by = task_of(runs[0]).judged_by
    metrics.sort(key=lambda name: name != judged_by)
    shared = _shared_by_metrics(task, recipe, stages)
    return [_record(task, recipe, metric, judged_by, scores, shared) for metric in metrics]


def ensemble_records(
    task: type[Task], recipe: Recipe, runs: list[Run], like: dict[str, Any]
) -> list[dict[str, Any]]:
    """Score the ensemble of a recipe's runs, and record each metric as `<metric>_of_all_seeds`.

    Args:
        task: of the recipe.
        recipe: the recipe.
        runs: one per seed.
        like: a record of the recipe, for the values that the ensemble shares with its members.
    """
    folder = runs_folder() / task.name / f"benchmark-{recipe.name}-ensemble"
    metrics = evaluate_split(load_runs(runs), folder)["metrics"]
    totals = {name: like[name] * len(runs) for name in ("parameters", "train_seconds")}
    return [
        {
            **like,
            **totals,
            "metric": f"{name}_of_all_seeds",
            "metric_mode": None,
            "value": value,
            "spread": None,
            "values": [value],
            "validation_value": None,
            "baselines": {},
        }
        for name, value in metrics.items()
        if not name.endswith(INTERVAL_SUFFIXES)
    ]


def save_records(task: str, records: list[dict[str, Any]]) -> None:
    """Save records to the task's file, replacing older ones of the same data set and recipe."""
    replaced = {_key(record) for record in records}
    others = [record for record in read_records(task) if _key(record) not in replaced]
    write_json(records_file(task), sorted(others + records, key=_key))


def _key(record: dict[str, Any]) -> tuple[str, str]:
    return record["dataset"], record["recipe"]


def _record(
    task: type[Task],
    recipe: Recipe,
    metric: str,
    judged_by: str,
    scores: list[dict[str, Any]],
    shared: dict[str, Any],
) -> dict[str, Any]:
    values = [score["metrics"][metric] for score in scores]
    validation = [score.get(f"best_validation_{metric}") for score in scores]
    return {
        "task": task.name,
        "dataset": recipe.data,
        "recipe": recipe.name,
        "metric": metric,
        # Only known for the main metric.
        "metric_mode": task.metric_mode if metric == judged_by else None,
        "value": statistics.fmean(values),
        "spread": statistics.stdev(values) if len(values) > 1 else None,
        "values": values,
        "validation_value": None if None in validation else statistics.fmean(validation),
        "baselines": {
            name: metrics[metric] for name, metrics in scores[0]["baselines"].items() if metric in metrics
        },
        # Number of test examples, for baselines that are too slow for all of them.
        "baseline_origins": {
            name: metrics["origins"]
            for name, metrics in scores[0]["baselines"].items()
            if "origins" in metrics
        },
        **shared,
    }


def _shared_by_metrics(task: type[Task], recipe: Recipe, stages: list[list[Run]]) -> dict[str, Any]:
    runs = [of_seed[-1] for of_seed in stages]
    environments = [read_json(run.folder / "environment.json") for run in runs]
    scores = [[read_json(run.metrics_file) for run in of_seed] for of_seed in stages]
    seconds = [round(sum(score["train_seconds"] for score in of_seed), 1) for of_seed in scores]
    settings = runs[0].settings(task.settings_class).model_dump(mode="json", exclude={"seed"})
    return {
        "seeds": list(recipe.seeds),
        "parameters": scores[0][-1]["parameters"],
        "train_seconds": round(statistics.fmean(seconds), 1),
        "train_seconds_values": seconds,
        "peak_memory_mb": max(score["peak_memory_mb"] for of_seed in scores for score in of_seed),
        "test_examples": scores[0][-1]["examples"],
        "command": f"make benchmark TASK={task.name} RECIPE={recipe.name}",
        "machine": {**environments[0]["machine"], "gpus": environments[0]["gpus"]},
        "versions": {"python": environments[0]["python"], **environments[0]["versions"]},
        # Several if there were commits while the seeds were trained.
        "commit": ", ".join(dict.fromkeys(str(one["commit"] or "unknown") for one in environments)),
        "date": time.strftime("%Y-%m-%d"),
        "runs": [run.name for run in runs],
        "settings": settings,
    }


def _run_seed(task: type[Task], recipe: Recipe, seed: int, baselines: bool) -> list[Run]:
    """Train and score one seed, after the recipe that it starts from, if any.

    Returns:
        The runs, in the order of the stages.
    """
    earlier = []
    if recipe.start_from:
        (first,) = choose_recipes(task.name, None, recipe.start_from)
        earlier = _run_seed(task, first, seed, baselines=False)
    return [*earlier, _run_stage(task, recipe, seed, earlier[-1].name if earlier else "", baselines)]


def _run_stage(task: type[Task], recipe: Recipe, seed: int, first_stage: str, baselines: bool) -> Run:
    """Train and score in a new process, for a separate peak memory."""
    what = f"Recipe {recipe.name}, seed {seed}"
    settings = recipe_settings(task, recipe, seed, first_stage)
    run = _earlier_run(task, recipe, settings)
    if run is not None and _is_scored(run, baselines):
        progress.print(f"{what}: run {run.name} has the same settings and commit; it is used.")
        return run
    options = []
    if run is None:
        run = Run(
            runs_folder() / task.name / f"{_run_prefix(recipe, settings)}{time.strftime('%Y%m%d-%H%M%S')}"
        )
        changes = _changes(recipe, seed, first_stage)
        options = ["--dataset", recipe.dataset, "--preset", recipe.preset, "--set", changes]
        progress.print(f"{what}: run {run.name}")
    else:
        progress.print(f"{what}: resuming run {run.name}")
    if not baselines:
        options.append("--no-baselines")
    _train_in_own_process(task, run, options, what)
    return run


def _train_in_own_process(task: type[Task], run: Run, options: list[str], what: str) -> None:
    command = [sys.executable, "-m", "common.cli", "train", "--task", task.name, "--run", run.name, *options]
    search_path = os.pathsep.join(filter(None, (str(PROJECT_FOLDER), os.environ.get("PYTHONPATH"))))
    result = subprocess.run(command, env={**os.environ, "PYTHONPATH": search_path}, check=False)
    if result.returncode != 0:
        raise UserError(
            f"{what} failed with exit code {result.returncode}, see above; fix it and run the same command "
            "again: finished seeds are not repeated."
        )


def _run_prefix(recipe: Recipe, settings: Any) -> str:
    return f"benchmark-{recipe.name}-seed{settings.seed}-"


def _earlier_run(task: type[Task], recipe: Recipe, settings: Any) -> Run | None:
    """Find the newest run of this recipe and seed with the same settings and commit."""
    commit = environment(settings.seed)["commit"]
    # Uncommitted changes cannot be compared.
    if commit is None or commit.endswith("+changes"):
        return None
    for run in reversed(list_runs(task.name)):
        if not run.name.startswith(_run_prefix(recipe, settings)):
            continue
        try:
            run_commit = read_json(run.folder / "environment.json")["commit"]
            if run_commit == commit and run.settings(task.settings_class) == settings:
                return run
        except (UserError, KeyError):
            continue  # Ignore damaged runs.
    return None


def _is_scored(run: Run, baselines: bool) -> bool:
    if not (run.finished and run.metrics_file.is_file()):
        return False
    return bool(read_json(run.metrics_file).get("baselines")) or not baselines
