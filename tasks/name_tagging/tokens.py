"""Splitting of sentences into words inside the graph, with the words' positions in the original sentence.

Markers are inserted around the words and nothing else is changed, so that the pieces between the markers,
including whitespace, concatenate to the sentence: their lengths give the offsets.
"""

from typing import NamedTuple

import tensorflow as tf

# Between pieces; if a sentence contains it, it is replaced by a space.
MARK = "\x1f"
_WORD = r"\p{L}\p{M}\p{N}"
_APOSTROPHES = "'\u2019"
_CLITICS = f"(?i)(n[{_APOSTROPHES}]t|[{_APOSTROPHES}](?:s|re|ve|ll|d|m))"
# Abbreviations that include their full stop, because a sentence rarely ends after them.
_TITLES = (
    "mr|mrs|ms|dr|prof|st|jr|sr|gov|gen|col|lt|capt|sgt|sen|rep|rev|hon|inc|corp|ltd|co|bros|no|vs|"
    "jan|feb|aug|sept|oct|nov|dec"
)
# Patterns are applied in order. RE2 has no look-ahead, so what must stay together is split first and then
# joined again.
_RULES = (
    (r"([\s\p{Z}\p{Cc}]+)", rf"{MARK}\1{MARK}"),
    (r"([\p{Han}\p{Hiragana}\p{Katakana}])", rf"{MARK}\1{MARK}"),
    # Runs of other characters: punctuation, symbols, emoji with their joiners and modifiers.
    (rf"([^{_WORD}\s\p{{Z}}\p{{Cc}}.,\-/&_@:+*{_APOSTROPHES}\"()\[\]{{}}<>]+)", rf"{MARK}\1{MARK}"),
    (r"([\"()\[\]{}<>])", rf"{MARK}\1{MARK}"),
    (r"([,:])", rf"{MARK}\1{MARK}"),
    # Numbers keep their commas and colons; applied twice, because matches cannot share a digit.
    *[(rf"(\p{{Nd}}){MARK}([,:]){MARK}(\p{{Nd}})", r"\1\2\3")] * 2,
    # Full stops, dashes and apostrophes are split from the start and end of a word...
    (rf"([.\-/*+{_APOSTROPHES}]+)({MARK}|$)", rf"{MARK}\1\2"),
    (rf"({MARK}|^)([.\-/*+{_APOSTROPHES}]+)([{_WORD}])", rf"\1\2{MARK}\3"),
    (r"(\.\.+)", rf"{MARK}\1{MARK}"),
    # ...except in an initial (U.S., J.), a title, a signed or decimal number and a clitic.
    (rf"((?:^|[{MARK}.\-])\p{{L}}){MARK}(\.)({MARK}|$)", r"\1\2\3"),
    (rf"((?:^|{MARK})(?i:{_TITLES})){MARK}(\.)({MARK}|$)", r"\1\2\3"),
    (rf"({MARK}|^)([+\-.]){MARK}(\p{{Nd}})", r"\1\2\3"),
    (rf"([{_APOSTROPHES}]){MARK}((?i:s|re|ve|ll|d|m))({MARK}|$)", r"\1\2\3"),
    (rf"{_CLITICS}({MARK}|$)", rf"{MARK}\1\2"),
)


class Tokens(NamedTuple):
    """Words, and their positions in the sentences, in characters (Unicode code points).

    Attributes:
        words: (batch, words) strings, ragged.
        starts: (batch, words) int32, first character of the word.
        ends: (batch, words) int32, first character after the word.
    """

    words: tf.RaggedTensor
    starts: tf.RaggedTensor
    ends: tf.RaggedTensor


def split_sentences(sentences: tf.Tensor, units: str) -> Tokens:
    """Split sentences (batch,) into words, or into single characters without whitespace.

    Invalid UTF-8 is replaced by replacement characters. English words are split as in the Penn Treebank,
    except that hyphens are kept: "Ada's" becomes "Ada" and "'s", "U.S." and "AL-AIN" are not split.

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
    whitespace = tf.ragged.map_flat_values(tf.strings.regex_full_match, pieces, r"[\s\p{Z}\p{Cc}]*")
    words, starts, ends = (
        tf.ragged.boolean_mask(part, tf.logical_not(whitespace)) for part in (pieces, ends - lengths, ends)
    )
    return Tokens(words, starts, ends)


def _cumulative(lengths: tf.RaggedTensor) -> tf.RaggedTensor:
    """Compute cumulative sums (batch, pieces), including each piece."""
    totals = tf.cumsum(lengths.flat_values)
    before = tf.gather(tf.concat([[0], totals], axis=0), lengths.row_starts())  # (batch,)
    return lengths.with_flat_values(totals - tf.gather(before, lengths.value_rowids()))
