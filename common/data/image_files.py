"""Image files in a user's folder."""

from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from common.errors import UserError

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".gif", ".bmp")
# Unsupported image formats: such files are listed too, so that they are reported instead of ignored.
OTHER_SUFFIXES = (".webp", ".tif", ".tiff", ".heic", ".avif")
ALL_SUFFIXES = IMAGE_SUFFIXES + OTHER_SUFFIXES


def image_files(folder: Path) -> list[Path]:
    """List the images in a folder and its subfolders, sorted by name, unsupported formats included.

    Raises:
        UserError: there is no such folder, or no image in it.
    """
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder: name one with pictures.")
    files = files_below(folder, ALL_SUFFIXES)
    if not files:
        kinds = ", ".join(IMAGE_SUFFIXES)
        raise UserError(f"{folder} contains no pictures: put files there that end in {kinds}.")
    return files


def files_below(folder: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """List files in a folder and its subfolders with one of the suffixes, broken links included."""
    matches = (path for path in folder.rglob("*") if path.suffix.lower() in suffixes)
    return sorted(path for path in matches if not path.is_dir())


def files_digest(folder: Path, files: Iterable[Path], content: bytes = b"") -> str:
    """Hash some content, followed by the names, sizes and modification times of files in a folder."""
    digest = sha256(content)
    for path in files:
        # A link may be broken.
        status = path.stat() if path.exists() else path.lstat()
        digest.update(f"{path.relative_to(folder)}\0{status.st_size}\0{status.st_mtime_ns}\0".encode())
    return digest.hexdigest()
