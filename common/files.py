"""Files written whole or not at all: under a temporary name, renamed when complete."""

import errno
import fcntl
import hashlib
import json
import os
import shutil
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from common.errors import DiskFullError, UserError

PROJECT_FOLDER = Path(__file__).resolve().parent.parent

_DISK_IS_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
# TensorFlow and pip say it in words alone.
_DISK_IS_FULL_WORDS = [os.strerror(number) for number in _DISK_IS_FULL]

_PARTIAL = ".partial"
_DRAWN_SUFFIXES = (".png", ".pdf", ".svg")


def check_plot(path: Path) -> None:
    """Check where a picture of an answer is to go, before there is an answer.

    Raises:
        UserError: if its name is of no kind that is drawn, or its folder is not there.
    """
    if path.suffix not in _DRAWN_SUFFIXES:
        raise UserError(f"PLOT={path} must end in one of {', '.join(_DRAWN_SUFFIXES)}.")
    if not path.resolve().parent.is_dir():
        raise UserError(f"PLOT={path}: the folder {path.resolve().parent} does not exist; make it first.")


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a temporary path to write a file or a folder under; rename it to `path` when the block ends well.

    An existing file is replaced; an existing folder is not. The temporary path keeps the suffix, because
    some writers choose the format by it. On an error nothing is left behind.

    Raises:
        UserError: if the disk is full, or the path is none that may be written.
    """
    temporary = path.with_name(f".{path.stem}.{uuid.uuid4().hex[:8]}{_PARTIAL}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        temporary.replace(path)
    except Exception as error:
        if is_disk_full(error):
            raise disk_is_full(path) from None
        if _names(error, {temporary, path, *path.parents}):
            raise _not_written(path, error) from None
        raise
    finally:
        remove_leftovers(temporary)


@contextmanager
def locked(folder: Path, busy: str, wait: bool = False) -> Iterator[None]:
    """Keep other processes that ask for the same folder out, as long as the block runs.

    The lock is the kernel's and on the folder itself: it ends with the process, however that ends, and there
    is no file to be left behind.

    Args:
        folder: that is written to; made if it is not there.
        busy: what is said if another process holds the folder.
        wait: whether its end is waited for then, instead of giving up.

    Raises:
        UserError: if another process holds it and `wait` is False, the disk is full, or the folder cannot be
            made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError as error:
        if is_disk_full(error):
            raise disk_is_full(folder) from None
        raise _not_written(folder, error) from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        if not wait:
            os.close(descriptor)
            raise UserError(busy) from None
        print(busy, file=sys.stderr)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError:
        # Some network file systems have no locks; there nobody is kept out.
        print(f"{folder} has no locks: let one process at a time write there.", file=sys.stderr)
    try:
        yield
    finally:
        os.close(descriptor)


def remove_partial(folder: Path) -> None:
    """Remove what `whole_file` left in a folder, and below, when its process was killed; hold its lock."""
    remove_leftovers(*folder.rglob(f".*{_PARTIAL}*"))


def remove_leftovers(*paths: Path) -> None:
    """Remove files and folders that a killed process left; the caller holds the lock of their folder."""
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):
                path.unlink()


def disk_is_full(path: Path | str | None) -> DiskFullError:
    """Build the error for a disk that filled up."""
    return DiskFullError(f"The disk is full: {path} was not written. Free some space, then go on.")


def is_disk_full(error: BaseException) -> bool:
    """Whether an error of the operating system or of a library means that no more can be written."""
    if isinstance(error, OSError) and error.errno in _DISK_IS_FULL:
        return True
    return says_disk_is_full(str(error))


def says_disk_is_full(text: str) -> bool:
    """Whether a message or the output of a program says that no more can be written."""
    return any(words in text for words in _DISK_IS_FULL_WORDS)


def _names(error: Exception, paths: set[Path]) -> bool:
    """Whether an operating system's error names one of these paths, and not one that is read."""
    return isinstance(error, OSError) and error.filename is not None and Path(error.filename) in paths


def _not_written(path: Path, error: OSError) -> UserError:
    return UserError(f"{path} cannot be written ({error.strerror}); name another place.")


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all, in UTF-8."""
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def write_json(path: Path, value: Any) -> None:
    """Write a value as indented JSON, whole or not at all."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        UserError: if it is missing or damaged.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path} is missing.") from None
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise UserError(f"{path} is damaged: it is not JSON.") from None


def read_record(path: Path, *keys: str) -> dict[str, Any]:
    """Read a JSON file that holds an object with at least these keys.

    Raises:
        UserError: if it is missing or damaged.
    """
    record = read_json(path)
    if not isinstance(record, dict):
        raise UserError(f"{path} is damaged: it should hold an object; train the run again.")
    missing = [key for key in keys if key not in record]
    if missing:
        raise UserError(
            f"{path} is damaged: {', '.join(map(repr, missing))} is missing; train the run again."
        )
    return record


def shown_path(path: Path) -> Path:
    """A path as a message names it: short, if it is below the folder that the user is in."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def file_digest(path: Path) -> str:
    """Hash a file's content without reading it whole into memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
