"""Raw examples: as a person would write them, and in a form that JSON can hold."""

from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import tensorflow as tf


# A raw example or an answer as a person would write it: {"text": "a lovely film", "label": "fresh"}.
Example = dict[str, Any]
Answer = dict[str, Any]

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


def dataset_examples(dataset: "tf.data.Dataset", binary_features: Iterable[str] = ()) -> Iterator[Example]:
    """Give the raw examples of a data set as a person would write them: str instead of bytes.

    Args:
        dataset: of dicts.
        binary_features: names of those that stay bytes: the content of files.
    """
    for example in dataset.as_numpy_iterator():
        yield {
            name: value if name in binary_features else _as_written(value) for name, value in example.items()
        }


def _as_written(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, np.ndarray) and value.dtype == object:
        return [_as_written(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value
