"""Preprocessing, model and decoding joined in one graph: what an export holds."""

import abc
from collections.abc import Callable

import tensorflow as tf

Endpoint = tuple[Callable[..., dict[str, tf.Tensor]], list[tf.TensorSpec]]


class ServingModule(tf.Module, abc.ABC):
    """What an export holds: named functions from raw inputs to answers."""

    @abc.abstractmethod
    def endpoints(self) -> dict[str, Endpoint]:
        """Name each function, with its input signature; the first is the one that servers call by default."""
