"""The skeleton of a task works at once: everything is run as a user runs it, in a copy of the project."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the project without its tasks: the skeleton needs none of them."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copytree(PROJECT / "common", folder / "common", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT / "pyproject.toml", folder)
    (folder / "tasks").mkdir()
    shutil.copy(PROJECT / "tasks" / "__init__.py", folder / "tasks")
    return folder


def command_line(project, *arguments):
    # What the tests' environment says of folders must not lead out of the copy.
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ("RUNS_DIR", "SAVED_MODELS_DIR", "PYTHONPATH")
    }
    environment = {**kept, "TFDS_DATA_DIR": str(project / "data")}
    return subprocess.run(
        [sys.executable, "-m", "common.cli", *arguments],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def skeleton(project):
    written = command_line(project, "new-task", "marked_signs")
    assert written.returncode == 0, written.stderr
    options = ["--set", "train.epochs=3", "--run", "first"]
    result = command_line(project, "train", "--task", "marked_signs", *options)
    assert result.returncode == 0, result.stderr
    return project


def test_same_files_as_a_real_task(skeleton):
    sentiment = {path.name for path in (PROJECT / "tasks" / "sentiment").iterdir()}
    written = {path.name for path in (skeleton / "tasks" / "marked_signs").iterdir()} - {"__pycache__"}
    assert written - {"README.md"} <= sentiment
    assert {"task.py", "config.py", "data.py", "model.py", "README.md", "presets"} <= written
    assert not list((skeleton / "tasks").glob(".*"))


def test_code_passes_the_linter(skeleton):
    for check in (["check"], ["format", "--check"]):
        result = subprocess.run(
            [sys.executable, "-m", "ruff", *check, "tasks/marked_signs"],
            cwd=skeleton,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stdout


def test_evaluates_above_its_baselines(skeleton):
    result = command_line(skeleton, "evaluate", "--task", "marked_signs")
    assert result.returncode == 0, result.stderr
    record = json.loads((skeleton / "runs" / "marked_signs" / "first" / "metrics.json").read_text())
    assert record["metrics"]["accuracy"] > 0.9
    for scores in record["baselines"].values():
        assert record["metrics"]["accuracy"] > scores["accuracy"]


@pytest.mark.slow
def test_exports(skeleton):
    result = command_line(skeleton, "export", "--task", "marked_signs")
    assert result.returncode == 0, result.stderr
    assert (skeleton / "saved_models" / "marked_signs" / "1" / "saved_model.pb").is_file()


@pytest.mark.slow
def test_predicts(skeleton):
    result = command_line(skeleton, "predict", "--task", "marked_signs", "--text", "a c a ? b c a c")
    assert result.returncode == 0, result.stderr
    assert result.stdout.split("\t")[0] == "b"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "No name given"),
        ("3d", "cannot be a task's name"),
        ("speech-recognition", "cannot be a task's name"),
        ("../outside", "cannot be a task's name"),
        ("class", "cannot be a task's name"),
        ("marked_signs", "exists"),
    ],
)
def test_wrong_names(skeleton, name, said):
    result = command_line(skeleton, "new-task", *([name] if name else []))
    assert result.returncode == 2
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1
