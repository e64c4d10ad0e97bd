"""The skeleton of a task works at once, whatever goes in: trained as a user trains it, in a copy."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from types import SimpleNamespace

import pytest

from benchmarks import recipe as recipes
from common.cli import new_task
from common.cli.new_task import INPUTS, LONGEST_NAME, write_task
from common.data.bad_rows import BadRow
from common.errors import UserError
from common.files import PROJECT_FOLDER

LONG_NAME = "a_task_of_a_name_as_long_as_it"
# In one process, so that TensorFlow is imported once.
COMMANDS = """
import sys
from typer.testing import CliRunner
from common.cli.app import app
for arguments in sys.argv[1:]:
    result = CliRunner().invoke(app, arguments.split())
    assert result.exit_code == 0, (result.output, result.exception)
"""


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """A project of nothing, in which skeletons are written."""
    monkeypatch.setattr(new_task, "PROJECT_FOLDER", tmp_path)
    monkeypatch.setattr(new_task, "TASKS_FOLDER", tmp_path / "tasks")
    shutil.copy(PROJECT_FOLDER / "pyproject.toml", tmp_path)
    # Imports are sorted by what is a package here.
    (tmp_path / "common").symlink_to(PROJECT_FOLDER / "common")
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "__init__.py").touch()
    return tmp_path


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the project without its tasks: the skeletons need none of them."""
    folder = tmp_path_factory.mktemp("project")
    without_caches = shutil.ignore_patterns("__pycache__", "recipes", "results")
    for name in ("common", "benchmarks", "tests/support"):
        shutil.copytree(PROJECT_FOLDER / name, folder / name, ignore=without_caches)
    (folder / "tasks").mkdir()
    for name in ("pyproject.toml", "tasks/__init__.py", "tests/conftest.py"):
        shutil.copy(PROJECT_FOLDER / name, folder / name)
    return folder


def run(project, *arguments):
    # What the tests' environment says of folders must not lead out of the copy.
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ("RUNS_DIR", "SAVED_MODELS_DIR", "PYTHONPATH")
    }
    environment = {**kept, "TFDS_DATA_DIR": str(project / "data")}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def command_line(project, *arguments):
    return run(project, "-m", "common.cli", *arguments)


@pytest.fixture(
    scope="module",
    params=[
        "characters",
        *(pytest.param(name, marks=pytest.mark.slow) for name in INPUTS if name != "characters"),
    ],
)
def trained(request, project):
    """The name of a task whose skeleton was written and trained, and its folder of the run."""
    name = f"of_{request.param}"
    written = f"new-task {name} --input {request.param}"
    result = run(project, "-c", COMMANDS, written, f"train --task {name} --run first")
    assert result.returncode == 0, result.stderr
    return name, project / "runs" / name / "first"


def test_scores_above_its_baselines(trained):
    _, folder = trained
    record = json.loads((folder / "metrics.json").read_text())
    baselines = [scores["accuracy"] for scores in record["baselines"].values()]
    assert record["metrics"]["accuracy"] > 0.9
    assert len(baselines) == 2
    # Without the order there is nothing to be learned.
    assert max(baselines) < 0.65


@pytest.mark.slow
def test_its_own_test_passes(project, trained):
    name, _ = trained
    result = run(project, "-m", "pytest", "-q", f"tests/tasks/{name}")
    assert result.returncode == 0, result.stdout
    assert "1 passed" in result.stdout


