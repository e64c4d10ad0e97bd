import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from support.decoding_case import END, RandomModel, sequences

from common.decoding.beam import beam_search, without_repeats
from common.decoding.sampling import greedy_search
from common.decoding.step import StepResult


def search(model, maximum_lengths, **arguments):
    return beam_search(
        model.step, model.states(), model.starts(), END, tf.constant(maximum_lengths), **arguments
    )


def without_end(tokens):
    return tuple(token for token in tokens if token != END)


def slow_beam_search(model, sentence, maximum_length, beam, n_best, length_penalty=0.0, no_repeat_ngram=0):
    """A reference over lists, one sentence at a time, without gathering of states or early stopping."""
    live, ended = [((), 0.0)], []
    for t in range(maximum_length):
        candidates = []
        for tokens, score in live:
            gains = model.next(sentence, tokens)[0].copy()
            seen = [tokens[i : i + no_repeat_ngram] for i in range(len(tokens) - no_repeat_ngram + 1)]
            for token in range(model.vocabulary):
                repeated = no_repeat_ngram and (*tokens, token)[-no_repeat_ngram:] in seen
                if not repeated:
                    candidates.append(((*tokens, token), score + gains[token]))
        candidates.sort(key=lambda candidate: -candidate[1])
        is_last = t + 1 == maximum_length
        ended += [
            (tokens, score / ((5 + len(tokens)) / 6) ** length_penalty)
            for tokens, score in candidates[:beam]
            if tokens[-1] == END or is_last
        ]
        if beam == 1 and ended:
            break
        live = [candidate for candidate in candidates if candidate[0][-1] != END][:beam]
    return sorted(ended, key=lambda candidate: -candidate[1])[:n_best]


@pytest.mark.parametrize(("vocabulary", "length", "beam"), [(3, 2, 3), (5, 2, 5), (4, 4, 64), (3, 5, 81)])
@pytest.mark.parametrize("length_penalty", [0.0, 1.0])
def test_equals_exhaustive_search(vocabulary, length, beam, length_penalty):
    """The beam is as wide as the vocabulary for two steps, and holds all prefixes for more."""
    model = RandomModel(vocabulary, seed=vocabulary + length)
    n_best = 1 if length == 2 else 5
    found = search(model, [length] * model.batch, beam=beam, n_best=n_best, length_penalty=length_penalty)
    for sentence in range(model.batch):
        scored = [
            (model.score(sentence, tokens)[0] / ((5 + len(tokens)) / 6) ** length_penalty, tokens)
            for tokens in model.every_sequence(length)
        ]
        scored.sort(reverse=True)
        np.testing.assert_allclose(found.scores[sentence], [score for score, _ in scored[:n_best]], rtol=1e-5)
        assert sequences(found, sentence) == [without_end(tokens) for _, tokens in scored[:n_best]]


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    beam=st.integers(1, 4),
    length_penalty=st.sampled_from([0.0, 0.6, 1.5]),
    no_repeat_ngram=st.integers(0, 3),
    maximum_lengths=st.lists(st.integers(1, 7), min_size=3, max_size=3),
)
def test_equals_a_slow_search_without_early_stop(
    seed, beam, length_penalty, no_repeat_ngram, maximum_lengths
):
    model = RandomModel(seed=seed)
    n_best = max(1, beam - 1)
    options = {"length_penalty": length_penalty, "no_repeat_ngram": no_repeat_ngram}
    found = search(model, maximum_lengths, beam=beam, n_best=n_best, **options)
    for sentence, maximum_length in enumerate(maximum_lengths):
        expected = slow_beam_search(model, sentence, maximum_length, beam, n_best, **options)
        there = len(expected)
        np.testing.assert_allclose(
            found.scores[sentence, :there], [score for _, score in expected], rtol=1e-4, atol=1e-5
        )
        assert sequences(found, sentence)[:there] == [without_end(tokens) for tokens, _ in expected]
        assert np.all(np.isneginf(found.scores[sentence, there:]))


