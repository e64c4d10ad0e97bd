import numpy as np
import pandas as pd
import pytest
from support.series_case import hourly

from common.errors import UserError
from tasks.forecasting.series import Columns, read_series

COLUMNS = Columns("date", ("units",))


def written(tmp_path, table):
    table.to_csv(tmp_path / "table.csv", index=False)
    return tmp_path / "table.csv"


def test_wide_table(tmp_path):
    table = hourly(60)
    columns = Columns("date", ("units",), ("warmth",), ("holiday",))
    found = read_series(written(tmp_path, table), columns)
    (series,) = found.series
    assert found.frequency == "h"
    np.testing.assert_array_equal(series.values, table[["units", "warmth"]])
    np.testing.assert_array_equal(series.known[:, 0], table["holiday"])
    assert series.times[1] == pd.Timestamp("2024-01-01 01:00")


def test_long_table_keeps_each_series_apart(tmp_path):
    both = pd.concat([hourly(30, seed=1).assign(shop="a"), hourly(40, seed=2).assign(shop="b")])
    path = written(tmp_path, both.sort_values("date", kind="stable"))
    found = read_series(path, Columns("date", ("units",), identifier="shop"))
    assert [(series.name, len(series)) for series in found.series] == [("a", 30), ("b", 40)]
    np.testing.assert_array_equal(found.series[1].values[:, 0], hourly(40, seed=2)["units"])


def test_missing_steps_and_cells_are_filled_when_asked(tmp_path):
    table = hourly(30)
    table.loc[5, "units"] = np.nan
    path = written(tmp_path, table.drop(index=[10, 11]))
    with pytest.raises(UserError, match=r"table.csv:11: the step 2024-01-01 10:00:00 is missing .*1 more"):
        read_series(path, COLUMNS)
    previous = read_series(path, COLUMNS, fill="previous")
    assert previous.report == {"steps_filled": 2, "cells_filled": 3}
    values = previous.series[0].values[:, 0]
    assert values[5] == table["units"][4]
    assert values[10] == values[11] == table["units"][9]
    straight = read_series(path, COLUMNS, fill="interpolate").series[0].values[:, 0]
    assert straight[5] == pytest.approx((table["units"][4] + table["units"][6]) / 2)
    assert read_series(path, COLUMNS, fill="zero").series[0].values[10, 0] == 0


def test_doubles_are_an_error_or_the_last_counts(tmp_path):
    table = hourly(20)
    path = written(tmp_path, pd.concat([table[:8], table[7:]]))
    with pytest.raises(UserError, match=r"table.csv:10: the time 2024-01-01 07:00:00 occurs twice"):
        read_series(path, COLUMNS)
    found = read_series(path, COLUMNS, fill="previous")
    assert (len(found.series[0]), found.report) == (20, {"doubles_dropped": 1})


def changed(row, column, value):
    table = hourly(30).astype({"units": object, "date": object})
    table.loc[row, column] = value
    return table


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (changed(4, "date", "soon"), r"table.csv:6: the time 'soon' cannot be read: write it like '2024"),
        (changed(4, "date", "2024-01-01 04:00+02:00"), r"table.csv:6: mixed time zones: .*\+02:00.* no zone"),
        (
            changed(4, "date", "2023-01-01 04:00"),
            r"table.csv:6: the time 2023-.* out of order.* DATA_ID",
        ),
        (hourly(2), r"table.csv:2: the series that starts here has 2 rows, too few"),
        (changed(4, "date", "2024-01-01 04:30"), r"table.csv:6: the time .* does not fit|regular step"),
        (changed(4, "units", "many"), r"table.csv:6: 'many' in the column 'units' is not a number"),
        (changed(4, "units", "inf"), r"table.csv:6: 'inf' in the column 'units' is infinite"),
        (changed(4, "units", ""), r"table.csv:6: the column 'units' is empty"),
        (changed(4, "units", "n/a"), r"table.csv:6: the column 'units' is empty"),
        (changed(4, "units", "NaN"), r"table.csv:6: the column 'units' is empty"),
        (hourly(30).drop(columns="units"), r"table.csv:1: column 'units' is missing"),
        (hourly(30)[:0], r"has a header but no rows"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path, table, message):
    with pytest.raises(UserError, match=message):
        read_series(written(tmp_path, table), COLUMNS)


def test_one_wrong_time_step_is_named_with_its_line(tmp_path):
    with pytest.raises(
        UserError, match=r"table.csv:6: the time 2024-01-01 04:30:00 does not fit a time step of h"
    ):
        read_series(written(tmp_path, changed(4, "date", "2024-01-01 04:30")), COLUMNS, frequency="h")


def test_rows_ahead_have_known_columns_alone(tmp_path):
    table = hourly(30)
    table.loc[25:, ["units", "warmth"]] = np.nan
    columns = Columns("date", ("units",), ("warmth",), ("holiday",))
    (series,) = read_series(written(tmp_path, table), columns, with_future=True).series
    assert len(series) == 25
    assert len(series.known) == len(series.times) == 30
