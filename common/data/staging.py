"""Staging of raw examples on disk: a database finds duplicates, assigns splits and shuffles.

The table is a temporary SQLite file, so that memory does not grow with the data: files larger than memory can
be staged.
"""

import json
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import Any

from common.errors import UserError

TRAIN, VALIDATION, TEST = "train", "validation", "test"
SPLITS = (TRAIN, VALIDATION, TEST)
# Of two equal examples, the one whose split has the higher priority is kept.
PRIORITY = {None: -1, TRAIN: 0, VALIDATION: 1, TEST: 2}

# Prefix of the folders of temporary tables.
STAGING = "staging."

SCHEMA = """
CREATE TABLE examples (
    position INTEGER PRIMARY KEY, features TEXT, key BLOB, origin TEXT, split TEXT, priority INTEGER,
    family TEXT, stratum TEXT, shuffle BLOB
);
"""


@dataclass(frozen=True)
class RawExample:
    """One example as read from its source.

    Attributes:
        features: by name; values must be JSON-serialisable.
        duplicate_key: text by which duplicates are found, ignoring whitespace and case.
        origin: where it was read, e.g. "reviews.csv:12".
        split: official split, or None if splits are to be assigned.
        group: examples of one group (e.g. reviews of one film) go to the same split.
        stratum: for stratified splits, usually the label.
    """

    features: Mapping[str, Any]
    duplicate_key: str
    origin: str
    split: str | None = None
    group: str | None = None
    stratum: str | None = None


@dataclass
class StagingReport:
    """Result of staging.

    Attributes:
        counts: examples by split.
        duplicates_dropped: examples dropped as duplicates.
        conflicting_duplicates: dropped duplicates whose stratum (label) differs from the kept example's.
        duplicates_across_splits: dropped duplicates whose kept example is in another official split.
    """

    counts: dict[str, int] = field(default_factory=dict)
    duplicates_dropped: int = 0
    conflicting_duplicates: int = 0
    duplicates_across_splits: int = 0


@dataclass(frozen=True)
class Stratum:
    """Count of a label in a split, and where it first occurs."""

    split: str
    name: str
    count: int
    first_origin: str


