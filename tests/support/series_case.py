"""Small series for tests: a daily season, a slow wave and noise."""

import numpy as np
import pandas as pd


def hourly(steps=600, seed=0, start="2024-01-01", size=100.0):
    """A table with time, units, warmth (past) and holiday (known), one row an hour."""
    generator = np.random.default_rng(seed)
    hours = np.arange(steps)
    holiday = (hours // 24 % 7 == 6).astype(int)
    season = 20 * np.sin(2 * np.pi * hours / 24) + 5 * np.sin(2 * np.pi * hours / 168)
    units = size + season - 15 * holiday + generator.normal(size=steps)
    return pd.DataFrame(
        {
            "date": pd.date_range(start, periods=steps, freq="h").strftime("%Y-%m-%d %H:%M"),
            "units": units.round(3),
            "warmth": generator.normal(10, 3, steps).round(1),
            "holiday": holiday,
        }
    )


def write_hourly(path, **options):
    hourly(**options).to_csv(path, index=False)
    return path


COLUMNS = ("time=date", "target=units", "past=warmth", "known=holiday")
SMALL = (
    "data.look_back=48 data.horizon=12 data.stride=4 model.units=8 train.epochs=2 "
    "train.tokens_per_batch=1536 train.learning_rate=0.01 evaluation.origins=2 evaluation.stride=5"
)
