import csv
import gzip

import numpy as np
import openpyxl
import pytest

from common.data.information import manual_directory
from tasks.forecasting.metrics import (
    has_season,
    naive2,
    pinball_loss,
    seasonal_naive_error,
    symmetric_percentage_error,
)


def test_by_hand():
    values = np.array([[1.0], [2.0], [4.0], [7.0]])
    assert seasonal_naive_error(values, 1) == pytest.approx((1 + 2 + 3) / 3)
    assert seasonal_naive_error(values, 2) == pytest.approx((3 + 5) / 2)
    found = symmetric_percentage_error(np.array([100.0, 0.0, 1.0]), np.array([50.0, 0.0, -1.0]))
    np.testing.assert_allclose(found, [200 * 50 / 150, 0, 200])
    found = pinball_loss(np.array([[10.0]]), np.array([[[8.0, 10.0, 13.0]]]), [0.1, 0.5, 0.9])
    np.testing.assert_allclose(found, [[[0.2, 0.0, 0.3]]])


def test_pinball_loss_is_smallest_at_the_quantile():
    values = np.random.default_rng(0).normal(size=(20_001, 1))
    guesses = np.linspace(-2, 2, 81)
    losses = [pinball_loss(values, np.full((*values.shape, 1), guess), [0.8]).mean() for guess in guesses]
    assert guesses[np.argmin(losses)] == pytest.approx(np.quantile(values, 0.8), abs=0.05)


def test_naive2_repeats_the_season_of_a_series_that_has_one():
    season = np.array([0.5, 1.0, 1.5, 1.0])
    seasonal = np.tile(season, 10) * 8
    assert has_season(seasonal, 4)
    np.testing.assert_allclose(naive2(seasonal, 4, 6), np.tile(season, 2)[:6] * 8)
    noise = np.random.default_rng(1).normal(100, 1, 40)
    assert not has_season(noise, 4)
    np.testing.assert_array_equal(naive2(noise, 4, 3), np.full(3, noise[-1]))


@pytest.mark.parametrize(("part", "season", "horizon"), [("Hourly", 24, 48), ("Weekly", 1, 13)])
def test_naive2_scores_what_the_official_workbook_says(part, season, horizon):
    folder = manual_directory() / "m4"
    if not (folder / "Evaluation_and_Ranks.xlsx").is_file():
        pytest.skip(
            "M4 is not part of this project: place it and its Evaluation_and_Ranks.xlsx in manual/m4/"
        )
    smape, mase = [], []
    train, test = (_rows(folder / f"{part}-{split}.csv.gz") for split in ("train", "test"))
    for before, after in zip(train, test, strict=True):
        forecast = naive2(before, season, horizon)
        smape.append(symmetric_percentage_error(after, forecast).mean())
        mase.append(np.abs(after - forecast).mean() / seasonal_naive_error(before[:, np.newaxis], season)[0])
    official = _official(folder / "Evaluation_and_Ranks.xlsx", part)
    assert np.mean(smape) == pytest.approx(official["sMAPE"], abs=5e-4)
    assert np.mean(mase) == pytest.approx(official["MASE"], abs=5e-4)


def _rows(path):
    with gzip.open(path, "rt", newline="") as file:
        return [np.array([float(cell) for cell in row[1:] if cell]) for row in list(csv.reader(file))[1:]]


def _official(path, part):
    """Naive2's row of the workbook: two header rows, the first names the metric over its first column."""
    rows = openpyxl.load_workbook(path, read_only=True, data_only=True)["Point Forecasts-Frequency"]
    metrics, parts, *methods = rows.iter_rows(values_only=True)
    scores = next(row for row in methods if row[0] == "Naive2")
    found, metric = {}, None
    for name, frequency, score in zip(metrics[1:], parts[1:], scores[1:], strict=True):
        metric = name or metric
        if frequency == part:
            found[metric] = score
    return found