def test_stops_when_no_live_hypothesis_can_win():
    model = RandomModel(seed=1, end_bias=6.0)
    found = search(model, [40, 30, 20], beam=3, length_penalty=0.6)
    assert found.tokens.shape[2] < 12
    for sentence, maximum_length in enumerate([40, 30, 20]):
        tokens, score = slow_beam_search(model, sentence, maximum_length, 3, 1, length_penalty=0.6)[0]
        np.testing.assert_allclose(found.scores[sentence, 0], score, rtol=1e-5, atol=1e-6)
        assert sequences(found, sentence) == [without_end(tokens)]


@pytest.mark.parametrize("length_penalty", [0.0, 1.4])
@pytest.mark.parametrize("seed", range(2))
def test_beam_of_one_is_greedy(seed, length_penalty):
    model = RandomModel(vocabulary=6, seed=seed)
    maximum_lengths = tf.constant([9, 1, 5])
    beam = search(model, maximum_lengths, beam=1, length_penalty=length_penalty)
    greedy = greedy_search(model.step, model.states(), model.starts(), END, maximum_lengths)
    np.testing.assert_array_equal(beam.tokens, greedy.tokens)
    np.testing.assert_array_equal(beam.lengths, greedy.lengths)
    steps = tf.cast(tf.minimum(greedy.lengths[:, 0] + 1, maximum_lengths), tf.float32)  # with the end token
    expected = greedy.scores[:, 0] / ((5 + steps) / 6) ** length_penalty
    np.testing.assert_allclose(beam.scores[:, 0], expected, rtol=1e-5)
    np.testing.assert_allclose(beam.record, greedy.record)


def fixed_model(first, second):
    """Log-probabilities of two steps: `first` (vocabulary,), then `second` (vocabulary, vocabulary)."""

    def step(tokens, states):
        logits = tf.where(states[:, None] == 0, tf.constant(first), tf.gather(tf.constant(second), tokens))
        return StepResult(tf.math.log(logits), states + 1, tf.one_hot(tokens, 2, 0.75, 0.25))

    return step


def test_length_penalty_by_hand():
    """The end at once scores 0.5; token 1 and the end 0.5 * 0.9 = 0.45, which the length penalty lifts."""
    step = fixed_model([0.5, 0.5], [[0.5, 0.5], [0.9, 0.1]])
    arguments = (step, tf.zeros([1], tf.int32), tf.constant([1]), END, tf.constant([2]))
    short = beam_search(*arguments, beam=2, n_best=2)
    assert sequences(short, 0) == [(), (1,)]
    np.testing.assert_allclose(short.scores, [np.log([0.5, 0.45])], rtol=1e-6)
    long = beam_search(*arguments, beam=2, n_best=2, length_penalty=1.0)
    assert sequences(long, 0) == [(1,), ()]
    np.testing.assert_allclose(long.scores, [[np.log(0.45) / (7 / 6), np.log(0.5)]], rtol=1e-6)
    # A beam of 1 is greedy: it stops at the end token, although a longer sequence would win.
    assert sequences(beam_search(*arguments, beam=1, length_penalty=1.0), 0) == [()]


def test_coverage_penalty_by_hand():
    """Attention (1/4, 3/4) after the start and after token 1: the longer sequence covers more."""
    step = fixed_model([0.5, 0.5], [[0.5, 0.5], [0.9, 0.1]])
    arguments = (step, tf.zeros([1], tf.int32), tf.constant([1]), END, tf.constant([2]))
    found = beam_search(*arguments, beam=2, n_best=2, coverage_penalty=0.5)
    assert sequences(found, 0) == [(1,), ()]
    expected = [np.log(0.45) + 0.5 * np.log(0.5), np.log(0.5) + 0.5 * np.log(0.25 * 0.75)]
    np.testing.assert_allclose(found.scores, [expected], rtol=1e-6)
    masked = beam_search(
        *arguments, beam=2, n_best=2, coverage_penalty=0.5, source_mask=tf.constant([[False, True]])
    )
    expected = [np.log(0.45), np.log(0.5) + 0.5 * np.log(0.75)]
    np.testing.assert_allclose(masked.scores, [expected], rtol=1e-6)


