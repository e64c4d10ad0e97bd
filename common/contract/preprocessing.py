"""What a task learns from the training split to turn raw examples into model inputs, in the graph."""

import abc
from pathlib import Path
from typing import Any, Self

import tensorflow as tf


class Preprocessing(tf.Module, abc.ABC):
    """Vocabularies, labels and scales; a module, so that an export finds its lookup tables.

    Attributes:
        labels: names of the classes, or of the columns that are forecast; empty if there are none.
    """

    labels: list[str]

    @classmethod
    @abc.abstractmethod
    def learn(cls, settings: Any, source: Any) -> Self:
        """Learn from the training split alone."""

    @abc.abstractmethod
    def save(self, directory: Path) -> None:
        """Write everything that `load` needs."""

    @classmethod
    @abc.abstractmethod
    def load(cls, settings: Any, directory: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            UserError: if a file is missing or damaged.
        """

    def complete(self, settings: Any) -> Any:
        """Write out what the settings left to the training data, for reading more data of the same kind."""
        return settings
