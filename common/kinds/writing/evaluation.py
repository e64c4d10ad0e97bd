"""Scores of generated sequences: after each epoch, and by length."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

# Enough to compare epochs; decoding a large validation split would take longer than an epoch.
EXAMPLES_VALIDATED = 2_000


class GreedyScores:
    """Callable that scores greedy outputs for the validation split, with the model in its current state."""

    def __init__(
        self,
        write: Callable[[Any], tf.Tensor],
        batches: tf.data.Dataset,
        references: list[Any],
        score: Callable[[list[str], list[Any]], dict[str, float]],
    ) -> None:
        """Configure the scores.

        Args:
            write: function from a batch of inputs to sequences (batch,), by greedy search.
            batches: the inputs, in the order of the references; any beyond the last reference are ignored.
            references: for each sequence.
            score: function from sequences and references to scores.
        """
        self.write = tf.function(write, input_signature=[batches.element_spec], autograph=False)
        self.batches = batches
        self.references = references
        self.score = score

    def __call__(self) -> dict[str, float]:
        """Generate the sequences and score them."""
        texts = [text.decode() for batch in self.batches for text in self.write(batch).numpy()]
        return self.score(texts[: len(self.references)], self.references)


def scores_by_length(
    words: Sequence[int],
    limits: Sequence[int],
    score: Callable[[np.ndarray], dict[str, float]],
    counted: str,
) -> list[dict[str, Any]]:
    """Score examples in groups of similar lengths; one row for each group that is not empty.

    Args:
        words: number of words of each example.
        limits: largest number of words in each group, ascending; a last group has the longer examples.
        score: function from indices of examples (examples,) to their scores.
        counted: name of the column with the number of examples.
    """
    lengths = np.array(words)
    rows = []
    for shortest, longest in zip([0, *(limit + 1 for limit in limits)], [*limits, np.inf], strict=True):
        positions = np.flatnonzero((lengths >= shortest) & (lengths <= longest))
        if len(positions):
            name = f"{shortest} to {longest}" if longest < np.inf else f"{shortest} and more"
            rows.append({"words": name, **score(positions), counted: len(positions)})
    return rows
