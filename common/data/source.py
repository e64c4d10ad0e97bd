"""A source of data: named splits of raw examples, with a licence, a citation and counts."""

import abc
import hashlib
import json
from collections.abc import Iterator
from typing import Any

import tensorflow as tf
import tensorflow_datasets as tfds

from common.console import announce
from common.data.builder import SequenceBuilder, builder_of
from common.data.data_set import DataSet
from common.data.examples import dataset_examples
from common.data.information import SourceInformation
from common.errors import UserError


class ExampleSource(abc.ABC):
    """Named splits of raw examples.

    Attributes:
        name: of the data set, or of the user's file.
        information: licence, citation and so on.
        counts: examples by split.
        report: what was left out in preparation, e.g. duplicates_dropped and rows_skipped.
        fingerprint: the same for the same data, splits and order.
    """

    name: str
    information: SourceInformation
    counts: dict[str, int]
    report: dict[str, Any]
    fingerprint: str

    @abc.abstractmethod
    def examples(self, split: str) -> Iterator[dict[str, Any]]:
        """Yield the raw examples of a split in plain Python types, always in the same order.

        Raises:
            UserError: the source has no such split.
        """

    def check_split(self, split: str) -> None:
        """Raise a UserError if the source has no such split."""
        if split not in self.counts:
            raise UserError(
                f"The data of {self.name!r} has no {split!r} split. Valid: {', '.join(self.counts)}."
            )


class Source(ExampleSource):
    """Prepared data: splits of raw examples, streamed from disk."""

    def __init__(self, data_set: DataSet, builder: SequenceBuilder) -> None:
        self._data_set = data_set
        self._builder = builder
        self.information: SourceInformation = data_set.information
        self.name: str = self.information.name
        self.counts: dict[str, int] = {
            split: builder.info.splits[split].num_examples
            for split in ("train", "validation", "test")
            if split in builder.info.splits
        }
        stored = dict(builder.info.metadata or {})
        self.report: dict[str, Any] = stored.get("report", {})
        identity = [builder.name, str(builder.version), data_set.options, stored.get("digests", {})]
        self.fingerprint = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:32]

    def dataset(self, split: str) -> tf.data.Dataset:
        """Read a split, always in the same order.

        Args:
            split: "train", "validation" or "test".

        Returns:
            Data set of dicts from feature name to tensor, streamed from disk.

        Raises:
            UserError: the source has no such split.
        """
        self.check_split(split)
        options = tf.data.Options()
        options.deterministic = True
        # One shard after the other: with interleaving, the order would depend on the number of shards.
        reading = tfds.ReadConfig(options=options, interleave_cycle_length=1, try_autocache=False)
        return self._builder.as_dataset(split=split, shuffle_files=False, read_config=reading)

    def examples(self, split: str) -> Iterator[dict[str, Any]]:
        """Yield a split's examples in plain Python types: str instead of bytes, except for files."""
        binary = {name for name, kind in self._data_set.features.items() if kind == "bytes"}
        return dataset_examples(self.dataset(split), binary)


def open_source(data_set: DataSet) -> Source:
    """Open a data set, preparing it the first time.

    Raises:
        UserError: the data cannot be fetched or is invalid.
    """
    builder = builder_of(data_set)
    if not builder.is_prepared():
        information = data_set.information
        announce(f"Preparing {information.name} in {builder.data_path}")
        if information.licence:
            announce(f"Licence: {information.licence}. Cite: {information.citation}")
        builder.download_and_prepare()
    return Source(data_set, builder)
