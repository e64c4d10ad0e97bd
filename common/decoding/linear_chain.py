"""Sums, maxima and best paths of a linear-chain conditional random field.

A chain over K tags is given by its potentials (batch, time, K, K), as `common.layers.crf.CRF` makes them:
potentials[b, t, i, j] is the score of tag j at step t after tag i at step t - 1, with the scores of the
observation, the start and the end in it. The score of a path y is s(y) = sum_t potentials[t, y_{t-1}, y_t],
its probability exp(s(y)) / Z with the partition function Z = sum_y exp(s(y)).

A masked step is the identity of these sums: 0 on the diagonal, minus infinity elsewhere. It hands on the tag
before it. The first step that is not masked has the same scores in every row; the chain enters it from tag 0.
So the potentials alone say all, the mask too, and masked steps change nothing wherever they stand.

All functions work on whole batches inside the graph, by dynamic programming in the logarithmic domain, and
compile with XLA. They are written in TensorFlow: `keras.ops.scan` takes half as long again on a CPU.

Source: Lafferty, McCallum and Pereira, "Conditional random fields", 2001; Rabiner, "A tutorial on hidden
Markov models", 1989 (forward-backward, Viterbi); Seshadri and Sundberg, "List Viterbi decoding algorithms
with applications", 1994 (n-best).
"""

from typing import Any

import tensorflow as tf

# Score of what is forbidden. Its probability is zero in float32, yet sums with it stay finite: a path through
# it, in a training set with a mistake, costs much and spoils nothing.
FORBIDDEN_SCORE = -1e5


def step_mask(potentials: Any) -> Any:
    """Which steps (batch, time) are part of the sequence."""
    return tf.not_equal(potentials[:, :, 0, 1], _minus_infinity(potentials))


@tf.custom_gradient
def log_partition(potentials: Any) -> Any:
    """Logarithm (batch,) of the sum of exp(score) over all paths; 0 for a sequence of no steps.

    Its gradient is the probability of each pair of neighbouring tags, from the forward and the backward
    messages. Both are made in one loop: half the iterations that automatic differentiation takes.
    """
    forward, backward = _messages(potentials)  # (batch, time + 1, tags) each
    partition = tf.reduce_logsumexp(forward[:, -1], axis=-1)  # (batch,)

    def gradient(upstream: Any) -> Any:
        return upstream[:, None, None, None] * _pairs(potentials, forward, backward, partition)

    return partition, gradient


def path_scores(potentials: Any, tags: Any) -> Any:
    """Scores (batch,) of the paths `tags` (batch, time), whatever stands at their masked steps."""
    batch, time, number, _ = tf.unstack(tf.shape(potentials))
    mask = step_mask(potentials)
    tags = tf.clip_by_value(tf.cast(tags, tf.int32), 0, number - 1)
    # The tag before a step is that of the last step that is not masked: move those to the front, in order.
    order = tf.argsort(tf.cast(~mask, tf.int32), axis=1, stable=True)
    unmasked_tags = tf.gather(tags, order, batch_dims=1)  # (batch, time)
    steps_before = tf.cumsum(tf.cast(mask, tf.int32), axis=1, exclusive=True)  # (batch, time)
    previous = tf.gather(unmasked_tags, tf.maximum(steps_before - 1, 0), batch_dims=1)
    pairs = tf.reshape(potentials, [batch, time, number * number])
    scores = tf.gather(pairs, previous * number + tags, batch_dims=2)  # (batch, time)
    return tf.reduce_sum(tf.where(mask, scores, tf.zeros_like(scores)), axis=1)


def log_likelihood(potentials: Any, tags: Any) -> Any:
    """Logarithm (batch,) of the probability of the paths `tags` (batch, time)."""
    return path_scores(potentials, tags) - log_partition(potentials)


def pair_marginals(potentials: Any) -> Any:
    """Probability of tag i at step t - 1 and j at t, (batch, time, tags, tags); as `potentials`.

    At the first step all of it is in row 0; at masked steps on the diagonal. Computed in float64: messages
    grow with the steps, and in float32 probabilities are off by a hundredth after 2,000 of them.
    """
    exact = tf.cast(potentials, tf.float64)
    forward, backward = _messages(exact)
    pairs = _pairs(exact, forward, backward, tf.reduce_logsumexp(forward[:, -1], axis=-1))
    return tf.cast(pairs, potentials.dtype)


def marginals(potentials: Any) -> Any:
    """Probability of each tag at each step, (batch, time, tags); zeros at masked steps."""
    probabilities = tf.reduce_sum(pair_marginals(potentials), axis=2)
    return tf.where(step_mask(potentials)[:, :, None], probabilities, tf.zeros_like(probabilities))


