"""How tagged sentences become model inputs: numbers of words and characters, learned from training alone."""

import re
from collections import Counter
from pathlib import Path

import tensorflow as tf

from common.config import Settings
from common.contract.preprocessing import Preprocessing
from common.data.source import Source
from common.errors import UserError
from common.files import read_record, write_json, write_text
from common.inputs.embeddings import glove_words
from common.inputs.tag_schemes import tag_names
from common.inputs.words import (
    FIRST_WORD,
    PADDING,
    UNKNOWN,
    count_entries,
    line_numbers,
    lookup,
    most_frequent,
    read_lines,
)
from common.kinds.labels import label_numbers
from tasks.name_tagging.config import NameTaggingSettings

# Sentences worked on at once: enough for the graph to be quick.
SENTENCES_AT_ONCE = 256

WORDS_FILE, CHARACTERS_FILE, BIGRAMS_FILE = "vocabulary.txt", "characters.txt", "bigrams.txt"
SIZES_FILE = "sizes.json"
SENTENCE_END = "</s>"
# Patterns of capitals, the first that fits; 0 is padding, and the number behind the last is any other.
CAPITALS = (r"\P{L}*", r"\P{Lu}*", r"\p{Lu}\P{Lu}*", r"\P{Ll}*")


class NameTaggingPreprocessing(Preprocessing):
    """Words to rows of numbers, tags to numbers.

    Attributes:
        labels: types of names in alphabetical order.
        tags: names of the tags in the scheme iobes; a tag's number is its place.
        vocabulary: words of the training split, the most frequent first, then words that have a pretrained
            vector only.
        learned: how many of them are of the training split.
        frequent: how many of these occur more than once.
        characters: of the training split, the most frequent first.
        bigrams: pairs of neighbouring words, the most frequent first.
    """

    def __init__(
        self,
        settings: NameTaggingSettings,
        labels: list[str],
        vocabulary: list[str],
        learned: int,
        frequent: int,
        characters: list[str],
        bigrams: list[str],
        directory: Path | None = None,
    ) -> None:
        """Make the lookup tables; from the files in `directory`, if `save` wrote them there."""
        self.settings = settings
        self.labels = labels
        self.tags = tag_names(labels)
        self.vocabulary, self.learned, self.frequent = vocabulary, learned, frequent
        self.characters, self.bigrams = characters, bigrams
        self.word_table = line_numbers(vocabulary, directory and directory / WORDS_FILE)
        self.character_table = line_numbers(characters, directory and directory / CHARACTERS_FILE)
        self.bigram_table = line_numbers(bigrams, directory and directory / BIGRAMS_FILE) if bigrams else None
        self.tag_table = label_numbers(self.tags)

    @classmethod
    def learn(cls, settings: NameTaggingSettings, source: Source) -> "NameTaggingPreprocessing":
        """Learn words, characters and types from the training split alone."""
        types: set[bytes] = set()
        words: Counter[bytes] = Counter()
        characters: Counter[bytes] = Counter()
        bigrams: Counter[bytes] = Counter()
        for batch in source.dataset("train").ragged_batch(SENTENCES_AT_ONCE):
            found_types = tf.strings.regex_replace(batch["tags"].flat_values, "^.-?", "")
            types.update(found_types.numpy().tolist())
            spelling = _spelling(batch["words"], settings)
            count_entries(characters, tf.strings.unicode_split(spelling.flat_values, "UTF-8").flat_values)
            found = _word_form(spelling, settings)
            count_entries(words, found.flat_values)
            if settings.model.bigrams:
                count_entries(bigrams, _bigrams(found).flat_values)
        everything = len(words)
        vocabulary = most_frequent(words, everything, settings.text.minimum_count)
        if not vocabulary:
            raise UserError(
                f"No word occurs {settings.text.minimum_count} times in the training sentences; set "
                "text.minimum_count=1."
            )
        learned, frequent = len(vocabulary), sum(words[word.encode()] > 1 for word in vocabulary)
        if settings.model.embeddings == "glove":
            known = set(vocabulary)
            pretrained = dict.fromkeys(pretrained_form(word, settings) for word in glove_words())
            vocabulary += [word for word in pretrained if word not in known]
        return cls(
            settings,
            sorted(name.decode() for name in types - {b""}),
            vocabulary,
            learned,
            frequent,
            most_frequent(characters, len(characters), 1),
            most_frequent(bigrams, len(bigrams), settings.text.bigram_minimum_count),
        )

    def numbers(self, words: tf.RaggedTensor) -> tf.RaggedTensor:
        """Words (batch, words) to rows of numbers (batch, words, columns) int32, as `columns` names them."""
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
        """Numbers (words,) int32; a word never seen with these capitals counts as that in small letters."""
        numbers = lookup(forms, self.word_table, FIRST_WORD, UNKNOWN)
        if self.settings.text.lowercase:
            return numbers
        small = lookup(tf.strings.lower(forms, "utf-8"), self.word_table, FIRST_WORD, UNKNOWN)
        return tf.where(tf.equal(numbers, UNKNOWN), small, numbers)

    def examples(self, dataset: tf.data.Dataset) -> tf.data.Dataset:
        """Raw examples to (rows of numbers (words, columns), numbers of the tags (words,)), both int32."""

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
        """Tags (batch, words) of the scheme iob2 to numbers of those in iobes, int32."""
        following = _following(tags, "O")
        flat = tags.flat_values
        goes_on = tf.equal(tf.strings.substr(following, 0, 1), "I")
        prefix, types = tf.strings.substr(flat, 0, 1), tf.strings.substr(flat, 1, -1)
        last = tf.where(tf.equal(prefix, "B"), "S", tf.where(tf.equal(prefix, "I"), "E", prefix))
        names = tf.where(goes_on, prefix, last) + types
        return tags.with_flat_values(self.tag_table.lookup(names))

    def save(self, directory: Path) -> None:
        """Write the vocabularies and the types."""
        files = {
            WORDS_FILE: self.vocabulary,
            CHARACTERS_FILE: self.characters,
            BIGRAMS_FILE: self.bigrams,
        }
        for name, entries in files.items():
            if entries:
                write_text(directory / name, "".join(f"{entry}\n" for entry in entries))
        sizes = {"labels": self.labels, "learned": self.learned, "frequent": self.frequent}
        write_json(directory / SIZES_FILE, sizes)

    @classmethod
    def load(cls, settings: Settings, directory: Path) -> "NameTaggingPreprocessing":
        """Read what `save` wrote.

        Raises:
            UserError: if a file is missing or damaged.
        """
        sizes = read_record(directory / SIZES_FILE, "labels", "learned", "frequent")
        return cls(
            settings,
            sizes["labels"],
            read_lines(directory / WORDS_FILE),
            sizes["learned"],
            sizes["frequent"],
            read_lines(directory / CHARACTERS_FILE),
            read_lines(directory / BIGRAMS_FILE) if settings.model.bigrams else [],
            directory,
        )


