import numpy as np
import pytest
import tensorflow as tf
from support.layer_case import run_model_test

from common.layers.segments import Segments
from common.layers.stacked_rnn import StackedRNN


def make(cell="gru", **kw):
    return Segments(StackedRNN(cell, 4, dtype=kw.get("dtype")), length=3, **kw)


def test_layer():
    layer = make()
    inputs = tf.random.stateless_normal([2, 7, 3], seed=(1, 2))
    assert layer(inputs).shape == (2, 7, 8)
    assert len(layer.trainable_weights) == 6
    copy = Segments.from_config(layer.get_config())
    copy(inputs)
    copy.set_weights(layer.get_weights())
    np.testing.assert_array_equal(copy(inputs), layer(inputs))


@pytest.mark.parametrize(
    "cell", ["lstm", *(pytest.param(cell, marks=pytest.mark.slow) for cell in ("elman", "gru"))]
)
def test_model(cell, tmp_path):
    run_model_test(lambda: make(cell), (4, 7, 3), tmp_path)


@pytest.mark.parametrize("time", [1, 3, 7, 9])
def test_segments_are_independent(time):
    layer = make()
    inputs = tf.random.stateless_normal([2, time, 3], seed=(1, 2))
    alone = (
        [layer.layer(inputs[:, start : start + 3]) for start in range(0, time, 3)]
        if layer(inputs) is not None
        else []
    )
    np.testing.assert_allclose(layer(inputs), np.concatenate(alone, axis=1), rtol=1e-5, atol=1e-6)


def test_padding_at_the_end_changes_nothing():
    layer = make()
    inputs = tf.random.stateless_normal([2, 7, 3], seed=(1, 2))
    mask = tf.sequence_mask([7, 4], 12)
    padded = layer(tf.pad(inputs, [[0, 0], [0, 5], [0, 0]], constant_values=9.0), mask=mask)
    plain = layer(inputs, mask=mask[:, :7])
    np.testing.assert_allclose(padded[0, :7], plain[0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(padded[1, :4], plain[1, :4], rtol=1e-5, atol=1e-6)
