"""How the layers of a run compute: the precision of their products, and the engines of recurrent layers."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras

from common.layers.engines.policy import implementation_policy, set_implementation_policy

_POLICIES = {"none": "float32", "bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}


def set_precision(settings: Any) -> None:
    """Let all layers made from here on compute as `train.mixed_precision` and `train.xla` say."""
    keras.config.set_dtype_policy(_POLICIES[settings.train.mixed_precision])
    # XLA compiles the loop alone.
    set_implementation_policy("loop" if settings.train.xla else "auto")


@contextmanager
def precision(settings: Any) -> Iterator[None]:
    """Let the layers made inside compute as `train.mixed_precision` and `train.xla` say.

    A model that is loaded makes its own layers, which follow the process and not what was saved.
    """
    before = keras.config.dtype_policy(), implementation_policy()
    set_precision(settings)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before[0])
        set_implementation_policy(before[1])
