"""How written sequences are judged: after each epoch, and by their length."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

# Enough to tell epochs apart; a large validation split would take longer than the epoch.
EXAMPLES_VALIDATED = 2_000


class GreedyScores:
    """Scores of greedy sequences of the validation split, by the model as it is when this is called."""

    def __init__(
        self,
        write: Callable[[Any], tf.Tensor],
        batches: tf.data.Dataset,
        references: list[Any],
        score: Callable[[list[str], list[Any]], dict[str, float]],
    ) -> None:
        """Join the parts.

        Args:
            write: a batch of inputs to sequences (batch,), by greedy search.
            batches: the inputs, in the order of the references; those beyond the last reference do not count.
            references: what the sequences are compared with.
            score: of sequences and references.
        """
        self.write = tf.function(write, input_signature=[batches.element_spec], autograph=False)
        self.batches = batches
        self.references = references
        self.score = score

    def __call__(self) -> dict[str, float]:
        """Write, and score."""
        texts = [text.decode() for batch in self.batches for text in self.write(batch).numpy()]
        return self.score(texts[: len(self.references)], self.references)


def scores_by_length(
    words: Sequence[int],
    limits: Sequence[int],
    score: Callable[[np.ndarray], dict[str, float]],
    counted: str,
) -> list[dict[str, Any]]:
    """Score examples of like length together, a row for each group that is not empty.

    Args:
        words: of each example.
        limits: words up to which examples are in one group, rising; longer ones are in a last one.
        score: of the examples at given positions (examples,).
        counted: what the column with the number of examples is called.
    """
    lengths = np.array(words)
    rows = []
    for shortest, longest in zip([0, *(limit + 1 for limit in limits)], [*limits, np.inf], strict=True):
        positions = np.flatnonzero((lengths >= shortest) & (lengths <= longest))
        if len(positions):
            name = f"{shortest} to {longest}" if longest < np.inf else f"{shortest} and more"
            rows.append({"words": name, **score(positions), counted: len(positions)})
    return rows
