"""Base of this project's TFDS builders: raw examples are staged, then written by TFDS as any data set is."""

import abc
import contextlib
import hashlib
import json
import shutil
import sqlite3
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar

import tensorflow_datasets as tfds
from absl import logging
from tensorflow_datasets.core.constants import INCOMPLETE_PREFIX

from common.data.information import SourceInformation, data_directory, manual_directory, manual_file
from common.data.staging import SPLITS, STAGING, TRAIN, RawExample, StagingTable
from common.errors import UserError
from common.files import disk_is_full, file_digest, is_disk_full, locked, remove_leftovers

FRACTIONS = {"validation": 0.1, "test": 0.1}


if tfds.core.DatasetBuilder.download_and_prepare.__module__ == tfds.testing.mock_data.__module__:
    raise RuntimeError("Import common.data.builder before tfds.testing.mock_data is entered.")


class SequenceBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """A source of raw examples, prepared once and read by TFDS.

    Subclasses set `information`, `features` and `VERSION`, and write `raw_examples`. They are not registered,
    so their names cannot clash with the catalogue's.
    """

    VERSION = tfds.core.Version("1.0.0")
    MANUAL_DOWNLOAD_INSTRUCTIONS = "Place the files as the source's description says."
    information: SourceInformation
    features: Mapping[str, Any]
    # Those that are no text, but the content of a file.
    binary_features: ClassVar[tuple[str, ...]] = ()

    # `tfds.testing.mock_data` replaces these methods of the base class for every builder. It is meant to
    # stand in for downloads of the catalogue; what we prepare from them is to be real, so the originals are
    # kept.
    _prepare = tfds.core.GeneratorBasedBuilder.download_and_prepare
    _as_dataset = tfds.core.GeneratorBasedBuilder._as_dataset
    as_dataset = tfds.core.GeneratorBasedBuilder.as_dataset

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(skip_registration=True, **options)

    def __init__(
        self,
        *,
        validation_fraction: float = FRACTIONS["validation"],
        test_fraction: float = FRACTIONS["test"],
        split_seed: int = 0,
        **options: Any,
    ) -> None:
        """Look for prepared data with these options.

        Args:
            validation_fraction: share of the examples kept for validation where no split for it is official.
            test_fraction: the same for test.
            split_seed: another seed gives other splits and another order.
            **options: what else changes the data, by name; values that JSON can hold.
        """
        self.options: dict[str, Any] = {
            "validation_fraction": validation_fraction,
            "test_fraction": test_fraction,
            "split_seed": split_seed,
            **options,
        }
        self._digests: dict[str, str] = {}
        self._left_out: Counter[str] = Counter(rows_skipped=0)
        self._staging: StagingTable | None = None
        identity = hashlib.sha256(json.dumps(self.options, sort_keys=True).encode()).hexdigest()[:16]
        config = tfds.core.BuilderConfig(name=f"options_{identity}", description=json.dumps(self.options))
        with _quiet():
            super().__init__(data_dir=data_directory(), config=config)

    @abc.abstractmethod
    def raw_examples(self, download_manager: tfds.download.DownloadManager) -> Iterator[RawExample]:
        """Yield every example of the source, in any order; called once."""

    def check_staged(self, staging: StagingTable) -> None:
        """Raise a UserError if the examples, whose splits are assigned, cannot be used."""

    def record_digest(self, name: str, digest: str) -> None:
        """Note the content of something that was read: it becomes part of the source's fingerprint."""
        self._digests[name] = digest

    def skip_row(self, error: UserError) -> None:
        """Count a bad row that is left out."""
        self.leave_out("rows_skipped")

    def leave_out(self, reason: str) -> None:
        """Count something that is left out, under the name that the source's report gives it."""
        self._left_out[reason] += 1

    def manual_file(self, relative: str) -> Path:
        """Find a file in the manual directory and note its digest.

        Raises:
            UserError: it is not there.
        """
        path = manual_file(self.information, relative)
        self.record_digest(relative, file_digest(path))
        return path

    def is_prepared(self) -> bool:
        """Say whether the data is on disk already, and has been looked at."""
        return self.info.initialized

    def download_and_prepare(self, **options: Any) -> None:
        """Stage and write the data, unless that was done before.

        Raises:
            UserError: the data cannot be had or is wrong; nothing half-written stays.
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
                f"The data folder {folder} cannot be made ({error.strerror}): set TFDS_DATA_DIR to one that "
                "can."
            ) from error
        busy = f"Another process is preparing data in {folder}; waiting for its end."
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
                f"The examples cannot be staged in {folder} ({error}): free some space there, or set "
                "TFDS_DATA_DIR to another folder."
            ) from error
        except (OSError, RuntimeError) as error:  # TFDS wraps what TensorFlow's writers raise.
            if is_disk_full(error):
                raise disk_is_full(f"the data set {self.information.name} in {folder}") from None
            raise
        finally:
            self._staging = None
            self._remove_empty_folders()

    def _remove_leftovers(self) -> None:
        """Remove what a killed process left of this source; the catalogue's own builders see to theirs."""
        unfinished = self.data_path.parents[1].glob(f"*/{INCOMPLETE_PREFIX}*")
        remove_leftovers(*data_directory().glob(f"{STAGING}*"), *unfinished)

    def _build_data_dir(self, given_data_dir: str | None) -> tuple[str, str]:
        # Under `tfds.testing.mock_data` the base class is given the folder of the mock.
        return super()._build_data_dir(str(data_directory()))

    def _log_download_bytes(self) -> None:
        """Print nothing: `open_source` has said it."""

    def _log_download_done(self) -> None:
        """Print nothing."""

    def _info(self) -> tfds.core.DatasetInfo:
        information = self.information
        return tfds.core.DatasetInfo(
            builder=self,
            description=information.description,
            features=tfds.features.FeaturesDict(dict(self.features)),
            homepage=information.homepage,
            citation=information.citation,
            license=information.licence,
            metadata=tfds.core.MetadataDict(),
            # Staging has shuffled already, by a key that does not depend on TFDS.
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        staging = self._staging
        for example in self.raw_examples(dl_manager):
            staging.add(example)
        fractions = {"validation": self.options["validation_fraction"], "test": self.options["test_fraction"]}
        staging.assign_splits(fractions, self.options["split_seed"])
        counts = staging.report.counts
        if TRAIN not in counts:
            raise UserError(f"{self.information.name}: there is no example left to train on: give more data.")
        self.check_staged(staging)
        self.info.metadata["report"] = {**asdict(staging.report), **self._left_out}
        self.info.metadata["digests"] = self._digests
        self.info.metadata["options"] = self.options
        return {split: self._generate_examples(split) for split in SPLITS if split in counts}

    def _generate_examples(self, split: str) -> Iterator[tuple[int, dict[str, Any]]]:
        yield from enumerate(self._staging.examples(split))

    def _remove_empty_folders(self) -> None:
        """Remove the folders made for data that could not be prepared, and for downloads that were none."""
        for folder in (self.data_path.parent, data_directory() / "downloads" / "extracted"):
            while folder != data_directory() and folder.exists() and not any(folder.iterdir()):
                shutil.rmtree(folder)
                folder = folder.parent


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep TFDS from warning, at every start, that a configuration is not one of its class."""
    verbosity = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
