"""Raw examples: in plain Python types, and in a JSON-serialisable form."""

from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import tensorflow as tf


# A raw example or an answer in plain Python types: {"text": "a lovely film", "label": "fresh"}.
Example = dict[str, Any]
Answer = dict[str, Any]

# Key of the encoded content of a file.
_BYTES = "base64"


def to_json(example: Example) -> dict[str, Any]:
    """Convert arrays to lists, and bytes to an object with their Base64 encoding."""
    return {name: _plain(value) for name, value in example.items()}


def from_json(values: dict[str, Any]) -> Example:
    """Undo `to_json`, except that arrays stay lists."""
    return {
        name: b64decode(value[_BYTES]) if isinstance(value, dict) and value.keys() == {_BYTES} else value
        for name, value in values.items()
    }


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return {_BYTES: b64encode(value).decode()}
    return value.tolist() if isinstance(value, np.ndarray) else value


def dataset_examples(dataset: "tf.data.Dataset", binary_features: Iterable[str] = ()) -> Iterator[Example]:
    """Yield the raw examples of a data set in plain Python types: str instead of bytes.

    Args:
        dataset: of dicts.
        binary_features: names of features that stay bytes: the content of files.
    """
    for example in dataset.as_numpy_iterator():
        yield {
            name: value if name in binary_features else _plain_python(value)
            for name, value in example.items()
        }


def _plain_python(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, np.ndarray) and value.dtype == object:
        return [_plain_python(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value
