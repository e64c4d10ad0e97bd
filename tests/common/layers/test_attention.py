import keras
import numpy as np
import pytest
import tensorflow as tf
from support.layer_case import run_layer_test, run_model_test
from support.numeric_gradients import check_gradients
from support.own_memory import OwnMemory

from common.layers.attention import masked_softmax
from common.layers.bahdanau_attention import BahdanauAttention
from common.layers.luong_attention import LuongAttention

KINDS = {
    "bahdanau": (lambda **kw: BahdanauAttention(3, **kw), 4),
    "dot": (lambda **kw: LuongAttention("dot", **kw), 0),
    "general": (lambda **kw: LuongAttention("general", **kw), 1),
    "scaled": (lambda **kw: LuongAttention("scaled", **kw), 0),
}
generator = np.random.default_rng(5)
QUERIES = generator.normal(size=(2, 3, 4))
MEMORY = generator.normal(size=(2, 6, 4))
MASK = tf.sequence_mask([6, 4], 6)

every_kind = pytest.mark.parametrize("kind", KINDS)


def make(kind, **kw):
    return KINDS[kind][0](**kw)


@every_kind
def test_layer(kind, tmp_path):
    def make_layer(dtype=None):
        return OwnMemory(make(kind, dtype=dtype), dtype=dtype)

    run_layer_test(make_layer, (2, 5, 4), (2, 5, 4), KINDS[kind][1])
    run_model_test(make_layer, (4, 5, 4), tmp_path)


@every_kind
def test_shapes_and_sums_of_weights(kind):
    layer = make(kind)
    context, weights = layer(QUERIES, MEMORY, memory_mask=MASK)
    assert context.shape == (2, 3, 4)
    assert weights.shape == (2, 3, 6)
    assert layer.compute_output_shape((2, 3, 4), (2, 6, 4)) == ((2, 3, 4), (2, 3, 6))
    np.testing.assert_allclose(tf.reduce_sum(weights, -1), np.ones((2, 3)), rtol=1e-5)
    assert np.all(weights.numpy()[1, :, 4:] == 0)
    assert np.all(weights.numpy()[0] > 0)


