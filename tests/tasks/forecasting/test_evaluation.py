import numpy as np
import pytest
from support.series_case import hourly, write_hourly

from common.config import load_settings
from common.contract.find import find_task
from tasks.forecasting.baselines import score_baselines
from tasks.forecasting.config import ForecastingSettings
from tasks.forecasting.data import open_series_source
from tasks.forecasting.evaluation import ForecastScores
from tasks.forecasting.fitting import Forecaster

TASK = find_task("forecasting")
LINEAR = {
    "data.time_column": "date",
    "data.target_columns": ["units"],
    "data.look_back": 48,
    "data.horizon": 12,
    "model.kind": "nlinear",
}


def opened(table, **overrides):
    """Settings and source of a table, in which no model stands beside the one of the settings."""
    alone = {"data.file": str(table), "evaluation.nlinear": False, "evaluation.origins": 0}
    changes = {name.replace("__", "."): value for name, value in overrides.items()}
    settings = load_settings(ForecastingSettings, TASK.folder, "own_file", LINEAR | alone | changes)
    return settings, open_series_source(settings)


def test_the_model_is_trained_again_before_each_part_of_the_test_part(tmp_path):
    table = write_hourly(tmp_path / "t.csv", steps=400)
    settings, source = opened(table, train__epochs=2, evaluation__refits=2)
    found = score_baselines(settings, source, source.examples("test"))
    refitted = found["the model, trained 2 times"]
    assert refitted["mase"] < found["naive"]["mase"]
    assert 0 < refitted["coverage"] <= 1


def test_a_model_trained_in_memory_keeps_the_mean_of_its_weights(tmp_path):
    settings, source = opened(
        write_hourly(tmp_path / "t.csv", steps=400),
        model__normalization="last",
        train__epochs=1,
        # So many steps that the mean is the first one's: the last value repeated, nearly. The weights that
        # are trained are five units away from it.
        train__weight_average=0.999999,
    )
    example = source.example(0, 100)
    forecast = Forecaster(settings, source)([example])["forecast"][0]
    assert np.abs(forecast - example["history"][-1, 0]).mean() < 1


def test_scores_by_hand():
    scores = ForecastScores([0.1, 0.5, 0.9])
    example = {"future": [[10.0], [20.0]], "scale": [[0.0], [2.0], [4.0]], "naive2": [[10.0], [10.0]]}
    quantiles = np.array([[[8.0, 11.0, 12.0]], [[8.0, 16.0, 18.0]]])
    scores.add(example, [[11.0], [16.0]], quantiles)
    found = scores.metrics()
    assert found["mse"] == pytest.approx((0.5**2 + 2**2) / 2)
    assert found["mae"] == pytest.approx((0.5 + 2) / 2)
    assert found["mase"] == pytest.approx((1 + 4) / 2 / 4)
    assert found["smape"] == pytest.approx((200 / 21 + 200 * 4 / 36) / 2)
    assert found["coverage"] == 0.5
    yardstick = {"smape": (0 + 200 * 10 / 30) / 2, "mase": (0 + 10) / 2 / 4}
    expected = (found["smape"] / yardstick["smape"] + found["mase"] / yardstick["mase"]) / 2
    assert found["owa"] == pytest.approx(expected)


def test_seasonal_naive_is_perfect_where_nothing_but_the_season_happens(tmp_path):
    table = hourly(300)
    table["units"] = np.tile(np.arange(24.0), 13)[:300]
    table.to_csv(tmp_path / "t.csv", index=False)
    settings, source = opened(tmp_path / "t.csv", data__horizon=36)
    found = score_baselines(settings, source, source.examples("test"))
    assert found["seasonal naive (24 steps)"]["mase"] == 0
    assert found["naive"]["mase"] > 1
