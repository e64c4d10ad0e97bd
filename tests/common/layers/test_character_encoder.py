import keras
import numpy as np
import pytest
import tensorflow as tf
from support.layer_case import run_layer_test
from support.numeric_gradients import check_gradients

from common.layers.character_encoder import CharacterEncoder
from common.layers.sequence_pooling import SequencePooling

# Two sentences of three words; the last word of the second is padding.
CHARACTERS = np.array(
    [[[1, 2, 3, 4], [5, 0, 0, 0], [6, 7, 0, 0]], [[2, 1, 0, 0], [3, 3, 3, 0], [0, 0, 0, 0]]]
)

methods = pytest.mark.parametrize(("method", "weights"), [("cnn", 3), ("rnn", 7)])


def make(method, **kw):
    return CharacterEncoder(method, vocabulary_size=9, dimension=5, width=6, **kw)


@methods
def test_layer(method, weights):
    run_layer_test(lambda **kw: make(method, **kw), (2, 5, 4), (2, 5, 6), weights, integers=True)


@methods
def test_model(method, weights, tmp_path):
    keras.utils.set_random_seed(1)
    characters = keras.Input((None, None), dtype="int32")
    words = make(method, cell="elman", dropout=0.1)(characters)
    model = keras.Model(characters, keras.layers.Dense(1)(SequencePooling("mean")(words)))
    model.compile(optimizer="adam", loss="mse")
    before = [weight.copy() for weight in model.get_weights()]
    losses = model.fit(CHARACTERS, np.ones((2, 1)), epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert all(np.any(old != new) for old, new in zip(before, model.get_weights(), strict=True))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(CHARACTERS), model(CHARACTERS))
    model.export(tmp_path / "saved_model", verbose=False)
    exported = tf.saved_model.load(str(tmp_path / "saved_model"))
    served = exported.serve(tf.constant(CHARACTERS, tf.int32))
    np.testing.assert_allclose(served, model(CHARACTERS), rtol=1e-5, atol=1e-6)


@methods
def test_padding_on_either_side_of_a_word_changes_nothing(method, weights):
    layer = make(method)
    plain = layer(CHARACTERS)
    for before, after in ((0, 3), (3, 0), (2, 1)):
        padded = layer(np.pad(CHARACTERS, ((0, 0), (0, 0), (before, after))))
        np.testing.assert_allclose(padded, plain, rtol=1e-5, atol=1e-6)


@methods
def test_a_word_has_the_same_vector_at_every_position(method, weights):
    layer = make(method)
    alone = layer(np.array([[[6, 7]]]))
    np.testing.assert_allclose(layer(CHARACTERS)[0, 2], alone[0, 0], rtol=1e-5, atol=1e-6)
    assert np.any(np.abs(layer(np.array([[[7, 6]]])) - alone) > 1e-4)


@methods
def test_words_without_characters_give_zeros_and_are_masked(method, weights):
    layer = make(method)
    outputs = layer(CHARACTERS)
    assert np.all(outputs[1, 2] == 0)
    assert np.all(np.any(outputs.numpy() != 0, axis=-1) == layer.compute_mask(CHARACTERS).numpy())
    np.testing.assert_array_equal(layer.compute_mask(CHARACTERS), [[True, True, True], [True, True, False]])


@methods
def test_gradients(method, weights):
    layer = make(method, dtype="float64")
    layer(CHARACTERS)
    check_gradients(layer, lambda: tf.reduce_sum(layer(tf.constant(CHARACTERS)) ** 2))


def test_cnn_by_hand():
    layer = CharacterEncoder("cnn", vocabulary_size=4, dimension=1, width=1, window=3)
    layer.build((None, None, None))
    layer.embedding.set_weights([np.array([[9.0], [0.1], [0.2], [-0.4]])])
    layer.convolution.set_weights([np.array([[[1.0]], [[2.0]], [[-1.0]]]), np.array([0.05])])
    # Windows of 0.1 0.2 -0.4: 2 * 0.1 - 0.2, 0.1 + 2 * 0.2 + 0.4, 0.2 - 2 * 0.4; each + 0.05.
    np.testing.assert_allclose(layer(np.array([[[1, 2, 3, 0]]])), [[[np.tanh(0.95)]]], rtol=1e-6)


def test_an_odd_width_is_refused_for_two_directions():
    with pytest.raises(ValueError, match="width 5"):
        CharacterEncoder("rnn", vocabulary_size=9, dimension=5, width=5)
