"""Partition function, marginals and best paths of a linear-chain conditional random field.

A chain over K tags is given by its potentials (batch, time, K, K), as `common.layers.crf.CRF` computes them:
potentials[b, t, i, j] is the score of tag j at step t after tag i at step t - 1, including the scores of the
observation, the start and the end. The score of a path y is s(y) = sum_t potentials[t, y_{t-1}, y_t],
its probability exp(s(y)) / Z with the partition function Z = sum_y exp(s(y)).

A masked step is the identity: 0 on the diagonal, minus infinity elsewhere. It passes the previous tag on. The
first unmasked step has the same scores in every row; the chain enters it from tag 0. So the potentials encode
everything, including the mask, and padding on either side changes nothing.

All functions work on batches inside the graph, by dynamic programming in the log domain, and compile with
XLA. They are written in TensorFlow: `keras.ops.scan` takes 1.5 times as long on a CPU.

Source: Lafferty, McCallum and Pereira, "Conditional random fields", 2001; Rabiner, "A tutorial on hidden
Markov models", 1989 (forward-backward, Viterbi); Seshadri and Sundberg, "List Viterbi decoding algorithms
with applications", 1994 (n-best).
"""

from typing import Any

import tensorflow as tf

# Score of a forbidden transition. Its probability is zero in float32, but sums with it stay finite: a mistake
# in the training data has a large loss instead of an infinite one.
FORBIDDEN_SCORE = -1e5


def step_mask(potentials: Any) -> Any:
    """Mask (batch, time) of the steps that are part of the sequence: all that are not the identity.

    Scores of minus infinity rule out a tag or a pair, also at a step that is part of the sequence.
    """
    diagonal = tf.eye(potentials.shape[-1], dtype=tf.bool)
    identity = tf.where(diagonal, tf.zeros([], potentials.dtype), _minus_infinity(potentials))
    return tf.reduce_any(tf.not_equal(potentials, identity), axis=[2, 3])


@tf.custom_gradient
def log_partition(potentials: Any) -> Any:
    """Log (batch,) of the sum of exp(score) over all paths; 0 for an empty sequence.

    The gradient is the probability of each pair of neighbouring tags, from the forward and backward messages.
    Both are computed in one loop, with half the iterations of automatic differentiation.
    """
    forward, backward = _messages(potentials)  # (batch, time + 1, tags) each
    partition = tf.reduce_logsumexp(forward[:, -1], axis=-1)  # (batch,)

    def gradient(upstream: Any) -> Any:
        return upstream[:, None, None, None] * _pairs(potentials, forward, backward, partition)

    return partition, gradient


def path_scores(potentials: Any, tags: Any) -> Any:
    """Scores (batch,) of the paths `tags` (batch, time); values at masked steps are ignored."""
    batch, time, number, _ = tf.unstack(tf.shape(potentials))
    mask = step_mask(potentials)
    tags = tf.clip_by_value(tf.cast(tags, tf.int32), 0, number - 1)
    # The previous tag is that of the last unmasked step: move unmasked steps to the front, in order.
    order = tf.argsort(tf.cast(~mask, tf.int32), axis=1, stable=True)
    unmasked_tags = tf.gather(tags, order, batch_dims=1)  # (batch, time)
    steps_before = tf.cumsum(tf.cast(mask, tf.int32), axis=1, exclusive=True)  # (batch, time)
    previous = tf.gather(unmasked_tags, tf.maximum(steps_before - 1, 0), batch_dims=1)
    pairs = tf.reshape(potentials, [batch, time, number * number])
    scores = tf.gather(pairs, previous * number + tags, batch_dims=2)  # (batch, time)
    return tf.reduce_sum(tf.where(mask, scores, tf.zeros_like(scores)), axis=1)


def log_likelihood(potentials: Any, tags: Any) -> Any:
    """Log-probability (batch,) of the paths `tags` (batch, time)."""
    return path_scores(potentials, tags) - log_partition(potentials)


def pair_marginals(potentials: Any) -> Any:
    """Probabilities (batch, time, tags, tags) of tag i at step t - 1 and j at t, indexed like `potentials`.

    At the first step only row 0 is nonzero; at masked steps only the diagonal. Computed in float64: messages
    grow with the number of steps, and in float32 probabilities are off by 0.01 after 2,000 steps.
    """
    exact = tf.cast(potentials, tf.float64)
    forward, backward = _messages(exact)
    pairs = _pairs(exact, forward, backward, tf.reduce_logsumexp(forward[:, -1], axis=-1))
    return tf.cast(pairs, potentials.dtype)


def marginals(potentials: Any) -> Any:
    """Probabilities (batch, time, tags) of each tag at each step; zeros at masked steps."""
    probabilities = tf.reduce_sum(pair_marginals(potentials), axis=2)
    return tf.where(step_mask(potentials)[:, :, None], probabilities, tf.zeros_like(probabilities))


def best_path(potentials: Any) -> tuple[Any, Any]:
    """Find the path with the highest score (Viterbi).

    Returns:
        Tags (batch, time), 0 at masked steps, and scores (batch,).
    """
    batch, time = tf.unstack(tf.shape(potentials)[:2])
    number = potentials.shape[-1]
    backpointers = tf.TensorArray(tf.int32, time, element_shape=(potentials.shape[0], number))

    def step(t: Any, scores: Any, backpointers: Any) -> tuple[Any, Any, Any]:
        candidates = scores[:, :, None] + potentials[:, t]  # (batch, tags before, tags)
        backpointers = backpointers.write(t, tf.argmax(candidates, axis=1, output_type=tf.int32))
        return t + 1, tf.reduce_max(candidates, axis=1), backpointers

    _, scores, backpointers = tf.while_loop(
        lambda t, *_: t < time, step, (0, _entry(potentials, batch), backpointers), maximum_iterations=time
    )
    last = tf.argmax(scores, axis=1, output_type=tf.int32)  # (batch,)
    path = tf.TensorArray(tf.int32, time, element_shape=(potentials.shape[0],))

    def step_back(t: Any, tags: Any, path: Any) -> tuple[Any, Any, Any]:
        return t - 1, tf.gather(backpointers.read(t), tags, batch_dims=1), path.write(t, tags)

    _, _, path = tf.while_loop(
        lambda t, *_: t >= 0, step_back, (time - 1, last, path), maximum_iterations=time
    )
    tags = tf.transpose(path.stack())  # (batch, time)
    return tf.where(step_mask(potentials), tags, 0), tf.reduce_max(scores, axis=1)


