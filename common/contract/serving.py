"""Interface of the serving graph: preprocessing, model and decoding in one."""

import abc
from collections.abc import Callable

import tensorflow as tf

Endpoint = tuple[Callable[..., dict[str, tf.Tensor]], list[tf.TensorSpec]]


class ServingModule(tf.Module, abc.ABC):
    """Content of an export: named functions from raw inputs to answers."""

    @abc.abstractmethod
    def endpoints(self) -> dict[str, Endpoint]:
        """Return functions and their input signatures by name; the first is the default of servers."""
