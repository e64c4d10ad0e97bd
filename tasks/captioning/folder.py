"""Images and captions in a user's folder."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from common.data.bad_rows import BadRow, BadRows
from common.data.image_files import ALL_SUFFIXES, files_below, files_digest, image_files
from common.data.tables.rows import is_table, read_rows
from common.errors import UserError
from tasks.captioning.captions_json import json_captions

# Name of a captions file, without its suffix.
CAPTIONS = "captions"


@dataclass
class CaptionedImage:
    """A user's image with its captions.

    Attributes:
        path: of the image.
        name: in the captions file.
        origin: where its name was read, e.g. "captions.csv:12".
        captions: at least one.
    """

    path: Path
    name: str
    origin: str
    captions: list[str] = field(default_factory=list)


def captions_file(path: Path) -> Path | None:
    """Find the captions file of a folder; None if the captions are in text files next to the images.

    Args:
        path: the folder, or the captions file itself.

    Raises:
        UserError: there are several captions files, or no such folder.
    """
    path = path.expanduser()
    if path.is_file():
        return path
    if not path.is_dir():
        raise UserError(f"{path} does not exist: name a folder with pictures and captions.")
    files = sorted(item for item in path.glob(f"{CAPTIONS}.*") if is_table(item))
    if len(files) > 1:
        names = ", ".join(item.name for item in files)
        raise UserError(f"{path} contains several captions files ({names}): name one, e.g. DATA={files[0]}.")
    return files[0] if files else None


def folder_digest(path: Path) -> str:
    """Hash the names, sizes and times of all files, and the content of the captions file."""
    file = captions_file(path)
    folder = path.expanduser() if file is None or path.expanduser().is_dir() else file.parent
    suffixes = ALL_SUFFIXES + ((".txt",) if file is None else ())
    return files_digest(folder, files_below(folder, suffixes), b"" if file is None else file.read_bytes())


def read_captions(
    path: Path,
    picture_column: str,
    caption_column: str,
    skip_bad_rows: bool = False,
    on_bad_row: Callable[[UserError], None] | None = None,
) -> Iterator[CaptionedImage]:
    """Read images and their captions.

    Args:
        path: a folder with images and a captions file (captions.csv, .tsv, .jsonl, .json), or with a text
            file NAME.txt next to each NAME.png, one caption per line; or the captions file itself. Names of
            images are relative to the file's folder. A .json file may be one value, see `json_captions`.
        picture_column: name of the column with the image's name.
        caption_column: name of the column with the caption; an image may have several rows.
        skip_bad_rows: whether to skip bad rows instead of raising.
        on_bad_row: called with the error of each skipped row.

    Yields:
        The images with their captions.

    Raises:
        UserError: the folder cannot be read, or contains no image.
        BadRow: a caption has no image or is empty, or an image has no caption.
    """
    reject = BadRows(skip_bad_rows, on_bad_row)
    file = captions_file(path)
    folder = Path(path).expanduser() if file is None else file.parent
    if file is None:
        yield from _from_texts(folder, reject)
        return
    images: dict[str, CaptionedImage] = {}
    for origin, name, caption in _rows(file, picture_column, caption_column, reject):
        if not name:
            reject(BadRow(f"{origin}: the picture's name (column {picture_column!r}) is empty: fill it in."))
        elif not caption:
            reject(BadRow(f"{origin}: {name} has an empty caption: fill it in."))
        elif not _is_file(folder / name):
            reject(BadRow(f"{origin}: {folder} has no picture {name}: add it, or remove its caption."))
        else:
            images.setdefault(name, CaptionedImage(folder / name, name, origin)).captions.append(caption)
    if Path(path).expanduser().is_dir():
        # If only a captions file was given, its folder may contain the images of another one.
        captioned = {image.path.resolve() for image in images.values()}
        for image in image_files(folder):
            if image.resolve() not in captioned:
                reject(BadRow(f"{image} has no caption in {file.name}: add one, or remove the picture."))
    yield from images.values()


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # The name is too long for a path, e.g. because it is a caption.
        return False


def unreadable_image(origin: str, name: str, problem: str) -> UserError:
    """Create the error for an unreadable image.

    Args:
        origin: where its name was read.
        name: of the image.
        problem: what is wrong, phrased to follow the name.
    """
    return UserError(f"{origin}: {name} {problem}. To skip such pictures, set data.skip_bad_rows=true.")


def _from_texts(folder: Path, reject: BadRows) -> Iterator[CaptionedImage]:
    images = image_files(folder)
    for image in images:
        text = image.with_suffix(".txt")
        name = str(image.relative_to(folder))
        if not text.is_file():
            reject(BadRow(f"{image} has no caption: write one in {text.name}, or in captions.csv."))
            continue
        try:
            lines = [line.strip() for line in text.read_text(encoding="utf-8-sig").splitlines()]
        except UnicodeDecodeError:
            reject(BadRow(f"{text} is not UTF-8: save it with that encoding."))
            continue
        captions = [line for line in lines if line]
        if captions:
            yield CaptionedImage(image, name, str(text), captions)
        else:
            reject(BadRow(f"{text} is empty: write the caption of {image.name} in it."))
    stems = {image.with_suffix("") for image in images}
    for text in sorted(folder.rglob("*.txt")):
        if text.with_suffix("") not in stems:
            reject(BadRow(f"{text} has no picture of the same name: add it, or remove the text."))


def _rows(
    file: Path, picture_column: str, caption_column: str, reject: BadRows
) -> Iterator[tuple[str, str, str]]:
    """Yield origin, name of the image and caption of every row."""
    columns = (picture_column, caption_column)
    records = json_captions(file, *columns) if file.suffix.lower() == ".json" else None
    if records is None:
        for row in read_rows(file, columns, reject):
            yield row.origin, row.values[picture_column].strip(), row.values[caption_column].strip()
        return
    for origin, name, captions in records:
        for caption in captions if isinstance(captions, list) else [captions]:
            if not isinstance(name, str):
                reject(BadRow(f"{origin}: {picture_column!r} is not a string: write the picture's name."))
            elif not isinstance(caption, str):
                reject(BadRow(f"{origin}: the caption of {name} is not a string: write it in double quotes."))
            else:
                yield origin, name.strip(), caption.strip()
