import numpy as np
import pytest
import tensorflow as tf
from support.layer_case import run_layer_test, run_model_test
from support.numeric_gradients import check_gradients
from support.recurrent_case import sequences

from common.layers.stacked_rnn import StackedRNN

CELLS = {"elman": 3, "lstm": 3, "gru": 3}


@pytest.mark.parametrize(
    "cell", ["lstm", *(pytest.param(cell, marks=pytest.mark.slow) for cell in ("elman", "gru"))]
)
@pytest.mark.parametrize(
    ("options", "width", "weights"),
    [
        ({"bidirectional": False}, 4, 3),
        ({"bidirectional": True, "merge": "concat"}, 8, 6),
        ({"bidirectional": True, "merge": "sum", "layers": 2}, 4, 12),
    ],
)
def test_layer(cell, options, width, weights):
    def make(**kw):
        return StackedRNN(cell, 4, **options, **kw)

    run_layer_test(make, (2, 5, 3), (2, 5, width), weights)
    run_layer_test(lambda **kw: make(return_sequences=False, **kw), (2, 5, 3), (2, width), weights)


@pytest.mark.parametrize(
    "cell", ["lstm", *(pytest.param(cell, marks=pytest.mark.slow) for cell in ("elman", "gru"))]
)
def test_model(cell, tmp_path):
    run_model_test(lambda: StackedRNN(cell, 4, layers=2, return_sequences=False), (4, 5, 3), tmp_path)


def test_elman_step_by_hand():
    layer = StackedRNN("elman", 2, bidirectional=False)
    layer.build((None, None, 2))
    u, w, b = np.array([[0.5, 0.1], [-0.2, 0.3]]), np.array([[0.4, 0.0], [0.1, -0.6]]), np.array([0.1, -0.1])
    layer.set_weights([u, w, b])
    x = np.array([[1.0, 2.0], [-1.0, 0.5]])
    first = np.tanh(x[0] @ u + b)
    second = np.tanh(x[1] @ u + first @ w + b)
    np.testing.assert_allclose(layer(tf.constant(x[None], tf.float32)), [[first, second]], rtol=1e-5)


def test_sum_of_directions_is_the_sum_of_the_halves_of_concat():
    joined, summed = StackedRNN("gru", 4, merge="concat"), StackedRNN("gru", 4, merge="sum")
    inputs = tf.random.stateless_normal([2, 6, 3], seed=(1, 2))
    both = joined(inputs)
    summed(inputs)
    summed.set_weights(joined.get_weights())
    np.testing.assert_allclose(summed(inputs), both[..., :4] + both[..., 4:], rtol=1e-6)


def test_last_state_of_each_direction():
    every = StackedRNN("lstm", 4)
    last = StackedRNN("lstm", 4, return_sequences=False)
    inputs = tf.random.stateless_normal([2, 6, 3], seed=(1, 2))
    mask = tf.sequence_mask([6, 4], 6)
    steps = every(inputs, mask=mask)
    last(inputs)
    last.set_weights(every.get_weights())
    # The forward direction ends at the last word, the backward one at the first.
    expected = np.stack(
        [
            np.concatenate([steps[0, 5, :4], steps[0, 0, 4:]]),
            np.concatenate([steps[1, 3, :4], steps[1, 0, 4:]]),
        ]
    )
    np.testing.assert_allclose(last(inputs, mask=mask), expected, rtol=1e-6)


def test_gradients_are_those_of_differences():
    layer = StackedRNN("gru", 3, layers=2, residual=True, return_sequences=True, dtype="float64")
    inputs, mask = sequences(1, np.float64)
    layer(inputs)
    check_gradients(layer, lambda: tf.reduce_sum(layer(inputs, mask=mask) ** 2), entries=2)
