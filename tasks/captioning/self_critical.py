"""A second stage that optimizes CIDEr-D itself: self-critical sequence training."""

from collections import Counter
from typing import Any

import numpy as np
import tensorflow as tf

from common.decoding.sampling import sample
from common.decoding.step import StepResult
from common.inputs.subwords import BOUNDARY, SubwordText
from common.inputs.words import PADDING, UNKNOWN
from tasks.captioning.scores import caption_words

# Longest n-grams of CIDEr-D, and the sigma of its penalty for wrong lengths.
LONGEST, SPREAD = 4, 6.0

Ngrams = Counter[tuple[str, ...]]


class CiderReward:
    """CIDEr-D of single captions, with the document frequencies of the training captions.

    CIDEr-D_n(c, S) = 10 / |S| sum_s exp(-(l(c) - l(s))^2 / 2 sigma^2) min(g(c), g(s)) . g(s) / |g(c)||g(s)|,
    where the vectors g are counts of n-grams of words, each times the logarithm of (number of images / number
    of images with the n-gram in a caption); mean over n = 1 ... 4. Lengths are numbers of bigrams, as in
    pycocoevalcap.

    Source: Vedantam, Zitnick and Parikh, "CIDEr: consensus-based image description evaluation", 2015.
    """

    def __init__(self, references: list[list[str]]) -> None:
        """Compute the document frequencies.

        Args:
            references: captions of each training image, in the order of the split.
        """
        counted = [[ngrams(caption_words(caption)) for caption in captions] for captions in references]
        self.frequencies: Ngrams = Counter()
        for captions in counted:
            self.frequencies.update({ngram for counts in captions for ngram in counts})
        self.log_images = np.log(float(len(references)))
        self.vectors = [[self._weighted(counts) for counts in captions] for captions in counted]

    def __call__(self, indices: np.ndarray, captions: np.ndarray) -> np.ndarray:
        """Score captions (batch,) bytes for the images with these indices (batch,): (batch,) float32."""
        scores = [
            self.score(index, caption.decode()) for index, caption in zip(indices, captions, strict=True)
        ]
        return np.array(scores, np.float32)

    def score(self, index: int, caption: str) -> float:
        """Score one caption for the image with this index."""
        vectors, norms, length = self._weighted(ngrams(caption_words(caption)))
        total = 0.0
        for others, other_norms, other_length in self.vectors[index]:
            penalty = np.exp(-((length - other_length) ** 2) / (2 * SPREAD**2))
            for vector, norm, other, other_norm in zip(vectors, norms, others, other_norms, strict=True):
                if norm > 0 and other_norm > 0:
                    product = sum(
                        min(weight, other[ngram]) * other[ngram]
                        for ngram, weight in vector.items()
                        if ngram in other
                    )
                    total += penalty * product / (norm * other_norm)
        return 10 * total / LONGEST / len(self.vectors[index])

    def _weighted(self, counts: Ngrams) -> tuple[list[dict[Any, float]], list[float], int]:
        """Return vectors of the n-grams of 1 ... 4 words, their norms, and the number of bigrams."""
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
    """Loss of a training step, which makes captions more likely that beat the image's other samples.

    loss = - sum_i sum_t (r(y_i) - mean_{j != i} r(y_j)) log p(y_it), over the n captions sampled for an
    image, mean over all words.

    Source: Rennie et al., "Self-critical sequence training for image captioning", 2017; with the mean of the
    other samples instead of the greedy caption: Luo, "A better variant of self-critical sequence training",
    2020.
    """

    def __init__(self, text: SubwordText, reward: CiderReward, draws: int, maximum_length: int) -> None:
        """Configure the loss.

        Args:
            text: vocabulary of the captions.
            reward: of captions for the training images.
            draws: captions sampled for each image, at least 2.
            maximum_length: maximum number of pieces of a caption.
        """
        self.text = text
        self.reward = reward
        self.draws = draws
        self.maximum_length = maximum_length

    def draw(self, model: Any, inputs: dict[str, Any]) -> tuple[Any, Any, Any]:
        """Sample captions for each image and compute their advantages; captions of one image are adjacent.

        Returns:
            Tokens (batch * draws, time); mask of tokens that count (batch * draws, time), including the
            sampled end; advantage (batch * draws,), r(y_i) - mean_{j != i} r(y_j).
        """
        states, picture = model.begin(*self._each_for_its_draws(model.encode(inputs)))

        def step(tokens: Any, states: Any) -> StepResult:
            logits, states, _ = model.step(tokens, states, picture)
            return StepResult(logits + self.excluded, states)

        indices = tf.repeat(inputs["picture"], self.draws)
        shape = tf.shape(indices)
        start, lengths = tf.fill(shape, BOUNDARY), tf.fill(shape, self.maximum_length)
        samples = sample(step, states, start, BOUNDARY, lengths, model.sampling_seed.next())
        tokens = samples.tokens[:, 0]
        counts = tf.range(tf.shape(tokens)[1]) <= samples.lengths[:, :1]
        rewards = tf.reshape(self._rewards(indices, tokens), [-1, self.draws])  # (batch, draws)
        others = (tf.reduce_sum(rewards, axis=1, keepdims=True) - rewards) / (self.draws - 1)
        return tokens, counts, tf.reshape(rewards - others, [-1])

    def loss(self, model: Any, inputs: dict[str, Any], tokens: Any, counts: Any, advantage: Any) -> Any:
        """Compute the loss () of the result of `draw`, inside a gradient tape."""
        before = tf.concat([tf.fill([tf.shape(tokens)[0], 1], BOUNDARY), tokens[:, :-1]], axis=1)
        written = tf.where(counts, before, PADDING)
        logits = model.write(*self._each_for_its_draws(model.encode(inputs)), written) + self.excluded
        log_probabilities = -tf.nn.sparse_softmax_cross_entropy_with_logits(tokens, logits)
        weights = tf.cast(counts, log_probabilities.dtype)  # (batch * draws, time)
        gains = advantage[:, tf.newaxis] * log_probabilities * weights
        return -tf.reduce_sum(gains) / tf.reduce_sum(weights)

    def _each_for_its_draws(self, encoded: tuple[Any, Any]) -> list[Any]:
        """Repeat memory and summary of images (batch, ...) for their captions (batch * draws, ...)."""
        return [tf.repeat(part, self.draws, axis=0) for part in encoded]

    @property
    def excluded(self) -> Any:
        """Mask that keeps padding and the unknown word from being sampled: (vocabulary size,)."""
        numbers = (PADDING, UNKNOWN)
        return sum(tf.one_hot(number, self.text.size, on_value=-1e9, off_value=0.0) for number in numbers)

    def _rewards(self, indices: Any, tokens: Any) -> Any:
        captions = self.text.texts(self.text.pieces_of(tokens))
        rewards = tf.numpy_function(self.reward, [indices, captions], tf.float32)
        return tf.ensure_shape(rewards, [None])
