"""Policies of a run: numeric precision of layers, and engines of recurrent layers."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras

from common.layers.engines.policy import implementation_policy, set_implementation_policy

_POLICIES = {"none": "float32", "bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}


def set_precision(settings: Any) -> None:
    """Set the policies of `train.mixed_precision` and `train.xla` for layers created from now on."""
    keras.config.set_dtype_policy(_POLICIES[settings.train.mixed_precision])
    # XLA compiles only the loop.
    set_implementation_policy("loop" if settings.train.xla else "auto")


@contextmanager
def precision(settings: Any) -> Iterator[None]:
    """Set the policies of `train.mixed_precision` and `train.xla` for layers created in the block.

    A loaded model creates its own layers, which follow the policies of the process, not the saved ones.
    """
    before = keras.config.dtype_policy(), implementation_policy()
    set_precision(settings)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before[0])
        set_implementation_policy(before[1])
