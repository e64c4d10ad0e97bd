"""Data sets of the TFDS catalogue, which a task's data sets re-stage with this project's splits."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from common.data.information import data_directory
from common.errors import UserError

if TYPE_CHECKING:
    import tensorflow_datasets as tfds


def open_catalogue(name: str) -> "tfds.core.DatasetBuilder":
    """Open a data set of the catalogue, fetching and preparing it the first time.

    Args:
        name: in the catalogue, with its configuration, e.g. "glue/sst2".

    Raises:
        UserError: it cannot be fetched or read.
    """
    # Imported late: it takes seconds, and listing the data sets does not need it.
    import tensorflow_datasets as tfds

    catalogue = tfds.builder(name, data_dir=data_directory())
    try:
        catalogue.download_and_prepare()
    except Exception as error:  # TFDS passes on whatever its downloaders and readers raise.
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"The catalogue's data set {name!r} could not be fetched ({type(error).__name__}: {reason}): "
            "check the network, or choose a data set that is not from the catalogue (see `make datasets`)."
        ) from error
    return catalogue


def catalogue_examples(
    catalogue: "tfds.core.DatasetBuilder", split: str, **options: Any
) -> Iterator[dict[str, Any]]:
    """Read the examples of one of the catalogue's splits as NumPy values, in the order of its files.

    Args:
        catalogue: what `open_catalogue` returned.
        split: its name in the catalogue.
        options: further arguments of `as_dataset`.
    """
    import tensorflow_datasets as tfds

    reading = tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False)
    dataset = catalogue.as_dataset(split=split, shuffle_files=False, read_config=reading, **options)
    yield from dataset.as_numpy_iterator()
