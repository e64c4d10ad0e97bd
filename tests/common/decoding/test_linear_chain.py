"""Comparison with an enumeration of all paths."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from common.decoding.linear_chain import (
    best_path,
    log_likelihood,
    log_partition,
    marginals,
    n_best_paths,
    pair_marginals,
    path_scores,
)
from common.layers.crf import CRF


def random_chain(seed, tags, time, batch=4, spread=2.0):
    """Emissions, mask (random steps masked), start, transition and end scores."""
    generator = np.random.default_rng(seed)
    mask = generator.random((batch, time)) < 0.7
    mask[0], mask[-1] = True, False  # One sequence without masked steps, one fully masked.
    scores = [generator.normal(scale=spread, size=shape) for shape in ((tags,), (tags, tags), (tags,))]
    return generator.normal(scale=spread, size=(batch, time, tags)), mask, scores


def make_potentials(emissions, mask, scores):
    layer = CRF(emissions.shape[-1], dtype="float64")
    layer.build((None, None, emissions.shape[-1]))
    layer.set_weights(scores)
    return layer(tf.constant(emissions), mask=tf.constant(mask))


def all_paths(emissions, mask, scores):
    """Paths of one sequence, as tuples of the tags at its unmasked steps, best first, and their scores."""
    start, transitions, end = scores
    observed = emissions[mask]

    def score(path):
        total = sum(observed[step, tag] for step, tag in enumerate(path))
        total += sum(transitions[pair] for pair in itertools.pairwise(path))
        return total + (start[path[0]] + end[path[-1]] if path else 0.0)

    paths = list(itertools.product(range(emissions.shape[-1]), repeat=len(observed)))
    paths.sort(key=score, reverse=True)
    return paths, np.array([score(path) for path in paths])


@pytest.mark.parametrize(("tags", "time", "seed"), [(2, 6, 0), (3, 6, 1), (4, 5, 2), (5, 6, 3), (5, 1, 4)])
def test_against_all_paths(tags, time, seed):
    emissions, mask, scores = random_chain(seed, tags, time)
    potentials = make_potentials(emissions, mask, scores)
    truth = np.random.default_rng(seed).integers(0, tags, mask.shape)
    partition, likelihood = log_partition(potentials), log_likelihood(potentials, truth)
    probabilities = marginals(potentials)
    path, path_score = best_path(potentials)
    paths, n_scores = n_best_paths(potentials, 4)
    for row in range(len(mask)):
        expected_paths, expected_scores = all_paths(emissions[row], mask[row], scores)
        expected_partition = np.logaddexp.reduce(expected_scores)
        np.testing.assert_allclose(partition[row], expected_partition, rtol=1e-10, atol=1e-10)
        place = expected_paths.index(tuple(truth[row][mask[row]]))
        expected_likelihood = expected_scores[place] - expected_partition
        np.testing.assert_allclose(likelihood[row], expected_likelihood, rtol=1e-10, atol=1e-10)
        assert tuple(path[row].numpy()[mask[row]]) == expected_paths[0]
        np.testing.assert_allclose(path_score[row], expected_scores[0], rtol=1e-10)
        there = min(4, len(expected_paths))
        assert [tuple(p[mask[row]]) for p in paths[row, :there].numpy()] == expected_paths[:there]
        np.testing.assert_allclose(n_scores[row, :there], expected_scores[:there], rtol=1e-10)
        assert np.all(np.isneginf(n_scores[row, there:]))
        expected_probabilities = np.zeros((time, tags))
        for one, weight in zip(expected_paths, np.exp(expected_scores - expected_partition), strict=True):
            expected_probabilities[np.flatnonzero(mask[row]), list(one)] += weight
        np.testing.assert_allclose(probabilities[row], expected_probabilities, rtol=1e-9, atol=1e-12)
    assert not path.numpy()[~mask].any()
    assert not paths.numpy().transpose(0, 2, 1)[~mask].any()


def test_by_hand():
    """Two tags, two steps: s(00) = 1 + 0, s(01) = 1 + 2 + 3, s(10) = 0, s(11) = 3."""
    emissions, transitions = np.array([[[1.0, 0.0], [0.0, 3.0]]]), np.array([[0.0, 2.0], [0.0, 0.0]])
    potentials = make_potentials(emissions, np.ones((1, 2), bool), [np.zeros(2), transitions, np.zeros(2)])
    total = np.exp([1, 6, 0, 3]).sum()
    np.testing.assert_allclose(log_partition(potentials), [np.log(total)], rtol=1e-12)
    np.testing.assert_allclose(log_likelihood(potentials, [[0, 1]]), [6 - np.log(total)], rtol=1e-12)
    np.testing.assert_allclose(
        marginals(potentials)[0, 0], [(np.e + np.exp(6)) / total, (1 + np.exp(3)) / total], rtol=1e-12
    )


def test_gradient_of_the_weights_and_emissions_against_finite_differences():
    emissions, mask, scores = random_chain(5, tags=4, time=5)
    truth = np.random.default_rng(5).integers(0, 4, mask.shape)
    values = [emissions, *scores]

    def loss(emissions, *scores):
        return float(tf.reduce_sum(log_likelihood(make_potentials(emissions, mask, list(scores)), truth)))

    layer = CRF(4, dtype="float64")
    layer.build((None, None, 4))
    layer.set_weights(scores)
    inputs = tf.constant(emissions)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        total = tf.reduce_sum(log_likelihood(layer(inputs, mask=tf.constant(mask)), truth))
    gradients = tape.gradient(total, [inputs, *(weight.value for weight in layer.weights)])
    generator = np.random.default_rng(6)
    for number, (value, gradient) in enumerate(zip(values, gradients, strict=True)):
        for place in generator.permutation(value.size)[:12]:
            at = np.unravel_index(place, value.shape)
            sides = []
            for step in (1e-5, -1e-5):
                moved = [one.copy() for one in values]
                moved[number][at] += step
                sides.append(loss(*moved))
            np.testing.assert_allclose(
                gradient.numpy()[at], (sides[0] - sides[1]) / 2e-5, rtol=1e-6, atol=1e-8
            )
    assert np.all(gradients[0].numpy()[~mask] == 0)


def test_gradient_is_the_probability_of_each_pair():
    emissions, mask, scores = random_chain(7, tags=3, time=4)
    potentials = make_potentials(emissions, mask, scores)
    with tf.GradientTape() as tape:
        tape.watch(potentials)
        partition = log_partition(potentials)
    pairs = tape.gradient(partition, potentials)
    np.testing.assert_allclose(
        tf.where(mask[:, :, None], tf.reduce_sum(pairs, axis=2), 0), marginals(potentials), atol=1e-12
    )
    np.testing.assert_allclose(pairs, pair_marginals(potentials), atol=1e-12)


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10**6), tags=st.integers(2, 5), before=st.integers(0, 3), after=st.integers(0, 3))
def test_padding_changes_nothing(seed, tags, before, after):
    emissions, mask, scores = random_chain(seed, tags, 4)
    sides = [(0, 0), (before, after)]
    wide = np.pad(emissions, [*sides, (0, 0)], constant_values=1e30)
    narrow, wide = (
        make_potentials(emissions, mask, scores),
        make_potentials(wide, np.pad(mask, sides), scores),
    )
    inside = slice(before, before + 4)
    np.testing.assert_allclose(log_partition(wide), log_partition(narrow), rtol=1e-12)
    np.testing.assert_allclose(marginals(wide)[:, inside], marginals(narrow), rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(best_path(wide)[0][:, inside], best_path(narrow)[0])
    np.testing.assert_array_equal(n_best_paths(wide, 3)[0][:, :, inside], n_best_paths(narrow, 3)[0])
    tags_of_padding = np.pad(best_path(narrow)[0], sides, constant_values=-1)
    np.testing.assert_allclose(path_scores(wide, tags_of_padding), best_path(narrow)[1], rtol=1e-12)


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(1, 9))
def test_n_best_are_different_paths_in_order_with_their_scores(seed, n):
    potentials = make_potentials(*random_chain(seed, 3, 5))
    paths, scores = n_best_paths(potentials, n)
    assert np.all(scores[:, 1:] <= scores[:, :-1])
    np.testing.assert_allclose(scores[:, 0], best_path(potentials)[1], rtol=1e-12)
    for row_paths, row_scores in zip(paths.numpy(), scores.numpy(), strict=True):
        there = np.isfinite(row_scores)
        assert len({tuple(path) for path in row_paths[there]}) == there.sum()
    again = tf.stack([path_scores(potentials, paths[:, rank]) for rank in range(n)], axis=1)
    np.testing.assert_allclose(tf.where(tf.math.is_finite(scores), again, scores), scores, rtol=1e-12)


def test_large_scores_stay_finite():
    emissions, mask, scores = random_chain(8, tags=3, time=6, spread=1e4)
    potentials = tf.cast(make_potentials(emissions, mask, scores), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(potentials)
        partition = log_partition(potentials)
    assert np.all(np.isfinite(tape.gradient(partition, potentials)))
    np.testing.assert_allclose(partition, best_path(potentials)[1], rtol=1e-5)


def test_marginals_of_long_sequences_keep_their_digits():
    """Messages grow with the steps: in float32 probabilities are off by 0.01 after 2,000 steps."""
    emissions, mask, scores = random_chain(10, tags=4, time=2_000, batch=2)
    potentials = make_potentials(emissions, mask, scores)
    single = tf.cast(potentials, tf.float32)
    # Graphs, as in a model: step by step from Python, the loops take a minute.
    for function in (tf.function(marginals), tf.function(pair_marginals)):
        found = function(single)
        assert found.dtype == tf.float32
        np.testing.assert_allclose(found, function(potentials), atol=1e-6)


@pytest.mark.parametrize("compiled", [False, True])
def test_in_a_graph_of_unknown_size(compiled):
    potentials = make_potentials(*random_chain(9, 3, 5))

    @tf.function(
        jit_compile=compiled,
        input_signature=[tf.TensorSpec([None, None, 3, 3], tf.float64)],
    )
    def everything(potentials):
        with tf.GradientTape() as tape:
            tape.watch(potentials)
            partition = log_partition(potentials)
        paths, scores = n_best_paths(potentials, 2)
        return partition, tape.gradient(partition, potentials), paths, scores, *best_path(potentials)

    partition, gradient, paths, scores, path, score = everything(potentials)
    np.testing.assert_allclose(partition, log_partition(potentials), rtol=1e-12)
    assert gradient.shape == potentials.shape
    np.testing.assert_array_equal(path, best_path(potentials)[0])
    np.testing.assert_array_equal(paths[:, 0], path)
    np.testing.assert_allclose(scores[:, 0], score, rtol=1e-12)
