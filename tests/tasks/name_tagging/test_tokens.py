import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.name_tagging.tokens import MARK, split_sentences


def split(text, units="words"):
    tokens = split_sentences(tf.constant([text]), units)
    return [word.decode() for word in tokens.words.numpy()[0]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Ludwig met Ada Lovelace in Paris.", "Ludwig met Ada Lovelace in Paris ."),
        (
            "Mr. Smith's dog, aged 1,2,3, isn't in the U.S. (5:30)",
            "Mr. Smith 's dog , aged 1,2,3 , is n't in the U.S. ( 5:30 )",
        ),
        ("AL-AIN 1996-08-22, -5 and .5", "AL-AIN 1996-08-22 , -5 and .5"),
        ("O'Neill said 'Yes'... “No”", "O'Neill said ' Yes ' ... “ No ”"),
        ("Germany 's J. K. Rowling", "Germany 's J. K. Rowling"),
        ("王小明 met Bob", "王 小 明 met Bob"),
        ("👩‍👩‍👧 Ada e\u0301t", "👩‍👩‍👧 Ada e\u0301t"),
        ("", ""),
        (" \t\u3000", ""),
    ],
)
def test_words(text, words):
    assert split(text) == words.split()


def test_characters():
    assert split("王 a1。", "characters") == ["王", "a", "1", "。"]


# Letters of several scripts, combining marks, emoji with joiners, blanks, controls, quotes and points.
SIGNS = st.text(
    st.sampled_from("aZ0.,'’\"-/:()!? \t\u0301\u200d\ufe0f\ufeff\u3000👩👧🇫🇷王ßñ\x00" + MARK)
    | st.characters(exclude_categories=["Cs"]),
    max_size=30,
)


@pytest.mark.parametrize("units", ["words", "characters"])
@settings(max_examples=10, deadline=None, derandomize=True)
@given(texts=st.lists(SIGNS, min_size=8, max_size=16))
def test_offsets_are_characters_of_the_sentence_as_given(units, texts):
    tokens = split_sentences(tf.constant(texts, tf.string), units)
    rows = zip(texts, tokens.words.numpy(), tokens.starts.numpy(), tokens.ends.numpy(), strict=True)
    for text, words, starts, ends in rows:
        end_before = 0
        for word, start, end in zip(words, starts, ends, strict=True):
            assert text[start:end] == word.decode()
            # Nothing that is read lies between two words.
            assert not any(character.isalnum() for character in text[end_before:start])
            end_before = end
        assert not any(character.isalnum() for character in text[end_before:])
