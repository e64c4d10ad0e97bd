import pandas as pd
import pytest

from common.errors import UserError
from tasks.forecasting.times import checked_frequency, infer_frequency, parse_times, seasons_of, step_seconds


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


@pytest.mark.parametrize("zone", ["+10:00", "-0330", "+01", "Z", "UTC", ""])
def test_times_of_one_zone_keep_their_clock(zone):
    texts = pd.Series([f"2024-01-01T10:00:00{zone}", f"2024-01-01T11:00:00{zone}"])
    times, found = parse_times(texts, ["a:1", "a:2"])
    assert (str(times[0]), times.tz, found) == ("2024-01-01 10:00:00", None, zone)


@pytest.mark.parametrize(
    "written_as", ["%d/%m/%Y", "%d.%m.%Y", "%m/%d/%Y", "%d-%m-%Y", "%d-%b-%Y", "%Y-%m-%d"]
)
def test_days_may_stand_before_months(written_as):
    days = pd.Series(pd.date_range("2024-02-01", periods=40))
    times, _ = parse_times(days.dt.strftime(written_as), [""] * 40)
    assert list(times) == list(days)


@pytest.mark.parametrize(("written_as", "step"), [("%d/%m/%Y", "MS"), ("%m/%d/%Y", "MS"), ("%d.%m.%Y", "QS")])
@pytest.mark.parametrize("lost", [[], [5]])
def test_first_days_of_months_are_read_so_that_they_have_one_step(written_as, step, lost):
    days = pd.Series(pd.date_range("2010-01-01", periods=30, freq=step)).drop(index=lost)
    times, _ = parse_times(days.dt.strftime(written_as), [""] * 30)
    assert list(times) == list(days)


def test_a_time_that_cannot_be_read_is_all_that_is_said(recwarn):
    with pytest.raises(UserError, match=r"a:1: the time '1701907200' cannot be read"):
        parse_times(pd.Series(["1701907200", "1701910800"]), ["a:1", "a:2"])
    assert not recwarn.list


@pytest.mark.parametrize("frequency", ["often", "0D", "-1D", "ms"])
def test_what_is_no_time_step(frequency):
    with pytest.raises(UserError, match=f"data.frequency='{frequency}' is not a pandas time step"):
        checked_frequency(pd.date_range("2024-01-01", periods=9).as_unit("s"), frequency, ["a:2"])
