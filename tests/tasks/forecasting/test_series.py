import numpy as np
import pandas as pd
import pytest
from series_case import hourly

from common.errors import UserError
from tasks.forecasting.series import (
    Columns,
    infer_frequency,
    parse_times,
    read_series,
    seasons_of,
    step_seconds,
)

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


@pytest.mark.parametrize(
    ("frequency", "seasons", "seconds"),
    [
        ("15min", [96, 672], 900),
        ("h", [24, 168], 3600),
        ("D", [7], 86400),
        ("B", [5], 86400),
        ("W-SUN", [52], 604800),
        ("MS", [12], 365.2425 * 86400 / 12),
        ("QE-DEC", [4], 365.2425 * 86400 / 4),
        ("YS-JAN", [1], 365.2425 * 86400),
    ],
)
def test_frequency_is_found_where_steps_are_missing_too(frequency, seasons, seconds):
    times = pd.date_range("2020-01-01", periods=40, freq=frequency).as_unit("s")
    whole, holed = infer_frequency(times), infer_frequency(times.delete([7, 8, 20]))
    for found in (whole, holed):
        grid = pd.date_range(times[0], periods=40, freq=found).as_unit("s")
        assert grid.equals(times)
        assert step_seconds(found) == pytest.approx(seconds)
    assert seasons_of(whole) == seasons


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
    with pytest.raises(UserError, match=r"table.csv:10: the time 2024-01-01 07:00:00 is there twice"):
        read_series(path, COLUMNS)
    found = read_series(path, COLUMNS, fill="previous")
    assert (len(found.series[0]), found.report) == (20, {"doubles_dropped": 1})


def test_times_of_one_zone_keep_their_clock():
    texts = pd.Series(["2024-01-01T10:00:00+10:00", "2024-01-01T11:00:00+10:00"])
    times, zone = parse_times(texts, ["a:1", "a:2"])
    assert (str(times[0]), zone) == ("2024-01-01 10:00:00", "+10:00")


def changed(row, column, value):
    table = hourly(30).astype({"units": object, "date": object})
    table.loc[row, column] = value
    return table


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (changed(4, "date", "soon"), r"table.csv:6: the time 'soon' cannot be read: write it like '2024"),
        (changed(4, "date", "2024-01-01 04:00+02:00"), r"table.csv:6: mixed time zones: .*\+02:00.* no zone"),
        (changed(4, "date", "2023-01-01 04:00"), r"table.csv:6: the time 2023-01-01 .* out of order"),
        (changed(4, "date", "2024-01-01 04:30"), r"table.csv:6: the time .* does not fit|regular step"),
        (changed(4, "units", "many"), r"table.csv:6: 'many' in the column 'units' is no number"),
        (changed(4, "units", "inf"), r"table.csv:6: 'inf' in the column 'units' is infinite"),
        (changed(4, "units", ""), r"table.csv:6: the cell of the column 'units' is empty"),
        (changed(4, "units", "NaN"), r"table.csv:6: the cell of the column 'units' is empty"),
        (hourly(30).drop(columns="units"), r"table.csv:1: there is no column 'units'"),
        (hourly(30)[:0], r"has a header but no rows"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path, table, message):
    with pytest.raises(UserError, match=message):
        read_series(written(tmp_path, table), COLUMNS)


@pytest.mark.parametrize("written_as", ["%d/%m/%Y", "%d.%m.%Y", "%m/%d/%Y", "%d-%b-%Y", "%Y-%m-%d"])
def test_days_may_stand_before_months(written_as):
    days = pd.Series(pd.date_range("2024-02-01", periods=40))
    times, _ = parse_times(days.dt.strftime(written_as), [""] * 40)
    assert list(times) == list(days)


def test_one_wrong_time_step_is_named_with_its_line(tmp_path):
    with pytest.raises(
        UserError, match=r"table.csv:6: the time 2024-01-01 04:30:00 does not fit a step of h"
    ):
        read_series(written(tmp_path, changed(4, "date", "2024-01-01 04:30")), COLUMNS, frequency="h")


def test_rows_ahead_have_known_columns_alone(tmp_path):
    table = hourly(30)
    table.loc[25:, ["units", "warmth"]] = np.nan
    columns = Columns("date", ("units",), ("warmth",), ("holiday",))
    (series,) = read_series(written(tmp_path, table), columns, with_future=True).series
    assert len(series) == 25
    assert len(series.known) == len(series.times) == 30
