"""Builders of labelled examples: what their labels must be, and the user's own tables."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds

from common.data.builder import SequenceBuilder
from common.data.information import SourceInformation
from common.data.staging import RawExample, StagingTable, Stratum
from common.data.tables import check_table, labelled_rows
from common.errors import UserError
from common.files import file_digest


def labelled_features(name: str) -> dict[str, Any]:
    """Features of a string of this name and its label."""
    return {name: tfds.features.Text(), "label": tfds.features.Text()}


def labelled_example(
    name: str, value: str, label: str, origin: str, split: str | None = None, group: str | None = None
) -> RawExample:
    """Make a raw example of a labelled string: the string finds duplicates, the label is the stratum."""
    return RawExample({name: value, "label": label}, value, origin, split, group, stratum=label)


class LabelledExamples(SequenceBuilder):
    """Base of the sources of labelled examples: `features` are a string and its label, also a string."""

    def check_staged(self, staging: StagingTable) -> None:
        """Raise a UserError if a split is empty or the labels cannot be learned from it."""
        by_split: dict[str, list[Stratum]] = defaultdict(list)
        for stratum in staging.strata():
            by_split[stratum.split].append(stratum)
        self._check_labels(by_split)
        for split in ("validation", "test"):
            if split not in by_split and (self.options[f"{split}_fraction"] > 0 or self.has_own(split)):
                raise UserError(
                    f"{self.information.name}: no example is left for the {split} split: give more examples "
                    "that are not equal, at least 3 of a label."
                )

    def has_own(self, split: str) -> bool:
        """Say whether a split is given with the data, not cut from train."""
        return False

    def _check_labels(self, by_split: Mapping[str, list[Stratum]]) -> None:
        trained = {stratum.name for stratum in by_split["train"]}
        for split in ("validation", "test"):
            for stratum in by_split.get(split, []):
                if stratum.name not in trained:
                    raise UserError(
                        f"{stratum.first_origin}: the label {stratum.name!r} of the {split} split is not in "
                        f"the training data: use one of {_listed(trained)}, or train on examples of it."
                    )
        if len(trained) < 2:
            raise UserError(
                f"{self.information.name}: every example has the label {_listed(trained)}: give examples of "
                "at least two labels."
            )
        for stratum in by_split["train"]:
            if stratum.count < 2:
                raise UserError(
                    f"{stratum.first_origin}: too few examples have the label {stratum.name!r}: one is left "
                    "to train on beside those for validation and test; add some, or correct the label."
                )


class LabelledTable(LabelledExamples):
    """The user's own tables, prepared again whenever their content or an option changes.

    Subclasses set `feature`, the name of the string in a raw example.
    """

    feature: str

    def __init__(
        self,
        *,
        files: Mapping[str, Path],
        column: str,
        label_column: str,
        skip_bad_rows: bool,
        **options: Any,
    ) -> None:
        """Look for prepared data of files with this content.

        Args:
            files: by split; validation and test are cut from train where they are not given.
            column: name of the column with the string.
            label_column: name of the column with the label.
            skip_bad_rows: leave bad rows out and count them, instead of stopping at the first.
            **options: those of `SequenceBuilder`.

        Raises:
            UserError: a file is not there.
        """
        self.files = {split: check_table(path) for split, path in files.items()}
        self.features = labelled_features(self.feature)
        self.information = SourceInformation(
            name=self.files["train"].name,
            description="Your own file.",
            licence="",
            citation="",
            homepage="",
        )
        digests = {split: file_digest(path) for split, path in self.files.items()}
        columns = {f"{self.feature}_column": column, "label_column": label_column}
        super().__init__(digests=digests, skip_bad_rows=skip_bad_rows, **columns, **options)

    def has_own(self, split: str) -> bool:
        """Whether the split has a file."""
        return split in self.files

    def raw_examples(self, download_manager: tfds.download.DownloadManager) -> Iterator[RawExample]:
        """Yield the rows of all files."""
        columns = self.options[f"{self.feature}_column"], self.options["label_column"]
        skip = self.options["skip_bad_rows"]
        for split, path in self.files.items():
            official = split if len(self.files) > 1 else None
            for row in labelled_rows(path, *columns, skip, on_bad_row=self.skip_row, feature=self.feature):
                yield labelled_example(self.feature, row[self.feature], row["label"], row["origin"], official)


def _listed(names: set[str]) -> str:
    return ", ".join(repr(name) for name in sorted(names))
