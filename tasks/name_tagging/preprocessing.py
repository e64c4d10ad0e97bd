"""Preprocessing of tagged sentences, with vocabularies learned from the training split."""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import tensorflow as tf

from common.config import Settings
from common.contract.preprocessing import Preprocessing
from common.data.source import Source
from common.errors import UserError
from common.files import read_record, write_json, write_text
from common.inputs.embeddings import glove_words
from common.inputs.lookup import label_numbers, lookup, number_table
from common.inputs.tag_schemes import tag_names
from common.inputs.vocabulary import count_entries, most_frequent, read_lines
from common.inputs.words import FIRST_WORD, PADDING, UNKNOWN
from tasks.name_tagging.config import NameTaggingSettings

# Batch size of the preprocessing.
SENTENCES_AT_ONCE = 256

WORDS_FILE, CHARACTERS_FILE, BIGRAMS_FILE = "vocabulary.txt", "characters.txt", "bigrams.txt"
SIZES_FILE = "sizes.json"
SENTENCE_END = "</s>"
# Patterns of capitals, of which the first match counts; index 0 is padding, the last index any other pattern.
CAPITALS = (r"\P{L}*", r"\P{Lu}*", r"\p{Lu}\P{Lu}*", r"\P{Ll}*")


@dataclass(frozen=True)
class Vocabulary:
    """Entries of the lookup tables, in the order of their indices.

    A separate object, because a tf.Module inspects all lists that are assigned to it.

    Attributes:
        words: those of the training split, most frequent first, then those with only a pretrained vector.
        learned: number of words of the training split.
        frequent: number of words that occur more than once there.
        characters: of the training split, most frequent first.
        bigrams: pairs of neighbouring words, most frequent first.
    """

    words: list[str]
    learned: int
    frequent: int
    characters: list[str]
    bigrams: list[str]