@pytest.mark.parametrize("input_kind", INPUTS)
@pytest.mark.parametrize("name", ["brief", LONG_NAME])
def test_what_is_written(folders, monkeypatch, name, input_kind):
    written = write_task(name, input_kind)
    assert [str(path.relative_to(folders)) for path in written] == [
        f"tasks/{name}",
        f"tests/tasks/{name}",
        f"benchmarks/recipes/{name}.yaml",
    ]
    real = {path.name for path in (PROJECT_FOLDER / "tasks" / "sentiment").iterdir()}
    # A reader of one data set's format is that task's own.
    assert {path.name for path in written[0].iterdir()} == real - {"__pycache__", "treebank.py"}
    assert not list(folders.rglob(".*partial*"))
    for check in (["check"], ["format", "--check"]):
        result = subprocess.run(
            [sys.executable, "-m", "ruff", *check, "--no-cache", *map(str, written[:2])],
            cwd=folders,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stdout
    monkeypatch.setattr(recipes, "BENCHMARKS_FOLDER", folders / "benchmarks")
    assert [recipe.name for recipe in recipes.read_recipes(name)] == ["toy"]
    texts = [path.read_text() for folder in written[:2] for path in folder.rglob("*.*")]
    assert not any("$" in text or "\n\n\n\n" in text for text in texts)


def test_data_sets_and_settings_are_found_without_tensorflow(folders):
    for input_kind in INPUTS:
        write_task(f"of_{input_kind}", input_kind)
    modules = [f"tasks.of_{input_kind}.{file}" for input_kind in INPUTS for file in ("data", "config")]
    script = f"import sys, {', '.join(modules)}; assert not {{'tensorflow', 'keras'}} & sys.modules.keys()"
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=folders, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


def test_longest_name_is_tested():
    assert len(LONG_NAME) == LONGEST_NAME


@pytest.mark.parametrize(
    ("name", "input_kind", "said"),
    [
        ("", "text", "No name given"),
        ("3d", "text", "cannot be a task's name"),
        ("speech-recognition", "text", "cannot be a task's name"),
        ("../outside", "text", "cannot be a task's name"),
        ("class", "text", "cannot be a task's name"),
        (f"{LONG_NAME}s", "text", "too long for a task's name; use at most 30 characters"),
        ("fine", "image", "Did you mean 'images'?"),
    ],
)
def test_wrong_names(folders, name, input_kind, said):
    with pytest.raises(UserError, match=said.replace("?", r"\?")) as error:
        write_task(name, input_kind)
    assert "\n" not in str(error.value)
    assert not (folders / "tests").exists()


@pytest.mark.parametrize("taken", ["tasks/mine", "tests/tasks/mine", "benchmarks/recipes/mine.yaml"])
def test_nothing_is_written_where_something_is(folders, taken):
    (folders / taken).mkdir(parents=True)
    before = sorted(folders.rglob("*"))
    with pytest.raises(UserError, match=f"{taken} exists"):
        write_task("mine")
    assert sorted(folders.rglob("*")) == before


def test_an_error_leaves_nothing(folders, monkeypatch):
    def fail(_):
        raise UserError("no ruff")

    monkeypatch.setattr(new_task, "_tidy", fail)
    with pytest.raises(UserError, match="no ruff"):
        write_task("mine")
    assert not [path for path in folders.rglob("*mine*") if path.exists()]


def test_command_line_says_what_comes_next(folders):
    from typer.testing import CliRunner

    from common.cli.app import app

    result = CliRunner().invoke(app, ["new-task", "mine", "--input", "series"])
    assert result.exit_code == 0, result.output
    assert "tasks/mine" in result.output
    assert "Next: make train TASK=mine" in result.output
    again = CliRunner().invoke(app, ["new-task", "mine"])
    assert (again.exit_code, again.stderr.count("\n")) == (2, 1)


def series_data(folders):
    [folder, *_] = write_task("of_numbers", "series")
    spec = importlib.util.spec_from_file_location("of_numbers_data", folder / "data.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("series", "wrong"),
    [
        ("1 -2.5 +3e4 .5 7.", ""),
        ("1 two 3", "'two'"),
        ("1,5 2", "'1,5'"),
        ("1 nan", "'nan'"),
        ("1 1_000", "'1_000'"),
        ("1e39", "'1e39'"),
        ("1\N{NO-BREAK SPACE}2", "1"),
        ("\N{ARABIC-INDIC DIGIT ONE}", "\N{ARABIC-INDIC DIGIT ONE}"),
    ],
)
def test_a_bad_number_is_named_with_file_and_row(folders, series, wrong):
    data = series_data(folders)
    path = folders / "data.tsv"
    path.write_text(f"series\tlabel\n1 2\tone\n{series}\tother\n", encoding="utf-8")
    columns = {"series_column": "series", "label_column": "label", "skip_bad_rows": False}
    settings = SimpleNamespace(data=SimpleNamespace(**columns))
    reading = path, settings, ["one", "other"]
    if not wrong:
        assert data.OfNumbersTable.labelled_file(*reading).count == 2
        return
    with pytest.raises(BadRow, match=r"data\.tsv:3: the series \(column 'series'\) has ") as error:
        data.OfNumbersTable.labelled_file(*reading)
    assert wrong in str(error.value)
    assert "data.skip_bad_rows=true" in str(error.value)
