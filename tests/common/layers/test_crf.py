import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from common.decoding.linear_chain import (
    best_path,
    log_likelihood,
    log_partition,
    marginals,
    n_best_paths,
    step_mask,
)
from common.inputs.tag_schemes import forbidden_transitions
from common.layers.crf import CRF
from common.modelling.losses import CRFNegativeLogLikelihood

TAGS = ["O", "B-x", "I-x", "B-y", "I-y"]
FORBIDDEN = forbidden_transitions("iob2", TAGS)


def tagging_model(**arguments):
    """A model of padded words 1 to 9; 0 is padding. Only the CRF has access to the neighbours of a word."""
    words = keras.Input((None,), dtype="int32")
    vectors = keras.layers.Embedding(10, 8, mask_zero=True)(words)
    model = keras.Model(words, CRF(5, FORBIDDEN)(keras.layers.Dense(5)(vectors)))
    model.compile(keras.optimizers.Adam(0.05), CRFNegativeLogLikelihood(), **arguments)
    return model


def tagging_data(examples=64, time=7):
    """Word 1 begins an x, which continues over words 2; word 3 begins a y, which continues over words 2."""
    generator = np.random.default_rng(0)
    words, tags = np.zeros((examples, time), np.int32), np.full((examples, time), -1)
    for row in range(examples):
        before = "O"
        for step in range(generator.integers(0, time + 1)):
            word = generator.integers(1, 6 if before == "O" else 4)
            word = 4 if word == 2 and before == "O" else word
            before = {1: "B-x", 3: "B-y", 2: f"I-{before[-1]}"}.get(word, "O")
            words[row, step], tags[row, step] = word, TAGS.index(before)
    return words, tags


def test_potentials_by_hand():
    layer = CRF(2)
    layer.build((None, None, 2))
    layer.set_weights([np.array([1.0, 2.0]), np.array([[3.0, 4.0], [5.0, 6.0]]), np.array([10.0, 20.0])])
    emissions = tf.constant([[[9.0, 9.0], [0.1, 0.2], [0.3, 0.4], [9.0, 9.0]]])
    off = -np.inf
    np.testing.assert_allclose(
        layer(emissions, mask=tf.constant([[False, True, True, False]])),
        [[[[0, off], [off, 0]], [[1.1, 2.2]] * 2, [[13.3, 24.4], [15.3, 26.4]], [[0, off], [off, 0]]]],
        rtol=1e-6,
    )
    assert layer.compute_output_shape((None, 4, 2)) == (None, 4, 2, 2)
    assert layer.compute_mask(emissions, mask=emissions[:, :, 0] > 0) is None


def test_configuration_round_trip():
    layer = CRF(5, FORBIDDEN, name="chain")
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    emissions = tf.random.stateless_normal([2, 4, 5], seed=(1, 2))
    np.testing.assert_array_equal(copy(emissions), layer(emissions))
    assert copy.name == "chain"
    assert copy.forbidden == FORBIDDEN
    loss = CRFNegativeLogLikelihood(reduction="sum")
    assert keras.losses.deserialize(keras.losses.serialize(loss)).reduction == "sum"