class NameTaggingPreprocessing(Preprocessing):
    """Converts words to rows of indices, and tags to indices.

    Attributes:
        labels: types of names in alphabetical order.
        tags: names of the tags in the scheme iobes, in the order of their indices.
        vocabulary: words, characters and bigrams.
    """

    def __init__(
        self,
        settings: NameTaggingSettings,
        labels: list[str],
        vocabulary: Vocabulary,
        directory: Path | None = None,
    ) -> None:
        """Create the lookup tables, from the files in `directory` if given."""
        super().__init__(name="name_tagging_preprocessing")
        self.settings = settings
        self.labels = labels
        self.tags = tag_names(labels)
        self.vocabulary = vocabulary

        def table(entries: list[str], file: str) -> tf.lookup.StaticHashTable:
            return number_table(entries, directory and directory / file)

        self.word_table = table(vocabulary.words, WORDS_FILE)
        self.character_table = table(vocabulary.characters, CHARACTERS_FILE)
        self.bigram_table = table(vocabulary.bigrams, BIGRAMS_FILE) if vocabulary.bigrams else None
        self.tag_table = label_numbers(self.tags)

    @classmethod
    def learn(cls, settings: NameTaggingSettings, source: Source) -> "NameTaggingPreprocessing":
        """Learn words, characters and types from the training split alone.

        Raises:
            UserError: no word, or no bigram, occurs often enough.
        """
        types: set[bytes] = set()
        words: Counter[bytes] = Counter()
        characters: Counter[bytes] = Counter()
        bigrams: Counter[bytes] = Counter()
        for batch in source.dataset("train").ragged_batch(SENTENCES_AT_ONCE):
            types.update(tf.strings.regex_replace(batch["tags"].flat_values, "^.-?", "").numpy().tolist())
            spelling = _spelling(batch["words"], settings)
            count_entries(characters, tf.strings.unicode_split(spelling.flat_values, "UTF-8").flat_values)
            forms = _word_form(spelling, settings)
            count_entries(words, forms.flat_values)
            if settings.model.bigrams:
                count_entries(bigrams, _bigrams(forms).flat_values)
        minimum = settings.text.minimum_count
        learned = _often_enough(words, minimum, "word", "text.minimum_count=1")
        pairs = []
        if settings.model.bigrams:
            minimum = settings.text.bigram_minimum_count
            remedy = "text.bigram_minimum_count=1, or model.bigrams=false"
            pairs = _often_enough(bigrams, minimum, "bigram", remedy)
        vocabulary = Vocabulary(
            learned + _pretrained_words(learned, settings),
            learned=len(learned),
            frequent=sum(words[word.encode()] > 1 for word in learned),
            characters=most_frequent(characters, len(characters), 1),
            bigrams=pairs,
        )
        return cls(settings, sorted(name.decode() for name in types - {b""}), vocabulary)

    def numbers(self, words: tf.RaggedTensor) -> tf.RaggedTensor:
        """Convert words (batch, words) to rows of `column_count` indices, (batch, words, columns) int32."""
        model, text = self.settings.model, self.settings.text
        spelling = _spelling(words, self.settings)
        forms = _word_form(spelling, self.settings)
        columns = [self._word_numbers(forms.flat_values)[:, tf.newaxis]]
        if model.capitalization:
            columns.append(_capitals(words.flat_values)[:, tf.newaxis])
        if model.bigrams:
            pairs = _bigrams(forms).flat_values
            columns.append(lookup(pairs, self.bigram_table, FIRST_WORD, UNKNOWN)[:, tf.newaxis])
        if model.characters != "none":
            characters = tf.strings.unicode_split(spelling.flat_values, "UTF-8")[:, : text.word_length]
            numbers = tf.ragged.map_flat_values(lookup, characters, self.character_table, FIRST_WORD, UNKNOWN)
            columns.append(numbers.to_tensor(PADDING, shape=[None, text.word_length]))
        return words.with_flat_values(tf.concat(columns, axis=1))

    def _word_numbers(self, forms: tf.Tensor) -> tf.Tensor:
        """Look up words: (words,) int32; a word whose original form is unknown is looked up in lower case."""
        numbers = lookup(forms, self.word_table, FIRST_WORD, UNKNOWN)
        if self.settings.text.lowercase:
            return numbers
        lower = lookup(tf.strings.lower(forms, "utf-8"), self.word_table, FIRST_WORD, UNKNOWN)
        return tf.where(tf.equal(numbers, UNKNOWN), lower, numbers)

    def examples(self, dataset: tf.data.Dataset) -> tf.data.Dataset:
        """Convert raw examples to (rows of indices (words, columns), tag indices (words,)), both int32."""

        def batch_to_numbers(example: dict[str, tf.Tensor]) -> tuple[tf.RaggedTensor, tf.RaggedTensor]:
            return self.numbers(example["words"]), self.tag_numbers(example["tags"])

        width = column_count(self.settings)
        return (
            dataset.ragged_batch(SENTENCES_AT_ONCE)
            .map(batch_to_numbers, num_parallel_calls=2)
            .unbatch()
            .map(lambda numbers, tags: (tf.ensure_shape(numbers, [None, width]), tags))
        )

    def tag_numbers(self, tags: tf.RaggedTensor) -> tf.RaggedTensor:
        """Convert iob2 tags (batch, words) to indices of iobes tags, int32."""
        following = _following(tags, "O")
        flat = tags.flat_values
        continues = tf.equal(tf.strings.substr(following, 0, 1), "I")
        prefix, types = tf.strings.substr(flat, 0, 1), tf.strings.substr(flat, 1, -1)
        last = tf.where(tf.equal(prefix, "B"), "S", tf.where(tf.equal(prefix, "I"), "E", prefix))
        names = tf.where(continues, prefix, last) + types
        return tags.with_flat_values(self.tag_table.lookup(names))

    def save(self, directory: Path) -> None:
        """Save the vocabularies and the types."""
        files = {
            WORDS_FILE: self.vocabulary.words,
            CHARACTERS_FILE: self.vocabulary.characters,
            BIGRAMS_FILE: self.vocabulary.bigrams,
        }
        for name, entries in files.items():
            if entries:
                write_text(directory / name, "".join(f"{entry}\n" for entry in entries))
        learned, frequent = self.vocabulary.learned, self.vocabulary.frequent
        sizes = {"labels": self.labels, "learned": learned, "frequent": frequent}
        write_json(directory / SIZES_FILE, sizes)

    @classmethod
    def load(cls, settings: Settings, directory: Path) -> "NameTaggingPreprocessing":
        """Load what `save` wrote.

        Raises:
            UserError: if a file is missing or damaged.
        """
        sizes = read_record(directory / SIZES_FILE, "labels", "learned", "frequent")
        vocabulary = Vocabulary(
            read_lines(directory / WORDS_FILE),
            sizes["learned"],
            sizes["frequent"],
            read_lines(directory / CHARACTERS_FILE),
            read_lines(directory / BIGRAMS_FILE) if settings.model.bigrams else [],
        )
        return cls(settings, sizes["labels"], vocabulary, directory)


