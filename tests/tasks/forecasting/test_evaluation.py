import numpy as np
import pytest
from support.series_case import hourly, write_hourly

from common.config import load_settings
from common.contract.find import TASKS_FOLDER
from tasks.forecasting.baselines import score_baselines
from tasks.forecasting.config import ForecastingSettings
from tasks.forecasting.evaluation import ForecastScores
from tasks.forecasting.fitting import Forecaster
from tasks.forecasting.task import ForecastingTask

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
    folder = TASKS_FOLDER / "forecasting"
    settings = load_settings(ForecastingSettings, folder, "own_file", LINEAR | alone | changes)
    return settings, ForecastingTask(settings).open_source()


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


def test_baselines_scored_on_a_part_of_the_windows_say_on_how_many(tmp_path):
    options = {"data__seasons": [1], "evaluation__origins": 2}
    settings, source = opened(write_hourly(tmp_path / "t.csv", steps=300), **options)
    metrics = score_baselines(settings, source, source.examples("test"))
    on_a_part = {name: scores["origins"] for name, scores in metrics.items() if "origins" in scores}
    assert on_a_part == {"AutoETS": 2, "AutoARIMA": 2, "AutoTheta": 2}
    settings, source = opened(tmp_path / "t.csv", **options, evaluation__stride=15)
    assert source.counts["test"] == 2
    metrics = score_baselines(settings, source, source.examples("test"))
    assert metrics.keys() == {"naive", "AutoETS", "AutoARIMA", "AutoTheta"}
    assert not any("origins" in scores for scores in metrics.values())
