"""The skeleton of a new task: its folder, a first test and a recipe; it trains on toy data at once."""

import keyword
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from string import Template

import yaml

from common.contract.find import TASKS_FOLDER
from common.errors import UserError, unknown_name
from common.files import PROJECT_FOLDER, remove_leftovers, whole_file

TEMPLATE_FOLDER = Path(__file__).resolve().parent / "new_task_template"
# Templates of all skeletons; the other folders have the templates of one type of input.
SHARED = "shared"
# Words and code that are substituted into the templates.
PARTS_FILE = "parts.yaml"
# Templates are not valid Python; the suffix keeps tools from reading them as such.
TEMPLATE_SUFFIX = ".template"
INPUTS = ("text", "characters", "series", "images")
EXAMPLE = "make new-task NAME=speech_recognition INPUT=series"
_PART_ALONE = re.compile(r"^\$\{(\w+)\}\n", re.MULTILINE)
# Longer names would make lines of the templates too long.
LONGEST_NAME = 30


def write_task(name: str, input_kind: str = "text") -> list[Path]:
    """Write tasks/<name>/, tests/tasks/<name>/ and benchmarks/recipes/<name>.yaml: all of them or none.

    Args:
        name: of the task and its folder, e.g. "speech_recognition".
        input_kind: type of the input, one of `INPUTS`.

    Returns:
        The new folders and files.

    Raises:
        UserError: if the name is not valid for a Python package, the input is unknown, or a folder or file
            exists already.
    """
    _check_name(name)
    if input_kind not in INPUTS:
        raise unknown_name("input", input_kind, INPUTS)
    # The task's folder comes last, because a task is found by it.
    targets = {
        "recipe.yaml": PROJECT_FOLDER / "benchmarks" / "recipes" / f"{name}.yaml",
        "tests": PROJECT_FOLDER / "tests" / "tasks" / name,
        "task": TASKS_FOLDER / name,
    }
    for path in targets.values():
        if path.exists():
            raise UserError(f"{path} exists already; choose another name, or delete it first.")
    values = _values(name, input_kind)
    written: list[Path] = []
    try:
        for part, path in targets.items():
            with whole_file(path) as temporary:
                _write(part, temporary, input_kind, values)
            written.append(path)
    except BaseException:
        remove_leftovers(*written)
        raise
    return written[::-1]


def _check_name(name: str) -> None:
    if not name:
        raise UserError(f"No name given; name the task: {EXAMPLE}")
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name) or keyword.iskeyword(name):
        raise UserError(
            f"{name!r} cannot be a task's name; use lower-case letters, digits and single underscores, "
            f"starting with a letter: {EXAMPLE}"
        )
    if len(name) > LONGEST_NAME:
        raise UserError(f"{name!r} is too long for a task's name; use at most {LONGEST_NAME} characters.")


def _values(name: str, input_kind: str) -> dict[str, str]:
    """Return the values for the templates of an input: names and parts, which may refer to each other."""
    words = name.split("_")
    names = {
        "task_name": name,
        "TaskClass": "".join(word.capitalize() for word in words),
        "title": " ".join(words).capitalize(),
    }
    values: dict[str, str] = {}
    for folder in (SHARED, input_kind):
        values |= yaml.safe_load((TEMPLATE_FOLDER / folder / PARTS_FILE).read_text(encoding="utf-8"))
    values |= names
    once = {key: Template(part).substitute(values) for key, part in values.items()}
    return {key: Template(part).substitute(values) for key, part in once.items()}


def _templates(part: str, input_kind: str) -> Iterator[tuple[Path, Path]]:
    """Yield the templates of a part of the skeleton, each with its target path relative to the part."""
    templates = {}
    for folder in (TEMPLATE_FOLDER / SHARED / part, TEMPLATE_FOLDER / input_kind / part):
        for template in folder.rglob(f"*{TEMPLATE_SUFFIX}"):
            templates[template.relative_to(folder).with_suffix("")] = template
    yield from ((template, target) for target, template in sorted(templates.items()))


def _write(part: str, target: Path, input_kind: str, values: dict[str, str]) -> None:
    file = TEMPLATE_FOLDER / SHARED / f"{part}{TEMPLATE_SUFFIX}"
    templates = [(file, Path())] if file.is_file() else _templates(part, input_kind)
    for template, relative in templates:
        path = target / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_filled(template.read_text(encoding="utf-8"), values), encoding="utf-8")
    if target.is_dir():
        _tidy(target)


def _filled(template: str, values: dict[str, str]) -> str:
    """Fill a template; a line that consists of an empty part is removed."""

    def whole_line(match: re.Match[str]) -> str:
        part = values[match[1]].removesuffix("\n")
        return f"{part}\n" if part else ""

    return Template(_PART_ALONE.sub(whole_line, template)).substitute(values)


def _tidy(folder: Path) -> None:
    """Sort imports and wrap lines, which depend on the name of the task and the input."""
    for command in (["check", "--fix", "--quiet", "--select", "I"], ["format", "--quiet"]):
        arguments = [sys.executable, "-m", "ruff", *command, str(folder)]
        subprocess.run(arguments, capture_output=True, check=False)
