"""The skeleton of a task: its folder, a first test and a recipe; it trains at once on toy data."""

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
# What all skeletons have in common; a folder beside it holds what is different for an input.
SHARED = "shared"
# Words and parts that the templates of an input are filled with.
PARTS_FILE = "parts.yaml"
# The templates are no Python yet: under this suffix no tool takes them for it.
TEMPLATE_SUFFIX = ".template"
INPUTS = ("text", "characters", "series", "images")
EXAMPLE = "make new-task NAME=speech_recognition INPUT=series"
_PART_ALONE = re.compile(r"^\$\{(\w+)\}\n", re.MULTILINE)
# Lines of the templates have room for this much.
LONGEST_NAME = 30


def write_task(name: str, input_kind: str = "text") -> list[Path]:
    """Write tasks/<name>/, tests/tasks/<name>/ and benchmarks/recipes/<name>.yaml: all or none of them.

    Args:
        name: of the task and its folder, e.g. "speech_recognition".
        input_kind: what goes in, one of `INPUTS`.

    Returns:
        What was written: folders and files.

    Raises:
        UserError: if the name cannot name a Python package, there is no such input, or something of that name
            exists.
    """
    _check_name(name)
    if input_kind not in INPUTS:
        raise unknown_name("input", input_kind, INPUTS)
    # The folder of the task comes last: it is what makes a task.
    targets = {
        "recipe.yaml": PROJECT_FOLDER / "benchmarks" / "recipes" / f"{name}.yaml",
        "tests": PROJECT_FOLDER / "tests" / "tasks" / name,
        "task": TASKS_FOLDER / name,
    }
    for path in targets.values():
        if path.exists():
            raise UserError(f"{path} exists; choose another name, or delete it first.")
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
            f"{name!r} cannot be a task's name; use lower case, digits and single underscores, beginning "
            f"with a letter: {EXAMPLE}"
        )
    if len(name) > LONGEST_NAME:
        raise UserError(f"{name!r} cannot be a task's name; it is longer than {LONGEST_NAME} characters.")


def _values(name: str, input_kind: str) -> dict[str, str]:
    """What the templates of an input are filled with: names and parts, which may hold names and parts."""
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
    """Templates of a part of the skeleton, each with where it goes below that part."""
    found = {}
    for folder in (TEMPLATE_FOLDER / SHARED / part, TEMPLATE_FOLDER / input_kind / part):
        for template in folder.rglob(f"*{TEMPLATE_SUFFIX}"):
            found[template.relative_to(folder).with_suffix("")] = template
    yield from ((template, where) for where, template in sorted(found.items()))


def _write(part: str, target: Path, input_kind: str, values: dict[str, str]) -> None:
    file = TEMPLATE_FOLDER / SHARED / f"{part}{TEMPLATE_SUFFIX}"
    templates = [(file, Path())] if file.is_file() else _templates(part, input_kind)
    for template, where in templates:
        path = target / where
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_filled(template.read_text(encoding="utf-8"), values), encoding="utf-8")
    if target.is_dir():
        _tidy(target)


def _filled(template: str, values: dict[str, str]) -> str:
    """Fill a template; a part that stands alone in its line takes the line with it if it is empty."""

    def whole_line(match: re.Match[str]) -> str:
        part = values[match[1]].removesuffix("\n")
        return f"{part}\n" if part else ""

    return Template(_PART_ALONE.sub(whole_line, template)).substitute(values)


def _tidy(folder: Path) -> None:
    """Sort imports and break lines: both depend on the name of the task and on the input."""
    for command in (["check", "--fix", "--quiet", "--select", "I"], ["format", "--quiet"]):
        arguments = [sys.executable, "-m", "ruff", *command, str(folder)]
        subprocess.run(arguments, capture_output=True, check=False)
