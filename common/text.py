"""Text preprocessing that runs inside the TensorFlow graph: strings in, numbers of words out.

Training, evaluate, predict and the SavedModel all call the same `TextPreprocessor`.
"""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import tensorflow as tf
from pydantic import Field

from common.config import Settings
from common.errors import UserError
from common.files import write_text

PADDING = 0
UNKNOWN = 1
FIRST_WORD = 2

# White space of any script and control characters; what remains can be parted by blanks alone.
_BLANKS = r"[\s\p{Z}\p{Cc}]+"
_LINE_BREAK_MARKS = r"(?i)<br\s*/?>"
_CURLY_APOSTROPHES = "[\u2018\u2019\u02bc\uff07]"
# Scripts that are written without blanks: one character is one word.
_UNSPACED_CHARACTERS = r"([\p{Han}\p{Hiragana}\p{Katakana}])"
_CONTRACTIONS = r"(?i)(n't|'(?:s|re|ve|ll|d|m))\b"
_QUOTES = '(["\u201c\u201d\u00ab\u00bb])'
_SENTENCE_ENDS = r"([.!?]+)"
# A number keeps its point or comma: 1,000.5 is one word.
_POINT_IN_NUMBER = r"(\p{Nd})\s*([.,])\s*(\p{Nd})"
_OTHER_SIGNS = "([^\\p{L}\\p{M}\\p{N}\\s'.!?\"\u201c\u201d\u00ab\u00bb]+)"


class TextSettings(Settings):
    """How text becomes numbers."""

    lowercase: bool = Field(True, description="write everything in small letters first")
    vocabulary_size: int = Field(30_000, ge=1, description="most frequent training words that are kept")
    minimum_count: int = Field(
        2, ge=1, description="times a word must occur in the training split to be kept"
    )
    maximum_length: int = Field(400, ge=1, description="words after which a text is cut")


def normalize(texts: tf.Tensor, lowercase: bool = True) -> tf.Tensor:
    """Repair invalid UTF-8, turn line-break marks and odd blanks into blanks, straighten apostrophes.

    Args:
        texts: (batch,) strings.
        lowercase: whether to write small letters, in any script that has them.

    Returns:
        (batch,) strings.
    """
    texts = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="replace")
    texts = tf.strings.regex_replace(texts, _LINE_BREAK_MARKS, " ")
    texts = tf.strings.regex_replace(texts, _BLANKS, " ")
    texts = tf.strings.regex_replace(texts, _CURLY_APOSTROPHES, "'")
    return tf.strings.lower(texts, encoding="utf-8") if lowercase else texts


def split_words(texts: tf.Tensor) -> tf.RaggedTensor:
    """Split normalised texts into words, signs, and single characters of scripts without blanks.

    English contractions are parted as in the Penn Treebank ("do n't", "it 's"), because the words of
    pretrained vectors are. A run of signs is one word, so that "..." and ":-)" keep their meaning.

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
        (_OTHER_SIGNS, r" \1 "),
        (_POINT_IN_NUMBER, r"\1\2\3"),
    ):
        texts = tf.strings.regex_replace(texts, pattern, replacement)
    return tf.strings.split(texts)


class TextPreprocessor(tf.Module):
    """Texts to the numbers of their words, by a vocabulary learned from the training split only.

    Number 0 is padding, 1 an unknown word, 2 the first word of the vocabulary. A text without any word
    becomes one unknown word, so that every sequence has a first step.

    Example:
        >>> preprocessor = TextPreprocessor(["good", "film"], TextSettings())
        >>> preprocessor(tf.constant(["A good film", ""]))
        <tf.RaggedTensor [[1, 2, 3], [1]]>
    """

    def __init__(
        self, vocabulary: list[str], settings: TextSettings, vocabulary_file: Path | None = None
    ) -> None:
        super().__init__(name="text_preprocessor")
        self.vocabulary = vocabulary
        self.settings = settings
        if vocabulary_file is None:
            initializer = tf.lookup.KeyValueTensorInitializer(
                tf.constant(vocabulary, tf.string),
                tf.range(FIRST_WORD, FIRST_WORD + len(vocabulary), dtype=tf.int64),
            )
            self.offset = 0
        else:
            # From a file, so that an export carries the vocabulary as a file that a person can read.
            initializer = tf.lookup.TextFileInitializer(
                str(vocabulary_file),
                tf.string,
                tf.lookup.TextFileIndex.WHOLE_LINE,
                tf.int64,
                tf.lookup.TextFileIndex.LINE_NUMBER,
            )
            self.offset = FIRST_WORD
        self.table = tf.lookup.StaticHashTable(initializer, default_value=UNKNOWN - self.offset)

    @property
    def size(self) -> int:
        """Number of different word numbers, padding and unknown included."""
        return FIRST_WORD + len(self.vocabulary)

    def words(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Texts (batch,) to words (batch, words), not cut."""
        return split_words(normalize(texts, self.settings.lowercase))

    def __call__(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Texts (batch,) to word numbers (batch, words) int32, cut to the maximum length."""
        words = self.words(texts)[:, : self.settings.maximum_length]
        numbers = tf.ragged.map_flat_values(
            lambda flat: tf.cast(self.table.lookup(flat) + self.offset, tf.int32), words
        )
        no_words = tf.equal(words.row_lengths(), 0)  # (batch,)
        filler = tf.ragged.boolean_mask(tf.fill([tf.size(no_words), 1], UNKNOWN), no_words[:, tf.newaxis])
        return tf.concat([numbers, filler], axis=1)

    @classmethod
    def learn(cls, texts: Iterable[tf.Tensor], settings: TextSettings) -> "TextPreprocessor":
        """Count the words of batches of training texts and keep the most frequent.

        Raises:
            UserError: if no word occurs often enough to be kept.
        """
        counts: Counter[bytes] = Counter()
        split = tf.function(
            lambda batch: split_words(normalize(batch, settings.lowercase)).flat_values,
            input_signature=[tf.TensorSpec([None], tf.string)],
        )
        for batch in texts:
            words, occurrences = np.unique(split(batch).numpy().astype(object), return_counts=True)
            counts.update(dict(zip(words.tolist(), occurrences.tolist(), strict=True)))
        # Words of equal count in alphabetical order: the vocabulary does not depend on the order of examples.
        ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        kept = [
            word.decode()
            for word, count in ranked[: settings.vocabulary_size]
            if count >= settings.minimum_count
        ]
        if not kept:
            raise UserError(
                f"No word occurs {settings.minimum_count} times in the training texts; set text.minimum_count=1."
            )
        return cls(kept, settings)

    def save(self, directory: Path) -> None:
        """Write the vocabulary, one word a line."""
        write_text(directory / "vocabulary.txt", "".join(f"{word}\n" for word in self.vocabulary))

    @classmethod
    def load(cls, directory: Path, settings: TextSettings) -> "TextPreprocessor":
        """Read what `save` wrote.

        Raises:
            UserError: if the vocabulary is missing.
        """
        path = directory / "vocabulary.txt"
        if not path.is_file():
            raise UserError(f"{path} is missing: the run is damaged; train it again.")
        return cls(path.read_text(encoding="utf-8").split("\n")[:-1], settings, vocabulary_file=path)
