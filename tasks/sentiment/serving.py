"""Serving graph from texts to labels: preprocessing, model and decoding."""

import keras
import tensorflow as tf
from keras import ops

from common.contract.serving import Endpoint, ServingModule
from tasks.sentiment.preprocessing import SentimentPreprocessing


class SentimentServing(ServingModule):
    """From texts to labels: preprocessing, model and decoding."""

    def __init__(self, preprocessing: SentimentPreprocessing, model: keras.Model) -> None:
        super().__init__(name="sentiment")
        self.preprocessing = preprocessing
        self.model = model
        self.labels = tf.constant(preprocessing.labels)

    def serve(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        """Classify texts (batch,): label (batch,) and probabilities (batch, classes)."""
        numbers = self.preprocessing.inputs(text).to_tensor()  # (batch, words), or (batch, words, 2)
        probabilities = ops.softmax(self.model(numbers, training=False))  # (batch, classes)
        return {
            "label": tf.gather(self.labels, tf.argmax(probabilities, axis=-1)),
            "probabilities": probabilities,
        }

    def words(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        """Split texts (batch,): words joined by spaces, their number, and how many the model reads."""
        words = self.preprocessing.text.words(text)  # (batch, words)
        limit = self.preprocessing.text.settings.maximum_length
        return {
            "words": tf.strings.reduce_join(words, axis=-1, separator=" "),
            "count": words.row_lengths(),
            "read": tf.minimum(words.row_lengths(), limit),
        }

    def endpoints(self) -> dict[str, Endpoint]:
        """Return `serve` for answers, and `words` for the words of a text."""
        signature = [tf.TensorSpec([None], tf.string, name="text")]
        return {"serve": (self.serve, signature), "words": (self.words, signature)}
