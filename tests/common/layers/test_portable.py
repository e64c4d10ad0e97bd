"""The layers written with keras.ops give the same outputs and gradients under JAX, where it is installed."""

import importlib.util
import os
import pickle
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from common.layers.attention_decoder import AttentionDecoder
from common.layers.bahdanau_attention import BahdanauAttention
from common.layers.bidirectional import Bidirectional
from common.layers.character_encoder import CharacterEncoder
from common.layers.elman_rnn import ElmanRNN
from common.layers.gru import GRU
from common.layers.jordan_rnn import JordanRNN
from common.layers.lstm import LSTM
from common.layers.luong_attention import LuongAttention
from common.layers.pyramidal_rnn import PyramidalRNN
from common.layers.stacked_rnn import StackedRNN
from common.layers.windowed_dense import WindowedDense

ROOT = Path(__file__).parents[3]
generator = np.random.default_rng(0)
STEPS = generator.normal(size=(2, 5, 4)).astype(np.float32)
QUERIES = generator.normal(size=(2, 3, 4)).astype(np.float32)
MASK = np.array([[True] * 5, [True] * 3 + [False] * 2])
CHARACTERS = np.array([[[1, 2, 3, 4], [5, 0, 0, 0]], [[2, 1, 0, 0], [0, 0, 0, 0]]], np.int32)

CASES = {
    "ElmanRNN": (ElmanRNN(3, return_sequences=True), (STEPS,), {"mask": MASK}),
    "JordanRNN": (JordanRNN(3, output_units=2, zoneout=0.2), (STEPS,), {"mask": MASK}),
    "LSTM": (LSTM(3, return_sequences=True, return_state=True), (STEPS,), {"mask": MASK}),
    "GRU": (GRU(4, go_backwards=True, reset_after=False, layer_normalization=True), (STEPS,), {"mask": MASK}),
    "Bidirectional": (
        Bidirectional(LSTM(3, return_sequences=True), merge_mode="sum", sharing="input"),
        (STEPS,),
        {"mask": MASK},
    ),
    "StackedRNN": (StackedRNN("gru", 3, layers=2, residual=True), (STEPS,), {"mask": MASK}),
    "WindowedDense": (WindowedDense(3, 2, 1), (STEPS,), {"mask": MASK}),
    "BahdanauAttention": (BahdanauAttention(3), (QUERIES, STEPS), {"memory_mask": MASK}),
    "LuongAttention": (LuongAttention("general"), (QUERIES, STEPS), {"memory_mask": MASK}),
    "PyramidalRNN": (PyramidalRNN("gru", 3, layers=2), (STEPS,), {"mask": MASK}),
    "CharacterEncoder": (CharacterEncoder("cnn", 9, 5, 6), (CHARACTERS,), {}),
    "AttentionDecoder": (
        AttentionDecoder("lstm", 3, attention="general"),
        (QUERIES, STEPS[:, 0], STEPS),
        {"memory_mask": MASK, "return_weights": True},
    ),
    "AttentionDecoder, step by step": (
        AttentionDecoder("gru", 3, layers=2, input_feeding=True, residual=True, context_gate=True),
        (QUERIES, STEPS[:, 0], STEPS),
        {"memory_mask": MASK, "mask": MASK[:, 2:], "return_weights": True},
    ),
}


@pytest.fixture(scope="module")
def under_jax(tmp_path_factory):
    """Outputs and gradients of every case from one process that has JAX as its backend."""
    if importlib.util.find_spec("jax") is None:
        pytest.skip("JAX is no requirement; install it to run the layers on it: pip install jax")
    folder = tmp_path_factory.mktemp("jax")
    cases = {}
    for name, (layer, inputs, options) in CASES.items():
        layer(*inputs, **options)
        cases[name] = {
            "module": type(layer).__module__,
            "class": type(layer).__name__,
            "config": layer.get_config(),
            "weights": layer.get_weights(),
            "inputs": inputs,
            "options": options,
        }
    (folder / "cases.pickle").write_bytes(pickle.dumps(cases))
    paths = os.pathsep.join([str(ROOT), *sys.path])
    environment = os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "PYTHONPATH": paths}
    worker = [sys.executable, str(ROOT / "tests" / "support" / "jax_worker.py")]
    subprocess.run(
        [*worker, str(folder / "cases.pickle"), str(folder / "found.pickle")], env=environment, check=True
    )
    return pickle.loads((folder / "found.pickle").read_bytes())


@pytest.mark.parametrize("name", CASES)
def test_same_outputs_and_gradients(name, under_jax):
    layer, inputs, options = CASES[name]
    with tf.GradientTape() as tape:
        outputs = keras.tree.flatten(layer(*inputs, **options))
        loss = sum(tf.reduce_sum(output**2) for output in outputs)
    found = tape.gradient(loss, [weight.value for weight in layer.trainable_weights])
    gradients = [tf.convert_to_tensor(gradient) for gradient in found]  # Embeddings' are sparse.
    for ours, other in zip(
        [*outputs, *gradients], under_jax[name]["outputs"] + under_jax[name]["gradients"], strict=True
    ):
        np.testing.assert_allclose(ours, other, rtol=1e-4, atol=1e-5)
