"""Text preprocessing inside the graph: from strings to word ids.

Training, evaluate, predict and the SavedModel all call the same `TextPreprocessor`.
"""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import tensorflow as tf

from common.console import notes
from common.errors import UserError
from common.files import write_text
from common.inputs.lookup import lookup, number_table
from common.inputs.scripts import UNSPACED_RE2
from common.inputs.settings import TextSettings
from common.inputs.vocabulary import count_entries, most_frequent, read_lines

PADDING = 0
UNKNOWN = 1
FIRST_WORD = 2
FIRST_PAIR = 1

WORDS_FILE = "vocabulary.txt"
PAIRS_FILE = "pairs.txt"


# Whitespace of any script and control characters; the rest can be separated by spaces.
_WHITESPACE = r"[\s\p{Z}\p{Cc}]+"
_LINE_BREAK_MARKS = r"(?i)<br\s*/?>"
_CURLY_APOSTROPHES = "[\u2018\u2019\u02bc\uff07]"
# One character is one word.
_UNSPACED_CHARACTERS = rf"([{UNSPACED_RE2}])"
_CONTRACTIONS = r"(?i)(n't|'(?:s|re|ve|ll|d|m))\b"
_QUOTES = '(["\u201c\u201d\u00ab\u00bb])'
_SENTENCE_ENDS = r"([.!?]+)"
# Numbers keep their point or comma: 1,000.5 is one word.
_POINT_IN_NUMBER = r"(\p{Nd})\s*([.,])\s*(\p{Nd})"
_OTHER_PUNCTUATION = "([^\\p{L}\\p{M}\\p{N}\\s'.!?\"\u201c\u201d\u00ab\u00bb]+)"


def normalize(texts: tf.Tensor, lowercase: bool = True) -> tf.Tensor:
    """Repair invalid UTF-8, and normalise line-break tags, whitespace and apostrophes.

    Args:
        texts: (batch,) strings.
        lowercase: whether to convert to lower case, in any script that has it.

    Returns:
        (batch,) strings.
    """
    texts = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="replace")
    texts = tf.strings.regex_replace(texts, _LINE_BREAK_MARKS, " ")
    texts = tf.strings.regex_replace(texts, _WHITESPACE, " ")
    texts = tf.strings.regex_replace(texts, _CURLY_APOSTROPHES, "'")
    return tf.strings.lower(texts, encoding="utf-8") if lowercase else texts


def split_words(texts: tf.Tensor) -> tf.RaggedTensor:
    """Split normalised texts into words, punctuation, and single characters of scripts without spaces.

    English contractions are split as in the Penn Treebank ("do n't", "it 's"), like the words of pretrained
    vectors. A run of punctuation is one word, so that "..." and ":-)" keep their meaning.

    Args:
        texts: (batch,) strings.

    Returns:
        (batch, words) ragged strings.
    """
    for pattern, replacement in (
        (_UNSPACED_CHARACTERS, r" \1 "),
        (_CONTRACTIONS, r" \1"),
        (_QUOTES, r" \1 "),
        (_SENTENCE_ENDS, r" \1 "),
        (_OTHER_PUNCTUATION, r" \1 "),
        (_POINT_IN_NUMBER, r"\1\2\3"),
    ):
        texts = tf.strings.regex_replace(texts, pattern, replacement)
    return tf.strings.split(texts)