def test_record_and_score_are_those_of_the_sequence():
    model = RandomModel(vocabulary=5, seed=3)
    maximum_lengths = [6, 3, 5]
    found = search(model, maximum_lengths, beam=4, n_best=3, coverage_penalty=0.3)
    for sentence, maximum_length in enumerate(maximum_lengths):
        for rank, tokens in enumerate(sequences(found, sentence)):
            whole = (*tokens, END) if len(tokens) < maximum_length else tokens
            score, attention = model.score(sentence, whole)
            coverage = np.log(np.minimum(attention.sum(axis=0), 1)).sum()
            np.testing.assert_allclose(found.scores[sentence, rank], score + 0.3 * coverage, rtol=1e-5)
            record = found.record[sentence, rank].numpy()
            np.testing.assert_allclose(record[: len(whole)], attention, rtol=1e-5)
            assert not record[len(whole) :].any()
            assert np.all(found.tokens[sentence, rank, len(tokens) :] == END)


def test_a_batch_is_its_sentences_one_by_one():
    model = RandomModel(vocabulary=5, seed=4)
    maximum_lengths = [7, 0, 4]
    options = {"beam": 3, "n_best": 2, "length_penalty": 1.0, "no_repeat_ngram": 2}
    together = search(model, maximum_lengths, **options)
    for sentence in range(model.batch):
        states = tf.nest.map_structure(lambda state, at=sentence: state[at : at + 1], model.states())
        alone = beam_search(
            model.step, states, model.starts()[:1], END, maximum_lengths[sentence : sentence + 1], **options
        )
        assert sequences(alone, 0) == sequences(together, sentence)
        np.testing.assert_allclose(alone.scores[0], together.scores[sentence], rtol=1e-6)
    assert together.scores[1].numpy().tolist() == [0.0, -np.inf]


def test_no_repeated_ngram_by_hand():
    history = tf.constant([[1, 2, 1, 9], [3, 3, 3, 9], [1, 2, 3, 9]])
    zeros = tf.zeros([3, 5])

    def ruled_out(n, t=3):
        return [
            np.flatnonzero(row).tolist() for row in np.isneginf(without_repeats(zeros, history % 5, t, n))
        ]

    assert ruled_out(1) == [[1, 2], [3], [1, 2, 3]]
    assert ruled_out(2) == [[2], [3], []]
    assert ruled_out(3) == [[], [3], []]
    assert ruled_out(1, t=0) == ruled_out(2, t=1) == ruled_out(5) == ruled_out(6) == [[], [], []]


def test_arguments_out_of_range():
    model = RandomModel()
    for arguments in ({"beam": 2, "n_best": 3}, {"beam": 2, "length_penalty": -1.0}):
        with pytest.raises(ValueError, match=r"n_best must be|penalty"):
            search(model, [3, 3, 3], **arguments)


def test_in_a_saved_model(tmp_path):
    model = RandomModel(vocabulary=5, seed=5)
    options = {"beam": 3, "n_best": 2, "length_penalty": 0.6, "coverage_penalty": 0.1, "no_repeat_ngram": 2}

    class Searcher(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.int32), tf.TensorSpec([None], tf.int32)])
        def __call__(self, starts, maximum_lengths):
            batch = tf.shape(starts)[0]
            states = tf.nest.map_structure(lambda state: state[:batch], model.states())
            return beam_search(model.step, states, starts, END, maximum_lengths, **options)._asdict()

    tf.saved_model.save(Searcher(), str(tmp_path))
    loaded = tf.saved_model.load(str(tmp_path))
    for maximum_lengths in ([6, 3, 5], [2, 0]):
        answer = loaded(model.starts()[: len(maximum_lengths)], tf.constant(maximum_lengths))
        expected = search(model, [*maximum_lengths, 0][:3], **options)
        for name, value in expected._asdict().items():
            np.testing.assert_allclose(answer[name], value[: len(maximum_lengths)], rtol=1e-5)