class StagingTable:
    """Temporary table of raw examples, as a context manager that removes its file at the end.

    Call `add` for every example, `assign_splits` once, then `examples` for each split.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """Create the table's file.

        Args:
            folder: for the temporary file; None for the system's default.
        """
        self.report = StagingReport()
        self._temporary = tempfile.TemporaryDirectory(prefix=STAGING, dir=folder)
        self._database = sqlite3.connect(Path(self._temporary.name) / "examples.sqlite", isolation_level=None)
        # The file only lives as long as this object, so it need not survive a crash.
        for setting in ("journal_mode=OFF", "synchronous=OFF", "temp_store=FILE", "cache_size=-8000"):
            self._database.execute(f"PRAGMA {setting}")
        self._database.executescript(SCHEMA)
        self._database.execute("BEGIN")

    def __enter__(self) -> "StagingTable":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._database.close()
        self._temporary.cleanup()

    def add(self, example: RawExample) -> None:
        """Stage one example."""
        self._database.execute(
            "INSERT INTO examples (features, key, origin, split, priority, family, stratum)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                json.dumps(dict(example.features)),
                _digest(" ".join(example.duplicate_key.split()).casefold()),
                example.origin,
                example.split,
                PRIORITY[example.split],
                example.group,
                example.stratum or "",
            ),
        )

    def assign_splits(self, fractions: Mapping[str, float], seed: int) -> None:
        """Drop duplicates, assign a split to every example and shuffle each split.

        Of duplicates only one example is kept: test takes precedence over validation, and validation over
        train, so that no evaluated example is trained on; within a split the first is kept. Duplicates within
        an official test split are all kept, because published scores count them. Splits that are not official
        are cut from the other examples (from train if there are official splits), by the rank of a hash keyed
        with the seed: each stratum contributes its exact fraction and, if it has three examples, at least one
        to each split. Groups of examples are never divided.

        Args:
            fractions: of "validation" and "test", for splits that are not official; 0 for no such split.
            seed: of the splits and the order.

        Raises:
            UserError: the fractions leave nothing to train on.
        """
        self._drop_duplicates()
        official = {split for (split,) in self._query("SELECT DISTINCT split FROM examples")}
        if None in official and len(official) > 1:
            raise ValueError("Either all raw examples must have an official split, or none.")
        missing = {split: fractions.get(split, 0.0) for split in (TEST, VALIDATION) if split not in official}
        if sum(missing.values()) >= 1 or min(missing.values(), default=0) < 0:
            raise UserError(
                f"The fractions {missing} leave nothing to train on: set fractions with a sum below 1."
            )
        self._database.execute("UPDATE examples SET split = ? WHERE split IS NULL", (TRAIN,))
        self._cut_from_train({split: fraction for split, fraction in missing.items() if fraction > 0}, seed)
        self._shuffle(seed)
        self.report.counts = {
            split: count
            for split in SPLITS
            for (count,) in self._query("SELECT COUNT(*) FROM examples WHERE split = ?", split)
            if count
        }

    def examples(self, split: str) -> Iterator[dict[str, Any]]:
        """Yield the features of a split's examples, shuffled, always in the same order."""
        query = "SELECT features FROM examples WHERE split = ? ORDER BY split, shuffle, position"
        for (features,) in self._query(query, split):
            yield json.loads(features)

    def strata(self) -> Iterator[Stratum]:
        """Yield the strata of every split, with their counts and first origins."""
        rows = self._query(
            "SELECT split, stratum, COUNT(*), origin, MIN(position) FROM examples GROUP BY split, stratum"
        )
        for split, name, count, origin, _ in rows:
            yield Stratum(split, name, count, origin)

    def _query(self, query: str, *values: Any) -> sqlite3.Cursor:
        return self._database.execute(query, values)

    def _function(self, name: str, function: Callable[[Any], bytes]) -> None:
        self._database.create_function(name, 1, function, deterministic=True)

    def _drop_duplicates(self) -> None:
        """Collect the example to keep for each key in a separate table, then delete the others."""
        self._query(
            "CREATE TEMP TABLE best AS SELECT key, position, priority, stratum FROM ("
            " SELECT *, row_number() OVER (PARTITION BY key ORDER BY priority DESC, position) AS place"
            " FROM (SELECT key, position, priority, stratum FROM examples)) WHERE place = 1"
        )
        self._query("CREATE UNIQUE INDEX temp.best_keys ON best (key)")
        self._query(
            "CREATE TEMP TABLE losers AS SELECT e.position AS position, e.stratum != b.stratum AS conflicts,"
            " e.priority != b.priority AS across"
            " FROM examples e JOIN best b ON e.key = b.key"
            " WHERE e.position != b.position AND e.priority != ?",
            PRIORITY[TEST],
        )
        totals = self._query("SELECT COUNT(*), TOTAL(conflicts), TOTAL(across) FROM losers").fetchone()
        self.report.duplicates_dropped, conflicts, across = totals
        self.report.conflicting_duplicates, self.report.duplicates_across_splits = int(conflicts), int(across)
        self._query("DELETE FROM examples WHERE position IN (SELECT position FROM losers)")
        self._query("DROP TABLE losers")
        self._query("DROP TABLE best")

    def _cut_from_train(self, fractions: dict[str, float], seed: int) -> None:
        if not fractions:
            return
        self._function("split_rank", lambda value: _digest(value, seed, b"split"))
        grouped = self._query("SELECT 1 FROM examples WHERE split = ? AND family IS NOT NULL LIMIT 1", TRAIN)
        if grouped.fetchone():
            self._cut_groups(fractions)
        else:
            self._cut_examples(fractions)

    def _cut_examples(self, fractions: dict[str, float]) -> None:
        """Assign each split its exact number of examples from each stratum, by rank."""
        self._query(
            "CREATE TEMP TABLE ranked AS SELECT position, stratum, row_number() OVER ("
            " PARTITION BY stratum ORDER BY split_rank(key), position) AS place"
            " FROM (SELECT position, stratum, key FROM examples WHERE split = ?)",
            TRAIN,
        )
        self._query("CREATE INDEX temp.ranked_places ON ranked (stratum, place)")
        sizes = self._query("SELECT stratum, COUNT(*) FROM ranked GROUP BY stratum").fetchall()
        for stratum, size in sizes:
            start = 0
            for split, count in _shares(size, fractions).items():
                self._query(
                    "UPDATE examples SET split = ? WHERE position IN (SELECT position FROM ranked"
                    " WHERE stratum = ? AND place > ? AND place <= ?)",
                    split,
                    stratum,
                    start,
                    start + count,
                )
                start += count
        self._query("DROP TABLE ranked")

    def _cut_groups(self, fractions: dict[str, float]) -> None:
        """Assign whole groups to each split, by rank, until it has its fraction of the examples.

        Before that, each split gets one group of every stratum, starting with the rarest, as long as there
        are enough groups.
        """
        self._query(
            "CREATE TEMP TABLE groups AS SELECT family, rank, size, NULL AS split FROM ("
            " SELECT family, split_rank(family) AS rank, COUNT(*) AS size FROM ("
            "  SELECT coalesce(family, hex(key)) AS family FROM examples WHERE split = ?) GROUP BY family)",
            TRAIN,
        )
        self._query("CREATE UNIQUE INDEX temp.group_ranks ON groups (rank, family)")
        self._query("CREATE INDEX temp.group_families ON groups (family)")
        self._query(
            "CREATE TEMP TABLE members AS SELECT DISTINCT coalesce(family, hex(key)) AS family, stratum"
            " FROM examples WHERE split = ?",
            TRAIN,
        )
        self._query("CREATE INDEX temp.member_strata ON members (stratum, family)")
        self._reserve_groups([*fractions, TRAIN])
        (total,) = self._query("SELECT TOTAL(size) FROM groups").fetchone()
        for split, fraction in fractions.items():
            self._fill_split(split, round(fraction * total))
        self._query(
            "UPDATE examples SET split = (SELECT g.split FROM groups g"
            " WHERE g.family = coalesce(examples.family, hex(examples.key)))"
            " WHERE split = ? AND coalesce(family, hex(key)) IN"
            " (SELECT family FROM groups WHERE split IS NOT NULL)",
            TRAIN,
        )
        self._query("DROP TABLE groups")
        self._query("DROP TABLE members")

    def _reserve_groups(self, splits: list[str]) -> None:
        strata = self._query(
            "SELECT stratum FROM members GROUP BY stratum ORDER BY COUNT(*), stratum"
        ).fetchall()
        held = "FROM members m JOIN groups g ON g.family = m.family WHERE m.stratum = ?"
        for (stratum,) in strata:
            for split in splits:
                if self._query(f"SELECT 1 {held} AND g.split = ? LIMIT 1", stratum, split).fetchone():
                    continue
                free = self._query(
                    f"SELECT g.family {held} AND g.split IS NULL ORDER BY g.rank, g.family LIMIT 1", stratum
                ).fetchone()
                if free:
                    self._query("UPDATE groups SET split = ? WHERE family = ?", split, free[0])

    def _fill_split(self, split: str, size: int) -> None:
        (current_size,) = self._query("SELECT TOTAL(size) FROM groups WHERE split = ?", split).fetchone()
        self._query(
            "UPDATE groups SET split = ? WHERE family IN (SELECT family FROM ("
            " SELECT family, size, SUM(size) OVER (ORDER BY rank, family) AS reached"
            " FROM groups WHERE split IS NULL) WHERE reached - size < ?)",
            split,
            size - int(current_size),
        )

    def _shuffle(self, seed: int) -> None:
        self._function("shuffle_rank", lambda value: _digest(value, seed, b"order"))
        self._query("UPDATE examples SET shuffle = shuffle_rank(key)")
        self._query("CREATE INDEX shuffled ON examples (split, shuffle, position)")


def _digest(value: str | bytes, seed: int | None = None, purpose: bytes = b"") -> bytes:
    """Hash a text to 16 bytes; hashes with different seeds or purposes are independent."""
    content = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
    key = b"" if seed is None else str(seed).encode()
    return blake2b(content, digest_size=16, key=key, person=purpose).digest()


def _shares(size: int, fractions: Mapping[str, float]) -> dict[str, int]:
    """Compute how many of `size` examples each split gets; the rest is for training."""
    shares = {split: int(size * fraction + 0.5) for split, fraction in fractions.items()}
    if size > len(fractions):
        shares = {split: max(1, count) for split, count in shares.items()}
    while sum(shares.values()) >= size and sum(shares.values()) > 0:
        largest = max(shares, key=lambda split: shares[split])
        shares[largest] -= 1
    return shares
