"""How a trained task is asked, whether a run or an export answers."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from common.contract.task import Task
from common.data.batching import ordered_answers
from common.data.examples import Answer, Example

# Time steps answered at once, padding included: wide enough to be quick, narrow enough for 1 GB of memory.
STEPS_PER_BATCH = 16_384


@dataclass(frozen=True)
class Predictor:
    """Answers raw examples, from a run or from an export.

    Attributes:
        task: whose answers they are.
        settings: of the run.
        labels: names of the classes, if there are classes.
        signatures: name -> function of named tensors.
        source: "run NAME" or the export's folder.
    """

    task: Task
    settings: Any
    labels: list[str]
    signatures: dict[str, Callable[..., dict[str, tf.Tensor]]]
    source: str

    def answer(self, examples: list[Example], options: Mapping[str, Any] | None = None) -> list[Answer]:
        """Answer a batch of raw examples; `options` are optional inputs of the signature, by name."""
        given = {name: tf.constant(value) for name, value in (options or {}).items()}
        outputs = self.task.call(self.signatures, examples, given)
        return self.task.answers({name: value.numpy() for name, value in outputs.items()}, self.labels)

    def answer_all(
        self, examples: Iterable[Example], options: Mapping[str, Any] | None = None
    ) -> Iterator[tuple[Example, Answer]]:
        """Answer any number of examples, in batches of like length, in their order."""

        def answer(batch: list[Example]) -> list[Answer]:
            return self.answer(batch, options)

        yield from ordered_answers(
            iter(examples), answer, self.task.length, STEPS_PER_BATCH, self.task.examples_held
        )
