"""Labelled examples: checks of their labels, and the user's own tables."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from common.data.bad_rows import BadRows
from common.data.data_set import DataSet, Feature, files_by_split, official_split, own_information
from common.data.labelled_file import LabelledFile
from common.data.staging import RawExample, StagingTable, Stratum
from common.data.tables.labelled import labelled_rows
from common.data.tables.rows import check_table
from common.errors import UserError
from common.files import file_digest


def labelled_features(name: str) -> dict[str, Feature]:
    """Features of a string of this name and its label."""
    return {name: "text", "label": "text"}


def labelled_example(
    name: str, value: str, label: str, origin: str, split: str | None = None, group: str | None = None
) -> RawExample:
    """Create a raw example of a labelled string; the string is the duplicate key, the label the stratum."""
    return RawExample({name: value, "label": label}, value, origin, split, group, stratum=label)


class LabelledExamples(DataSet):
    """Base class for sources of labelled examples; `features` are a string and its label, also a string."""

    def check_staged(self, staging: StagingTable) -> None:
        """Raise a UserError if a split is empty or its labels do not fit the training data."""
        by_split: dict[str, list[Stratum]] = defaultdict(list)
        for stratum in staging.strata():
            by_split[stratum.split].append(stratum)
        self._check_labels(by_split)
        for split in ("validation", "test"):
            if split not in by_split and (self.options[f"{split}_fraction"] > 0 or self.has_own(split)):
                raise UserError(
                    f"{self.information.name}: no example is left for the {split} split: give at least 3 "
                    "different examples per label."
                )

    def _check_labels(self, by_split: Mapping[str, list[Stratum]]) -> None:
        training_labels = {stratum.name for stratum in by_split["train"]}
        for split in ("validation", "test"):
            for stratum in by_split.get(split, []):
                if stratum.name not in training_labels:
                    raise UserError(
                        f"{stratum.first_origin}: the label {stratum.name!r} of the {split} split is not in "
                        f"the training data: use one of {_listed(training_labels)}, or add training examples."
                    )
        if len(training_labels) < 2:
            raise UserError(
                f"{self.information.name}: every example has the label {_listed(training_labels)}: give "
                "examples of at least two labels."
            )
        for stratum in by_split["train"]:
            if stratum.count < 2:
                raise UserError(
                    f"{stratum.first_origin}: too few examples have the label {stratum.name!r}: only one is "
                    "left to train on after validation and test; add some, or correct the label."
                )


class LabelledTable(LabelledExamples):
    """The user's own tables, prepared again if their content or an option changes.

    Subclasses set `feature`, the name of the string in a raw example, and `features`.
    """

    feature: ClassVar[str]

    def __init__(
        self,
        *,
        files: Mapping[str, Path],
        column: str,
        label_column: str,
        skip_bad_rows: bool,
        **options: Any,
    ) -> None:
        """Create the data set.

        Args:
            files: by split; if validation or test is missing, it is cut from train.
            column: name of the column with the string.
            label_column: name of the column with the label.
            skip_bad_rows: whether to skip and count bad rows instead of stopping at the first.
            **options: those of `DataSet`.

        Raises:
            UserError: a file is missing.
        """
        self.files = {split: check_table(path) for split, path in files.items()}
        self.information = own_information(self.files["train"])
        digests = {split: file_digest(path) for split, path in self.files.items()}
        columns = {f"{self.feature}_column": column, "label_column": label_column}
        super().__init__(digests=digests, skip_bad_rows=skip_bad_rows, **columns, **options)

    @classmethod
    def options_from(cls, settings: Any) -> dict[str, Any]:
        """The files and their columns."""
        data = settings.data
        return {
            "files": files_by_split(data),
            "column": getattr(data, f"{cls.feature}_column"),
            "label_column": data.label_column,
            "skip_bad_rows": data.skip_bad_rows,
        }

    @classmethod
    def problem_of(cls, value: str) -> str:
        """Return what is wrong with a string, to be appended to its name; empty if it is valid."""
        return ""

    @classmethod
    def labelled_file(cls, path: Path, settings: Any, labels: list[str]) -> LabelledFile:
        """Open another file of this kind, whose labels must be among `labels`."""
        data = settings.data
        columns = getattr(data, f"{cls.feature}_column"), data.label_column

        def read(on_bad_row: Callable[[UserError], None]) -> Iterator[dict[str, str]]:
            for row in cls._rows(path, *columns, BadRows(data.skip_bad_rows, on_bad_row), labels):
                yield {cls.feature: row[cls.feature], "label": row["label"]}

        return LabelledFile.counted(read)

    def has_own(self, split: str) -> bool:
        """Return whether the split has a file."""
        return split in self.files

    def raw_examples(self) -> Iterator[RawExample]:
        """Yield the rows of all files."""
        columns = self.options[f"{self.feature}_column"], self.options["label_column"]
        bad_rows = BadRows(self.options["skip_bad_rows"], self.skip_row)
        for split, path in self.files.items():
            official = official_split(split, self.files)
            for row in self._rows(path, *columns, bad_rows):
                yield labelled_example(self.feature, row[self.feature], row["label"], row["origin"], official)

    @classmethod
    def _rows(cls, path: Path, *reading: Any) -> Iterator[dict[str, str]]:
        return labelled_rows(path, *reading, feature=cls.feature, problem_of=cls.problem_of)


def _listed(names: set[str]) -> str:
    return ", ".join(repr(name) for name in sorted(names))
