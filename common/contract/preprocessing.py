"""Interface of the preprocessing: learned from the training split, it runs inside the graph."""

import abc
from pathlib import Path
from typing import Any, Self

import tensorflow as tf


class Preprocessing(tf.Module, abc.ABC):
    """Vocabularies, labels and scales; a tf.Module, so that exports track its lookup tables.

    Attributes:
        labels: names of the classes, or of the forecast columns; empty if there are none.
    """

    labels: list[str]

    @classmethod
    @abc.abstractmethod
    def learn(cls, settings: Any, source: Any) -> Self:
        """Learn from the training split alone."""

    @abc.abstractmethod
    def save(self, directory: Path) -> None:
        """Save everything that `load` needs."""

    @classmethod
    @abc.abstractmethod
    def load(cls, settings: Any, directory: Path) -> Self:
        """Load what `save` wrote.

        Raises:
            UserError: if a file is missing or damaged.
        """

    def complete(self, settings: Any) -> Any:
        """Return the settings with automatic values replaced by those learned, to read more data with."""
        return settings
