"""The tagger: embeddings of words and characters, recurrent layers, and a linear chain of tags."""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from common.inputs.tag_schemes import forbidden_transitions
from common.inputs.words import FIRST_WORD, UNKNOWN
from common.layers.character_encoder import CharacterEncoder
from common.layers.crf import CRF
from common.layers.extended_embedding import ExtendedEmbedding
from common.layers.stacked_rnn import StackedRNN
from common.layers.word_dropout import WordDropout
from tasks.name_tagging.config import NameTaggingSettings
from tasks.name_tagging.preprocessing import CAPITALS, NameTaggingPreprocessing, column_count


def build_model(
    settings: NameTaggingSettings,
    preprocessing: NameTaggingPreprocessing,
    word_vectors: np.ndarray | None = None,
) -> keras.Model:
    """Build the many-to-many tagger.

    Args:
        settings: `model` and `text` are used.
        preprocessing: its vocabularies determine the sizes of the embeddings.
        word_vectors: (words, embedding_dimension), initial embeddings of the vocabulary; None for random.

    Returns:
        A model from rows of indices (batch, words, columns) int32, padded with 0 at the end, to the
        potentials (batch, words, tags, tags) float32 of a linear chain (common/decoding/linear_chain.py).

    Source: Lample et al., "Neural architectures for named entity recognition", 2016; Ma and Hovy, "End-to-end
    sequence labeling via bi-directional LSTM-CNNs-CRF", 2016.
    """
    model = settings.model
    numbers = keras.Input((None, column_count(settings)), dtype="int32", name="numbers")
    mask = ops.not_equal(numbers[..., 0], 0)  # (batch, words)
    vectors = ops.concatenate(_vectors(settings, preprocessing, numbers, word_vectors), axis=-1)
    vectors = keras.layers.Dropout(model.input_dropout)(vectors)  # (batch, words, features)
    states = StackedRNN(
        model.cell,
        model.units,
        layers=model.layers,
        bidirectional=model.bidirectional,
        dropout=model.recurrent_dropout,
        name="recurrent_layers",
    )(vectors, mask=mask)
    states = keras.layers.Dropout(model.dropout)(states)  # (batch, words, width)
    tags = len(preprocessing.tags)
    # float32 even with mixed precision, for the accuracy of sums over paths.
    emissions = keras.layers.Dense(tags, dtype="float32", name="emissions")(states)  # (batch, words, tags)
    potentials = _chain(settings, preprocessing)(emissions, mask=mask)
    return keras.Model(numbers, potentials, name="name_tagging")


def _vectors(
    settings: NameTaggingSettings,
    preprocessing: NameTaggingPreprocessing,
    numbers: Any,
    word_vectors: np.ndarray | None,
) -> list[Any]:
    """Build the features of a word, each (batch, words, features)."""
    model, vocabulary = settings.model, preprocessing.vocabulary
    learned = FIRST_WORD + vocabulary.learned
    words = numbers[..., 0]  # (batch, words)
    if model.unknown_singletons:
        first = FIRST_WORD + vocabulary.frequent
        words = WordDropout(model.unknown_singletons, UNKNOWN, first=first, end=learned)(words)
    words = WordDropout(model.word_dropout, replacement=UNKNOWN)(words)
    others = len(vocabulary.words) - vocabulary.learned
    embedding = ExtendedEmbedding(learned, others, model.embedding_dimension, name="word_vectors")
    vectors = [embedding(words)]
    embedding.start_from(
        _random_vectors(learned + others, model.embedding_dimension, settings.seed)
        if word_vectors is None
        else word_vectors
    )
    column = 1
    if model.capitalization:
        patterns = keras.layers.Embedding(len(CAPITALS) + 2, model.capitalization_dimension, name="capitals")
        vectors.append(patterns(numbers[..., column]))
        column += 1
    if model.bigrams:
        pairs = keras.layers.Embedding(
            FIRST_WORD + len(vocabulary.bigrams), model.bigram_dimension, name="bigram_vectors"
        )
        vectors.append(pairs(numbers[..., column]))
        column += 1
    if model.characters != "none":
        encoder = CharacterEncoder(
            model.characters,
            FIRST_WORD + len(vocabulary.characters),
            model.character_dimension,
            model.character_width,
            window=model.character_window,
            dropout=model.character_dropout,
            name="character_encoder",
        )
        vectors.append(encoder(numbers[..., column:]))
    return vectors


def _random_vectors(rows: int, dimension: int, seed: int) -> np.ndarray:
    """Draw vectors with variance 1 / dimension, as in Lample et al. and Ma and Hovy."""
    limit = math.sqrt(3 / dimension)
    generator = np.random.default_rng(seed)
    return generator.uniform(-limit, limit, (rows, dimension)).astype(np.float32)


def _chain(settings: NameTaggingSettings, preprocessing: NameTaggingPreprocessing) -> CRF:
    """Create the last layer.

    A chain without transition scores gives each tag the probability of a softmax, so a tagger without CRF is
    one with transition scores fixed at zero.
    """
    if settings.model.decoder == "softmax":
        return CRF(len(preprocessing.tags), trainable=False, name="chain")
    forbidden = forbidden_transitions("iobes", preprocessing.tags)
    return CRF(len(preprocessing.tags), forbidden, name="chain")
