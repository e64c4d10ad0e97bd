"""Recipes are checked before they train; their runs become records; what is done is not done again."""

import json
import statistics
import subprocess

import pytest
import yaml

from benchmarks import recipe as recipes
from benchmarks import running as benchmark
from benchmarks.recipe import Recipe, choose_recipes, read_recipes, read_records, recipe_tasks
from benchmarks.running import make_records, recipe_settings, run_recipes, save_records
from common.config import save_settings, setting_fields, setting_value
from common.contract.find import find_task, task_names
from common.errors import UserError
from common.runs import environment as environment_module
from common.runs.run import Run, runs_folder

RECIPE = {
    "name": "small",
    "dataset": "rotten_tomatoes",
    "preset": "default",
    "seeds": [1, 2],
    "set": "model.units=8",
    "description": "a small one.",
}
OTHER = {**RECIPE, "name": "other", "dataset": "tweets"}


@pytest.fixture(scope="module")
def task():
    return find_task("sentiment")


@pytest.fixture
def benchmarks(tmp_path, monkeypatch, workspace):
    """A folder of benchmarks with two recipes; the code is that of a known commit."""
    folder = tmp_path / "benchmarks"
    (folder / "recipes").mkdir(parents=True)
    monkeypatch.setattr(recipes, "BENCHMARKS_FOLDER", folder)
    monkeypatch.setattr(benchmark, "write_results_page", lambda: folder / "README.md")
    monkeypatch.setattr(benchmark, "environment", lambda seed: {"commit": "abc"})
    write_recipes(folder, [RECIPE, OTHER])
    return folder


def write_recipes(folder, entries):
    (folder / "recipes" / "sentiment.yaml").write_text(yaml.safe_dump(entries))


def write_run(task, recipe, seed, accuracy, baselines=True, commit="abc", name=None):
    """Write the files of a run that has ended, without training one."""
    run = Run(runs_folder() / task.name / (name or f"benchmark-{recipe.name}-seed{seed}-20260101-000000"))
    run.folder.mkdir(parents=True)
    training = {"parameters": 100, "train_seconds": 10.0 * seed, "peak_memory_mb": 500.0 + seed}
    environment = {"commit": commit, "machine": {"cores": 2}, "gpus": [], "python": "3.11", "versions": {}}
    metrics = {"accuracy": accuracy, "accuracy_low": 0.1, "accuracy_high": 0.9, "macro_f1": accuracy / 2}
    scores = {"examples": 7, "metrics": metrics, "best_validation_accuracy": 0.6, **training}
    scores["baselines"] = {"majority class": {"accuracy": 0.5, "macro_f1": 0.3}} if baselines else {}
    files = {"training.json": training, "environment.json": environment, "metrics.json": scores}
    for file, content in files.items():
        (run.folder / file).write_text(json.dumps(content))
    run.model_file.touch()
    save_settings(recipe_settings(task, recipe, seed), run.config_file)
    return run


@pytest.fixture
def trainings(task, monkeypatch):
    """The command lines that would have trained; each leaves a run."""
    commands = []

    def pretend(_, run, options, what):
        commands.append((run.name, options))
        if not run.folder.exists():
            seed = int(run.name.split("seed")[1].split("-")[0])
            write_run(task, Recipe(**RECIPE), seed, 0.7, "--no-baselines" not in options, name=run.name)

    monkeypatch.setattr(benchmark, "_train_in_own_process", pretend)
    return commands


def test_the_recorded_recipes_are_right():
    assert set(recipe_tasks()) <= set(task_names())
    for name in recipe_tasks():
        for recipe in read_recipes(name):
            for seed in recipe.seeds:
                recipe_settings(find_task(name), recipe, seed)


def test_chooses_by_dataset_and_name(benchmarks):
    assert [recipe.name for recipe in choose_recipes("sentiment", None, None)] == ["small", "other"]
    assert [recipe.name for recipe in choose_recipes("sentiment", "tweets", None)] == ["other"]
    assert [recipe.name for recipe in choose_recipes("sentiment", None, "small")] == ["small"]
    with pytest.raises(UserError, match=r"'smal'.*Did you mean 'small'"):
        choose_recipes("sentiment", None, "smal")
    with pytest.raises(UserError, match="Did you mean 'tweets'"):
        choose_recipes("sentiment", "tweet", None)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seeds": []}, "seeds"),
        ({"preset": None}, "preset"),
        ({"sed": 1}, "sed"),
        ({"name": "Not a name"}, "name"),
    ],
)
def test_wrong_recipe_files(benchmarks, change, said):
    write_recipes(benchmarks, [{**RECIPE, **change}])
    with pytest.raises(UserError, match=said):
        read_recipes("sentiment")


def test_missing_or_double_recipes(benchmarks):
    with pytest.raises(UserError, match="is missing"):
        read_recipes("captioning")
    write_recipes(benchmarks, [RECIPE, RECIPE])
    with pytest.raises(UserError, match="two recipes"):
        read_recipes("sentiment")


