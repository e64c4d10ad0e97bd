from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from sacrebleu.metrics import BLEU

from common.config import load_settings
from common.contract.find import TASKS_FOLDER
from common.errors import UserError
from common.inputs.settings import SubwordSettings
from common.inputs.subwords import BOUNDARY, SubwordText
from common.inputs.words import UNKNOWN
from common.modelling.losses import SequenceCrossEntropy
from common.modelling.precision import precision
from tasks.translation.config import TranslationSearchSettings, TranslationSettings
from tasks.translation.evaluation import (
    co_occurrence_dictionary,
    evaluate_answers,
    translation_metrics,
    validation_bleu,
)
from tasks.translation.model import Translator, build_model
from tasks.translation.predictor import draw_attention
from tasks.translation.preprocessing import TranslationPreprocessing
from tasks.translation.serving import TranslationServing
from tasks.translation.task import TranslationTask

FOLDER = TASKS_FOLDER / "translation"
SMALL = {"model.embedding_dimension": 8, "model.encoder_units": 6, "model.decoder_units": 10}
INPUTS = {
    "source": np.array([[3, 4, 5, 6], [5, 4, 0, 0]], np.int32),
    "written": np.array([[BOUNDARY, 3, 4, 5, 3], [BOUNDARY, 6, 6, 0, 0]], np.int32),
}
TARGETS = np.array([[3, 4, 5, 3, BOUNDARY], [6, 6, BOUNDARY, 0, 0]], np.int32)


def settings_with(**overrides):
    values = SMALL | {key.replace("__", "."): value for key, value in overrides.items()}
    return load_settings(TranslationSettings, FOLDER, "default", values)


def model_with(source_size=9, target_size=9, **overrides):
    keras.utils.set_random_seed(1)
    return build_model(settings_with(**overrides), source_size, target_size)


JOINT = {"text__joint": True, "text__source__units": "bpe"}
MODELS = {
    "bahdanau": {},
    "input feeding": {"model__attention": "general", "model__input_feeding": True},
    "two lstm layers": {"model__cell": "lstm", "model__encoder_layers": 2, "model__decoder_layers": 2},
    "all tied": {"model__tied_embeddings": "all", **JOINT},
    "none tied": {"model__tied_embeddings": "none", "model__attention": "general"},
}


@pytest.mark.parametrize("overrides", MODELS.values(), ids=MODELS)
def test_search_steps_give_what_the_whole_target_gives(overrides):
    model = model_with(**overrides)
    expected = model(INPUTS).numpy()
    states, prepared = model.begin(*model.encode(INPUTS["source"]))
    for step in range(3):
        logits, states, weights = model.step(INPUTS["written"][:, step], states, prepared)
        np.testing.assert_allclose(logits, expected[:, step], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(weights.numpy().sum(axis=1), 1, rtol=1e-5)
        assert np.all(weights.numpy()[1, 2:] == 0)


@pytest.mark.parametrize("overrides", MODELS.values(), ids=MODELS)
def test_saved_and_read_again(overrides, tmp_path):
    model = model_with(**overrides)
    expected = model(INPUTS).numpy()
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(INPUTS), expected)
    assert again.count_params() == model.count_params()


def test_models_of_before_0_2_name_their_engines():
    model = model_with()
    config = model.get_config() | {"implementation": "loop"}
    assert Translator.from_config(config).count_params() == model.count_params()


def test_tied_vectors_are_one_matrix():
    sizes = {
        tied: model_with(model__tied_embeddings=tied, **JOINT).count_params()
        for tied in ("none", "target", "all")
    }
    assert sizes["none"] - sizes["target"] == sizes["target"] - sizes["all"] == 9 * 8
    with pytest.raises(UserError, match=r"model\.tied_embeddings=all needs text\.joint=true"):
        settings_with(model__tied_embeddings="all")


def test_a_shared_vocabulary_needs_like_texts():
    with pytest.raises(UserError, match=r"text\.joint=true needs equal .*\.units, not characters and bpe"):
        settings_with(text__joint=True)
    with pytest.raises(UserError, match=r"text\.target\.lowercase, not True and False"):
        settings_with(**JOINT, text__source__lowercase=True)


def test_training_sentences_that_are_cut_are_counted(capsys):
    """They have six, two and eight pieces: a letter and the blank before it are two."""
    rows = {"source": ["a b c", "a", "a b c d"], "target": ["x"] * 3}
    source = SimpleNamespace(dataset=lambda split: tf.data.Dataset.from_tensor_slices(rows))
    settings = settings_with(text__target__units="characters", text__source__maximum_length=5)
    TranslationPreprocessing.learn(settings, source)
    said = capsys.readouterr().err.splitlines()
    assert said == [
        "2 training sentences have more than 5 pieces and are truncated (text.source.maximum_length)"
    ]


