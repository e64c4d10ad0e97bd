"""Raw examples in a form that JSON can hold."""

from base64 import b64decode, b64encode
from typing import Any

import numpy as np

from common.task import Example

# The key under which the content of a file stands.
_BYTES = "base64"


def to_json(example: Example) -> dict[str, Any]:
    """Write arrays as lists, and bytes as an object with their Base64 code."""
    return {name: _plain(value) for name, value in example.items()}


def from_json(values: dict[str, Any]) -> Example:
    """Undo `to_json`, but that arrays stay lists."""
    return {
        name: b64decode(value[_BYTES]) if isinstance(value, dict) and value.keys() == {_BYTES} else value
        for name, value in values.items()
    }


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return {_BYTES: b64encode(value).decode()}
    return value.tolist() if isinstance(value, np.ndarray) else value
