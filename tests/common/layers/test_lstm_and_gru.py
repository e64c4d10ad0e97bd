"""LSTM and GRU against those of Keras: the same weights give the same outputs, in C and in the loop."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from support.recurrent_case import outputs_and_gradients, random_states, sequences, unmasked_steps

from common.layers.engines import compiled
from common.layers.gru import GRU
from common.layers.lstm import LSTM

KINDS = {"lstm": (LSTM, keras.layers.LSTM), "gru": (GRU, keras.layers.GRU)}


def pair(kind, units, **options):
    """Our layer and Keras's with the same random weights."""
    ours, theirs = (
        layer(units, return_sequences=True, return_state=True, **options) for layer in KINDS[kind]
    )
    for layer in (ours, theirs):
        layer.build((None, None, 3))
    generator = np.random.default_rng(units)
    ours.set_weights([generator.normal(size=weight.shape) * 0.5 for weight in ours.get_weights()])
    theirs.set_weights(ours.get_weights())
    return ours, theirs


def test_c_code_is_compiled_here():
    # Without it the tests of the C path below would pass by testing the loop twice.
    assert compiled.operations() is not None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("training", [True, False], ids=["in C", "in the loop"])
@pytest.mark.parametrize("go_backwards", [False, True])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("units", [1, 21])
def test_same_numbers_as_keras(kind, training, go_backwards, masked, units):
    ours, theirs = pair(kind, units, go_backwards=go_backwards)
    assert ours.engine(training=True, batch=None) == "compiled"
    inputs, mask = sequences(units)
    mask = mask if masked else None
    steps = tf.ones(inputs.shape[:2], "bool") if mask is None else mask
    if go_backwards:
        steps = tf.reverse(steps, [1])
    states = random_states(ours, 1)

    def run(layer):
        def call():
            outputs, *last = layer(inputs, initial_state=states, mask=mask, training=training)
            return [unmasked_steps(outputs, steps), *last]

        outputs, gradients = outputs_and_gradients(
            call, [inputs, *states, *[weight.value for weight in layer.trainable_weights]]
        )
        return [*outputs, *gradients]

    for found, expected in zip(run(ours), run(theirs), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "options",
    [
        {"use_bias": False},
        {"activation": "relu", "recurrent_activation": "hard_sigmoid"},
        {"reset_after": False},
    ],
    ids=lambda options: ", ".join(options),
)
def test_same_options_as_keras(kind, options):
    if kind == "lstm" and "reset_after" in options:
        options = {"unit_forget_bias": False}
    ours, theirs = pair(kind, 4, **options)
    inputs, _ = sequences(3)
    for found, expected in zip(ours(inputs, training=True), theirs(inputs), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_starts_as_keras_does(kind):
    ours, theirs = (
        layer(6, kernel_initializer="ones", recurrent_initializer="ones") for layer in KINDS[kind]
    )
    for layer in (ours, theirs):
        layer.build((None, None, 3))
    for found, expected in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("batch", [1, 2, 3, 9, 33])
def test_c_and_loop_agree_for_any_number_of_sequences(kind, batch):
    ours, _ = pair(kind, 19)
    inputs = tf.random.stateless_normal([batch, 6, 3], seed=(1, 2))
    for found, expected in zip(ours(inputs, training=True), ours(inputs, training=False), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("mask", [None, [1, 1, 0, 1, 0, 0], [0, 0, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0]])
def test_a_single_sequence_gives_the_same_as_in_a_batch(reverse, mask):
    ours, _ = pair("lstm", 8)
    inputs = tf.random.stateless_normal([1, 6, 3], seed=(1, 2))
    mask = None if mask is None else tf.cast([mask], "bool")
    states = random_states(ours, 1, batch=1)

    def twice(tensor):
        return tf.repeat(tensor, 2, axis=0)

    signature = [tf.TensorSpec([None, None, 3]), *[tf.TensorSpec([None, 8])] * 2]
    signature += [] if mask is None else [tf.TensorSpec([None, None], tf.bool)]

    @tf.function(input_signature=signature)
    def answer(inputs, h, c, mask=None):
        return ours.run(inputs, [h, c], mask, reverse=reverse)

    operations = [operation.type for operation in answer.get_concrete_function().graph.get_operations()]
    assert "If" in operations or "StatelessIf" in operations
    given = [inputs, *states] + ([] if mask is None else [mask])
    outputs, last = answer(*given)
    expected, expected_last = answer(*map(twice, given))
    for found, other in zip([outputs, *last], [expected, *expected_last], strict=True):
        np.testing.assert_allclose(found[0], other[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_sequences_without_steps(kind):
    ours, _ = pair(kind, 4)
    states = random_states(ours, 1)
    mask = tf.zeros([5, 2], "bool")
    _, *last = ours(tf.ones([5, 2, 3]), initial_state=states, mask=mask, training=True)
    for found, expected in zip(last, states, strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("kind", KINDS)
def test_nan_is_propagated(kind):
    ours, _ = pair(kind, 8)
    inputs = np.ones((2, 3, 3), np.float32)
    inputs[1, 1, 0] = np.nan
    outputs = ours(tf.constant(inputs), training=True)[0]
    assert np.all(np.isfinite(outputs[0]))
    assert np.all(np.isfinite(outputs[1, 0]))
    assert np.all(np.isnan(outputs[1, 1]))


@pytest.mark.parametrize("kind", KINDS)
def test_an_export_contains_no_operations_in_c(kind, tmp_path):
    inputs = keras.Input((None, 3))
    model = keras.Model(inputs, KINDS[kind][0](4)(inputs))
    model.compile("sgd", "mse")
    model.fit(np.ones((4, 5, 3)), np.ones((4, 4)), verbose=0)
    model.export(tmp_path / "export", verbose=False)
    assert b"RecurrentLstm" not in (tmp_path / "export" / "saved_model.pb").read_bytes()
    assert b"RecurrentGru" not in (tmp_path / "export" / "saved_model.pb").read_bytes()


@pytest.mark.parametrize("kind", KINDS)
def test_xla_compiles_the_loop(kind):
    layer = KINDS[kind][0](4, implementation="loop")
    inputs, mask = sequences(1)
    compiled_by_xla = tf.function(lambda: layer(inputs, mask=mask, training=True), jit_compile=True)
    np.testing.assert_allclose(compiled_by_xla(), layer(inputs, mask=mask), rtol=1e-5, atol=1e-6)


def test_without_a_compiler_the_loop_trains(monkeypatch, tmp_path, caplog):
    monkeypatch.setenv("CC", str(tmp_path / "no-compiler"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    compiled.operations.cache_clear()
    try:
        layer = LSTM(4)
        inputs, _ = sequences(1)
        assert np.all(np.isfinite(layer(inputs, training=True)))
        assert "no-compiler" in caplog.text
        assert len(caplog.text.strip().splitlines()) == 1
        assert layer.engine(training=True, batch=None) == "loop"
    finally:
        compiled.operations.cache_clear()


def test_mirrored_gru_inverts_the_update_gate():
    plain, mirrored = GRU(4, return_sequences=True), GRU(4, mirrored=True, return_sequences=True)
    inputs, mask = sequences(2)
    expected = plain(inputs, mask=mask)
    mirrored.build((None, None, 3))
    # sigmoid(-a) = 1 - sigmoid(a): negated weights of the update gate undo the inversion.
    sign = np.concatenate([-np.ones(4), np.ones(8)])
    mirrored.set_weights([weight * sign for weight in plain.get_weights()])
    np.testing.assert_allclose(mirrored(inputs, mask=mask), expected, rtol=1e-5, atol=1e-6)
