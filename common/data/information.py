"""Descriptions of data sets, available before they are fetched, and the folders for data."""

import os
from dataclasses import dataclass
from pathlib import Path

from common.errors import UserError


@dataclass(frozen=True)
class SourceInformation:
    """Description of a source, available before it is fetched.

    Attributes:
        name: as given on the command line.
        description: one or two sentences.
        licence: of the data.
        citation: in one line.
        homepage: where the data comes from.
        download_bytes: size of the download; None if nothing is downloaded.
        counts: examples by split with the default settings, if known.
        manual_files: files to place in the manual directory, for sources that are not fetched.
    """

    name: str
    description: str
    licence: str
    citation: str
    homepage: str
    download_bytes: int | None = None
    counts: dict[str, int] | None = None
    manual_files: tuple[str, ...] = ()


def data_directory() -> Path:
    """Return the folder for all data: TFDS_DATA_DIR, else ~/tensorflow_datasets."""
    given = os.environ.get("TFDS_DATA_DIR")
    return Path(given).expanduser() if given else Path.home() / "tensorflow_datasets"


def manual_directory() -> Path:
    """Return the folder for manually placed files: TFDS_MANUAL_DIR, else downloads/manual."""
    given = os.environ.get("TFDS_MANUAL_DIR")
    return Path(given).expanduser() if given else data_directory() / "downloads" / "manual"


def manual_file(information: SourceInformation, relative: str) -> Path:
    """Find a file that the user has to place manually.

    Args:
        information: of the source that needs it.
        relative: path below the manual directory.

    Raises:
        UserError: it is not there; the message says where to get it and where to put it.
    """
    path = manual_directory() / relative
    if not path.is_file():
        needed = " or ".join(information.manual_files) or relative
        raise UserError(
            f"The dataset {information.name!r} needs {relative}, which is not in the folder "
            f"{manual_directory()}: get it from {information.homepage} and place it there ({needed}), or set "
            "TFDS_MANUAL_DIR to the folder that contains it."
        )
    return path
