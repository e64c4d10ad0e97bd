"""A run whose files were damaged: one line that names the file, and no traceback."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.command_line import invoke

from common.errors import UserError
from common.files import PROJECT_FOLDER, locked
from common.runs.run import (
    Run,
    check_new_name,
    check_run_name,
    create_run,
    existing_run,
    list_runs,
    new_run_name,
)


@pytest.fixture
def damaged(trained, workspace):
    """A copy of the small run to damage."""
    folder = workspace / "runs" / "sentiment" / "small"
    shutil.copytree(trained / "runs" / "sentiment" / "small", folder)
    return folder


def test_scores_are_not_those_of_other_data(damaged):
    """The test split may contain examples that the run was trained on."""
    written = (damaged / "metrics.json").read_bytes()
    data = json.loads((damaged / "data.json").read_text())
    (damaged / "data.json").write_text(json.dumps(data | {"fingerprint": "0" * 32}))
    result = invoke("evaluate", "--run", "small")
    assert (result.exit_code, "The data of run small has changed" in result.stderr) == (2, True), (
        result.stderr
    )
    assert (damaged / "metrics.json").read_bytes() == written


@pytest.mark.parametrize(
    ("file", "content", "verb"),
    [
        ("preprocessing/vocabulary.txt", b"\xff\xfe\n", "predict"),
        ("preprocessing/vocabulary.txt", b"", "predict"),
        ("preprocessing/labels.json", b"{}", "predict"),
        ("preprocessing/labels.json", b'["good", "bad"]', "predict"),
        ("preprocessing/labels.json", b'["bad", "good", "neutral"]', "export"),
        ("preprocessing_checksums.json", b"[]", "predict"),
        ("model.keras", b"PK", "predict"),
        ("config.yaml", b"{", "predict"),
        ("data.json", b"{}", "export"),
        ("metrics.json", b"{}", "export"),
        ("examples.json", b"[]", "export"),
        ("environment.json", b"[]", "export"),
    ],
)
def test_damaged_file_is_named(damaged, file, content, verb):
    (damaged / file).write_bytes(content)
    more = ["--text", "a lovely film"] if verb == "predict" else []
    result = invoke(verb, "--task", "sentiment", "--run", "small", *more)
    assert result.exit_code == 2, result.output
    lines = [line for line in result.output.splitlines() if line]
    assert len(lines) == 1
    assert Path(file).name in lines[0]
    assert not (damaged.parents[2] / "saved_models").exists() or not any(
        (damaged.parents[2] / "saved_models").glob("*/*")
    )


def test_a_run_is_resumed_only_with_unchanged_preprocessing(damaged):
    (damaged / "model.keras").unlink()
    words = (damaged / "preprocessing" / "vocabulary.txt").read_text().splitlines()
    (damaged / "preprocessing" / "vocabulary.txt").write_text("\n".join([*reversed(words), ""]))
    result = invoke("train", "--run", "small")
    assert result.exit_code == 2
    assert "vocabulary.txt is missing or damaged" in result.output


def test_one_damaged_run_does_not_hide_the_others(damaged):
    shutil.copytree(damaged, damaged.with_name("whole"))
    (damaged / "data.json").write_text("[]")
    result = invoke("runs")
    assert result.exit_code == 0
    rows = {line.split()[1]: line for line in result.output.splitlines() if line.startswith("sentiment")}
    assert rows["small"].endswith("damaged")
    assert rows["whole"].endswith("finished")


def test_a_run_of_another_process_is_not_overwritten(damaged):
    before = sorted(damaged.rglob("*"))
    with pytest.raises(UserError, match="exists"):
        create_run("sentiment", "small", None, None, {}, [])
    assert sorted(damaged.rglob("*")) == before


def test_a_run_is_trained_by_one_process_at_a_time(damaged):
    with Run(damaged).locked():
        result = invoke("train", "--run", "small")
    assert result.exit_code == 2
    (line,) = result.output.splitlines()
    assert line.startswith("Error: Run small of sentiment is being trained by another process;")


def test_one_process_exports_a_task_at_a_time(damaged, workspace):
    versions = workspace / "saved_models" / "sentiment"
    with locked(versions, ""):
        result = invoke("export", "--run", "small")
    assert result.exit_code == 2
    (line,) = result.output.splitlines()
    assert line.startswith(f"Error: Another process is writing an export to {versions};")
    assert not list(versions.iterdir())


def test_misspelt_name_of_an_unfinished_run_starts_no_new_one(damaged):
    (damaged / "model.keras").unlink()
    result = invoke("train", "--task", "sentiment", "--run", "smal")
    assert result.exit_code == 2
    assert "Did you mean 'small', which has not finished?" in result.output
    assert "PRESET=default" in result.output
    # Without a task, no new run can be started.
    result = invoke("train", "--run", "smal")
    assert result.exit_code == 2
    assert "Unknown run 'smal'. Did you mean 'small'?" in result.output
    assert result.output.endswith("To start a new run, give TASK.\n")
    assert [path.name for path in damaged.parent.iterdir()] == ["small"]


@pytest.mark.parametrize("name", ["smal", "trial2"])
def test_names_of_new_runs(damaged, name):
    """Names close to a finished run, or with another number, are accepted."""
    shutil.copytree(damaged, damaged.with_name("trial1"))
    (damaged.with_name("trial1") / "model.keras").unlink()
    check_new_name(name, "sentiment")


def test_a_run_name_of_two_tasks_is_ambiguous(damaged):
    shutil.copytree(damaged, damaged.parents[1] / "other" / "small")
    result = invoke("train", "--run", "small")
    assert result.exit_code == 2
    assert "Several tasks have a run 'small': other, sentiment; add TASK=." in result.output


def test_two_runs_of_one_second_have_two_names(workspace):
    names = set()
    for _ in range(3):
        name = new_run_name("sentiment", "glue/sst2")
        (workspace / "runs" / "sentiment" / name).mkdir(parents=True)
        check_run_name(name)
        names.add(name)
    assert len(names) == 3


@pytest.mark.parametrize(
    "data", ["my reviews.csv", "reviews (1).csv", "sales,2020.csv", "a+b.csv", "\u6587.csv"]
)
def test_any_name_of_a_file_makes_a_run(workspace, data):
    check_run_name(new_run_name("sentiment", data))


def test_pattern_characters_match_no_other_run(workspace):
    (workspace / "runs" / "sentiment" / "abc").mkdir(parents=True)
    for name in ("a*", "**a", "[a]bc", "?bc"):
        assert existing_run(name, None) is None
    assert existing_run("abc", None).name == "abc"


@pytest.mark.parametrize("name", ["../escaped", ".hidden", "a/b", ""])
def test_names_that_leave_the_folder(name):
    with pytest.raises(UserError, match="is not a valid name"):
        check_run_name(name)


# One process imports everything; each run is made in a copy of it, and so is what comes after a killed one.
MAKE_RUNS = """
import json, os, shutil, signal, sys
from types import SimpleNamespace
import pydantic
import keras
from common.layers.engines.compiled import operations
from common.runs import run as module

