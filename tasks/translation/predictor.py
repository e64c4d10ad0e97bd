"""Predictor of the translation task."""

from typing import Any

import tensorflow as tf
from matplotlib.figure import Figure

from common.data.examples import Answer, Example
from common.errors import UserError
from common.kinds.lines import RowPredictor
from common.kinds.writing.predictor import WritingPredictor, piece_labels
from common.scores.plots import attention_matrix
from tasks.translation.config import TranslationSettings


class TranslationPredictor(WritingPredictor[TranslationSettings], RowPredictor[TranslationSettings]):
    """A predictor of translations and their scores."""

    task = "translation"
    output_name = "translation"
    line_feature = "source"
    column_setting = "source_column"
    answers_empty = True
    examples_drawn = 4

    def request(self, examples: list[Example]) -> dict[str, tf.Tensor]:
        """Convert sentences to one string tensor."""
        return {"sentence": tf.constant([example["source"] for example in examples], tf.string)}

    def cost(self, example: Example) -> int:
        """Estimate the steps: a piece has about three bytes, and beams are computed in parallel."""
        return 5 * (2 + len(example["source"].encode()) // 3)

    def notices(self, examples: list[Example]) -> list[str]:
        """Report sentences that are truncated."""
        # A shorter sentence cannot have too many pieces: each piece but the leading mark holds a character.
        limit = self.settings.text.source.maximum_length
        long = [example for example in examples if len(example["source"]) >= limit]
        if not long:
            return []
        tokens = self.signatures["tokens"](**self.request(long))
        return [
            f"{example.get('origin', 'sentence')}: truncated to {read:,} of {count:,} pieces "
            "(text.source.maximum_length)"
            for example, count, read in zip(
                long, tokens["count"].numpy(), tokens["read"].numpy(), strict=True
            )
            if read < count
        ]

    def draw(self, example: Example) -> Figure:
        """Plot the attention for each piece of the translation.

        Raises:
            UserError: if the sentence is empty.
        """
        if not example["source"].strip():
            raise UserError("An empty sentence has no plot; leave out PLOT.")
        outputs = self.signatures["attention"](**self.request([example]))
        return draw_attention({name: value.numpy()[0] for name, value in outputs.items()})

    def line(self, answer: Answer) -> str:
        """Return the translation."""
        return answer["translation"]

    def column_names(self) -> list[str]:
        """Return `translation` and `score`."""
        return ["translation", "score"]

    def columns(self, answer: Answer) -> dict[str, Any]:
        """Return the translation and its score."""
        return {name: answer[name] for name in self.column_names()}


def draw_attention(outputs: dict[str, Any]) -> Figure:
    """Plot the attention for one sentence.

    Args:
        outputs: of the endpoint `attention`, for one sentence.
    """
    sources, written = (piece_labels(outputs[name]) for name in ("source_pieces", "pieces"))
    steps = [*written, "(end)"][: len(outputs["attention"])]
    return attention_matrix(outputs["attention"][: len(steps), : len(sources)], sources, steps)
