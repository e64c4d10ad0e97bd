"""The plan of the code: chapters that import one way, contracts that every task keeps."""

import ast
import re
import shutil
import subprocess
import sys

import pytest

from common.contract.find import find_data_sets, find_settings, find_task, task_names, task_title
from common.contract.predictor import Predictor
from common.contract.preprocessing import Preprocessing
from common.contract.task import Task
from common.files import PROJECT_FOLDER

CHAPTERS = sorted(path.parent for path in (PROJECT_FOLDER / "common").glob("**/__init__.py"))
TASK_FILES = ["task", "config", "data", "preprocessing", "model", "serving", "predictor", "evaluation"]
# As registries address a package; a data set's home is where its authors keep it.
REGISTRY = re.compile(r"/(project|package)s?/")


def lint_imports(folder):
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_imports_go_down_and_make_no_circle():
    result = lint_imports(PROJECT_FOLDER)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("module", "line", "broken"),
    [
        ("common/data/batching.py", "import common.contract.task", "Chapters import downwards"),
        ("common/errors.py", "import common.files", "No circles"),
        ("common/kinds/lines.py", "import tasks.sentiment.task", "Chapters import downwards"),
        ("tasks/sentiment/config.py", "import tasks.sentiment.model", "A task's files import one way"),
        ("tasks/sentiment/data.py", "import tasks.forecasting.config", "Tasks do not know each other"),
    ],
)
def test_an_import_that_goes_up_is_found(tmp_path, module, line, broken):
    for folder in ("common", "tasks", "benchmarks"):
        ignored = shutil.ignore_patterns("__pycache__", "results", "*.yaml", "*.md")
        shutil.copytree(PROJECT_FOLDER / folder, tmp_path / folder, ignore=ignored)
    shutil.copy(PROJECT_FOLDER / "pyproject.toml", tmp_path)
    path = tmp_path / module
    path.write_text(f"{path.read_text(encoding='utf-8')}\n{line}\n", encoding="utf-8")
    result = lint_imports(tmp_path)
    assert result.returncode != 0
    assert f"{broken} BROKEN" in result.stdout


@pytest.mark.parametrize("folder", CHAPTERS, ids=lambda folder: str(folder.relative_to(PROJECT_FOLDER)))
def test_a_chapter_says_what_it_is_for(folder):
    sentence = ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8")))
    assert sentence
    assert sentence.endswith(".")
    assert "\n\n" not in sentence


def test_common_has_few_files_of_its_own():
    files = [path for path in (PROJECT_FOLDER / "common").glob("*.py") if path.name != "__init__.py"]
    assert len(files) <= 8


def test_files_stay_readable():
    long = {
        str(path.relative_to(PROJECT_FOLDER)): lines
        for folder in ("common", "tasks", "benchmarks")
        for path in (PROJECT_FOLDER / folder).rglob("*.py")
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > 400
    }
    assert not long


@pytest.mark.parametrize("name", task_names())
def test_every_task_has_the_same_files_and_declares_the_same(name):
    folder = PROJECT_FOLDER / "tasks" / name
    assert all((folder / f"{module}.py").is_file() for module in TASK_FILES)
    assert (folder / "README.md").is_file()
    assert (folder / "presets" / "default.yaml").is_file()
    task = find_task(name)
    assert issubclass(task, Task)
    assert issubclass(task.predictor_class, Predictor)
    assert issubclass(task.preprocessing_class, Preprocessing)
    assert (task.name, task.predictor_class.task) == (name, name)
    assert task.settings_class is find_settings(name)
    assert task.data_sets is find_data_sets(name)
    assert {f"data.{column}" for column in task.columns.values()} <= {
        f"data.{field}" for field in task.settings_class.model_fields["data"].annotation.model_fields
    }


@pytest.mark.parametrize("name", task_names())
def test_data_sets_are_described_where_their_authors_keep_them(name):
    data_sets = list(find_data_sets(name))
    names = [one.information.name for one in data_sets]
    assert len(set(names)) == len(names)
    for one in data_sets:
        known = one.information
        assert all((known.description, known.licence, known.citation, known.homepage)), known.name
        assert not REGISTRY.search(known.homepage), known.name
        assert not REGISTRY.search(known.citation), known.name
        assert find_data_sets(name).find(known.name) is one


def test_titles_name_the_task():
    for name in task_names():
        assert task_title(name).partition(":")[0].lower().replace(" ", "_") == name


def test_listing_data_sets_and_settings_needs_no_tensorflow():
    heavy = "{'tensorflow', 'tensorflow_datasets', 'keras'}"
    code = f"""
import sys
from common.cli.app import app
from typer.testing import CliRunner
for arguments in (["datasets"], *(["config", "--task", name] for name in {task_names()!r})):
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
loaded = {heavy} & set(sys.modules)
assert not loaded, loaded
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=PROJECT_FOLDER)
