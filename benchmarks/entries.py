"""Validation of the hand-written YAML files in benchmarks/."""

from pathlib import Path
from typing import Any, TypeVar

import pydantic
import yaml

from common.errors import UserError


class Entry(pydantic.BaseModel):
    """Base class for entries of the files; unknown keys are rejected."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)


Checked = TypeVar("Checked")


def check_entries(kind: type[Checked], values: Any, path: Path) -> Checked:
    """Validate the content of a file, e.g. as `list[Recipe]`.

    Raises:
        UserError: if a value is missing, invalid or unknown.
    """
    try:
        return pydantic.TypeAdapter(kind).validate_python(values)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise UserError(f"{path}: {where} is invalid: {first['msg']}.") from None


def read_yaml(path: Path) -> Any:
    """Read a YAML file.

    Raises:
        UserError: if it is missing or not readable.
    """
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path} is missing; write it first, see CONTRIBUTING.md.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not readable YAML: {' '.join(str(error).split())}") from None
