import json
from itertools import combinations

import keras
import numpy as np
import pytest
import tensorflow as tf
from matplotlib import pyplot as plt
from support.captioner_case import INPUTS, model_with, settings_with
from support.image_case import encoded, noise

from common.answering.loading import load_model
from common.errors import UserError
from common.inputs.images import BROKEN, ImagePreprocessor
from common.inputs.settings import ImageSettings
from common.inputs.subwords import BOUNDARY, SubwordText
from common.modelling.losses import SequenceCrossEntropy
from common.modelling.precision import precision
from common.runs.run import Run
from tasks.captioning.config import AugmentationSettings, CaptionSearchSettings, CaptionTextSettings
from tasks.captioning.features import augmented
from tasks.captioning.model import Captioner, uncovered
from tasks.captioning.plots import CaptionedPixels, contact_sheet
from tasks.captioning.predictor import CaptioningPredictor
from tasks.captioning.preprocessing import CaptioningPreprocessing, cleaned
from tasks.captioning.scores import caption_metrics, caption_words, distinct
from tasks.captioning.serving import CaptioningServing
from tasks.captioning.task import CaptioningTask

NO_DROPOUT = dict.fromkeys(
    (f"model__{place}_dropout" for place in ("memory", "embedding", "recurrent", "output")), 0.0
)
TARGETS = np.array([[3, 4, 5, 3, BOUNDARY], [6, 6, BOUNDARY, 0, 0]], np.int32)


MODELS = {
    "attend": {},
    "attend, two gru layers": {
        "model__cell": "gru",
        "model__decoder_layers": 2,
        "model__context_gate": False,
    },
    "attend, luong": {"model__attention": "general", "model__tied_embeddings": False},
    "init_inject": {"model__decoder": "init_inject"},
    "merge": {"model__decoder": "merge", "model__cell": "elman"},
}


@pytest.mark.parametrize("overrides", MODELS.values(), ids=MODELS)
def test_search_steps_give_what_the_whole_caption_gives(overrides):
    model = model_with(**overrides)
    expected = model(INPUTS).numpy()
    memory, summary = model.encode(INPUTS)
    assert memory.shape == (2, 4, 12)
    states, picture = model.begin(memory, summary)
    for step in range(3):
        logits, states, weights = model.step(INPUTS["written"][:, step], states, picture)
        np.testing.assert_allclose(logits, expected[:, step], rtol=1e-4, atol=1e-5)
        if model.attends:
            np.testing.assert_allclose(weights.numpy().sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("overrides", MODELS.values(), ids=MODELS)
def test_saved_and_read_again(overrides, tmp_path):
    model = model_with(**overrides)
    expected = model(INPUTS).numpy()
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(INPUTS), expected)


def test_models_of_before_0_2_name_their_engines():
    model = model_with()
    config = model.get_config() | {"implementation": "loop"}
    assert Captioner.from_config(config).count_params() == model.count_params()


def test_a_loaded_model_computes_in_the_precision_of_its_run(tmp_path):
    settings = settings_with(train__mixed_precision="bfloat16")
    with precision(settings):
        model = model_with(train__mixed_precision="bfloat16")
    run = Run(tmp_path / "runs" / "captioning" / "half")
    run.model_file.parent.mkdir(parents=True)
    model.save(run.model_file)
    again = load_model(run, settings)
    layers = [model.decoder, model.encoder.network.layers[1], model.memory_projection]
    others = [again.decoder, again.encoder.network.layers[1], again.memory_projection]
    policies = [
        (one.dtype_policy.name, other.dtype_policy.name) for one, other in zip(layers, others, strict=True)
    ]
    assert policies == [("mixed_bfloat16", "mixed_bfloat16")] * 3
    np.testing.assert_array_equal(again(INPUTS), model(INPUTS))
    assert keras.config.dtype_policy().name == "float32"


def test_where_the_picture_enters():
    """init_inject: in the first state alone; merge: at each word, and never in the states."""
    other = INPUTS | {"pixels": 255 - INPUTS["pixels"]}
    for decoder in ("init_inject", "merge"):
        model = model_with(model__decoder=decoder)
        starts = [model.begin(*model.encode(inputs))[0] for inputs in (INPUTS, other)]
        one, two = ([part.numpy() for part in tf.nest.flatten(states)] for states in starts)
        same = all(np.array_equal(*both) for both in zip(one, two, strict=True))
        assert same == (decoder == "merge")
        assert not np.allclose(model(INPUTS), model(other))
        assert ("summary" in model.begin(*model.encode(INPUTS))[1]) == (not model.attends)


