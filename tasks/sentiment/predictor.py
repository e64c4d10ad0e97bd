"""Predictor of the sentiment task."""

import tensorflow as tf

from common.data.examples import Example
from common.kinds.labels import LabelPredictor
from tasks.sentiment.config import SentimentSettings


class SentimentPredictor(LabelPredictor[SentimentSettings]):
    """A predictor of a text's label and the probability of each label."""

    task = "sentiment"
    line_feature = "text"
    column_setting = "text_column"

    def request(self, examples: list[Example]) -> dict[str, tf.Tensor]:
        """Convert texts to one string tensor."""
        return {"text": tf.constant([example["text"] for example in examples], tf.string)}

    def cost(self, example: Example) -> int:
        """Estimate the number of words: one per five bytes."""
        return 1 + len(example["text"].encode()) // 5

    def notices(self, examples: list[Example]) -> list[str]:
        """Report texts that are truncated."""
        # A text with fewer characters than the limit cannot have too many words.
        limit = self.settings.text.maximum_length
        long = [example for example in examples if len(example["text"]) > limit]
        if not long:
            return []
        words = self.signatures["words"](**self.request(long))
        return [
            f"{example.get('origin', 'text')}: truncated to {read:,} of {count:,} words (text.maximum_length)"
            for example, count, read in zip(long, words["count"].numpy(), words["read"].numpy(), strict=True)
            if read < count
        ]
