from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from support.layer_case import run_layer_test, run_model_test
from support.numeric_gradients import check_gradients

from common.layers.attention_decoder import AttentionDecoder
from common.layers.engines import time_loop

KINDS = {
    "bahdanau": {"attention": "bahdanau"},
    "bahdanau fed": {"attention": "bahdanau", "input_feeding": True, "context_gate": True},
    "general": {"attention": "general"},
    "general fed": {"attention": "general", "input_feeding": True},
    "dot gated": {"attention": "dot", "context_gate": True},
    "scaled fed": {"attention": "scaled", "input_feeding": True, "residual": True, "layers": 3},
    "none": {"attention": None},
    "residual": {"attention": "general", "residual": True, "layers": 3},
}
generator = np.random.default_rng(7)
TARGET = tf.constant(generator.normal(size=(2, 5, 3)), tf.float32)
SUMMARY = tf.constant(generator.normal(size=(2, 6)), tf.float32)
MEMORY = tf.constant(generator.normal(size=(2, 7, 4)), tf.float32)
MEMORY_MASK = tf.sequence_mask([7, 4], 7)

every_kind = pytest.mark.parametrize("kind", KINDS)


def make(kind, cell="gru", **kw):
    return AttentionDecoder(cell, 4, **KINDS[kind], **kw)


def run(decoder, target=TARGET, **kw):
    memory = {} if decoder.attention is None else {"memory": MEMORY, "memory_mask": MEMORY_MASK}
    return decoder(target, SUMMARY, **memory, **kw)


def step_by_step(decoder, target=TARGET):
    """Outputs and weights of a search that happens to predict the target."""
    states = decoder.initial_states(SUMMARY)
    memory = None if decoder.attention is None else decoder.prepare(MEMORY, MEMORY_MASK)
    found = []
    for t in range(target.shape[1]):
        outputs, states, weights = decoder.step(target[:, t], states, memory)
        found.append((outputs, weights))
    outputs, weights = zip(*found, strict=True)
    return np.stack(outputs, 1), None if decoder.attention is None else np.stack(weights, 1)


@keras.saving.register_keras_serializable(package="tests")
class SelfDecoder(keras.layers.Layer):
    """A decoder whose memory is its own inputs, for the standard test of a layer."""

    def __init__(self, kind: str, cell: str = "gru", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kind = kind
        self.cell = cell
        self.supports_masking = True
        self.decoder = make(kind, cell, dtype=self.dtype_policy)

    def build(self, input_shape):
        shape = None if self.decoder.attention is None else input_shape
        self.decoder.build(input_shape, (None, input_shape[-1]), shape)
        self.built = True

    def call(self, inputs, mask=None):
        if mask is None:
            mask = ops.ones(ops.shape(inputs)[:2], dtype="bool")
        weights = ops.expand_dims(ops.cast(mask, inputs.dtype), -1)
        summary = ops.sum(inputs * weights, axis=1)
        memory = {} if self.decoder.attention is None else {"memory": inputs, "memory_mask": mask}
        return self.decoder(inputs, summary, mask=mask, **memory)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:2], 4)

    def get_config(self):
        return super().get_config() | {"kind": self.kind, "cell": self.cell}


@pytest.mark.parametrize(
    ("kind", "cell", "weights"),
    # Bridge 2, cell 3, readout 1; Bahdanau's attention 4, the general score 1, a gate 2.
    [
        ("bahdanau", "lstm", 10),
        ("bahdanau fed", "elman", 12),
        ("general", "lstm", 7),
        ("general fed", "gru", 7),
        ("dot gated", "gru", 8),
        ("scaled fed", "lstm", 12),
        ("none", "gru", 5),
        ("residual", "elman", 13),
    ],
)
def test_layer(kind, cell, weights):
    run_layer_test(lambda **kw: SelfDecoder(kind, cell, **kw), (2, 5, 4), (2, 5, 4), weights)


@pytest.mark.parametrize("kind", ["bahdanau fed", pytest.param("general", marks=pytest.mark.slow)])
def test_model(kind, tmp_path):
    run_model_test(lambda: SelfDecoder(kind), (4, 5, 4), tmp_path)


