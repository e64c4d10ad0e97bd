"""Layers that are made of others hand on their own settings, also when they are loaded or cloned."""

import keras
import numpy as np
import pytest

from common.layers.attention_decoder import AttentionDecoder
from common.layers.bahdanau_attention import BahdanauAttention
from common.layers.bidirectional import Bidirectional
from common.layers.character_encoder import CharacterEncoder
from common.layers.extended_embedding import ExtendedEmbedding
from common.layers.gru import GRU
from common.layers.image_encoder import ImageEncoder
from common.layers.luong_attention import LuongAttention
from common.layers.pyramidal_rnn import PyramidalRNN
from common.layers.segment_rnn import SegmentRNN
from common.layers.segments import Segments
from common.layers.stacked_rnn import StackedRNN

STEPS = (4, 3)
# Layer, shapes of its inputs without the batch.
LAYERS = {
    "StackedRNN": (lambda **kw: StackedRNN("lstm", 2, layers=2, **kw), [STEPS]),
    "PyramidalRNN": (lambda **kw: PyramidalRNN("gru", 2, layers=2, **kw), [STEPS]),
    "Bidirectional": (lambda **kw: Bidirectional(GRU(2, **kw), **kw), [STEPS]),
    "Segments": (lambda **kw: Segments(GRU(2, return_sequences=True, **kw), 2, **kw), [STEPS]),
    "SegmentRNN": (lambda **kw: SegmentRNN(2, segment_length=2, horizon=2, **kw), [STEPS[::-1]]),
    "AttentionDecoder": (
        lambda **kw: AttentionDecoder("gru", 2, context_gate=True, **kw),
        [STEPS, (3,), (5, 3)],
    ),
    "BahdanauAttention": (lambda **kw: BahdanauAttention(2, **kw), [STEPS, (5, 3)]),
    "LuongAttention": (lambda **kw: LuongAttention("general", **kw), [STEPS, (5, 3)]),
    "CharacterEncoder, rnn": (lambda **kw: CharacterEncoder("rnn", 9, 3, 4, **kw), [(2, 3)]),
    "CharacterEncoder, cnn": (lambda **kw: CharacterEncoder("cnn", 9, 3, 4, **kw), [(2, 3)]),
    "ExtendedEmbedding": (lambda **kw: ExtendedEmbedding(3, 2, 4, **kw), [(2,)]),
    "ImageEncoder": (lambda **kw: ImageEncoder("small_cnn", **kw), [(32, 32, 3)]),
}


def model_of(name, **options):
    make, shapes = LAYERS[name]
    layer, inputs = make(**options), [keras.Input(shape) for shape in shapes]
    return keras.Model(inputs, layer(*inputs)), layer


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("when", ["made", "built"])
def test_a_frozen_layer_stays_frozen(name, when, tmp_path):
    model, layer = model_of(name, trainable=when != "made")
    layer.trainable = False
    model.save(tmp_path / "model.keras")
    for frozen in (model, keras.models.load_model(tmp_path / "model.keras"), keras.models.clone_model(model)):
        assert frozen.weights
        assert not frozen.trainable_weights


@pytest.mark.parametrize("name", LAYERS)
def test_parts_have_the_precision_of_the_whole(name):
    _, layer = model_of(name, dtype="mixed_bfloat16")
    copy = type(layer).from_config(layer.get_config())
    for part in [*layer._flatten_layers(), *copy._flatten_layers()]:
        if part.weights and not isinstance(part, keras.Model):
            assert part.dtype_policy.name == "mixed_bfloat16", part.path
    copy = type(layer).from_config(layer.get_config())
    assert copy.get_config().keys() == layer.get_config().keys()
    assert np.all([weight.dtype == "float32" for weight in layer.trainable_weights])
