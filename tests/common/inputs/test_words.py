import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import UserError
from common.inputs.settings import TextSettings
from common.inputs.words import FIRST_WORD, UNKNOWN, TextPreprocessor, normalize, split_words


def words(text, lowercase=True):
    return [word.decode() for word in split_words(normalize(tf.constant([text]), lowercase)).to_list()[0]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It's a GOOD film, isn't it?", ["it", "'s", "a", "good", "film", ",", "is", "n't", "it", "?"]),
        ("I can’t say ‘no’", ["i", "ca", "n't", "say", "'no'"]),
        ("Great!!! Really... :-)", ["great", "!!!", "really", "...", ":-)"]),
        ('He said "well"', ["he", "said", '"', "well", '"']),
        ("costs 1,000.5 dollars, 3.5/5", ["costs", "1,000.5", "dollars", ",", "3.5", "/", "5"]),
        ("one<br />two<BR>three", ["one", "two", "three"]),
        ("这部电影abc很好，真的。", ["这", "部", "电", "影", "abc", "很", "好", "，", "真", "的", "。"]),
        ("これはペンです", list("これはペンです")),
        ("한국어 문장", ["한국어", "문장"]),
        ("ÉCOLE Привет", ["école", "привет"]),
        ("a\u3000b\u2028c\x85d\te", ["a", "b", "c", "d", "e"]),
        ("", []),
        (" \n ", []),
    ],
)
def test_words(text, expected):
    assert words(text) == expected


def test_without_lower_case():
    assert words("A Good film", lowercase=False) == ["A", "Good", "film"]


def test_invalid_utf8_is_replaced_and_not_an_error():
    assert split_words(normalize(tf.constant([b"good \xff\xfe film"]))).to_list()[0][0] == b"good"


@settings(deadline=None, max_examples=200)
@given(st.text())
def test_words_contain_no_whitespace_and_lose_no_characters(text):
    found = words(text)
    assert all(word and not any(sign.isspace() for sign in word) for word in found)
    letters = [sign for sign in text.lower() if sign.isalnum()]
    if "<br" not in text.lower():
        # Lower-casing in the graph and in Python differs for a few letters: compare only their number.
        assert abs(sum(sign.isalnum() for word in found for sign in word) - len(letters)) <= 2 * text.count(
            "İ"
        )


def test_word_ids():
    preprocessor = TextPreprocessor(["good", "film"], [], TextSettings(maximum_length=3))
    numbers = preprocessor(tf.constant(["A good film !", "", "film"]))
    assert numbers.to_list() == [[UNKNOWN, FIRST_WORD, FIRST_WORD + 1], [UNKNOWN], [FIRST_WORD + 1]]
    assert numbers.dtype == tf.int32


def test_pair_ids():
    preprocessor = TextPreprocessor(["a", "b"], ["a b", "b c"], TextSettings(pairs=2, maximum_length=4))
    numbers = preprocessor.words_and_pairs(tf.constant(["a b c a b", "", "b"]))
    assert numbers.to_list() == [[[2, 0], [3, 1], [1, 2], [2, 0]], [[1, 0]], [[3, 0]]]


def test_pairs_are_learned_saved_and_loaded(tmp_path):
    settings_with_pairs = TextSettings(minimum_count=2, pairs=10)
    texts = tf.constant(["x y z", "x y", "y z", "z z"])
    learned = TextPreprocessor.learn([texts], settings_with_pairs)
    assert learned.pairs == ["x y", "y z"]
    learned.save(tmp_path)
    loaded = TextPreprocessor.load(tmp_path, settings_with_pairs)
    assert loaded.words_and_pairs(texts).to_list() == learned.words_and_pairs(texts).to_list()


def test_counting_bounds_memory_and_keeps_frequent_words(monkeypatch):
    monkeypatch.setattr("common.inputs.vocabulary.COUNTED_AT_ONCE", 50)
    batches = [tf.constant([f"often rare{number}"]) for number in range(200)]
    learned = TextPreprocessor.learn(batches, TextSettings(minimum_count=2))
    assert learned.vocabulary == ["often"]


def test_vocabulary_is_ranked_by_count_then_alphabet_and_truncated():
    texts = [tf.constant(["b a c", "b a d", "e"])]
    learned = TextPreprocessor.learn(texts, TextSettings(minimum_count=1, vocabulary_size=3))
    assert learned.vocabulary == ["a", "b", "c"]
    assert TextPreprocessor.learn(texts, TextSettings(minimum_count=2)).vocabulary == ["a", "b"]


def test_no_word_is_frequent_enough():
    with pytest.raises(UserError, match=r"No word occurs 5 times.*text.minimum_count=1"):
        TextPreprocessor.learn([tf.constant(["a b"])], TextSettings(minimum_count=5))


@settings(deadline=None, max_examples=50)
@given(st.lists(st.text(min_size=1), min_size=1, max_size=5))
def test_saved_vocabulary_gives_the_same_ids(tmp_path_factory, texts):
    batch = tf.constant(texts)
    try:
        learned = TextPreprocessor.learn([batch], TextSettings(minimum_count=1))
    except UserError:
        return  # Texts without any word.
    folder = tmp_path_factory.mktemp("vocabulary")
    learned.save(folder)
    loaded = TextPreprocessor.load(folder, TextSettings(minimum_count=1))
    assert loaded.vocabulary == learned.vocabulary
    assert loaded(batch).to_list() == learned(batch).to_list()
    assert np.all(np.concatenate(loaded(batch).to_list()) != UNKNOWN) or any(
        not words(text) for text in texts
    )


def test_missing_vocabulary(tmp_path):
    with pytest.raises(UserError, match=r"vocabulary.txt is missing: the run is damaged"):
        TextPreprocessor.load(tmp_path, TextSettings())
