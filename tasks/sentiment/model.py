"""The classifier: word embeddings, recurrent layers, pooling, one logit per class."""

from typing import Any

import keras
import numpy as np

from common.inputs.words import FIRST_PAIR, UNKNOWN
from common.layers.bag_of_vectors import BagOfVectors
from common.layers.naive_bayes_bag import NaiveBayesBag
from common.layers.segments import Segments
from common.layers.sequence_pooling import SequencePooling
from common.layers.stacked_rnn import StackedRNN
from common.layers.word_dropout import WordDropout
from tasks.sentiment.config import SentimentSettings


def build_model(
    settings: SentimentSettings,
    vocabulary_size: int,
    classes: int,
    word_vectors: np.ndarray | None = None,
    ratios: list[np.ndarray] | None = None,
) -> keras.Model:
    """Build the many-to-one classifier.

    Args:
        settings: `model` and `text.pairs` are used.
        vocabulary_size: number of words, including padding and unknown.
        classes: number of classes.
        word_vectors: (vocabulary_size, embedding_dimension), initial embeddings; None for random.
        ratios: log-count ratios of words and of bigrams, each (entries, classes), if `model.naive_bayes`.

    Returns:
        A model from word indices (batch, words) int32, or with bigrams (batch, words, 2), padded with 0 at
        the end, to logits (batch, classes) float32.
    """
    model = settings.model
    pairs = settings.text.pairs
    numbers = keras.Input((None, 2) if pairs else (None,), dtype="int32", name="numbers")
    words = numbers[..., 0] if pairs else numbers  # (batch, words)
    words = WordDropout(model.word_dropout, replacement=UNKNOWN)(words)
    embedding = keras.layers.Embedding(
        vocabulary_size,
        model.embedding_dimension,
        mask_zero=True,
        embeddings_initializer="uniform"
        if word_vectors is None
        else keras.initializers.Constant(word_vectors),
        trainable=model.train_embeddings,
        name="word_vectors",
    )
    vectors = keras.layers.Dropout(model.embedding_dropout)(embedding(words))  # (batch, words, embedding)
    text = [_recurrent_part(settings, vectors)]  # (batch, width)
    if model.bag_of_words:
        text.append(BagOfVectors(name="bag_of_words")(vectors))  # (batch, embedding)
    if pairs:
        bigrams = WordDropout(model.word_dropout, replacement=0)(numbers[..., 1])
        pair_embedding = keras.layers.Embedding(
            FIRST_PAIR + pairs, model.pair_dimension, mask_zero=True, name="pair_vectors"
        )
        text.append(BagOfVectors(name="bag_of_pairs")(pair_embedding(bigrams)))  # (batch, pair_dimension)
    joined = keras.layers.Concatenate()(text) if len(text) > 1 else text[0]
    joined = keras.layers.Dropout(model.dropout)(joined)
    # float32 even with mixed precision, for the accuracy of the loss.
    logits = keras.layers.Dense(classes, dtype="float32", name="classifier")(joined)  # (batch, classes)
    if model.naive_bayes:
        logits = keras.layers.Dropout(model.recurrent_absence, noise_shape=(None, 1), dtype="float32")(logits)
        entries = [numbers[..., 0], numbers[..., 1]] if pairs else [numbers]
        for name, column, ratio in zip(("words", "pairs"), entries, ratios, strict=False):
            bag = NaiveBayesBag(*ratio.shape, dtype="float32", name=f"naive_bayes_of_{name}")
            logits = logits + bag(column)
            bag.ratios.assign(ratio)
    return keras.Model(numbers, logits, name="sentiment")


def _recurrent_part(settings: SentimentSettings, vectors: Any) -> Any:
    """Encode word embeddings (batch, words, embedding) as one vector per text (batch, width)."""
    model = settings.model
    layers = StackedRNN(
        model.cell,
        model.units,
        layers=model.layers,
        bidirectional=model.bidirectional,
        merge=model.merge,
        dropout=model.recurrent_dropout,
        return_sequences=model.pooling != "last",
        name="recurrent_layers",
    )
    if model.pooling == "last":
        return layers(vectors)  # (batch, width)
    if model.segment_length is not None:
        layers = Segments(layers, model.segment_length, name="segments")
    return SequencePooling(model.pooling)(layers(vectors))  # (batch, words, width) to (batch, width)