def column_count(settings: NameTaggingSettings) -> int:
    """Numbers that stand for a word: of the word, its capitals, its pair and its characters, as set."""
    model = settings.model
    spelt = settings.text.word_length if model.characters != "none" else 0
    return 1 + model.capitalization + model.bigrams + spelt


def pretrained_form(word: str, settings: NameTaggingSettings) -> str:
    """Write a word of the pretrained ones, which are in small letters, as the graph writes the text's."""
    return re.sub(r"\d", "0", word) if settings.text.zero_digits else word


def _spelling(words: tf.RaggedTensor, settings: NameTaggingSettings) -> tf.RaggedTensor:
    """Words as the character encoder reads them."""
    if not settings.text.zero_digits:
        return words
    return tf.ragged.map_flat_values(tf.strings.regex_replace, words, r"\p{Nd}", "0")


def _word_form(spelling: tf.RaggedTensor, settings: NameTaggingSettings) -> tf.RaggedTensor:
    """Words as they are looked up."""
    if not settings.text.lowercase:
        return spelling
    return tf.ragged.map_flat_values(tf.strings.lower, spelling, encoding="utf-8")


def _bigrams(words: tf.RaggedTensor) -> tf.RaggedTensor:
    """Each word with the next one, (batch, words); the last with the sentence's end."""
    pairs = tf.strings.join([words.flat_values, _following(words, SENTENCE_END)], separator=" ")
    return words.with_flat_values(pairs)


def _following(entries: tf.RaggedTensor, end: str) -> tf.Tensor:
    """The entry behind each of (batch, words), flat; `end` behind the last of a row."""
    size = tf.size(entries.flat_values, out_type=tf.int64)
    following = tf.concat([entries.flat_values[1:], [end]], axis=0)[:size]
    last = tf.gather(entries.row_limits() - 1, entries.value_rowids())
    return tf.where(tf.equal(tf.range(size), last), end, following)


def _capitals(words: tf.Tensor) -> tf.Tensor:
    """Pattern of capitals (words,) int32, as `CAPITALS`."""
    pattern = tf.fill(tf.shape(words), len(CAPITALS) + 1)
    for number, expression in reversed(list(enumerate(CAPITALS, 1))):
        pattern = tf.where(tf.strings.regex_full_match(words, expression), number, pattern)
    return pattern
