"""The skeleton of a task: a folder under tasks/ that trains at once on toy data."""

import keyword
import re
import subprocess
import sys
from pathlib import Path
from string import Template

from common.contract.find import TASKS_FOLDER
from common.errors import UserError
from common.files import whole_file

TEMPLATE_FOLDER = Path(__file__).resolve().parent / "new_task_template"
# The templates are no Python yet: under this suffix no tool takes them for it.
TEMPLATE_SUFFIX = ".template"
EXAMPLE = "make new-task NAME=speech_recognition"


def write_task(name: str) -> Path:
    """Write tasks/<name>/, whole or not at all.

    Args:
        name: of the task and its folder, e.g. "speech_recognition".

    Returns:
        The folder.

    Raises:
        UserError: if the name cannot name a Python package, or a folder of that name exists.
    """
    _check_name(name)
    folder = TASKS_FOLDER / name
    if folder.exists():
        raise UserError(f"{folder} exists; choose another name, or delete the folder first.")
    words = name.split("_")
    values = {
        "task_name": name,
        "TaskClass": "".join(word.capitalize() for word in words),
        "title": " ".join(words).strip().capitalize(),
    }
    with whole_file(folder) as temporary:
        for template in sorted(TEMPLATE_FOLDER.rglob(f"*{TEMPLATE_SUFFIX}")):
            path = temporary / template.relative_to(TEMPLATE_FOLDER).with_suffix("")
            path.parent.mkdir(parents=True, exist_ok=True)
            text = Template(template.read_text(encoding="utf-8")).substitute(values)
            path.write_text(text, encoding="utf-8")
        # Where a line breaks depends on how long the name is.
        formatting = [sys.executable, "-m", "ruff", "format", "--quiet", str(temporary)]
        subprocess.run(formatting, stderr=subprocess.DEVNULL, check=False)
    return folder


def _check_name(name: str) -> None:
    if not name:
        raise UserError(f"No name given; name the task: {EXAMPLE}")
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name) or keyword.iskeyword(name):
        raise UserError(
            f"{name!r} cannot be a task's name; use small letters, digits and single underscores, beginning "
            f"with a letter: {EXAMPLE}"
        )