class TextPreprocessor(tf.Module):
    """Convert texts to word ids, with a vocabulary learned from the training split only.

    Id 0 is padding, 1 an unknown word, 2 the first word of the vocabulary. A text without words becomes one
    unknown word, so that every sequence has at least one step.

    Word bigrams ("pairs") have a separate vocabulary, if the settings ask for one; its id 0 is an unknown
    pair, 1 the first pair.

    Example:
        >>> preprocessor = TextPreprocessor(["good", "film"], [], TextSettings())
        >>> preprocessor(tf.constant(["A good film", ""]))
        <tf.RaggedTensor [[1, 2, 3], [1]]>
    """

    def __init__(
        self, vocabulary: list[str], pairs: list[str], settings: TextSettings, directory: Path | None = None
    ) -> None:
        """Create the lookup tables.

        Args:
            vocabulary: words, the most frequent first.
            pairs: pairs of words, separated by one space, the most frequent first.
            settings: how text is split and truncated.
            directory: where `save` wrote the vocabularies. The tables are then read from the files, and an
                export contains the files in readable form.
        """
        super().__init__(name="text_preprocessor")
        self.vocabulary = vocabulary
        self.pairs = pairs
        self.settings = settings
        self.word_table = number_table(vocabulary, directory and directory / WORDS_FILE)
        self.pair_table = number_table(pairs, directory and directory / PAIRS_FILE) if pairs else None

    @property
    def size(self) -> int:
        """Number of word ids, including padding and unknown."""
        return FIRST_WORD + len(self.vocabulary)

    def words(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Texts (batch,) to words (batch, words), without truncation."""
        return split_words(normalize(texts, self.settings.lowercase))

    def __call__(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Texts (batch,) to word ids (batch, words) int32, truncated to the maximum length."""
        return self.word_numbers(self.words(texts)[:, : self.settings.maximum_length])

    def word_numbers(self, words: tf.RaggedTensor) -> tf.RaggedTensor:
        """Words (batch, words) to ids, int32; a row without words gets one unknown word."""
        numbers = tf.ragged.map_flat_values(lookup, words, self.word_table, FIRST_WORD, UNKNOWN)
        no_words = tf.equal(words.row_lengths(), 0)  # (batch,)
        filler = tf.ragged.boolean_mask(tf.fill([tf.size(no_words), 1], UNKNOWN), no_words[:, tf.newaxis])
        return tf.concat([numbers, filler], axis=1)

    def words_and_pairs(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Texts (batch,) to (batch, words, 2) int32: the id of each word, and of the pair that it ends."""
        words = self.words(texts)[:, : self.settings.maximum_length]
        pairs = tf.strings.ngrams(words, 2, separator=" ")  # (batch, words - 1)
        pair_numbers = tf.ragged.map_flat_values(lookup, pairs, self.pair_table, FIRST_PAIR, PADDING)
        no_pair = tf.fill([pairs.nrows(), 1], PADDING)  # The first word ends no pair.
        pair_numbers = tf.concat([no_pair, pair_numbers], axis=1)  # (batch, words)
        word_numbers = self.word_numbers(words)
        return word_numbers.with_flat_values(
            tf.stack([word_numbers.flat_values, pair_numbers.flat_values], axis=-1)
        )

    @classmethod
    def learn(cls, texts: Iterable[tf.Tensor], settings: TextSettings) -> "TextPreprocessor":
        """Learn the most frequent words and pairs from batches of training texts.

        Raises:
            UserError: if no word reaches the minimum count.
        """

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
        def split(batch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
            words = split_words(normalize(batch, settings.lowercase))
            pairs = (
                tf.strings.ngrams(words, 2, separator=" ").flat_values if settings.pairs else tf.zeros([0])
            )
            return words.flat_values, pairs, words.row_lengths()

        word_counts: Counter[bytes] = Counter()
        pair_counts: Counter[bytes] = Counter()
        longer = 0
        for batch in texts:
            words, pairs, lengths = split(batch)
            count_entries(word_counts, words)
            count_entries(pair_counts, pairs)
            longer += int(np.sum(lengths.numpy() > settings.maximum_length))
        if longer:
            notes.print(
                f"{longer:,} training texts have more than {settings.maximum_length} words and are truncated "
                "(text.maximum_length)"
            )
        vocabulary = most_frequent(word_counts, settings.vocabulary_size, settings.minimum_count)
        if not vocabulary:
            raise UserError(
                f"No word occurs {settings.minimum_count} times in the training texts; "
                "set text.minimum_count=1."
            )
        return cls(vocabulary, most_frequent(pair_counts, settings.pairs, settings.minimum_count), settings)

    def save(self, directory: Path) -> None:
        """Save the vocabularies, one word or pair per line."""
        write_text(directory / WORDS_FILE, "".join(f"{word}\n" for word in self.vocabulary))
        if self.settings.pairs:
            write_text(directory / PAIRS_FILE, "".join(f"{pair}\n" for pair in self.pairs))

    @classmethod
    def load(cls, directory: Path, settings: TextSettings) -> "TextPreprocessor":
        """Load what `save` wrote.

        Raises:
            UserError: if a vocabulary is missing.
        """
        vocabulary = read_lines(directory / WORDS_FILE)
        pairs = read_lines(directory / PAIRS_FILE) if settings.pairs else []
        return cls(vocabulary, pairs, settings, directory)
