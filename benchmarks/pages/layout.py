"""Metrics and tables of the results page, from benchmarks/metrics.yaml."""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from benchmarks.entries import Entry, check_entries, read_yaml
from benchmarks.recipe import BENCHMARKS_FOLDER
from common.errors import UserError, unknown_name


class Metric(Entry):
    """How a metric is shown."""

    title: str = Field(description="usual name of the metric")
    mode: Literal["max", "min"] = Field(description="whether larger or smaller is better")
    digits: int = Field(ge=0, description="number of decimals")
    panel: str = Field("", description="panel of the chart, for metrics that share one; default: its title")

    def shown(self, value: float, spread: float | None = None) -> str:
        """Format a score, with its standard deviation if there is one."""
        text = f"{value:.{self.digits}f}"
        return text if spread is None else f"{text} ± {spread:.{self.digits}f}"


class Varied(Entry):
    """A setting that varies over the rows or columns of a table."""

    setting: str = Field(description="dotted name, as in SET=")
    title: str = Field(description="name of the setting in the table")


class Table(Entry):
    """A table of recipes."""

    dataset: str | None = Field(None, description="data set of the table; default: every one")
    part: str | None = Field(None, description="part of the data set; default: every one")
    metrics: list[str] = Field(min_length=1, description="columns; the first is the main metric")
    rows: Varied | None = Field(None, description="setting of the rows; default: a row for each model")
    columns: Varied | None = Field(None, description="setting of our columns; default: one column")


class Layout(Entry):
    """Content of benchmarks/metrics.yaml."""

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
            The first matching table. For a task that is not in metrics.yaml, a table of the recorded main
            metric; None before anything is recorded.

        Raises:
            UserError: if metrics.yaml has the task, but no matching table.
        """
        for table in self.tables.get(task, []):
            if table.dataset in (None, dataset) and table.part in (None, part):
                return table
        if task in self.tables:
            raise UserError(
                f"benchmarks/metrics.yaml has no table for {dataset} of task {task}; add one with its "
                "metrics, then run `make results-page`."
            )
        main_metric = next((record["metric"] for record in records if record["metric_mode"]), None)
        return Table(metrics=[main_metric]) if main_metric else None

    def metric(self, name: str, records: Sequence[dict[str, Any]] = ()) -> Metric:
        """Return how a metric is shown: from metrics.yaml, else by its name and its recorded mode.

        Raises:
            UserError: if neither metrics.yaml nor a record has it.
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
        UserError: if it is missing or invalid, or a table has a metric that it does not describe.
    """
    path = BENCHMARKS_FOLDER / "metrics.yaml"
    layout = check_entries(Layout, read_yaml(path), path)
    for tables in layout.tables.values():
        for metric in (name for table in tables for name in table.metrics):
            if metric not in layout.metrics:
                raise unknown_name("metric", metric, layout.metrics)
    return layout
