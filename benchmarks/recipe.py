"""Recipes to train, and recorded results."""

from pathlib import Path
from typing import Any

from pydantic import Field

from benchmarks.best_baseline import with_origins
from benchmarks.entries import Entry, check_entries, read_yaml
from common.errors import UserError, unknown_name
from common.files import PROJECT_FOLDER, read_json

BENCHMARKS_FOLDER = PROJECT_FOLDER / "benchmarks"
SPEED_FILE = BENCHMARKS_FOLDER / "results" / "speed.json"
GRADIENT_FLOW_FOLDER = BENCHMARKS_FOLDER / "results" / "gradient_flow"
SERVING_SPEED_FILE = BENCHMARKS_FOLDER / "results" / "serving_speed.json"
SPEED_TRIED_FILE = BENCHMARKS_FOLDER / "speed_tried.yaml"


class Recipe(Entry):
    """A model of a task on a data set, trained once for each seed."""

    name: str = Field(pattern=r"^[a-z0-9_]+$", description="unique within the task")
    dataset: str = Field(description="as in DATASET=")
    part: str = Field("", description="part of a data set that has several, e.g. a pair of languages")
    preset: str = Field(description="as in PRESET=")
    states_preset: bool = Field(False, description="whether its score is stated in the preset's second line")
    seeds: list[int] = Field(min_length=1, description="one run each")
    set: str = Field("", description='settings to change, as in SET="model.units=128"')
    start_from: str = Field(
        "", description="for a second stage: earlier recipe whose run of the same seed this one starts from"
    )
    ensemble: bool = Field(False, description="whether to score the ensemble of the seeds' runs, too")
    readme: bool = Field(True, description="whether the README's table shows it, too")
    description: str = Field(description="one line: what is trained and how long it takes")

    @property
    def data(self) -> str:
        """Name of the data: the data set and its part."""
        return f"{self.dataset} {self.part}".strip()


def recipe_tasks() -> list[str]:
    """List the tasks that have recipes."""
    return sorted(path.stem for path in (BENCHMARKS_FOLDER / "recipes").glob("*.yaml"))


def read_recipes(task: str) -> list[Recipe]:
    """Read benchmarks/recipes/<task>.yaml.

    Raises:
        UserError: if it is missing or invalid, a name occurs twice, or `start_from` is not an earlier recipe.
    """
    path = BENCHMARKS_FOLDER / "recipes" / f"{task}.yaml"
    recipes = check_entries(list[Recipe], read_yaml(path), path)
    names = [recipe.name for recipe in recipes]
    for number, recipe in enumerate(recipes):
        if names.count(recipe.name) > 1:
            raise UserError(f"{path}: two recipes are named {recipe.name!r}; rename one.")
        if recipe.start_from and recipe.start_from not in names[:number]:
            raise UserError(
                f"{path}: {recipe.name} starts from {recipe.start_from!r}, which is not an earlier recipe; "
                "name one, or move it."
            )
        for earlier in recipes[:number]:
            if earlier.name == recipe.start_from and earlier.data != recipe.data:
                raise UserError(
                    f"{path}: {recipe.name} uses {recipe.data}, but starts from {earlier.name}, which uses "
                    f"{earlier.data}; name one with the same data."
                )
    return recipes


def choose_recipes(task: str, dataset: str | None, name: str | None) -> list[Recipe]:
    """Choose all recipes of a task, those of a data set, or one by its name.

    Raises:
        UserError: if there is no recipe for the data set or of the name.
    """
    recipes = read_recipes(task)
    if dataset is not None:
        datasets = {recipe.dataset for recipe in recipes}
        if dataset not in datasets:
            raise unknown_name("benchmark dataset", dataset, datasets)
        recipes = [recipe for recipe in recipes if recipe.dataset == dataset]
    if name is not None:
        names = [recipe.name for recipe in recipes]
        if name not in names:
            raise unknown_name("recipe", name, names)
        recipes = [recipe for recipe in recipes if recipe.name == name]
    return recipes


def records_file(task: str) -> Path:
    """Return the file for a task's recorded results."""
    return BENCHMARKS_FOLDER / "results" / f"{task}.json"


def read_records(task: str) -> list[dict[str, Any]]:
    """Read the recorded results of a task; empty if nothing was measured yet.

    Raises:
        UserError: if the file is damaged.
    """
    path = records_file(task)
    return [with_origins(record) for record in read_json(path)] if path.is_file() else []


def read_serving_speeds() -> list[dict[str, Any]]:
    """Read the results of `python -m benchmarks.speed.serving`; empty if nothing was measured yet.

    Raises:
        UserError: if the file is damaged.
    """
    return read_json(SERVING_SPEED_FILE) if SERVING_SPEED_FILE.is_file() else []