@pytest.mark.parametrize(
    "change", [{"dataset": "tweet"}, {"preset": "defalt"}, {"set": "model.unit=8"}, {"set": "model.units=no"}]
)
def test_every_recipe_is_checked_before_the_first_trains(benchmarks, task, trainings, change):
    write_recipes(benchmarks, [RECIPE, {**OTHER, **change}])
    with pytest.raises(UserError):
        run_recipes(task.name, None, None)
    assert trainings == []


def test_records_sum_up_the_seeds(benchmarks, task):
    recipe = Recipe(**RECIPE)
    runs = [write_run(task, recipe, 1, 0.8), write_run(task, recipe, 2, 0.9, baselines=False)]
    accuracy, macro_f1 = make_records(task, recipe, [[run] for run in runs])
    assert (accuracy["metric"], macro_f1["metric"]) == ("accuracy", "macro_f1")
    assert accuracy["value"] == pytest.approx(0.85)
    assert accuracy["spread"] == pytest.approx(statistics.stdev([0.8, 0.9]))
    assert accuracy["values"] == [0.8, 0.9]
    assert accuracy["seeds"] == [1, 2]
    assert (accuracy["validation_value"], macro_f1["validation_value"]) == (pytest.approx(0.6), None)
    assert (accuracy["metric_mode"], macro_f1["metric_mode"]) == ("max", None)
    assert accuracy["baselines"] == {"majority class": 0.5}
    assert macro_f1["baselines"] == {"majority class": 0.3}
    assert (accuracy["train_seconds"], accuracy["train_seconds_values"]) == (15.0, [10.0, 20.0])
    assert accuracy["peak_memory_mb"] == 502.0
    assert accuracy["commit"] == "abc"
    assert accuracy["settings"]["model"]["units"] == 8
    assert "seed" not in accuracy["settings"]


FIRST = {**RECIPE, "name": "first", "dataset": "emoji", "set": "", "seeds": [1]}
SECOND = {**FIRST, "name": "second", "start_from": "first", "set": "model.objective=cider", "seeds": [1, 2]}


@pytest.fixture
def stages(benchmarks, monkeypatch):
    """A recipe of two stages, and the command lines that would have trained them."""
    (benchmarks / "recipes" / "captioning.yaml").write_text(yaml.safe_dump([FIRST, SECOND]))
    commands = []

    def pretend(task, run, options, what):
        commands.append((run.name, dict(zip(options[::2], options[1::2], strict=False))))
        seed = int(run.name.split("seed")[1].split("-")[0])
        first = commands[-2][0] if "second" in run.name else ""
        recipe = Recipe(**SECOND) if first else Recipe(**FIRST)
        write_run(task, recipe, seed, 0.7, name=run.name)
        save_settings(recipe_settings(task, recipe, seed, first), run.config_file)

    monkeypatch.setattr(benchmark, "_train_in_own_process", pretend)
    return commands


def test_a_second_stage_goes_on_from_the_run_of_its_seed(stages):
    run_recipes("captioning", None, "second")
    first_of_1, second_of_1, first_of_2, second_of_2 = stages
    assert [name.rsplit("-", 2)[0] for name, _ in stages] == [
        "benchmark-first-seed1",
        "benchmark-second-seed1",
        "benchmark-first-seed2",
        "benchmark-second-seed2",
    ]
    assert first_of_1[1]["--set"] == "seed=1"
    assert second_of_1[1]["--set"] == f"model.objective=cider model.start_from={first_of_1[0]} seed=1"
    assert second_of_2[1]["--set"] == f"model.objective=cider model.start_from={first_of_2[0]} seed=2"
    run_recipes("captioning", None, "second")
    assert len(stages) == 4


def test_the_time_of_a_second_stage_is_that_of_both(stages):
    run_recipes("captioning", None, "second")
    record = read_records("captioning")[0]
    assert record["recipe"] == "second"
    assert record["train_seconds_values"] == [20.0, 40.0]
    assert record["runs"] == [stages[1][0], stages[3][0]]


def test_a_second_stage_names_a_recipe_above_it(stages, benchmarks):
    (benchmarks / "recipes" / "captioning.yaml").write_text(yaml.safe_dump([SECOND, FIRST]))
    with pytest.raises(UserError, match="second starts from 'first', which is not an earlier recipe"):
        run_recipes("captioning", None, "second")
    assert stages == []


def test_a_second_stage_is_of_the_same_data(stages, benchmarks):
    other = {**SECOND, "dataset": "flickr8k"}
    (benchmarks / "recipes" / "captioning.yaml").write_text(yaml.safe_dump([FIRST, other]))
    with pytest.raises(UserError, match="second uses flickr8k, but starts from first, which uses emoji"):
        run_recipes("captioning", None, "second")
    assert stages == []


