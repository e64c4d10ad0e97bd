"""Pictures and captions read from a user's folder."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from common.data.bad_rows import BadRow, BadRows
from common.data.image_files import ALL_SUFFIXES, files_below, files_digest, image_files
from common.data.tables.rows import is_table, read_rows
from common.errors import UserError
from tasks.captioning.captions_json import json_captions

# What a captions file is called, with the ending of a table or of JSON.
CAPTIONS = "captions"


@dataclass
class CaptionedImage:
    """A picture of the user's.

    Attributes:
        path: of the picture.
        name: as the captions file names it.
        origin: where it was named, e.g. "captions.csv:12".
        captions: at least one.
    """

    path: Path
    name: str
    origin: str
    captions: list[str] = field(default_factory=list)


def captions_file(path: Path) -> Path | None:
    """Find the captions file of a folder; None if the captions are to be in texts beside the pictures.

    Args:
        path: the folder, or the captions file itself.

    Raises:
        UserError: there are several, or no such folder.
    """
    path = path.expanduser()
    if path.is_file():
        return path
    if not path.is_dir():
        raise UserError(f"{path} does not exist: name a folder with pictures and captions.")
    found = sorted(item for item in path.glob(f"{CAPTIONS}.*") if is_table(item))
    if len(found) > 1:
        names = ", ".join(item.name for item in found)
        raise UserError(f"{path} holds several captions files ({names}): name one, DATA={found[0]}.")
    return found[0] if found else None


def folder_digest(path: Path) -> str:
    """Hash the names, sizes and times of all files, and what the captions file holds."""
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
    """Read pictures and their captions.

    Args:
        path: a folder with pictures and a captions file (captions.csv, .tsv, .jsonl, .json), or with a text
            NAME.txt beside each NAME.png, one caption a line; or the captions file itself. Pictures are named
            from the file's folder on. A .json may be one value, see `json_captions`.
        picture_column: name of the column with the picture's name.
        caption_column: name of the column with the caption; several rows may be of one picture.
        skip_bad_rows: leave bad rows out instead of raising.
        on_bad_row: told of each row that is left out.

    Yields:
        The pictures with their captions.

    Raises:
        UserError: the folder cannot be read, or holds no picture.
        BadRow: a caption is of no picture, is empty, or a picture has none.
    """
    reject = BadRows(skip_bad_rows, on_bad_row)
    file = captions_file(path)
    folder = Path(path).expanduser() if file is None else file.parent
    if file is None:
        yield from _from_texts(folder, reject)
        return
    pictures: dict[str, CaptionedImage] = {}
    for origin, name, caption in _rows(file, picture_column, caption_column, reject):
        if not name:
            reject(BadRow(f"{origin}: the picture (column {picture_column!r}) is not named: fill it in."))
        elif not caption:
            reject(BadRow(f"{origin}: {name} has an empty caption: fill it in."))
        elif not _is_file(folder / name):
            reject(BadRow(f"{origin}: there is no picture {name} in {folder}: add it, or drop its caption."))
        else:
            pictures.setdefault(name, CaptionedImage(folder / name, name, origin)).captions.append(caption)
    if Path(path).expanduser().is_dir():
        # Beside a captions file that was given itself, there may be pictures of another one.
        named = {picture.path.resolve() for picture in pictures.values()}
        for picture in image_files(folder):
            if picture.resolve() not in named:
                reject(BadRow(f"{picture} has no caption in {file.name}: add one, or take the picture out."))
    yield from pictures.values()


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # A caption where the name should stand is longer than a name may be.
        return False


def unreadable_image(origin: str, name: str, problem: str) -> UserError:
    """The error of a picture whose caption is good.

    Args:
        origin: where the picture was named.
        name: of the picture.
        problem: what is wrong, in words that go on after the name.
    """
    return UserError(f"{origin}: {name} {problem}. To leave such pictures out, set data.skip_bad_rows=true.")


def _from_texts(folder: Path, reject: BadRows) -> Iterator[CaptionedImage]:
    pictures = image_files(folder)
    for picture in pictures:
        text = picture.with_suffix(".txt")
        name = str(picture.relative_to(folder))
        if not text.is_file():
            reject(BadRow(f"{picture} has no caption: write one in {text.name}, or in captions.csv."))
            continue
        try:
            lines = [line.strip() for line in text.read_text(encoding="utf-8-sig").splitlines()]
        except UnicodeDecodeError:
            reject(BadRow(f"{text} is not UTF-8 text: save it with that encoding."))
            continue
        captions = [line for line in lines if line]
        if captions:
            yield CaptionedImage(picture, name, str(text), captions)
        else:
            reject(BadRow(f"{text} is empty: write the caption of {picture.name} in it."))
    stems = {picture.with_suffix("") for picture in pictures}
    for text in sorted(folder.rglob("*.txt")):
        if text.with_suffix("") not in stems:
            reject(BadRow(f"{text}: there is no picture of that name beside it: add it, or drop the text."))


def _rows(
    file: Path, picture_column: str, caption_column: str, reject: BadRows
) -> Iterator[tuple[str, str, str]]:
    """Origin, picture and caption of every row."""
    columns = (picture_column, caption_column)
    records = json_captions(file, *columns) if file.suffix.lower() == ".json" else None
    if records is None:
        for row in read_rows(file, columns, reject):
            yield row.origin, row.values[picture_column].strip(), row.values[caption_column].strip()
        return
    for origin, name, captions in records:
        for caption in captions if isinstance(captions, list) else [captions]:
            if not isinstance(name, str):
                reject(BadRow(f"{origin}: the picture ({picture_column!r}) is not named: write its name."))
            elif not isinstance(caption, str):
                reject(BadRow(f"{origin}: the caption of {name} is no text: write it in double quotes."))
            else:
                yield origin, name.strip(), caption.strip()