def column_count(settings: NameTaggingSettings) -> int:
    """Number of indices per word: of the word, and if used, its capitals, its bigram and its characters."""
    model = settings.model
    characters = settings.text.word_length if model.characters != "none" else 0
    return 1 + model.capitalization + model.bigrams + characters


def _often_enough(counts: Counter[bytes], minimum: int, what: str, remedy: str) -> list[str]:
    """Return entries that occur often enough, most frequent first; raise a UserError if there are none."""
    entries = most_frequent(counts, len(counts), minimum)
    if not entries:
        raise UserError(f"No {what} occurs {minimum} times in the training sentences; set {remedy}.")
    return entries


def _pretrained_words(known: list[str], settings: NameTaggingSettings) -> list[str]:
    """Return further words with a pretrained vector, normalised as in the graph."""
    if settings.model.embeddings != "glove":
        return []
    pretrained = dict.fromkeys(pretrained_form(word, settings) for word in glove_words())
    known_words = set(known)
    return [word for word in pretrained if word not in known_words]


def pretrained_form(word: str, settings: NameTaggingSettings) -> str:
    """Normalise a pretrained (lower-case) word as the graph normalises words of texts."""
    return re.sub(r"\d", "0", word) if settings.text.zero_digits else word


def _spelling(words: tf.RaggedTensor, settings: NameTaggingSettings) -> tf.RaggedTensor:
    """Normalise words for the character encoder."""
    if not settings.text.zero_digits:
        return words
    return tf.ragged.map_flat_values(tf.strings.regex_replace, words, r"\p{Nd}", "0")


def _word_form(spelling: tf.RaggedTensor, settings: NameTaggingSettings) -> tf.RaggedTensor:
    """Normalise words for the lookup."""
    if not settings.text.lowercase:
        return spelling
    return tf.ragged.map_flat_values(tf.strings.lower, spelling, encoding="utf-8")


def _bigrams(words: tf.RaggedTensor) -> tf.RaggedTensor:
    """Join each word with the next one, (batch, words); the last one with the end of the sentence."""
    pairs = tf.strings.join([words.flat_values, _following(words, SENTENCE_END)], separator=" ")
    return words.with_flat_values(pairs)


def _following(entries: tf.RaggedTensor, end: str) -> tf.Tensor:
    """Return the entry after each of (batch, words), flat; `end` after the last of a row."""
    size = tf.size(entries.flat_values, out_type=tf.int64)
    following = tf.concat([entries.flat_values[1:], [end]], axis=0)[:size]
    last = tf.gather(entries.row_limits() - 1, entries.value_rowids())
    return tf.where(tf.equal(tf.range(size), last), end, following)


def _capitals(words: tf.Tensor) -> tf.Tensor:
    """Return the index of each word's pattern in `CAPITALS`: (words,) int32."""
    pattern = tf.fill(tf.shape(words), len(CAPITALS) + 1)
    for number, expression in reversed(list(enumerate(CAPITALS, 1))):
        pattern = tf.where(tf.strings.regex_full_match(words, expression), number, pattern)
    return pattern
