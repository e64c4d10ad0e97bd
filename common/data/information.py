"""What is known of a data set before it is fetched, and the folders that data is kept in."""

import os
from dataclasses import dataclass
from pathlib import Path

from common.errors import UserError


@dataclass(frozen=True)
class SourceInformation:
    """What is known of a source before it is fetched.

    Attributes:
        name: what the user writes to choose it.
        description: one or two sentences.
        licence: of the data.
        citation: whom to cite, in one line.
        homepage: where the data comes from.
        download_bytes: what is fetched the first time; None if nothing is.
        counts: examples by split with the settings as they are, if known.
        manual_files: what has to be placed in the manual directory, for sources that are not fetched.
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
    """Return the folder that holds all data: TFDS_DATA_DIR, else ~/tensorflow_datasets."""
    given = os.environ.get("TFDS_DATA_DIR")
    return Path(given).expanduser() if given else Path.home() / "tensorflow_datasets"


def manual_directory() -> Path:
    """Return the folder for files that the user places by hand: TFDS_MANUAL_DIR, else downloads/manual."""
    given = os.environ.get("TFDS_MANUAL_DIR")
    return Path(given).expanduser() if given else data_directory() / "downloads" / "manual"


def manual_file(information: SourceInformation, relative: str) -> Path:
    """Find a file that the user has to place by hand.

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
            "TFDS_MANUAL_DIR to the folder that holds it."
        )
    return path
