"""Finding a task by the name of its folder; its settings and data sets are found without TensorFlow."""

import importlib
from typing import TYPE_CHECKING, Any

from common.errors import unknown_name
from common.files import PROJECT_FOLDER

if TYPE_CHECKING:
    from common.config import TaskSettings
    from common.data.data_set import DataSets

TASKS_FOLDER = PROJECT_FOLDER / "tasks"


def task_names() -> list[str]:
    """List the tasks: the folders in tasks/ with a task.py."""
    return sorted(path.parent.name for path in TASKS_FOLDER.glob("*/task.py"))


def check_task_name(name: str) -> None:
    """Check that there is a task of this name, without importing it.

    Raises:
        UserError: there is no such task.
    """
    if name not in task_names():
        raise unknown_name("task", name, task_names())


def find_task(name: str) -> type[Any]:
    """Import a task's class, `TASK` in tasks/<name>/task.py: a subclass of `common.contract.task.Task`.

    Raises:
        UserError: if there is no such folder.
    """
    return _module(name, "task").TASK


def find_settings(name: str) -> "type[TaskSettings]":
    """Import the class of a task's settings, `SETTINGS` in tasks/<name>/config.py.

    Raises:
        UserError: if there is no such folder.
    """
    return _module(name, "config").SETTINGS


def find_data_sets(name: str) -> "DataSets":
    """Import a task's data sets, `DATA_SETS` in tasks/<name>/data.py.

    Raises:
        UserError: if there is no such folder.
    """
    return _module(name, "data").DATA_SETS


def task_title(name: str) -> str:
    """Return what a task does: the docstring of its package.

    Raises:
        UserError: if there is no such folder.
    """
    check_task_name(name)
    return (importlib.import_module(f"tasks.{name}").__doc__ or name).strip().rstrip(".")


def _module(name: str, module: str) -> Any:
    check_task_name(name)
    return importlib.import_module(f"tasks.{name}.{module}")
