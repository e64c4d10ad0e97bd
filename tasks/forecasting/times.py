"""Parsing of times in tables, and inference of their time step."""

import re
import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd

from common.errors import UserError

# Only after a time of day: in 15-01-2024, "-2024" is not a zone.
ZONE = re.compile(r"(:\d\d(?:\.\d+)?|T\d\d)\s*(Z|UTC|GMT|[+-]\d\d(?::?\d\d)?)$")
YEAR_FIRST = r"\d{4}"
# Steps without a fixed number of seconds, the longest first.
CALENDAR_FREQUENCIES = ("YS", "YE", "QS", "QE", "MS", "ME", "B")
SEASONS = {"YS": [1], "YE": [1], "QS": [4], "QE": [4], "MS": [12], "ME": [12], "B": [5]}
DAY, WEEK = 86_400, 7 * 86_400
# Minimum number of times to infer a step.
FEWEST_TIMES = 3
# Mean length in seconds of steps without a fixed number of seconds.
YEAR = 365.2425 * DAY
STEP_SECONDS = {"Y": YEAR, "Q": YEAR / 4, "M": YEAR / 12, "B": DAY}


def parse_times(texts: pd.Series, origins: Sequence[str]) -> tuple[pd.DatetimeIndex, str]:
    """Parse times in one format; returns local times, and the zone written after them.

    Raises:
        UserError: a time cannot be parsed, or there are several zones.
    """
    texts = texts.str.strip()
    zones = texts.str.extract(ZONE)[1].fillna("")
    zone = zones.iloc[0]
    others = np.flatnonzero(zones != zone)
    if len(others):
        first, second = zone or "no zone", zones.iloc[others[0]] or "no zone"
        raise UserError(
            f"{origins[others[0]]}: mixed time zones: this time has {second}, the first one {first}: write "
            "all times in one zone, e.g. UTC."
        )
    times = _clock_times(texts.str.replace(ZONE, r"\1", regex=True))
    bad = np.flatnonzero(times.isna())
    if len(bad):
        first = texts.iloc[0] if bad[0] else "2024-01-31 13:30"
        raise UserError(
            f"{origins[bad[0]]}: the time {texts.iloc[bad[0]]!r} cannot be read: write it like {first!r}."
        )
    return pd.DatetimeIndex(times).as_unit("s"), zone


def _clock_times(texts: pd.Series) -> pd.Series:
    """Parse times; 01/02 is the second of January, unless only days before months make sense."""
    months_first = _times(texts, days_first=False)
    if texts.str.match(YEAR_FIRST).any():
        return months_first
    days_first = _times(texts, days_first=True)
    return min((months_first, days_first), key=lambda times: (times.isna().sum(), _steps_missing(times)))


def _times(texts: pd.Series, days_first: bool) -> pd.Series:
    with warnings.catch_warnings():
        # Silence the warning that there is no common format: invalid times are reported as errors.
        warnings.simplefilter("ignore")
        return pd.to_datetime(texts, errors="coerce", dayfirst=days_first)


def _steps_missing(times: pd.Series) -> float:
    """Count the steps missing for a regular series; infinite if the times are not regular."""
    index = pd.DatetimeIndex(times.dropna().sort_values().unique()).as_unit("s")
    frequency = infer_frequency(index)
    if frequency is None:
        return np.inf
    return len(pd.date_range(index[0], index[-1], freq=frequency)) - len(index)


def checked_frequency(times: pd.DatetimeIndex, frequency: str | None, origins: Sequence[str]) -> str:
    """Return the given time step in pandas' notation, or infer it from ascending times.

    Raises:
        UserError: pandas does not know the step, or the times are not regular.
    """
    if frequency is not None:
        try:
            offset = pd.tseries.frequencies.to_offset(frequency)
        except ValueError:
            offset = None
        if offset is None or offset.n < 1 or step_seconds(offset.freqstr) < 1:
            raise UserError(
                f"Setting data.frequency={frequency!r} is not a pandas time step of a second or more: write "
                "h, 15min, D, W, MS, QS or YS."
            )
        return offset.freqstr
    if len(times) < FEWEST_TIMES:
        raise UserError(
            f"{origins[0]}: the series that starts here has {len(times)} rows, too few to infer its time "
            f"step from (at least {FEWEST_TIMES}): give more, or set data.frequency."
        )
    inferred = infer_frequency(times)
    if inferred is None:
        raise UserError(
            f"{origins[0]}: the times from here on have no regular step: correct them, or set data.frequency "
            "and data.fill."
        )
    return inferred


def infer_frequency(times: pd.DatetimeIndex) -> str | None:
    """Infer the time step of ascending times, some of which may be missing; None if they are not regular."""
    if len(times) < FEWEST_TIMES:
        return None
    inferred = pd.infer_freq(times)
    if inferred is not None:
        return pd.tseries.frequencies.to_offset(inferred).freqstr
    step = pd.Series(np.diff(times.asi8)).mode().iloc[0]  # seconds
    if step >= 27 * DAY or (step == DAY and (times.dayofweek < 5).all()):
        for candidate in CALENDAR_FREQUENCIES:
            grid = pd.date_range(times[0], times[-1], freq=candidate)
            if times.isin(grid).all() and len(times) > len(grid) / 2:
                return candidate
    on_grid = (times.asi8 - times.asi8[0]) % step == 0
    return pd.tseries.frequencies.to_offset(pd.Timedelta(seconds=step)).freqstr if on_grid.all() else None


def step_seconds(frequency: str) -> float:
    """Return the mean length of a time step in seconds."""
    offset = pd.tseries.frequencies.to_offset(frequency)
    letters = offset.freqstr.lstrip("0123456789").partition("-")[0]
    if letters[:1] in STEP_SECONDS and letters in ("YS", "YE", "QS", "QE", "MS", "ME", "B"):
        return STEP_SECONDS[letters[0]] * offset.n
    if letters == "W":
        return float(WEEK * offset.n)
    return pd.Timedelta(offset).total_seconds()


def seasons_of(frequency: str) -> list[int]:
    """Return the usual seasons for a time step, in steps, shortest first."""
    letters = frequency.partition("-")[0]
    if letters in SEASONS:
        return SEASONS[letters]
    step = step_seconds(frequency)
    if step >= WEEK:
        return [max(1, round(YEAR / step))]
    lengths = (WEEK,) if step >= DAY else (DAY, WEEK)
    return [max(1, round(length / step)) for length in lengths]


def calendar_cycles(step: float) -> list[float]:
    """Return the lengths in seconds of day, week, year and their halves that are longer than two steps."""
    cycles = (DAY / 2, DAY, WEEK / 2, WEEK, YEAR / 2, YEAR)
    return [cycle for cycle in cycles if cycle > 2 * step]
