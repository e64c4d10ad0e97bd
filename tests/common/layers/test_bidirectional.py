import numpy as np
import pytest
import tensorflow as tf
from support.layer_case import run_layer_test, run_model_test
from support.numeric_gradients import check_gradients
from support.recurrent_case import sequences

from common.layers.bidirectional import Bidirectional
from common.layers.elman_rnn import ElmanRNN
from common.layers.gru import GRU
from common.layers.lstm import LSTM

# Weights of two LSTM directions of 4 units over 3 features.
WEIGHTS = {"none": 6, "input": 4, "all": 3}


def make(kind=LSTM, dtype=None, return_sequences=True, **options):
    return Bidirectional(kind(4, return_sequences=return_sequences, dtype=dtype), dtype=dtype, **options)


@pytest.mark.parametrize("sharing", WEIGHTS)
@pytest.mark.parametrize(("merge_mode", "width"), [("concat", 8), ("sum", 4), ("ave", 4), ("mul", 4)])
def test_layer(sharing, merge_mode, width):
    def layer(**options):
        return make(sharing=sharing, merge_mode=merge_mode, **options)

    run_layer_test(layer, (2, 5, 3), (2, 5, width), WEIGHTS[sharing])
    run_layer_test(lambda **kw: layer(return_sequences=False, **kw), (2, 5, 3), (2, width), WEIGHTS[sharing])


@pytest.mark.parametrize("sharing", WEIGHTS)
@pytest.mark.parametrize(
    "kind", [LSTM, *(pytest.param(kind, marks=pytest.mark.slow) for kind in (ElmanRNN, GRU))]
)
def test_model(sharing, kind, tmp_path):
    run_model_test(lambda: make(kind, sharing=sharing), (4, 5, 3), tmp_path)


@pytest.mark.parametrize("training", [False, True])
def test_each_direction_is_the_layer_alone(training):
    layer = make(GRU)
    inputs, mask = sequences(1)
    outputs = layer(inputs, mask=mask, training=training)
    forward = layer.forward_layer(inputs, mask=mask)
    turned = layer.backward_layer(inputs, mask=mask)
    expected = tf.concat([forward, tf.reverse(turned, [1])], axis=-1)
    np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-6)


def test_shared_weights_are_the_same_in_both_directions():
    inputs, _ = sequences(2)
    layer = make(sharing="all")
    outputs = layer(inputs)
    turned = layer(tf.reverse(inputs, [1]))
    np.testing.assert_allclose(outputs[..., :4], tf.reverse(turned, [1])[..., 4:], rtol=1e-5, atol=1e-6)
    inputs_shared = make(sharing="input")
    inputs_shared(inputs)
    forward, backward = inputs_shared.forward_layer, inputs_shared.backward_layer
    assert forward.kernel is backward.kernel
    assert forward.bias is backward.bias
    assert np.any(forward.recurrent_kernel.numpy() != backward.recurrent_kernel.numpy())


def test_states_of_both_directions():
    layer = Bidirectional(LSTM(4, return_sequences=True, return_state=True), zero_output_for_mask=False)
    inputs, mask = sequences(3)
    outputs, h_forward, c_forward, h_backward, c_backward = layer(inputs, mask=mask)
    np.testing.assert_allclose(h_forward, outputs[:, -1, :4], rtol=1e-6)
    np.testing.assert_allclose(h_backward, outputs[:, 0, 4:], rtol=1e-6)
    again, *_ = layer(inputs, mask=mask, initial_state=[h_forward, c_forward, h_backward, c_backward])
    assert np.any(again != outputs)


@pytest.mark.parametrize("sharing", WEIGHTS)
def test_gradients_are_those_of_differences(sharing):
    layer = make(sharing=sharing, dtype="float64")
    inputs, mask = sequences(1, np.float64)
    layer(inputs)
    check_gradients(layer, lambda: tf.reduce_sum(layer(inputs, mask=mask) ** 2), entries=2)