def n_best_paths(potentials: Any, n: int) -> tuple[Any, Any]:
    """Find the n paths with the highest scores, best first.

    At each step keep the n best paths to every tag, each with a backpointer to the tag and rank it came from.
    For n = 1, `best_path` is several times as fast.

    Returns:
        Tags (batch, n, time), 0 at masked steps, and scores (batch, n). If a sequence has fewer than n
        allowed paths, the rest score minus infinity.
    """
    batch, time = tf.unstack(tf.shape(potentials)[:2])
    number = potentials.shape[-1]
    impossible = _minus_infinity(potentials)
    # The chain starts with one path, not with n copies of it.
    scores = tf.where(tf.range(n) == 0, _entry(potentials, batch)[:, :, None], impossible)
    backpointers = tf.TensorArray(tf.int32, time, element_shape=(potentials.shape[0], number, n))

    def step(t: Any, scores: Any, backpointers: Any) -> tuple[Any, Any, Any]:
        candidates = scores[:, :, :, None] + potentials[:, t, :, None, :]  # (batch, tags before, n, tags)
        candidates = tf.reshape(candidates, [batch, number * n, number])
        scores, origins = tf.math.top_k(tf.transpose(candidates, [0, 2, 1]), n)  # (batch, tags, n) each
        return t + 1, scores, backpointers.write(t, origins)

    _, scores, backpointers = tf.while_loop(
        lambda t, *_: t < time, step, (0, scores, backpointers), maximum_iterations=time
    )
    # Flat indices into (tags, n): index // n is the tag.
    scores, indices = tf.math.top_k(tf.reshape(scores, [batch, number * n]), n)  # (batch, n) each
    paths = tf.TensorArray(tf.int32, time, element_shape=(potentials.shape[0], n))

    def step_back(t: Any, indices: Any, paths: Any) -> tuple[Any, Any, Any]:
        origins = tf.reshape(backpointers.read(t), [batch, number * n])
        return t - 1, tf.gather(origins, indices, batch_dims=1), paths.write(t, indices // n)

    _, _, paths = tf.while_loop(
        lambda t, *_: t >= 0, step_back, (time - 1, indices, paths), maximum_iterations=time
    )
    tags = tf.transpose(paths.stack(), [1, 2, 0])  # (batch, n, time)
    tags = tf.where(step_mask(potentials)[:, None, :], tags, 0)
    # Compared with the best path, as the scores of long sequences may be as low as that of a transition.
    return tags, tf.where(scores < scores[:, :1] + FORBIDDEN_SCORE / 2, impossible, scores)


def _messages(potentials: Any) -> tuple[Any, Any]:
    """Forward and backward messages, (batch, time + 1, tags) each.

    forward[t + 1, j] = log sum_i exp(forward[t, i] + potentials[t, i, j]): all paths to tag j at step t.
    backward[t, i] = log sum_j exp(potentials[t, i, j] + backward[t + 1, j]): all paths from tag i at t - 1.
    """
    batch, time = tf.unstack(tf.shape(potentials)[:2])
    state_shape = (potentials.shape[0], potentials.shape[-1])
    first = _entry(potentials, batch)  # (batch, tags)
    last = tf.zeros_like(first)
    forwards, backwards = (
        tf.TensorArray(potentials.dtype, time + 1, element_shape=state_shape).write(index, state)
        for index, state in ((0, first), (time, last))
    )

    def step(t: Any, forward: Any, backward: Any, forwards: Any, backwards: Any) -> tuple[Any, ...]:
        mirrored = time - 1 - t
        forward = tf.reduce_logsumexp(forward[:, :, None] + potentials[:, t], axis=1)
        backward = tf.reduce_logsumexp(potentials[:, mirrored] + backward[:, None, :], axis=2)
        return (
            t + 1,
            forward,
            backward,
            forwards.write(t + 1, forward),
            backwards.write(mirrored, backward),
        )

    *_, forwards, backwards = tf.while_loop(
        lambda t, *_: t < time, step, (0, first, last, forwards, backwards), maximum_iterations=time
    )
    return tf.transpose(forwards.stack(), [1, 0, 2]), tf.transpose(backwards.stack(), [1, 0, 2])


def _pairs(potentials: Any, forward: Any, backward: Any, partition: Any) -> Any:
    """Probability (batch, time, tags, tags) of each pair of neighbouring tags."""
    after = backward[:, 1:] - partition[:, None, None]
    return tf.exp(forward[:, :-1, :, None] + potentials + after[:, :, None, :])


def _entry(potentials: Any, batch: Any) -> Any:
    """Scores (batch, tags) before the first step: the chain starts at tag 0."""
    zero = tf.zeros([], potentials.dtype)
    scores = tf.where(tf.range(potentials.shape[-1]) == 0, zero, _minus_infinity(potentials))
    return tf.tile(scores[None], [batch, 1])


def _minus_infinity(potentials: Any) -> Any:
    return tf.constant(float("-inf"), potentials.dtype)