@every_kind
def test_one_query_is_the_same_as_many(kind):
    layer = make(kind)
    contexts, weights = layer(QUERIES, MEMORY, memory_mask=MASK)
    prepared = layer.prepare(tf.constant(MEMORY, tf.float32), MASK)
    for number in range(3):
        context, weight = layer.attend(tf.constant(QUERIES[:, number], tf.float32), prepared)
        np.testing.assert_allclose(context, contexts[:, number], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(weight, weights[:, number], rtol=1e-5, atol=1e-6)


@every_kind
def test_a_fully_masked_memory_gives_zeros_and_finite_gradients(kind):
    layer = make(kind)
    queries, memory = tf.Variable(QUERIES, dtype=tf.float32), tf.Variable(MEMORY, dtype=tf.float32)
    mask = tf.sequence_mask([6, 0], 6)
    with tf.GradientTape() as tape:
        context, weights = layer(queries, memory, memory_mask=mask)
        loss = tf.reduce_sum(context**2)
    assert np.all(context.numpy()[1] == 0)
    assert np.all(weights.numpy()[1] == 0)
    gradients = tape.gradient(loss, [queries, memory, *(weight.value for weight in layer.trainable_weights)])
    assert all(np.all(np.isfinite(gradient)) for gradient in gradients)
    assert np.any(gradients[0].numpy()[0] != 0)
    assert np.all(gradients[0].numpy()[1] == 0)


@pytest.mark.parametrize("lowest", [-2e9, -1e30, -3e38])
def test_very_low_energies_do_not_lose_to_masked_steps(lowest):
    weights = masked_softmax(np.array([[lowest, lowest, 5.0]], np.float32), np.array([[True, True, False]]))
    np.testing.assert_array_equal(weights, [[0.5, 0.5, 0.0]])


@every_kind
def test_nan_in_masked_steps_does_not_spread(kind):
    layer = make(kind)
    plain, _ = layer(QUERIES, MEMORY[:, :4])
    memory = MEMORY.copy()
    memory[:, 4] = np.nan
    memory[:, 5] = np.inf
    hidden, weights = layer(QUERIES, memory, memory_mask=tf.sequence_mask([4, 4], 6))
    np.testing.assert_allclose(hidden, plain, rtol=1e-5, atol=1e-6)
    assert np.all(np.isfinite(weights))


@every_kind
def test_masks_of_a_model_are_used(kind):
    numbers, queries = keras.Input((6,), dtype="int32"), keras.Input((3, 4))
    memory = keras.layers.Embedding(9, 4, mask_zero=True)(numbers)
    model = keras.Model([queries, numbers], make(kind)(queries, memory)[1])
    weights = model([tf.constant(QUERIES, tf.float32), tf.constant([[1, 2, 3, 0, 0, 0], [1, 2, 3, 4, 5, 6]])])
    assert np.all(weights.numpy()[0, :, 3:] == 0)
    assert np.all(weights.numpy()[1] > 0)


@every_kind
def test_gradients(kind):
    layer = make(kind, dtype="float64")
    layer(QUERIES, MEMORY)
    if layer.trainable_weights:
        check_gradients(
            layer, lambda: tf.reduce_sum(layer(tf.constant(QUERIES), tf.constant(MEMORY), MASK)[0] ** 2)
        )


def test_bahdanau_by_hand():
    layer = BahdanauAttention(2)
    layer.build((None, 1), (None, None, 1))
    w, u, b, v = (
        np.array([[1.0, 2.0]]),
        np.array([[0.5, -1.0]]),
        np.array([0.1, 0.2]),
        np.array([[1.0], [3.0]]),
    )
    layer.query_projection.set_weights([w])
    layer.key_projection.set_weights([u, b])
    layer.energy.set_weights([v])
    query, memory = 0.3, np.array([1.0, -2.0])
    energies = [np.tanh(0.3 + 0.5 * m + 0.1) + 3 * np.tanh(0.6 - m + 0.2) for m in memory]
    expected = np.exp(energies) / np.sum(np.exp(energies))
    context, found = layer(tf.constant([[query]]), tf.constant(memory[None, :, None], tf.float32))
    np.testing.assert_allclose(found, [expected], rtol=1e-5)
    np.testing.assert_allclose(context, [[expected @ memory]], rtol=1e-5)


@pytest.mark.parametrize(
    ("score", "energies"),
    [("dot", [7.0, 4.0]), ("scaled", [7 / 2**0.5, 4 / 2**0.5]), ("general", [16.0, 7.0])],
)
def test_luong_by_hand(score, energies):
    layer = LuongAttention(score)
    layer.build((None, 2), (None, None, 2))
    if score == "general":
        # Multiplied from the right, m W = [m_1 + m_2, 2 m_2]: energies 1 * 4 + 2 * 6 and 1 * 3 + 2 * 2.
        layer.set_weights([np.array([[1.0, 0.0], [1.0, 2.0]])])
    memory = np.array([[1.0, 3.0], [2.0, 1.0]])
    expected = np.exp(energies) / np.sum(np.exp(energies))
    context, found = layer(tf.constant([[1.0, 2.0]]), tf.constant(memory[None], tf.float32))
    np.testing.assert_allclose(found, [expected], rtol=1e-5)
    np.testing.assert_allclose(context, [expected @ memory], rtol=1e-5)


def test_luong_names_incompatible_widths():
    with pytest.raises(ValueError, match="not 3 and 4; use 'general'"):
        LuongAttention("dot")(tf.zeros([2, 3]), tf.zeros([2, 5, 4]))


def test_general_joins_different_widths():
    context, weights = LuongAttention("general")(tf.ones([2, 3]), tf.ones([2, 5, 4]))
    assert context.shape == (2, 4)
    assert weights.shape == (2, 5)


def test_weights_over_a_long_memory_are_exact_in_mixed_precision():
    energies = tf.cast(tf.random.stateless_normal([1, 3000], seed=(1, 2)), tf.bfloat16)
    weights = masked_softmax(energies, tf.sequence_mask([2500], 3000))
    expected = np.exp(tf.cast(energies, tf.float64)[0, :2500])
    np.testing.assert_allclose(weights[0, :2500], expected / expected.sum(), rtol=1e-5)
    assert np.all(weights.numpy()[0, 2500:] == 0)