def test_features_give_what_pixels_give():
    model = model_with()
    features = model.encoder(INPUTS["pixels"])
    seen = {"features": features, "written": INPUTS["written"]}
    np.testing.assert_allclose(model(seen), model(INPUTS), rtol=1e-5, atol=1e-6)


def test_doubly_stochastic_term_by_hand():
    weights = np.array([[[0.5, 0.5], [1.0, 0.0]], [[0.2, 0.8], [0.3, 0.7]]], np.float32)
    # The second step of the second caption is padding: (1 - 1.5)^2 + (1 - 0.5)^2, (1 - 0.2)^2 + (1 - 0.8)^2.
    found = uncovered(tf.constant(weights), np.array([[2, 3], [2, 0]]))
    assert float(found) == pytest.approx((0.5 + 0.68) / 2)
    model = model_with(model__attention_cover=0.5)
    model(INPUTS)
    assert not model.losses
    model(INPUTS, training=True)
    assert len(model.losses) == 1


@pytest.mark.parametrize(
    "overrides",
    [
        pytest.param({"model__attention_cover": 0.1}, marks=pytest.mark.slow),
        pytest.param({"model__decoder": "init_inject"}, marks=pytest.mark.slow),
        pytest.param({"model__decoder": "merge"}, marks=pytest.mark.slow),
        pytest.param({"model__scheduled_sampling": 0.5}, marks=pytest.mark.slow),
    ],
)
def test_learns(overrides):
    model = model_with(**NO_DROPOUT, **overrides)
    model.compile(optimizer=keras.optimizers.Adam(0.02), loss=SequenceCrossEntropy(0.0))
    before = model.evaluate(INPUTS, TARGETS, verbose=0)
    encoder = model.encoder.get_weights()[0]
    model.fit(INPUTS, TARGETS, epochs=60, verbose=0)
    assert model.evaluate(INPUTS, TARGETS, verbose=0) < before / 5
    assert np.any(model.encoder.get_weights()[0] != encoder)


def test_settings_that_do_not_go_together():
    with pytest.raises(UserError, match=r"model\.encoder=small_cnn has no ImageNet weights"):
        settings_with(model__pretrained=True)
    with pytest.raises(UserError, match=r"augmentation\.shift needs model\.frozen=false"):
        settings_with(model__frozen=True, model__start_from="first", augmentation__shift=0.1)
    with pytest.raises(UserError, match=r"model\.frozen=true needs model\.pretrained=true"):
        settings_with(model__frozen=True)
    with pytest.raises(UserError, match=r"model\.attention=scaled needs model\.decoder_units=12"):
        settings_with(model__attention="scaled")
    with pytest.raises(UserError, match=r"model\.objective=cider scores texts in training, which XLA cannot"):
        settings_with(model__objective="cider", model__start_from="first", train__xla=True)
    with pytest.raises(UserError, match="Unknown image encoder 'resnet50'"):
        model_with(model__encoder="resnet50")
    with pytest.raises(UserError, match="Unknown run 'none'"):
        model_with(model__start_from="none")


# From files to captions.


@pytest.fixture(scope="module")
def serving():
    """An untrained model over words of one letter."""
    settings = CaptionTextSettings(units="words", lowercase=True)
    text = SubwordText([f"\u2581{letter}" for letter in "abcdef"], [0.0] * 6, settings)
    known = tf.strings.to_hash_bucket_fast(["a b", "c"], 2**62).numpy()
    preprocessing = CaptioningPreprocessing(
        ImagePreprocessor(ImageSettings(size=32)), text, settings, np.sort(known)
    )
    model = model_with(text.size)
    keras.utils.set_random_seed(2)
    # Batch normalisation has variances, which are above 0.
    model.set_weights([np.abs(np.random.normal(size=w.shape, scale=0.3)) for w in model.get_weights()])
    search = CaptionSearchSettings(beam=3, maximum_length=5)
    return CaptioningServing(preprocessing, [model], search)


