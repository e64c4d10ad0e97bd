"""Serving graph from sentences to names: words, model, best tags, and the probability of each name."""

from typing import Any

import keras
import tensorflow as tf

from common.contract.serving import Endpoint, ServingModule
from common.decoding.linear_chain import best_path, pair_marginals, step_mask
from common.inputs.tag_schemes import forbidden_transitions
from common.layers.crf import CRF
from tasks.name_tagging.preprocessing import NameTaggingPreprocessing
from tasks.name_tagging.tokens import split_sentences

# Lower limit of probabilities, for logarithms.
SMALLEST = 1e-30


class NameTaggingServing(ServingModule):
    """From sentences to names: preprocessing, model and decoding."""

    def __init__(self, preprocessing: NameTaggingPreprocessing, model: keras.Model) -> None:
        super().__init__(name="name_tagging")
        self.preprocessing = preprocessing
        self.model = model
        tags = preprocessing.tags
        prefixes, types = [tag[0] for tag in tags], [tag[2:] for tag in tags]
        self.opens = tf.constant([prefix in "BS" for prefix in prefixes])
        self.closes = tf.constant([prefix in "ES" for prefix in prefixes])
        self.types = tf.constant(types)
        # Answers are in iob2, the most common scheme.
        simple = {"O": "O", "B": "B-", "S": "B-", "I": "I-", "E": "I-"}
        self.names = tf.constant(
            [simple[prefix] + kind for prefix, kind in zip(prefixes, types, strict=True)]
        )
        self.constraint = None
        if preprocessing.settings.model.decoder == "softmax":
            self.constraint = CRF(len(tags), forbidden_transitions("iobes", tags))

    def potentials(self, numbers: tf.Tensor) -> tf.Tensor:
        """Compute potentials (batch, words, tags, tags) from rows of indices (batch, words, columns).

        Forbidden transitions have probability 0; for a tagger without CRF this is done here.
        """
        potentials = self.model(numbers, training=False)
        if self.constraint is None:
            return potentials
        # The transition scores are zero, so every row contains the scores of the tags alone.
        return self.constraint(potentials[:, :, 0, :], mask=step_mask(potentials))

    def best_tags(self, numbers: tf.Tensor) -> tf.Tensor:
        """Decode rows of indices (batch, words, columns) to indices of tags (batch, words)."""
        return best_path(self.potentials(numbers))[0]

    def serve(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        """Tag sentences (batch,): words, tags, and names with positions in characters of the sentence."""
        words, starts, ends = split_sentences(text, self.preprocessing.settings.text.units)
        answer, first, last = self._tag(words)
        return answer | {
            "span_start": tf.gather(_padded(starts), first, batch_dims=1),
            "span_end": tf.gather(_padded(ends), last, batch_dims=1),
        }

    def tag_words(self, words: tf.Tensor) -> dict[str, tf.Tensor]:
        """Tag words (batch, words), padded with "" at the end: tags, and names with positions in words."""
        ragged = tf.RaggedTensor.from_tensor(words, padding="")
        answer, first, last = self._tag(ragged)
        return answer | {"span_start": first, "span_end": tf.where(last < first, last, last + 1)}

    def _tag(self, words: tf.RaggedTensor) -> tuple[dict[str, tf.Tensor], tf.Tensor, tf.Tensor]:
        """Return answers without the positions of names, and their first and last words (batch, names)."""
        numbers = _padded(self.preprocessing.numbers(words))  # (batch, words or 1, columns)
        potentials = self.potentials(numbers)
        tags, _ = best_path(potentials)  # (batch, words or 1)
        inside = step_mask(potentials)
        positions = tf.broadcast_to(tf.range(tf.shape(tags)[1]), tf.shape(tags))
        # In iobes names do not overlap: the n-th beginning and the n-th end belong together.
        first = tf.ragged.boolean_mask(positions, tf.gather(self.opens, tags) & inside)  # (batch, names)
        last = tf.ragged.boolean_mask(positions, tf.gather(self.closes, tags) & inside)
        counts = tf.cast(last.row_lengths(), tf.int32)
        first, last = first.to_tensor(), last.to_tensor()
        real = tf.sequence_mask(counts, tf.shape(last)[1])  # (batch, names)
        types = tf.gather(self.types, tf.gather(tags, last, batch_dims=1))
        scores = _span_probabilities(potentials, tags, first, last)
        tokens = words.to_tensor("")
        names = tf.where(inside, tf.gather(self.names, tags), "")[:, : tf.shape(tokens)[1]]
        answer = {
            "tokens": tokens,
            "tags": names,
            "token_count": tf.cast(words.row_lengths(), tf.int32),
            "span_type": tf.where(real, types, ""),
            "span_score": tf.where(real, scores, tf.zeros_like(scores)),
            "span_count": counts,
        }
        return answer, first, last

    def endpoints(self) -> dict[str, Endpoint]:
        """Return `serve` for sentences, and `tag_words` for sentences that are already split into words."""
        return {
            "serve": (self.serve, [tf.TensorSpec([None], tf.string, name="text")]),
            "tag_words": (self.tag_words, [tf.TensorSpec([None, None], tf.string, name="words")]),
        }


def _padded(rows: tf.RaggedTensor) -> tf.Tensor:
    """Pad ragged (batch, words, ...) to dense, with at least one step, which recurrent layers need."""
    dense = rows.to_tensor()
    missing = tf.maximum(1 - tf.shape(dense)[1], 0)
    return tf.pad(dense, [[0, 0], [0, missing], *[[0, 0]] * (len(dense.shape) - 2)])


def _span_probabilities(potentials: Any, tags: Any, first: Any, last: Any) -> Any:
    """Compute the probability (batch, names) of exactly the tags of a name from `first` to `last`.

    p(y_first ... y_last) = p(y_first) prod_t p(y_t | y_{t-1}), by the Markov property.
    """
    # float64, because differences of large sums would be inaccurate in float32.
    pairs = pair_marginals(tf.cast(potentials, tf.float64))  # (batch, words, tags, tags)
    batch, time, number, _ = tf.unstack(tf.shape(pairs))
    before = tf.concat([tf.zeros([batch, 1], tags.dtype), tags[:, :-1]], axis=1)
    of_tag = tf.gather(tf.reduce_sum(pairs, axis=2), tags, batch_dims=2)  # (batch, words)
    flat = tf.reshape(pairs, [batch, time, number * number])
    of_pair = tf.gather(flat, before * number + tags, batch_dims=2)  # (batch, words)
    of_tag, of_pair = (tf.math.log(tf.maximum(part, SMALLEST)) for part in (of_tag, of_pair))
    given_before = of_pair - tf.concat([tf.zeros_like(of_tag[:, :1]), of_tag[:, :-1]], axis=1)
    total = tf.cumsum(given_before, axis=1)
    logarithm = (
        tf.gather(of_tag, first, batch_dims=1)
        + tf.gather(total, last, batch_dims=1)
        - tf.gather(total, first, batch_dims=1)
    )
    return tf.cast(tf.minimum(tf.exp(logarithm), 1.0), potentials.dtype)