@pytest.mark.parametrize(
    "overrides",
    [
        {"model__attention": "general"},
        pytest.param({}, marks=pytest.mark.slow),
        pytest.param({"model__scheduled_sampling": 0.5}, marks=pytest.mark.slow),
    ],
)
def test_learns(overrides):
    model = model_with(**overrides, model__word_dropout=0.0)
    model.compile(optimizer=keras.optimizers.Adam(0.02), loss=SequenceCrossEntropy(0.0))
    before = model.evaluate(INPUTS, TARGETS, verbose=0)
    model.fit(INPUTS, TARGETS, epochs=30, verbose=0)
    assert model.evaluate(INPUTS, TARGETS, verbose=0) < before / 2


def test_dropout_is_there_in_training_alone():
    model = model_with()
    assert np.array_equal(model(INPUTS), model(INPUTS))
    assert not np.array_equal(model(INPUTS, training=True), model(INPUTS, training=True))


@pytest.fixture(scope="module")
def serving():
    """Two untrained models over words of one letter, which answer alone and together."""
    pieces = [f"\u2581{letter}" for letter in "abcdef"]
    text = SubwordText(pieces, [0.0] * 6, SubwordSettings(units="words", maximum_length=8))
    preprocessing = TranslationPreprocessing(text, text)
    models = [model_with(text.size, text.size) for _ in range(2)]
    keras.utils.set_random_seed(2)
    models[1].set_weights([np.random.normal(size=w.shape, scale=0.7) for w in models[1].get_weights()])
    search = TranslationSearchSettings(beam=3, length_extra=2, length_ratio=1.5)
    return {
        name: TranslationServing(preprocessing, which, search)
        for name, which in {
            "one": models[:1],
            "two": models[1:],
            "both": models,
            "twice": models[1:] * 2,
        }.items()
    }


def translate(serving, sentences, beam=3, n_best=3):
    outputs = serving.serve(tf.constant(sentences), tf.constant(beam), tf.constant(n_best))
    return {name: value.numpy() for name, value in outputs.items()}


def test_translations_are_ordered_bounded_and_empty_for_nothing(serving):
    answers = translate(serving["two"], ["a b c", "", "f", "?"])
    assert answers["translations"].shape == answers["scores"].shape == (4, 3)
    assert np.all(answers["scores"][:, :-1] >= answers["scores"][:, 1:])
    assert list(answers["translation"]) == list(answers["translations"][:, 0])
    assert answers["translation"][1] == b""
    for sentence, translation in zip([3, 0, 1, 1], answers["translation"], strict=True):
        assert len(translation.split()) <= 1.5 * sentence + 2
    only_empty = translate(serving["two"], ["", " "])
    assert list(only_empty["translation"]) == [b"", b""]
    # More of the best than the beam holds are not asked for.
    assert translate(serving["two"], ["a"], beam=2, n_best=9)["translations"].shape == (1, 2)


def test_a_wider_beam_is_no_worse(serving):
    narrow, wide = (translate(serving["two"], ["a b c d e", "f a"], beam, 1) for beam in (1, 8))
    assert np.all(wide["scores"] >= narrow["scores"] - 1e-5)


def test_an_ensemble_takes_the_mean_of_the_probabilities(serving):
    twice, once = (translate(serving[name], ["a b c", "d"]) for name in ("twice", "two"))
    assert np.array_equal(twice["translations"], once["translations"])
    np.testing.assert_allclose(twice["scores"], once["scores"], rtol=1e-4)
    both = translate(serving["both"], ["a b c", "d"])
    others = [translate(serving[name], ["a b c", "d"])["scores"] for name in ("one", "two")]
    assert not any(np.allclose(both["scores"], scores) for scores in others)


def test_an_ensemble_of_models_in_different_precision(serving):
    """Both in graphs and without."""
    with precision(settings_with(train__mixed_precision="bfloat16")):
        half = model_with(serving["one"].text.size, serving["one"].text.size)
    half.set_weights(serving["one"].models[0].get_weights())
    preprocessing = serving["one"].preprocessing
    for models in ([half, *serving["one"].models], [*serving["one"].models, half]):
        both = TranslationServing(preprocessing, models, serving["one"].search_settings)
        found, alone = (one.attention(tf.constant(["a b c"])) for one in (both, serving["one"]))
        np.testing.assert_allclose(found["attention"][:, 0], alone["attention"][:, 0], atol=0.02)
        tf.function(both.attention)(tf.constant(["a b c"]))


@pytest.mark.parametrize("attention", ["dot", "scaled"])
def test_products_need_vectors_of_one_width(attention):
    with pytest.raises(UserError, match=rf"model\.attention={attention} needs model\.decoder_units=12"):
        settings_with(model__attention=attention)
    assert model_with(model__attention=attention, model__decoder_units=12)(INPUTS).shape[-1] == 9


