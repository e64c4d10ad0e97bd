import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import chisquare
from support.decoding_case import END, RandomModel, sequences

from common.decoding.sampling import cut_off, greedy_search, sample
from common.decoding.step import StepResult

PROBABILITIES = np.array([0.1, 0.4, 0.05, 0.25, 0.2])


def one_step_model(tokens, states):
    return StepResult(tf.tile(tf.math.log(PROBABILITIES)[None], [tf.shape(tokens)[0], 1]), states)


def draw(rows=20000, seed=(1, 2), steps=1, **options):
    starts = tf.zeros([rows], tf.int32)
    return sample(one_step_model, (), starts, END, tf.fill([rows], steps), seed=seed, **options)


def test_greedy_chooses_the_most_probable_token_at_each_step():
    model = RandomModel(vocabulary=6, seed=2)
    maximum_lengths = [8, 0, 3]
    found = greedy_search(model.step, model.states(), model.starts(), END, maximum_lengths)
    for sentence, maximum_length in enumerate(maximum_lengths):
        tokens = []
        while len(tokens) < maximum_length and END not in tokens:
            tokens.append(int(np.argmax(model.next(sentence, tokens)[0])))
        assert sequences(found, sentence) == [tuple(token for token in tokens if token != END)]
        score, attention = model.score(sentence, tokens)
        np.testing.assert_allclose(found.scores[sentence, 0], score, rtol=1e-5)
        record = found.record[sentence, 0].numpy()
        np.testing.assert_allclose(record[: len(tokens)], attention.reshape(-1, 3), rtol=1e-5)
        assert not record[len(tokens) :].any()
        assert np.all(found.tokens[sentence, 0, len(tokens) :] == END)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, PROBABILITIES),
        ({"temperature": 0.5}, PROBABILITIES**2),
        ({"temperature": 2.0}, PROBABILITIES**0.5),
        ({"top_k": 2}, PROBABILITIES * [0, 1, 0, 1, 0]),
        ({"top_p": 0.8}, PROBABILITIES * [0, 1, 0, 1, 1]),
        ({"top_k": 3, "top_p": 0.7}, PROBABILITIES * [0, 1, 0, 1, 0]),
    ],
)
def test_frequencies_are_the_probabilities(options, expected):
    """A chi-squared test; its p-value is below 0.001 for one seed in a thousand; the seed is fixed."""
    counts = np.bincount(draw(**options).tokens[:, 0, 0], minlength=5)
    expected = expected / expected.sum()
    assert not counts[expected == 0].any()
    assert chisquare(counts[expected > 0], expected[expected > 0] * counts.sum()).pvalue > 0.001


def test_steps_are_sampled_independently():
    tokens = draw(steps=2).tokens[:, 0].numpy()
    tokens = tokens[tokens[:, 0] != END]
    pairs = np.zeros((5, 5))
    np.add.at(pairs, tuple(tokens.T), 1)
    expected = np.outer(PROBABILITIES[1:] / PROBABILITIES[1:].sum(), PROBABILITIES) * len(tokens)
    assert chisquare(pairs[1:].ravel(), expected.ravel()).pvalue > 0.001


def test_seed_score_and_length():
    once, again, other = draw(steps=6, rows=50), draw(steps=6, rows=50), draw(steps=6, rows=50, seed=(1, 3))
    np.testing.assert_array_equal(once.tokens, again.tokens)
    assert np.any(once.tokens != other.tokens)
    cold = draw(steps=6, rows=50, temperature=0.5, top_k=4)
    for tokens, length, score in zip(
        cold.tokens.numpy(), cold.lengths.numpy(), cold.scores.numpy(), strict=True
    ):
        chosen = tokens[0, : length[0] + 1]  # The end token, if any, is a step too.
        np.testing.assert_allclose(score[0], np.log(PROBABILITIES[chosen]).sum(), rtol=1e-5)


def test_truncation():
    logits = tf.math.log(tf.constant([PROBABILITIES, np.roll(PROBABILITIES, 1)], tf.float32))

    def left(**options):
        return [
            np.flatnonzero(np.isfinite(row)).tolist()
            for row in cut_off(logits, **{"top_k": None, "top_p": None, **options}).numpy()
        ]

    assert left() == [[0, 1, 2, 3, 4]] * 2
    assert left(top_k=1) == left(top_p=0.1) == left(top_p=0.39) == [[1], [2]]
    assert left(top_k=3) == left(top_p=0.7) == [[1, 3, 4], [0, 2, 4]]
    assert left(top_k=9) == left(top_p=1.0) == [[0, 1, 2, 3, 4]] * 2
    np.testing.assert_array_equal(cut_off(logits, 1, None).numpy()[0, 1], logits[0, 1])


@pytest.mark.parametrize("temperature", [1e-6, 1e-30, 1e-38, 1e-45, 5e-324])
@pytest.mark.parametrize("options", [{}, {"top_k": 2}, {"top_p": 0.5}])
def test_a_very_low_temperature_chooses_the_most_probable_token(temperature, options):
    tokens = draw(50, temperature=temperature, **options).tokens
    np.testing.assert_array_equal(tokens, np.full(tokens.shape, np.argmax(PROBABILITIES)))


@pytest.mark.parametrize("options", [{"temperature": 0.0}, {"top_k": 0}, {"top_p": 0.0}, {"top_p": 1.1}])
def test_arguments_out_of_range(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        draw(rows=1, **options)


def test_in_a_saved_model(tmp_path):
    model = RandomModel(vocabulary=6, seed=3)

    class Searcher(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.int32), tf.TensorSpec([2], tf.int32)])
        def __call__(self, maximum_lengths, seed):
            batch = tf.shape(maximum_lengths)[0]
            states = tf.nest.map_structure(lambda state: state[:batch], model.states())
            arguments = (model.step, states, model.starts()[:batch], END, maximum_lengths)
            return {"greedy": greedy_search(*arguments), "drawn": sample(*arguments, seed=seed, top_p=0.9)}

    searcher = Searcher()
    tf.saved_model.save(searcher, str(tmp_path))
    arguments = (tf.constant([5, 2]), tf.constant([3, 4]))
    expected = searcher(*arguments)
    answer = tf.saved_model.load(str(tmp_path))(*arguments)
    for value, other in zip(tf.nest.flatten(answer), tf.nest.flatten(expected), strict=True):
        np.testing.assert_allclose(value, other, rtol=1e-6)
    assert expected["greedy"].tokens.shape[0] == 2
