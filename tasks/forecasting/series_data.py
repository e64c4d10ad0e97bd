"""Base classes of data sets of series: columns, tables, official files.

Nothing here imports TensorFlow.
"""

import abc
import gzip
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from common.data.data_set import own_information
from common.data.information import SourceInformation, manual_file
from common.data.tables.rows import check_table
from common.errors import UserError
from tasks.forecasting.borders import Borders, CutSeries, cut_by_shares
from tasks.forecasting.config import ForecastingDataSettings, ForecastingSettings
from tasks.forecasting.series import Columns, SeriesSet, check_ratios, read_series


class SeriesData(abc.ABC):
    """One source of series. Subclasses set the class attributes and implement `read`.

    Not a `common.data.data_set.DataSet`: TFDS would prepare a series as one example, which cannot be split by
    time. Files of series are read directly, which takes a second.

    Attributes:
        information: name, licence, citation and so on.
        columns: of its table, or of a user's table of further steps.
        measures_owa: whether Naive2's forecasts are available, which OWA needs.
    """

    information: ClassVar[SourceInformation]
    columns: ClassVar[Columns]
    measures_owa: ClassVar[bool] = False

    @classmethod
    def answers_to(cls, name: str) -> bool:
        """Return whether this class reads the data set of this name."""
        return name == cls.information.name

    @classmethod
    def columns_for(cls, data: ForecastingDataSettings) -> Columns:
        """Return the columns, with those named in the settings replaced.

        Raises:
            UserError: a column is named twice.
        """
        base = cls.columns
        columns = Columns(
            time=data.time_column or base.time,
            targets=tuple(data.target_columns or base.targets),
            past=base.past if data.past_columns is None else tuple(data.past_columns),
            known=base.known if data.known_columns is None else tuple(data.known_columns),
            identifier=data.id_column or base.identifier,
        )
        named = [columns.time, *columns.targets, *columns.past, *columns.known, columns.identifier]
        for name in named:
            if named.count(name) > 1:
                raise UserError(
                    f"The column {name!r} occurs twice in data.time_column, target_columns, past_columns, "
                    "known_columns and id_column: use it for one of them."
                )
        return columns

    @classmethod
    @abc.abstractmethod
    def read(cls, settings: ForecastingSettings) -> CutSeries:
        """Read the series and split them by time.

        Raises:
            UserError: the data cannot be fetched or is invalid.
        """

    @classmethod
    def read_to_score(cls, path: Path, settings: ForecastingSettings) -> CutSeries:
        """Read a user's table, of which all steps are the test split.

        Raises:
            UserError: the table cannot be read, or a series is too short.
        """
        data = settings.data
        series = cls._read_table(check_table(path), data)
        needed = data.look_back + data.horizon
        for one in series.series:
            if len(one) < needed:
                raise UserError(
                    f"{path}: {one.title} has {len(one):,} steps, but a look-back of {data.look_back:,} and "
                    f"a horizon of {data.horizon:,} need {needed:,}: give more, or remove the series."
                )
        if settings.model.kind == "es_rnn":
            check_ratios(str(path), series)
        borders = [Borders(0, len(one), 0, len(one)) for one in series.series]
        return CutSeries(own_information(path), series, borders)

    @classmethod
    def cut_table(
        cls,
        path: Path,
        settings: ForecastingSettings,
        information: SourceInformation,
        digests: Mapping[str, str],
    ) -> CutSeries:
        """Read a table without official splits, and split it by the fractions in the settings."""
        series = cls._read_table(path, settings.data)
        borders = [cut_by_shares(one, settings) for one in series.series]
        return CutSeries(information, series, borders, digests)

    @classmethod
    def _read_table(cls, path: Path, data: ForecastingDataSettings) -> SeriesSet:
        return read_series(path, cls.columns_for(data), data.frequency, data.fill, data.skip_bad_rows)


class OfficialFiles(SeriesData):
    """Base class for benchmarks whose files the user places, compressed or not."""

    @classmethod
    def official_file(cls, relative: str, digest: str) -> Path:
        """Find a file, and verify that its content is the official one.

        Args:
            relative: path of the uncompressed file below the manual directory.
            digest: SHA-256 of the content.

        Raises:
            UserError: the file does not exist, or has other content.
        """
        try:
            path = manual_file(cls.information, f"{relative}.gz")
        except UserError:
            path = manual_file(cls.information, relative)
        again = f"fetch it again from {cls.information.homepage}."
        opened = gzip.open if path.suffix == ".gz" else open
        try:
            with opened(path, "rb") as file:
                content = file.read()
        except (OSError, EOFError) as error:
            raise UserError(f"{path} is damaged ({error}): {again}") from None
        if hashlib.sha256(content).hexdigest() != digest:
            raise UserError(f"{path} is not the official file: its digest differs; {again}")
        return path