@pytest.mark.parametrize("cell", ["elman", "lstm", "gru"])
@every_kind
def test_training_and_search_give_the_same(kind, cell):
    decoder = make(kind, cell)
    outputs, weights = run(decoder, return_weights=True)
    found_outputs, found_weights = step_by_step(decoder)
    np.testing.assert_allclose(outputs, found_outputs, rtol=1e-4, atol=1e-6)
    if weights is None:
        assert decoder.attention is None
    else:
        np.testing.assert_allclose(weights, found_weights, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(tf.reduce_sum(weights, -1), np.ones((2, 5)), rtol=1e-5)
        assert np.all(weights.numpy()[1, :, 4:] == 0)


@every_kind
def test_padding_of_the_target_on_either_side_changes_nothing(kind):
    decoder = make(kind)
    plain = run(decoder)
    padded = tf.pad(TARGET, [[0, 0], [2, 3], [0, 0]], constant_values=50.0)
    mask = tf.tile([[False] * 2 + [True] * 5 + [False] * 3], [2, 1])
    np.testing.assert_allclose(run(decoder, padded, mask=mask)[:, 2:7], plain, rtol=1e-4, atol=1e-6)


@every_kind
def test_no_step_depends_on_a_later_one(kind):
    decoder = make(kind)
    changed = tf.concat([TARGET[:, :3], TARGET[:, 3:] + 1.0], axis=1)
    np.testing.assert_array_equal(run(decoder)[:, :3], run(decoder, changed)[:, :3])
    assert np.any(run(decoder)[:, 3] != run(decoder, changed)[:, 3])


@every_kind
def test_states_can_be_gathered_as_a_beam_search_does(kind):
    decoder = make(kind, "lstm")
    run(decoder)
    states = decoder.initial_states(SUMMARY)
    memory = None if decoder.attention is None else decoder.prepare(MEMORY, MEMORY_MASK)
    _, states, _ = decoder.step(TARGET[:, 0], states, memory)
    outputs, _, _ = decoder.step(TARGET[:, 1], states, memory)
    beams = tf.constant([1, 0, 1])
    states, memory = keras.tree.map_structure(
        lambda tensor: None if tensor is None else tf.gather(tensor, beams), (states, memory)
    )
    found, _, _ = decoder.step(tf.gather(TARGET[:, 1], beams), states, memory)
    np.testing.assert_allclose(found, tf.gather(outputs, beams), rtol=1e-4, atol=1e-6)


def test_first_step_of_luong_by_hand():
    decoder = AttentionDecoder("elman", 2, attention="general", input_feeding=True)
    run(decoder)
    (bridge, bridge_bias), (general,) = decoder.bridge.get_weights(), decoder.attention_layer.get_weights()
    (u, w, b), (readout,) = decoder.recurrent_layers[0].get_weights(), decoder.readout.get_weights()
    start = np.tanh(SUMMARY @ bridge + bridge_bias)
    fed = np.zeros((2, 2))
    for t in range(2):
        start = np.tanh(np.concatenate([TARGET[:, t], fed], 1) @ u + start @ w + b)
        energies = np.einsum("bq,btq->bt", start, MEMORY @ general)
        energies[1, 4:] = -np.inf
        weights = np.exp(energies) / np.exp(energies).sum(axis=1, keepdims=True)
        context = np.einsum("bt,btf->bf", weights, MEMORY)
        fed = np.tanh(np.concatenate([start, context], 1) @ readout)
        np.testing.assert_allclose(run(decoder)[:, t], fed, rtol=1e-4, atol=1e-6)


def test_first_steps_of_bahdanau_by_hand():
    decoder = AttentionDecoder("elman", 2, attention="bahdanau", context_gate=True)
    run(decoder)
    bridge, bridge_bias = decoder.bridge.get_weights()
    gate, gate_bias = decoder.gate.get_weights()
    (u, w, b), (readout,) = decoder.recurrent_layers[0].get_weights(), decoder.readout.get_weights()
    state = np.tanh(SUMMARY @ bridge + bridge_bias)
    for t in range(2):
        context = decoder.attention_layer(state, MEMORY, memory_mask=MEMORY_MASK)[0].numpy()
        context = context / (1 + np.exp(-(state @ gate + gate_bias)))
        state = np.tanh(np.concatenate([TARGET[:, t], context], 1) @ u + state @ w + b)
        expected = np.tanh(np.concatenate([state, context], 1) @ readout)
        np.testing.assert_allclose(run(decoder)[:, t], expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", ["bahdanau fed", "general", "scaled fed"])
def test_gradients(kind):
    decoder = make(kind, dtype="float64")
    arguments = [tf.cast(tensor, tf.float64) for tensor in (TARGET, SUMMARY, MEMORY)]
    mask = tf.sequence_mask([5, 3], 5)

    def loss():
        return tf.reduce_sum(decoder(*arguments, mask=mask, memory_mask=MEMORY_MASK) ** 2)

    loss()
    check_gradients(decoder, loss, entries=2)


@every_kind
def test_portable_loop_gives_the_same(kind, monkeypatch):
    decoder = make(kind, "lstm")
    found = []
    for _ in range(2):
        with tf.GradientTape() as tape:
            outputs = run(decoder, mask=tf.sequence_mask([5, 3], 5))
            weights = [weight.value for weight in decoder.trainable_weights]
            loss = tf.reduce_sum(outputs**2)
        found.append([outputs, *tape.gradient(loss, weights)])
        monkeypatch.setattr(time_loop, "_tensorflow_loop", time_loop.portable_loop)
    for fast, portable in zip(*found, strict=True):
        np.testing.assert_allclose(fast, portable, rtol=1e-5, atol=1e-6)


def test_loop_that_xla_compiles_gives_the_same():
    decoder, other = make("general"), make("general", implementation="loop")
    expected = run(decoder)
    run(other)
    other.set_weights(decoder.get_weights())
    compiled = tf.function(lambda: run(other), jit_compile=True)
    np.testing.assert_allclose(compiled(), expected, atol=1e-5)


@every_kind
def test_dropped_features_are_the_same_at_every_step(kind):
    decoder = make(kind, dropout=0.5)
    same = tf.repeat(TARGET[:, :1], 5, axis=1)
    run(decoder)
    masks = decoder._dropout_masks(2, training=True)
    assert [mask.shape[-1] for mask in masks] == decoder.input_widths
    assert all(set(np.unique(mask)) <= {0.0, 2.0} for mask in masks)
    # Two draws of so few numbers are sometimes equal.
    first, *others = (run(decoder, same, training=True) for _ in range(6))
    assert any(np.any(first != other) for other in others)
    np.testing.assert_array_equal(run(decoder), run(decoder))


def test_a_dropped_input_is_dropped_at_every_step():
    # With one input feature, a sequence keeps all of its inputs or none.
    decoder = AttentionDecoder("gru", 4, attention=None, dropout=0.5)
    target = tf.constant(generator.normal(size=(200, 6, 1)), tf.float32)
    summary = tf.zeros([200, 6])
    outputs = decoder(target, summary, training=True).numpy()
    doubled, none = decoder(target * 2, summary).numpy(), decoder(target * 0, summary).numpy()
    undropped = np.all(np.isclose(outputs, doubled, atol=1e-5), axis=(1, 2))
    dropped = np.all(np.isclose(outputs, none, atol=1e-5), axis=(1, 2))
    assert np.all(undropped != dropped)
    assert 60 < undropped.sum() < 140


@pytest.mark.parametrize("kind", ["bahdanau", "general", "general fed", "none"])
def test_scheduled_sampling(kind):
    decoder = make(kind)
    run(decoder)

    def sample(outputs):
        return outputs[:, :3] * 2

    never = run(decoder, sample=sample, sampling_probability=0.0)
    np.testing.assert_allclose(never, run(decoder), rtol=1e-4, atol=1e-6)
    always = run(decoder, sample=sample, sampling_probability=1.0)
    # The same as a search that continues with its own output.
    states = decoder.initial_states(SUMMARY)
    memory = None if kind == "none" else decoder.prepare(MEMORY, MEMORY_MASK)
    vectors = TARGET[:, 0]
    for t in range(5):
        outputs, states, _ = decoder.step(vectors, states, memory)
        np.testing.assert_allclose(always[:, t], outputs, rtol=1e-4, atol=1e-6)
        vectors = sample(outputs)


@every_kind
def test_search_in_mixed_precision_inside_a_graph(kind):
    decoder = make(kind, "lstm", dtype="mixed_bfloat16")
    trained = run(decoder)

    @tf.function
    def search():
        states = decoder.initial_states(SUMMARY)
        memory = None if decoder.attention is None else decoder.prepare(MEMORY, MEMORY_MASK)

        def body(t, states, outputs):
            outputs, states, _ = decoder.step(TARGET[:, t], states, memory)
            return t + 1, states, outputs

        start = (tf.constant(0), states, tf.zeros([2, 4], tf.bfloat16))
        return tf.while_loop(lambda t, *_: t < 5, body, start)[2]

    np.testing.assert_allclose(
        tf.cast(search(), tf.float32), tf.cast(trained[:, -1], tf.float32), rtol=0.05, atol=0.03
    )


@pytest.mark.parametrize("kind", ["bahdanau fed", "general", "none"])
def test_a_whole_model_uses_masks_and_is_saved(kind, tmp_path):
    source, target = keras.Input((None,), dtype="int32"), keras.Input((None,), dtype="int32")
    embedding = keras.layers.Embedding(9, 3, mask_zero=True)
    memory = keras.layers.GRU(4, return_sequences=True)(embedding(source))
    decoder = make(kind)
    inputs = {} if kind == "none" else {"memory": memory}
    outputs = decoder(embedding(target), memory[:, -1], **inputs, return_weights=kind != "none")
    model = keras.Model([source, target], outputs)
    numbers = [tf.constant([[1, 2, 3], [4, 5, 0]]), tf.constant([[1, 7], [1, 8]])]
    if kind != "none":
        assert np.all(model(numbers)[1].numpy()[1, :, 2] == 0)
        assert np.all(model(numbers)[1].numpy()[0] > 0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for one, other in zip(
        keras.tree.flatten(model(numbers)), keras.tree.flatten(loaded(numbers)), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_incompatible_arguments_are_refused():
    with pytest.raises(ValueError, match="need attention"):
        AttentionDecoder("gru", 4, attention=None, input_feeding=True)
    with pytest.raises(ValueError, match="needs a memory"):
        AttentionDecoder("gru", 4)(TARGET, SUMMARY)
