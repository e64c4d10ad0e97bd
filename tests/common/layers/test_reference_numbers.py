"""The reference numbers of a recurrent step and of four steps (shared/THEORY.md), drawn with seed 1.

The reference writes examples as columns; the layers get the transposes. It prints numbers to eight digits.
"""

import keras
import numpy as np
import pytest

from common.layers.elman_rnn import ElmanRNN

FEATURES, UNITS, CLASSES, BATCH, TIME = 3, 5, 2, 10, 4
NEXT_STATE_4 = """
0.59584544 0.18141802 0.61311866 0.99808218 0.85016201 0.99980978 -0.18887155 0.99815551 0.6531151 0.82872037
"""
ONE_STEP_OUTPUT_1 = """
0.9888161 0.01682021 0.21140899 0.36817467 0.98988387 0.88945212 0.36920224 0.9966312 0.9982559 0.17746526
"""
STATES_4_1 = "-0.99999375 0.77911235 -0.99861469 -0.99833267"
OUTPUTS_1_3 = "0.79560373 0.86224861 0.11118257 0.81515947"
# At float64 the only error left is the rounding to eight printed digits.
TOLERANCES = {"float32": 1e-6, "float64": 1e-8}


def numbers(text):
    return np.array(text.split(), dtype="float64")


def draw_weights():
    """Waa, Wax, Wya, ba, by, in the reference's order."""
    shapes = [(UNITS, UNITS), (UNITS, FEATURES), (CLASSES, UNITS), (UNITS, 1), (CLASSES, 1)]
    return [np.random.randn(*shape) for shape in shapes]


def layers(weights, dtype):
    """The recurrent layer and the softmax layer with the reference's weights."""
    recurrent, inputs, outputs, bias, output_bias = weights
    elman = ElmanRNN(UNITS, return_sequences=True, dtype=dtype)
    elman.build((BATCH, TIME, FEATURES))
    elman.set_weights([inputs.T, recurrent.T, bias[:, 0]])
    dense = keras.layers.Dense(CLASSES, activation="softmax", dtype=dtype)
    dense.build((BATCH, TIME, UNITS))
    dense.set_weights([outputs.T, output_bias[:, 0]])
    return elman, dense


@pytest.fixture
def seed_of_the_reference():
    state = np.random.get_state()
    np.random.seed(1)
    yield
    np.random.set_state(state)


@pytest.mark.parametrize("dtype", TOLERANCES)
def test_one_step(seed_of_the_reference, dtype):
    step_inputs, state = np.random.randn(FEATURES, BATCH), np.random.randn(UNITS, BATCH)
    elman, dense = layers(draw_weights(), dtype)
    next_state, _ = elman.step(step_inputs.T.astype(dtype), [state.T.astype(dtype)])  # (batch, units)
    outputs = dense(next_state)  # (batch, classes)
    tolerance = {"rtol": 0, "atol": TOLERANCES[dtype]}
    np.testing.assert_allclose(np.asarray(next_state)[:, 4], numbers(NEXT_STATE_4), **tolerance)
    np.testing.assert_allclose(np.asarray(outputs)[:, 1], numbers(ONE_STEP_OUTPUT_1), **tolerance)


@pytest.mark.parametrize("dtype", TOLERANCES)
def test_four_steps(seed_of_the_reference, dtype):
    inputs, first_state = np.random.randn(FEATURES, BATCH, TIME), np.random.randn(UNITS, BATCH)
    elman, dense = layers(draw_weights(), dtype)
    sequences = inputs.transpose(1, 2, 0).astype(dtype)  # (batch, time, features)
    states = elman(sequences, initial_state=[first_state.T.astype(dtype)])  # (batch, time, units)
    outputs = dense(states)  # (batch, time, classes)
    tolerance = {"rtol": 0, "atol": TOLERANCES[dtype]}
    np.testing.assert_allclose(np.asarray(states)[1, :, 4], numbers(STATES_4_1), **tolerance)
    np.testing.assert_allclose(np.asarray(outputs)[3, :, 1], numbers(OUTPUTS_1_3), **tolerance)
