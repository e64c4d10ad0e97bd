"""Which metrics and tables the results page has: what benchmarks/metrics.yaml says."""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from benchmarks.entries import Entry, check_entries, read_yaml
from benchmarks.recipe import BENCHMARKS_FOLDER
from common.errors import UserError, unknown_name


class Metric(Entry):
    """How a metric is shown."""

    title: str = Field(description="as readers know it")
    mode: Literal["max", "min"] = Field(description="what is better")
    digits: int = Field(ge=0, description="digits behind the point")
    panel: str = Field("", description="panel of the chart, for metrics that share one; its title if empty")

    def shown(self, value: float, spread: float | None = None) -> str:
        """Write a score, with its standard deviation if there is one."""
        text = f"{value:.{self.digits}f}"
        return text if spread is None else f"{text} ± {spread:.{self.digits}f}"


class Varied(Entry):
    """A setting whose values name the rows or columns of a table."""

    setting: str = Field(description="dotted name, as in SET=")
    title: str = Field(description="what the setting is called in the table")


class Table(Entry):
    """The table that recipes stand in."""

    dataset: str | None = Field(None, description="of which data set; none: of every one")
    part: str | None = Field(None, description="of which part of it; none: of every one")
    metrics: list[str] = Field(min_length=1, description="columns; the first is the one that counts")
    rows: Varied | None = Field(None, description="setting of the rows; none: a row for each model")
    columns: Varied | None = Field(None, description="setting of our columns; none: one column")


class Layout(Entry):
    """What benchmarks/metrics.yaml holds."""

    metrics: dict[str, Metric]
    tables: dict[str, list[Table]]

    def table_of(
        self, task: str, dataset: str, part: str, records: Sequence[dict[str, Any]] = ()
    ) -> Table | None:
        """Find the table of a data set's part.

        Args:
            task: name of the task.
            dataset: name of the data set.
            part: of it, or nothing.
            records: recorded results of the task.

        Returns:
            The first that fits. For a task that metrics.yaml does not name, a table of the recorded metric
            that counts; None before anything is recorded.

        Raises:
            UserError: if metrics.yaml names the task and has no table that fits.
        """
        for found in self.tables.get(task, []):
            if found.dataset in (None, dataset) and found.part in (None, part):
                return found
        if task in self.tables:
            raise UserError(
                f"benchmarks/metrics.yaml has no table for {dataset} of task {task}; add one with its "
                "metrics, then run `make results-page`."
            )
        counting = next((record["metric"] for record in records if record["metric_mode"]), None)
        return Table(metrics=[counting]) if counting else None

    def metric(self, name: str, records: Sequence[dict[str, Any]] = ()) -> Metric:
        """Say how a metric is shown: as metrics.yaml says, else under its name, in the mode that is recorded.

        Raises:
            UserError: if neither metrics.yaml nor a record says it.
        """
        if name in self.metrics:
            return self.metrics[name]
        for record in records:
            if record["metric"] == name and record["metric_mode"]:
                return Metric(title=name, mode=record["metric_mode"], digits=4)
        raise unknown_name("metric", name, self.metrics)


def read_layout() -> Layout:
    """Read benchmarks/metrics.yaml.

    Raises:
        UserError: if it is missing or wrong, or a table has a metric that it does not describe.
    """
    path = BENCHMARKS_FOLDER / "metrics.yaml"
    layout = check_entries(Layout, read_yaml(path), path)
    for tables in layout.tables.values():
        for metric in (name for found in tables for name in found.metrics):
            if metric not in layout.metrics:
                raise unknown_name("metric", metric, layout.metrics)
    return layout
