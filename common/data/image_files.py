"""Image files in a user's folder."""

from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from common.errors import UserError

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".gif", ".bmp")
# Images too, of kinds that are not read: they are listed, so that they are named and not passed over.
OTHER_SUFFIXES = (".webp", ".tif", ".tiff", ".heic", ".avif")
ALL_SUFFIXES = IMAGE_SUFFIXES + OTHER_SUFFIXES


def image_files(folder: Path) -> list[Path]:
    """List the images in a folder and below, by name, those of kinds that are not read among them.

    Raises:
        UserError: there is no such folder, or no image in it.
    """
    if not folder.is_dir():
        raise UserError(f"{folder} is no folder: name one with pictures.")
    files = files_below(folder, ALL_SUFFIXES)
    if not files:
        kinds = ", ".join(IMAGE_SUFFIXES)
        raise UserError(f"{folder} holds no picture: put files there that end in {kinds}.")
    return files


def files_below(folder: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """Files in a folder and below whose names end in one of the suffixes; links to nowhere, too."""
    found = (path for path in folder.rglob("*") if path.suffix.lower() in suffixes)
    return sorted(path for path in found if not path.is_dir())


def files_digest(folder: Path, files: Iterable[Path], content: bytes = b"") -> str:
    """Hash the names, sizes and times of files in a folder, behind some content."""
    digest = sha256(content)
    for path in files:
        # A link may lead nowhere.
        status = path.stat() if path.exists() else path.lstat()
        digest.update(f"{path.relative_to(folder)}\0{status.st_size}\0{status.st_mtime_ns}\0".encode())
    return digest.hexdigest()
