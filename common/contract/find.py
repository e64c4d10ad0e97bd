"""How a task is found by its folder's name."""

import importlib
from typing import TYPE_CHECKING

from common.errors import unknown_name
from common.files import PROJECT_FOLDER

if TYPE_CHECKING:
    from common.contract.task import Task

TASKS_FOLDER = PROJECT_FOLDER / "tasks"


def task_names() -> list[str]:
    """List the tasks: the folders of tasks/ that hold a task.py."""
    return sorted(path.parent.name for path in TASKS_FOLDER.glob("*/task.py"))


def find_task(name: str) -> "Task":
    """Import a task by its folder's name.

    Raises:
        UserError: if there is no such folder.
    """
    if name not in task_names():
        raise unknown_name("task", name, task_names())
    return importlib.import_module(f"tasks.{name}.task").TASK