operations()

class Settings(pydantic.BaseModel):
    seed: int = 1

def killed_before(name, steps, last):
    step = getattr(module, name)
    def call(*arguments):
        if next(steps) == last:
            os.kill(os.getpid(), signal.SIGKILL)
        return step(*arguments)
    return call

def save(directory):
    directory.mkdir()
    (directory / "words.txt").write_text("a")

def make(folder, last):
    process = os.fork()
    if process:
        return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    failed = 1
    try:
        os.environ["RUNS_DIR"] = f"{folder}/runs"
        steps = iter(range(100))
        for name in ("write_json", "save_settings", "environment"):
            setattr(module, name, killed_before(name, steps, last))
        module.create_run("sentiment", "one", Settings(), SimpleNamespace(save=save), {}, [])
        failed = 0
    finally:
        os._exit(failed)

codes = []
for step in range(int(sys.argv[2])):
    killed, after = (f"{sys.argv[1]}/{name}_{step}" for name in ("killed", "after"))
    codes.append([make(killed, step)])
    shutil.copytree(killed, after)
    codes[-1].append(make(after, 99))
print(json.dumps(codes))
"""
STEPS = 6


@pytest.fixture(scope="module")
def killed_runs(tmp_path_factory):
    """Where runs were killed while they were made, and made again; and the exit codes of both, by step."""
    folder = tmp_path_factory.mktemp("killed")
    command = [sys.executable, "-c", MAKE_RUNS, str(folder), str(STEPS)]
    ended = subprocess.run(command, cwd=PROJECT_FOLDER, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return folder, json.loads(ended.stdout.splitlines()[-1])


@pytest.mark.parametrize("step", range(STEPS))
def test_a_run_whose_making_was_killed_leaves_nothing_in_the_way(killed_runs, monkeypatch, step):
    folder, codes = killed_runs
    assert codes[step] == [-signal.SIGKILL, 0]
    monkeypatch.setenv("RUNS_DIR", str(folder / f"killed_{step}" / "runs"))
    assert list_runs("sentiment") == []
    assert existing_run("one", "sentiment") is None
    folder = folder / f"after_{step}" / "runs" / "sentiment"
    assert [path.name for path in folder.iterdir()] == ["one"]
    assert {path.name for path in (folder / "one").iterdir()} == {
        "config.yaml",
        "data.json",
        "environment.json",
        "examples.json",
        "preprocessing",
        "preprocessing_checksums.json",
    }
