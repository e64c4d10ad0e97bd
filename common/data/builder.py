"""The TFDS builder of a data set: raw examples are staged, then written like any other TFDS data set."""

import contextlib
import hashlib
import json
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from absl import logging
from tensorflow_datasets.core.constants import INCOMPLETE_PREFIX

from common.data.data_set import DataSet, Feature
from common.data.information import data_directory, manual_directory
from common.data.staging import SPLITS, STAGING, TRAIN, StagingTable
from common.errors import UserError
from common.files import disk_is_full, is_disk_full, locked, remove_leftovers

if tfds.core.DatasetBuilder.download_and_prepare.__module__ == tfds.testing.mock_data.__module__:
    raise RuntimeError("Import common.data.builder before tfds.testing.mock_data is entered.")


class SequenceBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """TFDS builder of a `DataSet`, which prepares the examples once and then reads them.

    Builders are not registered, so that their names cannot clash with the catalogue's.
    """

    VERSION = tfds.core.Version("1.0.0")
    MANUAL_DOWNLOAD_INSTRUCTIONS = "Place the files as the source's description says."

    # `tfds.testing.mock_data` replaces these methods of the base class for every builder. Tests use it in
    # place of the catalogue's downloads; the data prepared from them is real, so the originals are saved.
    _prepare = tfds.core.GeneratorBasedBuilder.download_and_prepare
    _as_dataset = tfds.core.GeneratorBasedBuilder._as_dataset
    as_dataset = tfds.core.GeneratorBasedBuilder.as_dataset

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(skip_registration=True, **options)

    def __init__(self, data_set: DataSet) -> None:
        """Look for the prepared data of a data set with these options."""
        self.data_set = data_set
        self._staging: StagingTable | None = None
        options = data_set.options
        identity = hashlib.sha256(json.dumps(options, sort_keys=True).encode()).hexdigest()[:16]
        config = tfds.core.BuilderConfig(name=f"options_{identity}", description=json.dumps(options))
        with _quiet():
            super().__init__(data_dir=data_directory(), config=config)

    def is_prepared(self) -> bool:
        """Return whether the data is on disk and its description has been loaded."""
        return self.info.initialized

    def download_and_prepare(self, **options: Any) -> None:
        """Stage and write the data, unless it is prepared already.

        Raises:
            UserError: the data cannot be fetched or is invalid; no partial files are left behind.
        """
        if self.is_prepared():
            return
        options.setdefault(
            "download_config",
            tfds.download.DownloadConfig(manual_dir=manual_directory(), try_download_gcs=False),
        )
        folder = data_directory()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(
                f"The data folder {folder} cannot be created ({error.strerror}): set TFDS_DATA_DIR to "
                "another folder."
            ) from error
        busy = f"Another process is preparing data in {folder}; waiting for it to finish."
        with locked(folder, busy, wait=True):
            self._remove_leftovers()
            if (self.data_path / "dataset_info.json").exists():  # By another process, a moment ago.
                self.info.read_from_directory(self.data_path)
            else:
                self._stage_and_write(options)

    def _stage_and_write(self, options: dict[str, Any]) -> None:
        folder = data_directory()
        tfds.disable_progress_bar()
        try:
            # Standard output is for answers; the catalogue's builders print their progress there.
            with StagingTable(folder) as self._staging, contextlib.redirect_stdout(sys.stderr):
                self._prepare(**options)
        except sqlite3.OperationalError as error:
            raise UserError(
                f"The examples cannot be staged in {folder} ({error}): free up some space there, or set "
                "TFDS_DATA_DIR to another folder."
            ) from error
        except (OSError, RuntimeError) as error:  # TFDS wraps the errors of TensorFlow's writers.
            if is_disk_full(error):
                raise disk_is_full(f"the data set {self.data_set.information.name} in {folder}") from None
            raise
        finally:
            self._staging = None
            self._remove_empty_folders()

    def _remove_leftovers(self) -> None:
        """Remove files that a killed process left of this source; the catalogue's builders remove theirs."""
        unfinished = self.data_path.parents[1].glob(f"*/{INCOMPLETE_PREFIX}*")
        remove_leftovers(*data_directory().glob(f"{STAGING}*"), *unfinished)

    def _build_data_dir(self, given_data_dir: str | None) -> tuple[str, str]:
        # `tfds.testing.mock_data` passes the mock's folder to the base class.
        return super()._build_data_dir(str(data_directory()))

    def _log_download_bytes(self) -> None:
        """Print nothing: `open_source` has announced it."""

    def _log_download_done(self) -> None:
        """Print nothing."""

    def _info(self) -> tfds.core.DatasetInfo:
        information = self.data_set.information
        return tfds.core.DatasetInfo(
            builder=self,
            description=information.description,
            features=tfds.features.FeaturesDict(
                {name: _feature(kind) for name, kind in self.data_set.features.items()}
            ),
            homepage=information.homepage,
            citation=information.citation,
            license=information.licence,
            metadata=tfds.core.MetadataDict(),
            # Staging has already shuffled, by a key that does not depend on TFDS.
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        staging = self._staging
        for example in self.data_set.raw_examples():
            staging.add(example)
        fractions = {
            "validation": self.data_set.options["validation_fraction"],
            "test": self.data_set.options["test_fraction"],
        }
        staging.assign_splits(fractions, self.data_set.options["split_seed"])
        counts = staging.report.counts
        if TRAIN not in counts:
            raise UserError(
                f"{self.data_set.information.name}: no example is left to train on: give more data."
            )
        self.data_set.check_staged(staging)
        self.info.metadata["report"] = {**asdict(staging.report), **self.data_set.left_out}
        self.info.metadata["digests"] = self.data_set.digests
        self.info.metadata["options"] = self.data_set.options
        return {split: self._generate_examples(split) for split in SPLITS if split in counts}

    def _generate_examples(self, split: str) -> Iterator[tuple[int, dict[str, Any]]]:
        for number, features in enumerate(self._staging.examples(split)):
            yield number, self.data_set.completed(features)

    def _remove_empty_folders(self) -> None:
        """Remove folders that stayed empty because preparation failed or nothing was downloaded."""
        for folder in (self.data_path.parent, data_directory() / "downloads" / "extracted"):
            while folder != data_directory() and folder.exists() and not any(folder.iterdir()):
                shutil.rmtree(folder)
                folder = folder.parent


def builder_of(data_set: DataSet) -> SequenceBuilder:
    """Make the builder of a data set, named for its class."""
    builder_class = type(
        type(data_set).__name__, (SequenceBuilder,), {"VERSION": tfds.core.Version(data_set.version)}
    )
    return builder_class(data_set)


def _feature(kind: Feature) -> Any:
    if kind == "texts":
        return tfds.features.Sequence(tfds.features.Text())
    if kind == "integer":
        return tfds.features.Scalar(np.int32)
    # The content of a file is a byte string without an encoding.
    return tfds.features.Text() if kind == "text" else tfds.features.Scalar(dtype=np.object_)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence TFDS's warning, at every start, that a configuration is not listed in its class."""
    verbosity = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
