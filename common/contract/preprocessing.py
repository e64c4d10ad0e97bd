"""What a task learns from the training split to turn raw examples into model inputs."""

import abc
from pathlib import Path
from typing import Any


class Preprocessing(abc.ABC):
    """What was learned from the training split to turn raw examples into model inputs, in the graph.

    Attributes:
        labels: names of the classes, or of the columns that are foretold.
    """

    labels: list[str]

    @abc.abstractmethod
    def save(self, directory: Path) -> None:
        """Write everything that `Task.load_preprocessing` needs."""

    def complete(self, settings: Any) -> Any:
        """Write out what the settings left to the training data, for reading more data of the same kind."""
        return settings
