"""A small random model whose next token depends on all previous ones, for the search and in NumPy."""

import itertools

import numpy as np
import tensorflow as tf

from common.decoding.step import StepResult

END = 0
START = 1


class RandomModel:
    """State h_t = h_{t-1} / 2 + v[token]; logits = A[token before, token] + h_t B[sentence].

    The attention of a step over `sources` positions is softmax(h_t C).
    """

    def __init__(self, vocabulary=4, batch=3, seed=0, spread=1.5, end_bias=0.0, sources=3):
        generator = np.random.default_rng(seed)
        self.vocabulary, self.batch = vocabulary, batch
        self.pairs = generator.normal(scale=spread, size=(vocabulary, vocabulary, vocabulary))
        self.pairs[:, :, END] += end_bias
        self.vectors = generator.normal(size=(vocabulary, 2))
        self.mix = generator.normal(scale=spread, size=(batch, 2, vocabulary))
        self.sources = generator.normal(scale=2.0, size=(2, sources))

    def states(self):
        """States of the rows, including per-sentence weights, so that a misplaced row is detected."""
        zeros = tf.zeros([self.batch], tf.int32)
        return {
            "before": zeros,
            "memory": (tf.zeros([self.batch, 2], tf.float64), tf.constant(self.mix)),
        }

    def starts(self):
        return tf.fill([self.batch], START)

    def step(self, tokens, states):
        memory, mix = states["memory"]
        memory = memory / 2 + tf.gather(self.vectors, tokens)  # (rows, 2)
        logits = tf.gather_nd(self.pairs, tf.stack([states["before"], tokens], axis=1))
        logits += tf.linalg.matvec(mix, memory, transpose_a=True)
        attention = tf.nn.softmax(tf.matmul(memory, self.sources))
        return StepResult(logits, {"before": tokens, "memory": (memory, mix)}, attention)

    def next(self, sentence, tokens):
        """Log-probabilities of the token after `tokens`, and the attention, in NumPy."""
        memory, before, token = np.zeros(2), 0, START
        for following in (*tokens, None):
            memory = memory / 2 + self.vectors[token]
            logits = self.pairs[before, token] + memory @ self.mix[sentence]
            before, token = token, following
        attention = np.exp(memory @ self.sources)
        return logits - np.logaddexp.reduce(logits), attention / attention.sum()

    def score(self, sentence, tokens):
        """Log-probability of tokens, and the attention (time, sources) of their steps."""
        steps = [self.next(sentence, tokens[:t]) for t in range(len(tokens))]
        total = sum(logits[token] for (logits, _), token in zip(steps, tokens, strict=True))
        return total, np.array([attention for _, attention in steps])

    def every_sequence(self, maximum_length):
        """All sequences that end or have the maximum length."""
        words = [token for token in range(self.vocabulary) if token != END]
        for length in range(maximum_length):
            for tokens in itertools.product(words, repeat=length):
                yield (*tokens, END)
        yield from itertools.product(words, repeat=maximum_length)


def sequences(decoded, sentence):
    """The tokens of a sentence's sequences up to the end token."""
    return [
        tuple(tokens[:length].tolist())
        for tokens, length in zip(
            decoded.tokens[sentence].numpy(), decoded.lengths[sentence].numpy(), strict=True
        )
    ]
