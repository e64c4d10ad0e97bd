"""Data sets of labelled images, and the user's own folders.

Nothing here imports TensorFlow until images are read, so that listing data sets is quick.
"""

import abc
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from common.data.bad_rows import BadRow, BadRows
from common.data.data_set import Feature, files_by_split, official_split, own_information
from common.data.examples import Example
from common.data.image_files import files_digest, image_files
from common.data.labelled import LabelledExamples
from common.data.labelled_file import LabelledFile
from common.data.staging import RawExample
from common.errors import UserError
from common.files import file_digest

if TYPE_CHECKING:
    from common.inputs.images import ImagePreprocessor
    from common.inputs.settings import ImageSettings


class LabelledImages(LabelledExamples):
    """Base class for sources of labelled images.

    Only the location of an image is staged; its bytes are read when the data is written.
    """

    features: ClassVar[Mapping[str, Feature]] = {"name": "text", "image": "bytes", "label": "text"}

    @abc.abstractmethod
    def content(self, location: str) -> bytes:
        """Read the bytes of an image."""

    def completed(self, features: dict[str, Any]) -> dict[str, Any]:
        """Replace the location of the image by its bytes."""
        return features | {"image": self.content(features["image"])}

    @staticmethod
    def image_example(
        name: str, location: str, label: str, key: str, origin: str, split: str | None = None
    ) -> RawExample:
        """Create a raw example; images with the same key are duplicates."""
        features = {"name": name, "image": location, "label": label}
        return RawExample(features, key, origin, split, stratum=label)


class LabelledFolder(LabelledImages):
    """The user's own folders, with one subfolder of images per label; prepared again if a file changes."""

    def __init__(
        self, *, files: Mapping[str, Path], picture: "ImageSettings", skip_bad_rows: bool, **options: Any
    ) -> None:
        """Create the data set.

        Args:
            files: folders by split; if validation or test is missing, it is cut from train.
            picture: settings of the images, with their maximum size.
            skip_bad_rows: whether to skip and count unreadable images instead of stopping.
            **options: those of `DataSet`.

        Raises:
            UserError: a folder does not exist, or has no subfolder with images.
        """
        self.files = {split: path.expanduser() for split, path in files.items()}
        self.picture = picture
        self.information = own_information(self.files["train"], "folder")
        super().__init__(
            digests={split: _digest(path) for split, path in self.files.items()},
            maximum_pixels=picture.maximum_pixels,
            skip_bad_rows=skip_bad_rows,
            **options,
        )

    @classmethod
    def options_from(cls, settings: Any) -> dict[str, Any]:
        """The folders, and the settings of the images."""
        data = settings.data
        return {
            "files": files_by_split(data),
            "picture": settings.picture,
            "skip_bad_rows": data.skip_bad_rows,
        }

    @classmethod
    def labelled_file(cls, path: Path, settings: Any, labels: list[str]) -> LabelledFile:
        """Open another folder of this kind, whose labels must be among `labels`."""
        reading = settings.picture, settings.data.skip_bad_rows

        def read(on_bad_row: Callable[[UserError], None]) -> Iterator[Example]:
            for image, label in _readable_images(path.expanduser(), *reading, on_bad_row, labels):
                name = str(image.relative_to(path.expanduser()))
                yield {"name": name, "image": image.read_bytes(), "label": label}

        return LabelledFile.counted(read)

    def has_own(self, split: str) -> bool:
        """Return whether the split has a folder."""
        return split in self.files

    def content(self, location: str) -> bytes:
        """Read a user's file."""
        return Path(location).read_bytes()

    def raw_examples(self) -> Iterator[RawExample]:
        """Yield the images of all folders."""
        for split, folder in self.files.items():
            official = official_split(split, self.files)
            reading = self.picture, self.options["skip_bad_rows"]
            for image, label in _readable_images(folder, *reading, self.skip_row):
                name, key = str(image.relative_to(folder)), file_digest(image)
                yield self.image_example(name, str(image), label, key, str(image), official)


def _labelled_files(folder: Path) -> Iterator[tuple[Path, str]]:
    """Yield images with their labels: the names of the top-level subfolders."""
    for path in image_files(folder):
        parts = path.relative_to(folder).parts
        if len(parts) == 1:
            raise UserError(f"{path} is not in a label's folder: move it to {folder}/LABEL/{path.name}.")
        yield path, parts[0]


def _readable_images(
    folder: Path,
    picture: "ImageSettings",
    skip_bad_rows: bool,
    on_bad_row: Callable[[UserError], None],
    labels: list[str] | None = None,
) -> Iterator[tuple[Path, str]]:
    # Imported late: it needs TensorFlow, and listing the data sets must not.
    from common.inputs.images import ImagePreprocessor

    preprocessor = ImagePreprocessor(picture)
    bad_rows = BadRows(skip_bad_rows, on_bad_row, "such images")
    for path, label in _labelled_files(folder):
        problem = _problem(path, label, labels, preprocessor)
        if not problem:
            yield path, label
        else:
            bad_rows(BadRow(f"{problem}."))


def _problem(path: Path, label: str, labels: list[str] | None, preprocessor: "ImagePreprocessor") -> str:
    if labels is not None and label not in labels:
        return f"{path}: the label {label!r} is not in the training data: use one of {', '.join(labels)}"
    from common.inputs.images import read_image

    content, problem = read_image(path)
    problem = problem or preprocessor.problem_of(content)
    return f"{path} {problem}" if problem else ""


def _digest(folder: Path) -> str:
    return files_digest(folder, [path for path, _ in _labelled_files(folder)])
