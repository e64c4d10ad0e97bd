import itertools

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from common.data.batching import SequenceBatches, choose_buckets, ordered_answers


def padded(lengths, boundaries):
    return sum(min(boundary for boundary in boundaries if boundary >= length) for length in lengths)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(1, 15), min_size=1, max_size=40), st.integers(1, 4))
def test_buckets_waste_the_fewest_steps(lengths, buckets):
    chosen = choose_buckets(np.array(lengths), buckets, tokens_per_batch=30)
    longest = max(lengths)
    every_choice = itertools.chain.from_iterable(
        itertools.combinations(range(1, longest), size) for size in range(min(buckets, longest))
    )
    best = min(padded(lengths, (*choice, longest)) for choice in every_choice)
    assert len(chosen.boundaries) <= buckets
    assert padded(lengths, chosen.boundaries) == best
    assert chosen.padding_share == pytest.approx(1 - sum(lengths) / best)
    assert all(
        size == max(1, 30 // boundary)
        for size, boundary in zip(chosen.batch_sizes, chosen.boundaries, strict=True)
    )


def make_batches(tmp_path, lengths):
    examples = tf.data.Dataset.from_generator(
        lambda: ((np.full(length, length, np.int32), number) for number, length in enumerate(lengths)),
        output_signature=(tf.TensorSpec([None], tf.int32), tf.TensorSpec([], tf.int64)),
    )
    return SequenceBatches(examples, tmp_path / "cache")


@pytest.fixture
def batches(tmp_path):
    return make_batches(tmp_path, np.random.default_rng(0).integers(1, 30, 200))


def order(dataset):
    return [tuple(targets) for _, targets in dataset.as_numpy_iterator()]


def test_every_example_once_under_the_budget(batches):
    buckets = choose_buckets(batches.lengths, 4, tokens_per_batch=100)
    epoch = tf.Variable(0, dtype=tf.int64)
    seen, steps = [], 0
    for sequences, targets in batches.training_batches(buckets, epoch, seed=1, shuffle_buffer=50):
        assert tf.size(sequences) <= 100
        assert sequences.shape[1] in buckets.boundaries
        np.testing.assert_array_equal(
            tf.math.count_nonzero(sequences, axis=1), batches.lengths[targets.numpy()]
        )
        seen.extend(targets.numpy())
        steps += 1
    assert sorted(seen) == list(range(200))
    assert steps == buckets.steps_per_epoch


def test_order_depends_on_seed_and_epoch_alone(batches):
    buckets = choose_buckets(batches.lengths, 3, tokens_per_batch=100)
    epoch = tf.Variable(0, dtype=tf.int64)
    data = batches.training_batches(buckets, epoch, seed=1, shuffle_buffer=200)
    first, again = order(data), order(data)
    epoch.assign(1)
    second = order(data)
    other = order(
        batches.training_batches(buckets, tf.Variable(0, dtype=tf.int64), seed=2, shuffle_buffer=200)
    )
    resumed = order(
        batches.training_batches(buckets, tf.Variable(1, dtype=tf.int64), seed=1, shuffle_buffer=200)
    )
    assert first == again
    assert first != second
    assert first != other
    assert resumed == second


def test_scoring_keeps_every_example(batches):
    buckets = choose_buckets(batches.lengths, 3, tokens_per_batch=64)
    scored = order(batches.scoring_batches(buckets))
    assert sorted(itertools.chain.from_iterable(scored)) == list(range(200))


@settings(deadline=None)
@given(st.lists(st.text(max_size=20)), st.integers(1, 60), st.integers(1, 7))
def test_answers_keep_the_order_of_the_examples(texts, budget, window):
    sizes = []

    def answer(batch):
        sizes.append(len(batch) * max(1, *map(len, batch)) if len(batch) > 1 else 0)
        return [text.upper() for text in batch]

    answered = list(ordered_answers(iter(texts), answer, len, budget, window))
    assert answered == [(text, text.upper()) for text in texts]
    assert all(size <= budget for size in sizes)
