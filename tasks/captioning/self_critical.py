"""A second stage that raises CIDEr-D itself: self-critical sequence training."""

from collections import Counter
from typing import Any

import numpy as np
import tensorflow as tf

from common.decoding.sampling import sample
from common.decoding.step import StepResult
from common.inputs.subwords import BOUNDARY, SubwordText
from common.inputs.words import PADDING, UNKNOWN
from tasks.captioning.scores import caption_words

# Longest n-grams of words that CIDEr-D counts, and how much a length that is off is forgiven.
LONGEST, SPREAD = 4, 6.0

Ngrams = Counter[tuple[str, ...]]


class CiderReward:
    """CIDEr-D of single captions, with the document frequencies of the training captions.

    CIDEr-D_n(c, S) = 10 / |S| sum_s exp(-(l(c) - l(s))^2 / 2 sigma^2) min(g(c), g(s)) . g(s) / |g(c)||g(s)|,
    with the vectors g of the counts of n-grams of words, each times the logarithm of (number of pictures /
    number of pictures that have it in a caption); the mean over n = 1 ... 4. Lengths are numbers of pairs, as
    pycocoevalcap counts them.

    Source: Vedantam, Zitnick and Parikh, "CIDEr: consensus-based image description evaluation", 2015.
    """

    def __init__(self, references: list[list[str]]) -> None:
        """Count.

        Args:
            references: captions of each training picture, in the order of the split.
        """
        counted = [[ngrams(caption_words(caption)) for caption in captions] for captions in references]
        self.frequencies: Ngrams = Counter()
        for captions in counted:
            self.frequencies.update({ngram for counts in captions for ngram in counts})
        self.log_images = np.log(float(len(references)))
        self.vectors = [[self._weighted(counts) for counts in captions] for captions in counted]

    def __call__(self, positions: np.ndarray, captions: np.ndarray) -> np.ndarray:
        """Score captions (batch,) bytes of the pictures at positions (batch,): (batch,) float32."""
        scores = [
            self.score(position, caption.decode())
            for position, caption in zip(positions, captions, strict=True)
        ]
        return np.array(scores, np.float32)

    def score(self, position: int, caption: str) -> float:
        """Score one caption of the picture at a position."""
        vectors, norms, length = self._weighted(ngrams(caption_words(caption)))
        total = 0.0
        for others, other_norms, other_length in self.vectors[position]:
            forgiven = np.exp(-((length - other_length) ** 2) / (2 * SPREAD**2))
            for vector, norm, other, other_norm in zip(vectors, norms, others, other_norms, strict=True):
                if norm > 0 and other_norm > 0:
                    product = sum(
                        min(weight, other[ngram]) * other[ngram]
                        for ngram, weight in vector.items()
                        if ngram in other
                    )
                    total += forgiven * product / (norm * other_norm)
        return 10 * total / LONGEST / len(self.vectors[position])

    def _weighted(self, counts: Ngrams) -> tuple[list[dict[Any, float]], list[float], int]:
        """Vectors of the n-grams of 1 ... 4 words, their norms, and the number of pairs."""
        vectors: list[dict[Any, float]] = [{} for _ in range(LONGEST)]
        for ngram, count in counts.items():
            rarity = self.log_images - np.log(max(1.0, self.frequencies[ngram]))
            vectors[len(ngram) - 1][ngram] = count * rarity
        norms = [float(np.sqrt(sum(weight**2 for weight in vector.values()))) for vector in vectors]
        return vectors, norms, sum(count for ngram, count in counts.items() if len(ngram) == 2)


def ngrams(words: list[str]) -> Ngrams:
    """Count the n-grams of 1 to 4 words."""
    return Counter(
        tuple(words[start : start + n]) for n in range(1, LONGEST + 1) for start in range(len(words) - n + 1)
    )


class SelfCritical:
    """One training step: captions that are better than the others drawn of their picture become likelier.

    loss = - sum_i sum_t (r(y_i) - mean_{j != i} r(y_j)) log p(y_it), over the n captions drawn of a picture,
    mean over all words.

    Source: Rennie et al., "Self-critical sequence training for image captioning", 2017; the mean of the other
    captions in place of the likeliest one: Luo, "A better variant of self-critical sequence training", 2020.
    """

    def __init__(self, text: SubwordText, reward: CiderReward, draws: int, maximum_length: int) -> None:
        """Join the parts.

        Args:
            text: from numbers to captions.
            reward: of captions of the training pictures.
            draws: captions of each picture, at least 2.
            maximum_length: pieces after which a caption ends.
        """
        self.text = text
        self.reward = reward
        self.draws = draws
        self.maximum_length = maximum_length

    def draw(self, model: Any, inputs: dict[str, Any]) -> tuple[Any, Any, Any]:
        """Draw captions of each picture and weigh them; those of a picture stand next to each other.

        Returns:
            Tokens (batch * draws, time); whether each counts (batch * draws, time), the end that was drawn
            too; advantage (batch * draws,), r(y_i) - mean_{j != i} r(y_j).
        """
        states, picture = model.begin(*self._each_for_its_draws(model.encode(inputs)))

        def step(tokens: Any, states: Any) -> StepResult:
            logits, states, _ = model.step(tokens, states, picture)
            return StepResult(logits + self.excluded, states)

        positions = tf.repeat(inputs["picture"], self.draws)
        shape = tf.shape(positions)
        start, lengths = tf.fill(shape, BOUNDARY), tf.fill(shape, self.maximum_length)
        drawn = sample(step, states, start, BOUNDARY, lengths, model.sampling_seed.next())
        tokens = drawn.tokens[:, 0]
        counts = tf.range(tf.shape(tokens)[1]) <= drawn.lengths[:, :1]
        rewards = tf.reshape(self._rewards(positions, tokens), [-1, self.draws])  # (batch, draws)
        others = (tf.reduce_sum(rewards, axis=1, keepdims=True) - rewards) / (self.draws - 1)
        return tokens, counts, tf.reshape(rewards - others, [-1])

    def loss(self, model: Any, inputs: dict[str, Any], tokens: Any, counts: Any, advantage: Any) -> Any:
        """Loss () of what `draw` gave, inside a gradient tape."""
        before = tf.concat([tf.fill([tf.shape(tokens)[0], 1], BOUNDARY), tokens[:, :-1]], axis=1)
        written = tf.where(counts, before, PADDING)
        logits = model.write(*self._each_for_its_draws(model.encode(inputs)), written) + self.excluded
        gains = -tf.nn.sparse_softmax_cross_entropy_with_logits(tokens, logits)  # (batch * draws, time)
        weights = tf.cast(counts, gains.dtype)
        return -tf.reduce_sum(advantage[:, tf.newaxis] * gains * weights) / tf.reduce_sum(weights)

    def _each_for_its_draws(self, seen: tuple[Any, Any]) -> list[Any]:
        """Memory and summary of pictures (batch, ...) to those of their captions (batch * draws, ...)."""
        return [tf.repeat(part, self.draws, axis=0) for part in seen]

    @property
    def excluded(self) -> Any:
        """What keeps padding and the unknown word from being drawn: (vocabulary size,)."""
        numbers = (PADDING, UNKNOWN)
        return sum(tf.one_hot(number, self.text.size, on_value=-1e9, off_value=0.0) for number in numbers)

    def _rewards(self, positions: Any, tokens: Any) -> Any:
        captions = self.text.texts(self.text.pieces_of(tokens))
        rewards = tf.numpy_function(self.reward, [positions, captions], tf.float32)
        return tf.ensure_shape(rewards, [None])
