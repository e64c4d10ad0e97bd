import keras
import numpy as np
import pytest
import tensorflow as tf

from benchmarks.gradient_flow.jacobians import state_jacobian_norms, step_jacobians
from common.layers.elman_rnn import ElmanRNN
from common.layers.gru import GRU
from common.layers.lstm import LSTM

TIME = 5


def inputs():
    return tf.constant(np.random.default_rng(1).normal(size=(2, TIME, 3)), tf.float32)


def test_norms_of_a_linear_layer_shrink_by_its_largest_singular_value():
    layer = ElmanRNN(4, activation="linear", recurrent_initializer=keras.initializers.Orthogonal(gain=0.5))
    layer(inputs())
    norms = state_jacobian_norms(layer, inputs())
    np.testing.assert_allclose(norms, np.tile(0.5 ** np.arange(TIME), (2, 1)), rtol=1e-5)


@pytest.mark.parametrize("kind", [ElmanRNN, LSTM, GRU])
def test_against_the_derivative_of_the_whole_layer(kind):
    layer = kind(4, return_state=True)
    layer(inputs())
    states = [tf.Variable(tf.random.normal((2, 4))) for _ in range(layer.number_of_states)]
    with tf.GradientTape() as tape:
        start = tf.concat([state * 0 for state in states], axis=-1)
        tape.watch(start)
        parts = tf.split(start, layer.number_of_states, axis=-1)
        after = tf.concat(layer(inputs(), initial_state=parts)[1:], axis=-1)
    whole = tape.batch_jacobian(after, start).numpy()  # ds_5/ds_0
    product, of_steps = np.eye(whole.shape[-1]), step_jacobians(layer, inputs())
    for step in range(TIME - 1, -1, -1):
        product = product @ of_steps[:, step]
    np.testing.assert_allclose(product, whole, rtol=1e-4, atol=1e-6)


def test_the_last_step_depends_on_itself_wholly():
    layer = GRU(4)
    layer(inputs())
    assert (state_jacobian_norms(layer, inputs())[:, 0] == 1).all()