def test_models_of_other_pieces_make_no_ensemble(serving):
    first = serving["one"].text
    others = [
        SubwordText(["\u2581z"], [0.0], first.settings),
        SubwordText(first.vocabulary, first.scores, first.settings.model_copy(update={"lowercase": True})),
    ]
    for other in others:
        both = [TranslationPreprocessing(first, target) for target in (first, other)]
        with pytest.raises(UserError, match="not trained with the same pieces of the target"):
            TranslationTask(settings_with()).check_ensemble(both)
    TranslationTask(settings_with()).check_ensemble([serving["one"].preprocessing] * 2)


def test_an_unknown_piece_is_copied_from_where_it_was_read(serving):
    module = serving["one"]
    pieces = module.text.pieces(tf.constant(["a zebra b"]))

    class Found:
        tokens = tf.constant([[[3, 1, BOUNDARY]]])
        record = tf.constant([[[[1.0, 0, 0], [0.1, 0.7, 0.2], [0, 0, 1.0]]]])

    written = module._written_pieces(Found, pieces)
    assert module.text.texts(written).numpy().tolist() == [[b"a zebra"]]


def test_the_validation_score_is_that_of_what_is_served(serving):
    """Of a model that writes pieces it does not know: they are copied, and count as what they are then."""
    text = serving["one"].text
    model = model_with(text.size, text.size)
    model.output_bias.assign(10.0 * tf.one_hot(UNKNOWN, text.size))
    module = TranslationServing(serving["one"].preprocessing, [model], serving["one"].search_settings)
    sentences = ["a zebra b okapi c", "d e f a", "b c"]
    served = [text.decode() for text in translate(module, sentences, beam=1, n_best=1)["translation"]]
    assert served[0].split()[0] in sentences[0]
    pairs = tf.data.Dataset.from_tensor_slices({"source": sentences, "target": served})
    assert validation_bleu(module, pairs)() == {"bleu": pytest.approx(100)}


def test_attention_goes_with_its_pieces(serving):
    outputs = {
        name: value.numpy() for name, value in serving["two"].attention(tf.constant(["a b c", "d"])).items()
    }
    batch, steps, sources = outputs["attention"].shape
    assert outputs["source_pieces"].shape == (batch, sources) == (2, 3)
    assert outputs["pieces"].shape == (batch, steps)
    written = [piece for piece in outputs["pieces"][1] if piece]
    np.testing.assert_allclose(outputs["attention"][1, : len(written), 0], 1, rtol=1e-5)
    figure = draw_attention({name: value[1] for name, value in outputs.items()})
    labels = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert labels == ["d"]


def test_scores_from_0_to_100():
    references = ["The cat sits on the mat.", "A dog barks at night."]
    perfect = translation_metrics(references, references)
    assert perfect == {name: pytest.approx(100) for name in ("bleu", "bleu_lc", "chrf", "chrf_lc")}
    small = translation_metrics([text.lower() for text in references], references)
    assert small["bleu"] < small["bleu_lc"] == pytest.approx(100)
    assert translation_metrics(["我喜欢喝绿茶。"], ["我喜欢喝红茶。"])["bleu"] > 20
    japanese = ["わたしは毎日あついお茶をのみます。"], ["わたしは毎日つめたいお茶をのみます。"]
    assert BLEU(tokenize="13a").corpus_score(japanese[0], [japanese[1]]).score < 1
    assert translation_metrics(*japanese)["bleu"] > 50


def test_scores_by_length_find_words_as_that_of_all():
    """One reference alone is not Chinese for the most part; all together are."""
    references = ["我喜欢喝绿茶和红茶。"] * 3 + ["iPhone Pro Max 15 手机很好用"]
    translation = "iPhone Pro Max 15 手机很不好"
    sources = ["one two three four five six"] * 3 + ["a phone"]
    rows = [{"source": source, "target": target} for source, target in zip(sources, references, strict=True)]
    evaluation = evaluate_answers((row, {"translation": translation, "score": 0.0}) for row in rows)
    short, longer = evaluation.tables["BLEU by words of the source"]
    assert (short["sentences"], longer["sentences"]) == (1, 3)
    assert short["bleu"] == BLEU(tokenize="zh").corpus_score([translation], [references[-1:]]).score
    signatures = {row["metric"]: row["signature"] for row in evaluation.tables["Signatures of sacrebleu"]}
    assert "tok:zh" in signatures["bleu"]


def test_dictionary_by_hand():
    sources = [["red", "dog"], ["red", "cat"], ["old", "dog"]]
    targets = [["roter", "Hund"], ["rote", "Katze"], ["alter", "Hund"]]
    found = co_occurrence_dictionary(sources, targets)
    assert found["dog"] == "Hund"
    # red: 2 / 3 with each of roter, Hund (2 1 / 4), rote and Katze; the first in the alphabet of the best.
    assert found["red"] == "Katze"
    assert found["old"] == "alter"
