import keras
import numpy as np
import pytest
import tensorflow as tf
from support.layer_case import run_model_test

from common.layers.segment_rnn import SegmentRNN


def ramp(*shape):
    return tf.constant(np.random.default_rng(0).normal(size=shape), tf.float32)


@pytest.mark.parametrize("cell", ["gru", "lstm"])
@pytest.mark.parametrize("channel_embedding", [True, False])
def test_future_segments_are_single_steps_from_the_last_state(cell, channel_embedding):
    layer = SegmentRNN(8, 4, 12, outputs=2, cell=cell, channel_embedding=channel_embedding)
    inputs = ramp(3, 5, 16)
    outputs = layer(inputs)
    assert outputs.shape == layer.compute_output_shape(inputs.shape) == (3, 5, 12, 2)
    # The same as in the paper: each series separately, each future segment one step.
    for series, channel in ((0, 0), (2, 4)):
        segments = tf.reshape(inputs[series, channel], (1, 4, 4))
        states = layer.recurrent.initial_state(1)
        for segment in range(4):
            _, states = layer.recurrent.step(layer.value_embedding(segments)[:, segment], states)
        for position in range(3):
            vector = layer.positions[position]
            if channel_embedding:
                vector = tf.concat([vector, layer.channels[channel]], axis=0)
            decoded, _ = layer.recurrent.step(vector[tf.newaxis], states)
            expected = tf.reshape(layer.readout(decoded), (4, 2))
            found = outputs[series, channel, position * 4 : position * 4 + 4]
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_training_and_inference_agree():
    layer = SegmentRNN(8, 4, 8)
    inputs = ramp(3, 2, 16)
    np.testing.assert_allclose(layer(inputs, training=True), layer(inputs), rtol=1e-5, atol=1e-6)


def test_number_of_weights():
    layer = SegmentRNN(8, 4, 12)
    layer.build((None, 5, 16))
    embedding, gru, readout = 4 * 8 + 8, 2 * 8 * 24 + 2 * 24, 8 * 4 + 4
    assert layer.count_params() == embedding + gru + readout + 3 * 4 + 5 * 4


def test_serialises_and_computes_in_mixed_precision():
    layer = SegmentRNN(8, 4, 8, cell="lstm", channel_embedding=False, dropout=0.2)
    copy = SegmentRNN.from_config(layer.get_config())
    inputs = ramp(2, 3, 8)
    outputs = layer(inputs)
    copy(inputs)
    copy.set_weights(layer.get_weights())
    np.testing.assert_array_equal(copy(inputs), outputs)
    half = SegmentRNN(8, 4, 8, dtype="mixed_bfloat16")
    assert half(inputs).dtype == tf.bfloat16
    assert {weight.dtype for weight in half.trainable_weights} == {"float32"}


def test_in_a_model(tmp_path):
    run_model_test(lambda: SegmentRNN(8, 4, 8), (6, 3, 16), tmp_path)


def test_segments_must_be_whole():
    with pytest.raises(ValueError, match="not a multiple"):
        SegmentRNN(8, 5, 12)
    with pytest.raises(ValueError, match="not a multiple"):
        SegmentRNN(8, 4, 12)(keras.ops.ones((1, 2, 15)))