def test_mixed_precision_keeps_float32():
    layer = CRF(5, dtype="mixed_bfloat16")
    emissions = tf.random.stateless_normal([2, 4, 5], seed=(1, 2))
    potentials = layer(emissions)
    assert potentials.dtype == tf.float32
    np.testing.assert_array_equal(potentials, CRF(5)(emissions))
    assert layer(tf.cast(emissions, tf.bfloat16)).dtype == tf.float32


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CRF(1), "at least 2 tags"),
        (lambda: CRF(3, FORBIDDEN), "do not fit 3 tags"),
        (lambda: CRF(3).build((None, None, 4)), "4 scores"),
    ],
)
def test_errors_say_what_is_wrong(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("scheme", ["iob2", "iobes"])
def test_forbidden_paths_have_no_probability_and_are_never_chosen(scheme):
    tags = TAGS if scheme == "iob2" else [*TAGS, "E-x", "S-x"]
    forbidden = forbidden_transitions(scheme, tags)
    layer = CRF(len(tags), forbidden)
    # Emissions that favour forbidden paths: inner tags at all steps.
    emissions = tf.random.stateless_normal([16, 6, len(tags)], seed=(3, 4)) * 5
    emissions += tf.constant([20.0 if tag.startswith("I") else 0.0 for tag in tags])
    potentials = layer(emissions, mask=tf.sequence_mask(np.arange(16) % 7, 6))
    lengths = np.arange(16) % 7

    def is_allowed(path):
        return not (
            (len(path) and (forbidden.start[path[0]] or forbidden.end[path[-1]]))
            or any(forbidden.between[before][after] for before, after in itertools.pairwise(path))
        )

    paths, scores = n_best_paths(potentials, 12)
    for row, length in enumerate(lengths):
        assert is_allowed(best_path(potentials)[0][row, :length].numpy())
        for path, score in zip(paths[row].numpy(), scores[row].numpy(), strict=True):
            assert np.isneginf(score) or is_allowed(path[:length])
    some = lengths > 0
    inner = [tag.startswith("I") for tag in tags]
    assert np.all(marginals(potentials).numpy()[some, 0][:, inner] == 0)
    truth = np.full((16, 6), tags.index("I-x"))
    assert np.all(np.exp(log_likelihood(potentials, truth).numpy()[some]) == 0)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(log_partition(layer(emissions)))
    gradient = tape.gradient(loss, layer.transitions.value).numpy()
    assert np.all(gradient[np.array(forbidden.between)] == 0)
    assert np.any(gradient != 0)


@pytest.mark.parametrize("tags", [2, 3])
@pytest.mark.parametrize("tag", [0, 1])
def test_a_tag_ruled_out_by_minus_infinity_is_no_padding(tags, tag):
    emissions = np.random.default_rng(0).normal(size=(1, 4, tags)).astype("float32")
    emissions[0, 1, tag] = emissions[0, 0, tag] = -np.inf
    mask = tf.constant([[True, True, True, False]])
    potentials = CRF(tags)(emissions, mask=mask)
    np.testing.assert_array_equal(step_mask(potentials), mask)
    paths = list(itertools.product(range(tags), repeat=3))
    scores = np.array([sum(emissions[0, t, path[t]] for t in range(3)) for path in paths])
    path, score = best_path(potentials)
    np.testing.assert_array_equal(path[0, :3], paths[np.argmax(scores)])
    np.testing.assert_allclose(score, [scores.max()], rtol=1e-5)
    np.testing.assert_allclose(log_partition(potentials), [np.log(np.exp(scores).sum())], rtol=1e-5)
    probabilities = marginals(potentials)[0].numpy()
    assert probabilities[1, tag] == probabilities[0, tag] == 0
    np.testing.assert_allclose(probabilities.sum(axis=1), [1, 1, 1, 0], rtol=1e-5)
    truth = np.array([[1 - tag, 1 - tag, 0, 0]])
    with tf.GradientTape() as tape:
        watched = tf.Variable(emissions)
        likelihood = log_likelihood(CRF(tags)(watched, mask=mask), truth)
    expected = scores[paths.index((1 - tag, 1 - tag, 0))] - np.log(np.exp(scores).sum())
    np.testing.assert_allclose(likelihood, [expected], rtol=1e-5)
    assert np.all(np.isfinite(tape.gradient(likelihood, watched)))


def test_low_scores_of_long_sequences_are_not_forbidden():
    emissions = tf.fill([1, 3, 5], -4e4) + tf.random.stateless_normal([1, 3, 5], seed=(1, 2)) * 100
    paths, scores = n_best_paths(CRF(5, FORBIDDEN)(emissions), 3)
    assert np.all(np.isfinite(scores))
    np.testing.assert_array_equal(paths[:, 0], best_path(CRF(5, FORBIDDEN)(emissions))[0])


def test_a_forbidden_truth_leaves_the_loss_finite():
    emissions = tf.zeros([1, 3, 5])
    loss = CRFNegativeLogLikelihood()(np.array([[2, 2, 0]]), CRF(5, FORBIDDEN)(emissions))
    assert 9e4 < float(loss) < 2e5


def test_loss_is_the_mean_over_sequences():
    emissions = tf.random.stateless_normal([3, 4, 5], seed=(1, 2))
    truth = np.array([[1, 2, 0, 0]] * 3)
    potentials = CRF(5)(emissions, mask=tf.sequence_mask([4, 2, 0], 4))
    each = -log_likelihood(potentials, truth).numpy()
    assert each[2] == 0
    np.testing.assert_allclose(CRFNegativeLogLikelihood()(truth, potentials), each.mean(), rtol=1e-6)
    weighted = CRFNegativeLogLikelihood(reduction="sum")(truth, potentials, sample_weight=[1.0, 0.5, 2.0])
    np.testing.assert_allclose(weighted, each[0] + each[1] / 2, rtol=1e-6)


@pytest.mark.parametrize("jit_compile", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_model_learns_saves_and_exports(jit_compile, tmp_path):
    keras.utils.set_random_seed(1)
    words, tags = tagging_data()
    model = tagging_model(jit_compile=jit_compile)
    before = [weight.copy() for weight in model.layers[-1].get_weights()]
    losses = model.fit(words, tags, epochs=25, batch_size=64, verbose=0).history["loss"]
    assert losses[-1] < 0.1 * losses[0]
    assert all(np.any(old != new) for old, new in zip(before, model.layers[-1].get_weights(), strict=True))
    predicted = best_path(model.predict(words, verbose=0))[0].numpy()
    assert np.mean(predicted[words > 0] == tags[words > 0]) > 0.95
    if jit_compile:
        return
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(words), model(words))
    np.testing.assert_allclose(
        loaded.evaluate(words, tags, verbose=0), model.evaluate(words, tags, verbose=0)
    )

    class Tagger(tf.Module):
        def __init__(self):
            self.model = model

        @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32)])
        def __call__(self, words):
            potentials = self.model(words)
            tags, scores = n_best_paths(potentials, 2)
            return best_path(potentials)[0], tags, scores, marginals(potentials)

    tagger = Tagger()
    tf.saved_model.save(tagger, str(tmp_path / "saved_model"))
    answers = tf.saved_model.load(str(tmp_path / "saved_model"))(words[:5])
    np.testing.assert_array_equal(answers[0], predicted[:5])
    for answer, expected in zip(answers, tagger(words[:5]), strict=True):
        np.testing.assert_allclose(answer, expected, rtol=1e-5, atol=1e-6)
