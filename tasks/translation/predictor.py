"""How a trained translator is asked."""

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
    """A sentence in, translations and their scores out."""

    task = "translation"
    output_name = "translation"
    line_feature = "source"
    column_setting = "source_column"
    answers_empty = True
    examples_drawn = 4

    def request(self, examples: list[Example]) -> dict[str, tf.Tensor]:
        """Sentences as one string tensor."""
        return {"sentence": tf.constant([example["source"] for example in examples], tf.string)}

    def cost(self, example: Example) -> int:
        """A piece has about three bytes, and the beams of a sentence stand side by side."""
        return 5 * (2 + len(example["source"].encode()) // 3)

    def notices(self, examples: list[Example]) -> list[str]:
        """Say which sentences are longer than the model reads."""
        # A piece has a letter at least, but for the space before the first: the long ones alone are counted.
        limit = self.settings.text.source.maximum_length
        long = [example for example in examples if len(example["source"]) >= limit]
        if not long:
            return []
        tokens = self.signatures["tokens"](**self.request(long))
        return [
            f"{example.get('origin', 'sentence')}: cut after {read:,} of {count:,} pieces "
            "(text.source.maximum_length)"
            for example, count, read in zip(
                long, tokens["count"].numpy(), tokens["read"].numpy(), strict=True
            )
            if read < count
        ]

    def draw(self, example: Example) -> Figure:
        """What was attended to for each piece of the translation.

        Raises:
            UserError: if the sentence is empty.
        """
        if not example["source"].strip():
            raise UserError("There is nothing to draw of an empty sentence; leave out PLOT.")
        outputs = self.signatures["attention"](**self.request([example]))
        return draw_attention({name: value.numpy()[0] for name, value in outputs.items()})

    def line(self, answer: Answer) -> str:
        """The translation."""
        return answer["translation"]

    def column_names(self) -> list[str]:
        """`translation` and `score`."""
        return ["translation", "score"]

    def columns(self, answer: Answer) -> dict[str, Any]:
        """The translation and its score."""
        return {name: answer[name] for name in self.column_names()}


def draw_attention(outputs: dict[str, Any]) -> Figure:
    """Draw the attention of one sentence.

    Args:
        outputs: of the endpoint `attention`, for one sentence.
    """
    sources, written = (piece_labels(outputs[name]) for name in ("source_pieces", "pieces"))
    steps = [*written, "(end)"][: len(outputs["attention"])]
    return attention_matrix(outputs["attention"][: len(steps), : len(sources)], sources, steps)
