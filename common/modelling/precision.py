"""The precision that a run computes in."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras

_POLICIES = {"none": "float32", "bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}


def set_precision(settings: Any) -> None:
    """Let all layers made from here on compute as `train.mixed_precision` says."""
    keras.config.set_dtype_policy(_POLICIES[settings.train.mixed_precision])


@contextmanager
def precision(settings: Any) -> Iterator[None]:
    """Let the layers made inside compute as `train.mixed_precision` says.

    A model that is loaded makes its own layers, which follow the process and not what was saved.
    """
    before = keras.config.dtype_policy()
    set_precision(settings)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