def test_captions_are_ordered_and_bounded_and_none_for_what_is_no_picture(serving):
    pictures = tf.constant([encoded(noise()), b"no picture", encoded(noise(seed=1), "JPEG")])
    answers = {
        name: value.numpy() for name, value in serving.serve(pictures, tf.constant(3), tf.constant(3)).items()
    }
    assert answers["captions"].shape == answers["scores"].shape == (3, 3)
    assert np.all(answers["scores"][:, :-1] >= answers["scores"][:, 1:])
    assert list(answers["caption"]) == list(answers["captions"][:, 0])
    assert all(len(caption.split()) <= 5 for caption in answers["captions"].flat)
    assert [bool(problem) for problem in answers["problem"]] == [False, True, False]
    assert answers["caption"][1] == b""
    only_bad = serving.serve(tf.constant([b""]), tf.constant(3), tf.constant(1))
    assert only_bad["problem"].numpy().tolist() == [b"is empty"]


def test_attention_is_a_map_for_each_step(serving):
    outputs = serving.attention(tf.constant([encoded(noise()), encoded(noise(seed=1))]))
    steps = outputs["pieces"].shape[1]
    assert outputs["attention"].shape == (2, steps, 2, 2)
    assert outputs["pixels"].shape == (2, 32, 32, 3)
    sums = outputs["attention"].numpy().sum(axis=(2, 3))
    written = outputs["pieces"].numpy() != b""
    np.testing.assert_allclose(sums[written], 1, rtol=1e-5)


def test_models_that_see_other_regions_have_no_maps_together(serving):
    """32 pixels are 2 x 2 regions of the small network, and 1 x 1 of the other."""
    coarse = model_with(
        serving.text.size,
        model__encoder="efficientnet_lite0",
        model__pretrained=False,
        model__frozen=False,
    )
    # Without weights of ImageNet it learns the statistics of its batch normalisation.
    assert not coarse.encoder.keep_statistics
    both = CaptioningServing(serving.preprocessing, [*serving.models, coarse], serving.search_settings)
    assert list(both.endpoints()) == ["serve"]
    assert list(serving.endpoints()) == ["serve", "attention"]


def test_models_of_other_words_or_sizes_make_no_ensemble(serving):
    first = serving.preprocessing
    words = SubwordText(["\u2581z"], [0.0], first.text.settings)
    large = ImagePreprocessor(ImageSettings(size=64))
    task = CaptioningTask(settings_with())
    task.check_ensemble([first, first])
    for picture, text, different in ((first.picture, words, "vocabulary"), (large, first.text, r"picture\.size")):
        other = CaptioningPreprocessing(picture, text, first.settings, first.fingerprints)
        with pytest.raises(UserError, match=f"not trained with the same {different}, so they cannot form"):
            task.check_ensemble([first, other])


def test_an_ensemble_of_models_in_different_precision(serving):
    """As in translation: their attention is the mean of both, in float32."""
    with precision(settings_with(train__mixed_precision="bfloat16")):
        half = model_with(serving.text.size)
    half.set_weights(serving.models[0].get_weights())
    both = CaptioningServing(serving.preprocessing, [half, *serving.models], serving.search_settings)
    pictures = tf.constant([encoded(noise())])
    found, alone = (one.attention(pictures)["attention"] for one in (both, serving))
    assert found.dtype == tf.float32
    np.testing.assert_allclose(found[:, 0], alone[:, 0], atol=0.02)


def test_a_folder_is_captioned_past_bad_files(serving, tmp_path):
    folder = tmp_path / "mixed"
    folder.mkdir()
    (folder / "cut.jpg").write_bytes(encoded(noise(), "JPEG")[:-200])
    (folder / "good.png").write_bytes(encoded(noise()))
    (folder / "nowhere.png").symlink_to(tmp_path / "nothing.png")
    signatures = {"serve": serving.endpoints()["serve"][0]}
    predictor = CaptioningPredictor(settings_with(), [], signatures, "untrained")
    done = predictor.answer_file(folder, tmp_path / "captions.jsonl", predictor.settings)
    assert done == "1 pictures captioned, 2 that cannot be read,"
    rows = [json.loads(line) for line in (tmp_path / "captions.jsonl").read_text().splitlines()]
    assert [row["problem"] for row in rows] == [BROKEN, "", "cannot be read (No such file or directory)"]
    # Where nothing was said there is no score.
    assert [row["score"] is None for row in rows] == [True, False, True]


