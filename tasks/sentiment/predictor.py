"""How a trained sentiment model is asked."""

import tensorflow as tf

from common.data.examples import Example
from common.kinds.labels import LabelPredictor
from tasks.sentiment.config import SentimentSettings


class SentimentPredictor(LabelPredictor[SentimentSettings]):
    """Text in, label and probabilities out."""

    task = "sentiment"
    line_feature = "text"
    column_setting = "text_column"

    def request(self, examples: list[Example]) -> dict[str, tf.Tensor]:
        """Texts as one string tensor."""
        return {"text": tf.constant([example["text"] for example in examples], tf.string)}

    def cost(self, example: Example) -> int:
        """A word has about five letters; a Chinese character three bytes."""
        return 1 + len(example["text"].encode()) // 5

    def notices(self, examples: list[Example]) -> list[str]:
        """Say which texts are longer than the model reads."""
        # A text of few letters cannot have many words: the long ones alone are counted.
        limit = self.settings.text.maximum_length
        long = [example for example in examples if len(example["text"]) > limit]
        if not long:
            return []
        words = self.signatures["words"](**self.request(long))
        return [
            f"{example.get('origin', 'text')}: cut after {read:,} of {count:,} words (text.maximum_length)"
            for example, count, read in zip(long, words["count"].numpy(), words["read"].numpy(), strict=True)
            if read < count
        ]
