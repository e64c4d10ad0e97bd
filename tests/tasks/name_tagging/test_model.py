import itertools

import numpy as np
import pytest
import tensorflow as tf

from common.config import load_settings
from common.contract.find import TASKS_FOLDER
from common.decoding.linear_chain import log_likelihood, path_scores
from common.errors import UserError
from tasks.name_tagging.config import NameTaggingSettings
from tasks.name_tagging.model import build_model
from tasks.name_tagging.preprocessing import NameTaggingPreprocessing, Vocabulary
from tasks.name_tagging.serving import NameTaggingServing, _span_probabilities

WORDS = ["the", "paris", "00", "ada"]


def settings(**overrides):
    small = {
        "model.embeddings": "random",
        "model.embedding_dimension": 6,
        "model.units": 4,
        "model.character_width": 6,
        "text.word_length": 5,
    }
    dotted = {key.replace("__", "."): value for key, value in overrides.items()}
    return load_settings(NameTaggingSettings, TASKS_FOLDER / "name_tagging", "default", small | dotted)


def preprocessing(chosen, learned=3, bigrams=("the paris", "ada </s>")):
    vocabulary = Vocabulary(WORDS, learned, 2, list("aAdPis0"), list(bigrams))
    return NameTaggingPreprocessing(chosen, ["LOC", "PER"], vocabulary)


def words(*rows):
    return tf.ragged.constant(rows, dtype=tf.string)


def test_numbers_of_words_capitals_pairs_and_characters():
    chosen = settings(model__capitalization=True, model__bigrams=True)
    numbers = preprocessing(chosen).numbers(words(["The", "PARIS", "19"], ["Ada"], [])).to_list()
    #                            word, capitals, pair, characters
    assert numbers[0][0] == [2, 3, 2, 1, 1, 1, 0, 0]
    assert numbers[0][1] == [3, 4, 1, 5, 3, 1, 1, 1]
    assert numbers[0][2] == [4, 1, 1, 8, 8, 0, 0, 0]
    assert numbers[1:] == [[[5, 3, 3, 3, 4, 2, 0, 0]], []]


def test_a_word_not_seen_with_its_capitals_is_looked_up_in_lower_case():
    chosen = settings(text__lowercase=False, model__characters="none")
    vocabulary = Vocabulary(["the", "The", "Ada"], 3, 2, list("a"), [])
    prepared = NameTaggingPreprocessing(chosen, ["PER"], vocabulary)
    numbers = prepared.numbers(words(["the", "The", "THE", "Ada", "ada"])).to_list()
    assert numbers == [[[2], [3], [2], [4], [1]]]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"text__minimum_count": 3}, r"No word occurs 3 times .*; set text\.minimum_count=1\."),
        ({"model__bigrams": True}, r"No bigram occurs 2 times .*; set text\.bigram_minimum_count=1"),
    ],
)
def test_training_sentences_without_what_occurs_often(changes, problem):
    class Splits:
        def dataset(self, split):
            assert split == "train", "only the training split may be read"
            rows = {"words": [["Ada", "met"], ["met", "Bob", "."]], "tags": [["B-PER", "O"], ["O"] * 3]}
            return tf.data.Dataset.from_tensor_slices({name: words(*row) for name, row in rows.items()})

    learned = NameTaggingPreprocessing.learn(settings(), Splits())
    assert learned.vocabulary == Vocabulary(["met", ".", "ada", "bob"], 4, 1, list("emt.ABabdo"), [])
    assert learned.labels == ["PER"]
    with pytest.raises(UserError, match=problem):
        NameTaggingPreprocessing.learn(settings(**changes), Splits())


def test_tags_become_iobes():
    prepared = preprocessing(settings())
    tags = words(["B-PER", "I-PER", "I-PER", "B-PER", "O"], ["B-LOC"], ["B-LOC", "I-LOC"])
    found = [[prepared.tags[number] for number in row] for row in prepared.tag_numbers(tags).to_list()]
    assert found == [["B-PER", "I-PER", "E-PER", "S-PER", "O"], ["S-LOC"], ["B-LOC", "E-LOC"]]


@pytest.mark.parametrize(
    ("characters", "decoder"), itertools.product(["none", "cnn", "rnn"], ["crf", "softmax"])
)
def test_padding_changes_no_answer(characters, decoder):
    chosen = settings(model__characters=characters, model__decoder=decoder, model__bigrams=True)
    prepared = preprocessing(chosen)
    serving = NameTaggingServing(prepared, build_model(chosen, prepared))
    alone = serving.tag_words(tf.constant([["Ada", "the"]]))
    together = serving.tag_words(tf.constant([["Ada", "the", "", ""], ["a", "Paris", "19", "x"]]))
    assert together["token_count"].numpy().tolist() == [2, 4]
    assert alone["tags"].numpy()[0].tolist() == together["tags"].numpy()[0, :2].tolist()
    count = alone["span_count"].numpy()[0]
    np.testing.assert_allclose(together["span_score"][0, :count], alone["span_score"][0, :count], rtol=1e-4)


def test_softmax_gives_each_tag_its_own_probability():
    chosen = settings(model__decoder="softmax")
    prepared = preprocessing(chosen)
    model = build_model(chosen, prepared)
    numbers = prepared.numbers(words(["Ada", "in", "Paris"])).to_tensor()
    potentials = model(numbers)
    tags = tf.constant([[1, 0, 5]])
    logits = potentials[0, :, 0, :]
    by_word = tf.gather(tf.nn.log_softmax(logits), tags[0], batch_dims=1)
    np.testing.assert_allclose(log_likelihood(potentials, tags)[0], tf.reduce_sum(by_word), rtol=1e-5)
    assert not model.get_layer("chain").trainable_weights


def test_score_of_a_name_is_the_share_of_the_paths_that_have_it():
    chosen = settings()
    prepared = preprocessing(chosen)
    serving = NameTaggingServing(prepared, build_model(chosen, prepared))
    potentials = serving.potentials(prepared.numbers(words(["Ada", "in", "Paris"])).to_tensor())
    paths = list(itertools.product(range(len(prepared.tags)), repeat=3))
    weights = np.exp(path_scores(tf.repeat(potentials, len(paths), axis=0), tf.constant(paths)))
    tags = tf.constant([[prepared.tags.index(tag) for tag in ("B-PER", "E-PER", "O")]])
    found = _span_probabilities(potentials, tags, tf.constant([[0]]), tf.constant([[1]]))
    has_name = [path[:2] == tuple(tags.numpy()[0, :2]) for path in paths]
    np.testing.assert_allclose(found[0, 0], weights[has_name].sum() / weights.sum(), rtol=1e-4)


def test_words_beyond_training_keep_their_vectors():
    chosen = settings()
    prepared = preprocessing(chosen, learned=3)
    vectors = np.arange(36, dtype=np.float32).reshape(6, 6)
    model = build_model(chosen, prepared, vectors)
    learned = [weight for weight in model.trainable_weights if weight.shape == (5, 6)]
    assert len(learned) == 1
    np.testing.assert_array_equal(model.get_layer("word_vectors").fixed_table, vectors[5:])
