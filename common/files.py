"""Atomic writing of files, locks on folders, and reading of JSON."""

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

_DISK_FULL_CODES = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
# TensorFlow and pip report it only as text.
_DISK_FULL_MESSAGES = [os.strerror(number) for number in _DISK_FULL_CODES]

_PARTIAL = ".partial"
_PLOT_SUFFIXES = (".png", ".pdf", ".svg")


def check_plot(path: Path) -> None:
    """Check the path of a plot before computing what to plot.

    Raises:
        UserError: if its suffix is not supported, or its folder does not exist.
    """
    if path.suffix not in _PLOT_SUFFIXES:
        raise UserError(f"PLOT={path} must end in one of {', '.join(_PLOT_SUFFIXES)}.")
    if not path.resolve().parent.is_dir():
        raise UserError(f"PLOT={path}: the folder {path.resolve().parent} does not exist; create it first.")


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path for a file or folder, and rename it to `path` if the block succeeds.

    An existing file is replaced; an existing folder is not. The temporary path has the same suffix, because
    some writers choose the format by it. On an error, nothing is left behind.

    Raises:
        UserError: if the disk is full, or the path cannot be written.
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
    """Lock a folder against other processes while the block runs.

    The lock is a kernel lock on the folder itself: it ends with the process, however that ends, and leaves no
    lock file behind.

    Args:
        folder: the folder to lock; created if missing.
        busy: message for the user if another process holds the lock.
        wait: whether to wait for the lock instead of raising an error.

    Raises:
        UserError: if another process holds the lock and `wait` is False, the disk is full, or the folder
            cannot be created.
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
        # Some network file systems do not support locks; continue without one.
        print(f"{folder} does not support locks: write to it with one process at a time.", file=sys.stderr)
    try:
        yield
    finally:
        os.close(descriptor)


def remove_partial(folder: Path, below: bool = True) -> None:
    """Remove what `whole_file` left in a folder when its process was killed; the caller holds its lock.

    Args:
        folder: that was written to.
        below: whether its folders were, too, under the same lock.
    """
    pattern = f".*{_PARTIAL}*"
    remove_leftovers(*(folder.rglob(pattern) if below else folder.glob(pattern)))


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
    return DiskFullError(f"The disk is full: {path} was not written. Free some space and try again.")


def is_disk_full(error: BaseException) -> bool:
    """Whether an error of the operating system or of a library means that the disk is full."""
    if isinstance(error, OSError) and error.errno in _DISK_FULL_CODES:
        return True
    return says_disk_is_full(str(error))


def says_disk_is_full(text: str) -> bool:
    """Whether a message or the output of a program says that the disk is full."""
    return any(message in text for message in _DISK_FULL_MESSAGES)


def _names(error: Exception, paths: set[Path]) -> bool:
    """Whether an error of the operating system is about one of these paths."""
    return isinstance(error, OSError) and error.filename is not None and Path(error.filename) in paths


def _not_written(path: Path, error: OSError) -> UserError:
    return UserError(f"{path} cannot be written ({error.strerror}); choose another path.")


def write_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8, completely or not at all."""
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def write_json(path: Path, value: Any) -> None:
    """Write a value as indented JSON, completely or not at all."""
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
        raise UserError(f"{path} is damaged: it should contain a JSON object; train the run again.")
    missing = [key for key in keys if key not in record]
    if missing:
        raise UserError(
            f"{path} is damaged: {', '.join(map(repr, missing))} is missing; train the run again."
        )
    return record


def shown_path(path: Path) -> Path:
    """A path for messages: relative if it is below the current folder."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def file_digest(path: Path) -> str:
    """Compute the SHA-256 of a file without reading it into memory at once."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