def test_captions_learned_by_heart_are_known(serving):
    known = serving.preprocessing.is_known(tf.constant(["c", "a b", "b a", ""]))
    assert known.numpy().tolist() == [True, True, False, False]


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("A dog's t-shirt , isn't it ?", "A dog's t-shirt isn't it"),
        ("\u201cquoted\u201d - with (signs)!", " quoted  with signs "),
        ("'loose' --- 日本語。", "loose 日本語 "),
    ],
)
def test_signs_are_left_out(caption, expected):
    found = cleaned(tf.constant([caption]), CaptionTextSettings()).numpy()[0].decode()
    assert found.split() == expected.split()
    assert (
        cleaned(tf.constant([caption]), CaptionTextSettings(keep_signs=True)).numpy()[0].decode() == caption
    )


# Pixels changed in training.


def test_changes_are_drawn_from_the_seed():
    pictures = tf.constant(INPUTS["pixels"])
    settings = AugmentationSettings(flip=True, shift=0.2, brightness=0.2, contrast=0.3)
    one, same, other = (augmented(pictures, settings, tf.constant([1, seed])) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert np.any(one.numpy() != other.numpy())
    np.testing.assert_array_equal(augmented(pictures, AugmentationSettings(), tf.constant([1, 1])), pictures)


def test_each_change_is_what_it_says():
    pictures = tf.tile(tf.constant(INPUTS["pixels"][:1]), [16, 1, 1, 1])
    original = INPUTS["pixels"][0]
    flipped = augmented(pictures, AugmentationSettings(flip=True), tf.constant([1, 1])).numpy()
    mirrored = [np.array_equal(one, original[:, ::-1]) for one in flipped]
    assert 0 < sum(mirrored) < 16
    assert all(mirror or np.array_equal(one, original) for mirror, one in zip(mirrored, flipped, strict=True))
    moved = augmented(pictures, AugmentationSettings(shift=0.1), tf.constant([1, 1])).numpy()
    places = [(y, x) for y in range(-3, 4) for x in range(-3, 4)]
    for one in moved:
        inner = one[4:-4, 4:-4]
        assert any(np.array_equal(inner, original[4 + y : 28 + y, 4 + x : 28 + x]) for y, x in places)


# Scores.


def test_words_that_are_scored():
    assert caption_words("A dog's \u201ct-shirt\u201d - isn\u2019t RED_ , ok .") == (
        ["a", "dog", "'s", "t-shirt", "is", "n't", "red", "ok"]
    )
    assert caption_words("黒い鳥") == ["黒", "い", "鳥"]
    assert caption_words("...") == []
    # Vowel signs are no letters, but parts of words; an accent of its own is one with its letter.
    assert caption_words("हिन्दी में") == ["हिन्दी", "में"]
    assert caption_words("cafe\u0301") == ["café"]


def test_scores_from_0_to_100():
    references = [["A dog runs on the grass .", "The dog runs"], ["A red car near a house", "a car"]]
    perfect = caption_metrics(["a dog runs on the grass", "a red car near a house"], references)
    assert all(perfect[f"bleu_{n}"] == pytest.approx(100, abs=1e-3) for n in (1, 2, 3, 4))
    assert perfect["rouge_l"] == pytest.approx(100)
    worse = caption_metrics(["a cat runs on the grass", "a car"], references)
    for name in ("bleu_4", "cider_d", "rouge_l"):
        assert 0 < worse[name] < perfect[name]
    # No caption at all is no crash.
    assert caption_metrics(["", ""], references)["bleu_1"] == pytest.approx(0, abs=1e-3)


def test_distinct_by_hand():
    captions = [["a", "b", "a"], ["a", "b"]]
    assert distinct(captions, 1) == pytest.approx(2 / 5)
    assert distinct(captions, 2) == pytest.approx(2 / 3)
    assert distinct([[]], 2) == 0


def test_no_words_of_the_contact_sheet_stand_on_others():
    lengths = [9, 8, 18, 5, 17, 7, 18, 6, 9, 12, 14, 17]
    shown = [
        CaptionedPixels(INPUTS["pixels"][0], "garden " * (4 + number % 7), ["garden " * length] * 2)
        for number, length in enumerate(lengths)
    ]
    figure = contact_sheet(shown)
    figure.canvas.draw()
    boxes = [
        label.get_window_extent()
        for panel in figure.axes
        for label in (panel.title, panel.xaxis.label)
        if label.get_text()
    ]
    assert len(boxes) == 24
    assert not [1 for one, other in combinations(boxes, 2) if one.overlaps(other)]
    plt.close(figure)