def best_path(potentials: Any) -> tuple[Any, Any]:
    """Find the path of the highest score (Viterbi).

    Returns:
        Tags (batch, time), 0 at masked steps, and scores (batch,).
    """
    batch, time = tf.unstack(tf.shape(potentials)[:2])
    number = potentials.shape[-1]
    pointers = tf.TensorArray(tf.int32, time, element_shape=(potentials.shape[0], number))

    def step(t: Any, scores: Any, pointers: Any) -> tuple[Any, Any, Any]:
        candidates = scores[:, :, None] + potentials[:, t]  # (batch, tags before, tags)
        pointers = pointers.write(t, tf.argmax(candidates, axis=1, output_type=tf.int32))
        return t + 1, tf.reduce_max(candidates, axis=1), pointers

    _, scores, pointers = tf.while_loop(
        lambda t, *_: t < time, step, (0, _entry(potentials, batch), pointers), maximum_iterations=time
    )
    last = tf.argmax(scores, axis=1, output_type=tf.int32)  # (batch,)
    path = tf.TensorArray(tf.int32, time, element_shape=(potentials.shape[0],))

    def step_back(t: Any, tags: Any, path: Any) -> tuple[Any, Any, Any]:
        return t - 1, tf.gather(pointers.read(t), tags, batch_dims=1), path.write(t, tags)

    _, _, path = tf.while_loop(
        lambda t, *_: t >= 0, step_back, (time - 1, last, path), maximum_iterations=time
    )
    tags = tf.transpose(path.stack())  # (batch, time)
    return tf.where(step_mask(potentials), tags, 0), tf.reduce_max(scores, axis=1)


def n_best_paths(potentials: Any, n: int) -> tuple[Any, Any]:
    """Find the n paths of the highest scores, best first.

    At each step the n best ways to every tag are kept, each with the tag and the rank that it came from.
    For n = 1 `best_path` is several times as fast.

    Returns:
        Tags (batch, n, time), 0 at masked steps, and scores (batch, n). Where a sequence has fewer than n
        paths that are not forbidden, the others score minus infinity.
    """
    batch, time = tf.unstack(tf.shape(potentials)[:2])
    number = potentials.shape[-1]
    impossible = _minus_infinity(potentials)
    # The chain enters by one path, not by n alike.
    scores = tf.where(tf.range(n) == 0, _entry(potentials, batch)[:, :, None], impossible)
    pointers = tf.TensorArray(tf.int32, time, element_shape=(potentials.shape[0], number, n))

    def step(t: Any, scores: Any, pointers: Any) -> tuple[Any, Any, Any]:
        candidates = scores[:, :, :, None] + potentials[:, t, :, None, :]  # (batch, tags before, n, tags)
        candidates = tf.reshape(candidates, [batch, number * n, number])
        scores, origins = tf.math.top_k(tf.transpose(candidates, [0, 2, 1]), n)  # (batch, tags, n) each
        return t + 1, scores, pointers.write(t, origins)

    _, scores, pointers = tf.while_loop(
        lambda t, *_: t < time, step, (0, scores, pointers), maximum_iterations=time
    )
    # Places in (tags, n) laid out flat: place // n is the tag.
    scores, places = tf.math.top_k(tf.reshape(scores, [batch, number * n]), n)  # (batch, n) each
    paths = tf.TensorArray(tf.int32, time, element_shape=(potentials.shape[0], n))

    def step_back(t: Any, places: Any, paths: Any) -> tuple[Any, Any, Any]:
        origins = tf.reshape(pointers.read(t), [batch, number * n])
        return t - 1, tf.gather(origins, places, batch_dims=1), paths.write(t, places // n)

    _, _, paths = tf.while_loop(
        lambda t, *_: t >= 0, step_back, (time - 1, places, paths), maximum_iterations=time
    )
    tags = tf.transpose(paths.stack(), [1, 2, 0])  # (batch, n, time)
    tags = tf.where(step_mask(potentials)[:, None, :], tags, 0)
    return tags, tf.where(scores < FORBIDDEN_SCORE / 2, impossible, scores)


def _messages(potentials: Any) -> tuple[Any, Any]:
    """Forward and backward messages, (batch, time + 1, tags) each.

    forward[t + 1, j] = log sum_i exp(forward[t, i] + potentials[t, i, j]): all ways to tag j at step t.
    backward[t, i] = log sum_j exp(potentials[t, i, j] + backward[t + 1, j]): all ways on from tag i at t - 1.
    """
    batch, time = tf.unstack(tf.shape(potentials)[:2])
    state_shape = (potentials.shape[0], potentials.shape[-1])
    first = _entry(potentials, batch)  # (batch, tags)
    last = tf.zeros_like(first)
    forwards, backwards = (
        tf.TensorArray(potentials.dtype, time + 1, element_shape=state_shape).write(place, state)
        for place, state in ((0, first), (time, last))
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
    """Scores (batch, tags) before the first step: the chain comes from tag 0."""
    zero = tf.zeros([], potentials.dtype)
    scores = tf.where(tf.range(potentials.shape[-1]) == 0, zero, _minus_infinity(potentials))
    return tf.tile(scores[None], [batch, 1])


def _minus_infinity(potentials: Any) -> Any:
    return tf.constant(float("-inf"), potentials.dtype)