@pytest.mark.parametrize("name", recipe_tasks())
def test_recipes_say_what_was_recorded(name):
    """A recipe trains what its records were trained with; settings that came later have no effect."""
    task = find_task(name)
    recorded = {record["recipe"]: record["settings"] for record in read_records(name)}
    usual = {key: field.default for key, field in setting_fields(task.settings_class)}
    for recipe in read_recipes(name):
        if recipe.name not in recorded:
            continue
        settings = recipe_settings(task, recipe, recipe.seeds[0])
        for key in usual:
            if key in ("seed", "model.start_from"):
                continue
            then = recorded[recipe.name]
            for part in key.split("."):
                then = then.get(part, usual[key]) if isinstance(then, dict) else then
            assert setting_value(settings, key) == then, f"{name} {recipe.name} {key}"


def test_one_seed_has_no_spread(benchmarks, task):
    recipe = Recipe(**{**RECIPE, "seeds": [1]})
    assert make_records(task, recipe, [[write_run(task, recipe, 1, 0.8)]])[0]["spread"] is None


def test_records_replace_those_of_the_same_recipe(benchmarks):
    def record(dataset, recipe, value):
        return {"dataset": dataset, "recipe": recipe, "metric": "accuracy", "value": value}

    save_records("sentiment", [record("tweets", "small", 1)])
    save_records("sentiment", [record("imdb", "small", 2)])
    save_records("sentiment", [record("tweets", "small", 3)])
    assert read_records("sentiment") == [record("imdb", "small", 2), record("tweets", "small", 3)]


def test_trains_every_seed_once_with_baselines_for_the_first(benchmarks, task, trainings):
    run_recipes(task.name, None, "small")
    assert [("--no-baselines" in options) for _, options in trainings] == [False, True]
    assert [options[:6] for _, options in trainings] == [
        ["--dataset", "rotten_tomatoes", "--preset", "default", "--set", f"model.units=8 seed={seed}"]
        for seed in (1, 2)
    ]
    assert [record["value"] for record in read_records("sentiment")] == [
        pytest.approx(0.7),
        pytest.approx(0.35),
    ]
    run_recipes(task.name, None, "small")
    assert len(trainings) == 2


def test_goes_on_with_a_run_that_was_killed(benchmarks, task, trainings):
    run = write_run(task, Recipe(**RECIPE), 1, 0.8)
    run.model_file.unlink()
    run_recipes(task.name, None, "small")
    assert trainings[0] == (run.name, [])
    assert trainings[1][0].startswith("benchmark-small-seed2-")


@pytest.mark.parametrize("commit", ["abd", "abc+changes", None])
def test_other_code_is_trained_again(benchmarks, task, trainings, monkeypatch, commit, capsys):
    run = write_run(task, Recipe(**RECIPE), 1, 0.8, commit=commit)
    monkeypatch.setattr(
        benchmark, "environment", lambda seed: {"commit": "abc" if commit == "abd" else commit}
    )
    run_recipes(task.name, None, "small")
    assert len(trainings) == 2
    assert trainings[0][0] != run.name
    assert ("uncommitted changes" in capsys.readouterr().out) == (commit == "abc+changes")


def test_what_recording_writes_is_no_other_code(tmp_path, monkeypatch):
    """Else the second of two recipes would not know the run of the first again."""
    monkeypatch.setattr(environment_module, "PROJECT_FOLDER", tmp_path)
    paths = ["benchmarks/results/a.json", "benchmarks/README.md", "README.md", "tasks/a/presets/b.yaml"]
    for path in [*paths, "tasks/a/model.py"]:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("first")
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        subprocess.run([*git, *command], check=True)
    commit = environment_module.environment(1)["commit"]
    for path in paths:
        (tmp_path / path).write_text("second")
    assert environment_module.environment(1)["commit"] == commit
    (tmp_path / "tasks/a/model.py").write_text("second")
    assert environment_module.environment(1)["commit"] == f"{commit}+changes"
    (tmp_path / "tasks/a/model.py").write_text("first")
    assert environment_module.environment(1)["commit"] == commit
    # A task that git does not know yet.
    (tmp_path / "tasks/new").mkdir()
    (tmp_path / "tasks/new/model.py").write_text("first")
    assert environment_module.environment(1)["commit"] == f"{commit}+changes"


def test_other_settings_are_trained_again(benchmarks, task, trainings):
    write_run(task, Recipe(**{**RECIPE, "set": "model.units=9"}), 1, 0.8)
    run_recipes(task.name, None, "small")
    assert len(trainings) == 2


def test_a_failed_training_is_one_line(benchmarks, task, monkeypatch):
    monkeypatch.setattr(benchmark.sys, "executable", "/bin/false")
    with pytest.raises(UserError, match="seed 1 failed with exit code 1"):
        run_recipes(task.name, None, "small")
    assert read_records("sentiment") == []
