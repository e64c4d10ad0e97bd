"""Sentences split into words inside the graph, with the positions of the words in the sentence as given.

Marks are set around the words and nothing else is changed, so that the pieces between the marks, white space
among them, are the sentence again: the lengths of the pieces are the offsets.
"""

from typing import NamedTuple

import tensorflow as tf

# Stands between pieces; in a sentence that holds it, it becomes a space.
MARK = "\x1f"
_WORD = r"\p{L}\p{M}\p{N}"
_APOSTROPHES = "'\u2019"
_CLITICS = f"(?i)(n[{_APOSTROPHES}]t|[{_APOSTROPHES}](?:s|re|ve|ll|d|m))"
# Their full stop is part of them: a sentence rarely ends behind one.
_TITLES = (
    "mr|mrs|ms|dr|prof|st|jr|sr|gov|gen|col|lt|capt|sgt|sen|rep|rev|hon|inc|corp|ltd|co|bros|no|vs|"
    "jan|feb|aug|sept|oct|nov|dec"
)
# Patterns are tried one after the other. RE2 has no look-ahead: what must stay together is split first and
# joined again.
_RULES = (
    (r"([\s\p{Z}\p{Cc}]+)", rf"{MARK}\1{MARK}"),
    (r"([\p{Han}\p{Hiragana}\p{Katakana}])", rf"{MARK}\1{MARK}"),
    # Runs of other characters: punctuation, symbols, emoji with what joins and colours them.
    (rf"([^{_WORD}\s\p{{Z}}\p{{Cc}}.,\-/&_@:+*{_APOSTROPHES}\"()\[\]{{}}<>]+)", rf"{MARK}\1{MARK}"),
    (r"([\"()\[\]{}<>])", rf"{MARK}\1{MARK}"),
    (r"([,:])", rf"{MARK}\1{MARK}"),
    # A number keeps its commas and colons; twice, for the neighbours of one digit.
    *[(rf"(\p{{Nd}}){MARK}([,:]){MARK}(\p{{Nd}})", r"\1\2\3")] * 2,
    # Full stops, dashes and apostrophes end or begin no word...
    (rf"([.\-/*+{_APOSTROPHES}]+)({MARK}|$)", rf"{MARK}\1\2"),
    (rf"({MARK}|^)([.\-/*+{_APOSTROPHES}]+)([{_WORD}])", rf"\1\2{MARK}\3"),
    (r"(\.\.+)", rf"{MARK}\1{MARK}"),
    # ...but of an initial (U.S., J.), a title, a signed or decimal number and a clitic.
    (rf"((?:^|[{MARK}.\-])\p{{L}}){MARK}(\.)({MARK}|$)", r"\1\2\3"),
    (rf"((?:^|{MARK})(?i:{_TITLES})){MARK}(\.)({MARK}|$)", r"\1\2\3"),
    (rf"({MARK}|^)([+\-.]){MARK}(\p{{Nd}})", r"\1\2\3"),
    (rf"([{_APOSTROPHES}]){MARK}((?i:s|re|ve|ll|d|m))({MARK}|$)", r"\1\2\3"),
    (rf"{_CLITICS}({MARK}|$)", rf"{MARK}\1\2"),
)


class Tokens(NamedTuple):
    """Words, and their positions in their sentences, in characters (Unicode code points).

    Attributes:
        words: (batch, words) strings, ragged.
        starts: (batch, words) int32, first character.
        ends: (batch, words) int32, first character behind the word.
    """

    words: tf.RaggedTensor
    starts: tf.RaggedTensor
    ends: tf.RaggedTensor


def split_sentences(sentences: tf.Tensor, units: str) -> Tokens:
    """Split sentences (batch,) into words, or into single characters without white space.

    Invalid UTF-8 is read as replacement characters. English words are split as in the Penn Treebank, but for
    hyphens, which stay: "Ada's" is "Ada" and "'s", "U.S." and "AL-AIN" are whole.

    Args:
        sentences: (batch,) strings.
        units: "words" or "characters".
    """
    sentences = tf.strings.unicode_transcode(sentences, "UTF-8", "UTF-8", errors="replace")
    if units == "characters":
        pieces = tf.strings.unicode_split(sentences, "UTF-8")
    else:
        marked = tf.strings.regex_replace(sentences, MARK, " ")
        for pattern, replacement in _RULES:
            marked = tf.strings.regex_replace(marked, pattern, replacement)
        pieces = tf.strings.split(marked, MARK)  # (batch, pieces)
    lengths = tf.ragged.map_flat_values(tf.strings.length, pieces, unit="UTF8_CHAR")
    ends = _cumulative(lengths)
    white_space = tf.ragged.map_flat_values(tf.strings.regex_full_match, pieces, r"[\s\p{Z}\p{Cc}]*")
    words, starts, ends = (
        tf.ragged.boolean_mask(part, tf.logical_not(white_space)) for part in (pieces, ends - lengths, ends)
    )
    return Tokens(words, starts, ends)


def _cumulative(lengths: tf.RaggedTensor) -> tf.RaggedTensor:
    """Sums (batch, pieces) up to and with each piece."""
    totals = tf.cumsum(lengths.flat_values)
    before = tf.gather(tf.concat([[0], totals], axis=0), lengths.row_starts())  # (batch,)
    return lengths.with_flat_values(totals - tf.gather(before, lengths.value_rowids()))
