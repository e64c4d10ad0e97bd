"""Properties of every recurrent layer."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from support.layer_case import run_layer_test, run_model_test
from support.numeric_gradients import check_gradients
from support.recurrent_case import random_states, sequences

from common.layers.elman_rnn import ElmanRNN
from common.layers.gru import GRU
from common.layers.jordan_rnn import JordanRNN
from common.layers.lstm import LSTM


def jordan(units, **options):
    return JordanRNN(units, output_units=2, **options)


# Layer, width of the output, number of weights.
KINDS = {"elman": (ElmanRNN, 4, 3), "jordan": (jordan, 2, 5), "lstm": (LSTM, 4, 3), "gru": (GRU, 4, 3)}
OPTIONS = {
    "plain": {},
    "backwards": {"go_backwards": True},
    "layer normalisation": {"layer_normalization": True},
    "zoneout": {"zoneout": 0.3},
    "reset before": {"reset_after": False},
}
# Only a GRU has a reset gate.
CASES = [(name, option) for name in KINDS for option in OPTIONS if option != "reset before" or name == "gru"]


@pytest.mark.parametrize(("name", "option"), CASES)
def test_layer(name, option):
    kind, width, weights = KINDS[name]
    if option == "layer normalisation":
        weights += 3 if name == "lstm" else 2

    def make(**options):
        return kind(4, **OPTIONS[option], **options)

    run_layer_test(make, (2, 5, 3), (2, width), weights)
    if option != "backwards":  # Reversed steps, which the comparison of masks does not expect.
        run_layer_test(lambda **kw: make(return_sequences=True, **kw), (2, 5, 3), (2, 5, width), weights)


@pytest.mark.parametrize(
    "name", ["lstm", *(pytest.param(name, marks=pytest.mark.slow) for name in ("elman", "jordan", "gru"))]
)
def test_model(name, tmp_path):
    run_model_test(lambda: KINDS[name][0](4, return_sequences=True), (4, 5, 3), tmp_path)


@pytest.mark.parametrize(("name", "option"), CASES)
def test_gradients_are_those_of_differences(name, option):
    layer = KINDS[name][0](4, return_sequences=True, dtype="float64", **OPTIONS[option])
    inputs, mask = sequences(1, np.float64)
    layer(inputs)
    check_gradients(layer, lambda: tf.reduce_sum(layer(inputs, mask=mask) ** 2))


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("option", ["plain", "layer normalisation", "zoneout"])
def test_step_by_step_as_over_the_sequence(name, option):
    layer = KINDS[name][0](4, return_sequences=True, return_state=True, **OPTIONS[option])
    inputs, _ = sequences(2)
    states = random_states_of(layer)
    expected, *last = layer(inputs, initial_state=states)
    for step in range(inputs.shape[1]):
        output, states = layer.step(inputs[:, step], states)
        np.testing.assert_allclose(output, expected[:, step], rtol=1e-5, atol=1e-6)
    for found, end in zip(states, last, strict=True):
        np.testing.assert_allclose(found, end, rtol=1e-5, atol=1e-6)


def random_states_of(layer):
    layer.build((None, None, 3))
    return random_states(layer, 5)


@pytest.mark.parametrize("name", KINDS)
def test_backwards_is_forwards_over_the_reversed_sequence(name):
    forwards = KINDS[name][0](4, return_sequences=True)
    inputs, mask = sequences(3)
    turned = forwards(tf.reverse(inputs, [1]), mask=tf.reverse(mask, [1]))
    backwards = KINDS[name][0](4, return_sequences=True, go_backwards=True)
    backwards.build((None, None, 3))
    backwards.set_weights(forwards.get_weights())
    np.testing.assert_allclose(backwards(inputs, mask=mask), turned, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", KINDS)
def test_dropout_is_the_same_at_every_step(name):
    layer = KINDS[name][0](4, dropout=0.5, seed=1)
    dropped = layer._apply_dropout(tf.ones([3, 6, 8])).numpy()
    assert np.all(dropped == dropped[:, :1])
    assert set(np.unique(dropped)) == {0.0, 2.0}
    assert np.any(dropped[0] != dropped[1])


def test_recurrent_dropout_drops_the_same_part_of_the_state_at_every_step():
    # s_t = s_{t-1} + 1 where the state is kept, else 1: what is dropped once is dropped at every step.
    layer = ElmanRNN(40, activation="linear", recurrent_dropout=0.5, return_sequences=True, seed=3)
    layer.build((None, None, 1))
    layer.set_weights([np.ones((1, 40)), np.eye(40), np.zeros(40)])
    states = layer(tf.ones([1, 3, 1]), training=True).numpy()[0]
    dropped, undropped = np.array([1, 1, 1]), np.array([1, 3, 7])
    columns = {tuple(column) for column in states.T}
    assert columns == {tuple(dropped), tuple(undropped)}


def test_zoneout_keeps_a_part_of_the_state_in_training_and_its_expectation_in_inference():
    layer = ElmanRNN(2000, activation="linear", zoneout=0.25, seed=1)
    layer.build((None, None, 1))
    layer.set_weights([np.ones((1, 2000)), np.zeros((2000, 2000)), np.zeros(2000)])
    trained = layer(tf.ones([1, 1, 1]), training=True).numpy()
    assert set(np.unique(trained)) == {0.0, 1.0}
    # Five standard deviations of the mean of 2,000 draws.
    assert abs(trained.mean() - 0.75) < 5 * np.sqrt(0.25 * 0.75 / 2000)
    np.testing.assert_allclose(layer(tf.ones([1, 1, 1])), np.full((1, 2000), 0.75), rtol=1e-6)


def test_layer_normalisation_by_hand():
    layer = ElmanRNN(2, activation="linear", layer_normalization=True)
    layer.build((None, None, 1))
    layer.set_weights([np.array([[1.0, 3.0]]), np.eye(2), np.array([0.5, 0.0]), np.full(2, 2.0), np.ones(2)])
    # [1, 3] is [-1, 1] when normalised, times 2, plus the bias; the state, zeros, stays zeros.
    np.testing.assert_allclose(layer(tf.ones([1, 1, 1])), [[-1.5, 2.0]], rtol=1e-4)


def test_jordan_by_hand():
    layer = JordanRNN(1, 1, activation="linear", output_activation="linear", return_sequences=True)
    layer.build((None, None, 1))
    layer.set_weights([np.array(weight) for weight in ([[2.0]], [[0.5]], [1.0], [[3.0]], [-1.0])])
    # o_1 = 3 (2 * 1 + 1) - 1 = 8, o_2 = 3 (2 * 1 + 0.5 * 8 + 1) - 1 = 20
    np.testing.assert_allclose(layer(tf.ones([1, 2, 1]))[0, :, 0], [8.0, 20.0])


@pytest.mark.parametrize("name", ["elman", "lstm", "gru"])
def test_weights_go_to_keras_and_back(name):
    theirs = {"elman": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}[name](4)
    ours = KINDS[name][0](4)
    inputs, mask = sequences(4)
    expected = theirs(inputs, mask=mask)
    ours.build((None, None, 3))
    ours.set_weights(theirs.get_weights())
    np.testing.assert_allclose(ours(inputs, mask=mask), expected, rtol=1e-5, atol=1e-6)
