import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from support.series_case import hourly, write_hourly

from common.config import load_settings
from common.contract.find import TASKS_FOLDER
from common.data.batching import choose_buckets
from common.errors import UserError
from tasks.forecasting.baselines import moved_border
from tasks.forecasting.borders import Borders
from tasks.forecasting.config import ForecastingSettings
from tasks.forecasting.preprocessing import ForecastingPreprocessing, raw_windows
from tasks.forecasting.task import ForecastingTask
from tasks.forecasting.windows import WindowBatches

OWN = {
    "data.time_column": "date",
    "data.target_columns": ["units"],
    "data.past_columns": ["warmth"],
    "data.known_columns": ["holiday"],
    "data.look_back": 48,
    "data.horizon": 12,
}


def settings_for(path, **changes):
    changes = {key.replace("__", "."): value for key, value in changes.items()}
    folder = TASKS_FOLDER / "forecasting"
    return load_settings(ForecastingSettings, folder, "own_file", {**OWN, "data.file": str(path), **changes})


def opened(path, **changes):
    settings = settings_for(path, **changes)
    return settings, ForecastingTask(settings).open_source()


def test_every_target_step_is_in_one_part_and_no_window_is_lost(tmp_path):
    _, source = opened(write_hourly(tmp_path / "t.csv", steps=300), evaluation__stride=1)
    borders = source.borders[0]
    assert (borders.train_end, borders.validation_end, borders.end) == (240, 270, 300)
    assert source.windows("train")[:, 1].tolist() == list(range(48, 240 - 12 + 1))
    assert source.windows("validation")[:, 1].tolist() == list(range(240, 270 - 12 + 1))
    assert source.windows("test")[:, 1].tolist() == list(range(270, 300 - 12 + 1))
    batches = WindowBatches(source, "test", ForecastingPreprocessing.learn(source.settings, source).example)
    counted = sum(
        len(targets) for _, targets in batches.scoring_batches(choose_buckets(batches.lengths, 1, 48 * 8))
    )
    assert counted == source.counts["test"] == 19


def test_scales_come_from_the_training_part_alone(tmp_path):
    table = hourly(300)
    table.loc[240:, "units"] += 1_000
    table.to_csv(tmp_path / "t.csv", index=False)
    _, source = opened(tmp_path / "t.csv")
    train = table["units"][:240].to_numpy()
    assert source.statistics.mean[0, 0] == pytest.approx(train.mean())
    assert source.statistics.deviation[0, 0] == pytest.approx(train.std())
    before = table["units"][:270].to_numpy()
    assert source.statistics.naive_error[0, 0] == pytest.approx(np.abs(before[24:] - before[:-24]).mean())


def test_batches_hold_what_the_examples_say(tmp_path):
    settings, source = opened(write_hourly(tmp_path / "t.csv", steps=300))
    preprocessing = ForecastingPreprocessing.learn(settings, source)
    batches = WindowBatches(source, "validation", preprocessing.example)
    inputs, targets = next(iter(batches.scoring_batches(choose_buckets(batches.lengths, 1, 48 * 100))))
    examples = list(source.examples("validation"))
    expected = preprocessing.inputs(raw_windows(examples))
    for name, tensor in expected.items():
        np.testing.assert_allclose(inputs[name], tensor, rtol=1e-6, atol=1e-6)
    future = np.stack([example["future"] for example in examples])
    raw = raw_windows(examples)
    np.testing.assert_allclose(preprocessing.unscaled(raw, targets)[..., 0], future, rtol=1e-5)
    assert inputs["history"].shape[2] == 2
    assert inputs["known"].shape[1:] == (60, 1 + 12)


def test_order_of_training_depends_on_seed_and_epoch_alone(tmp_path):
    settings, source = opened(write_hourly(tmp_path / "t.csv", steps=300))
    preprocessing = ForecastingPreprocessing.learn(settings, source)
    epoch = tf.Variable(0, dtype=tf.int64)

    def order(number, seed=1):
        batches = WindowBatches(source, "train", preprocessing.example)
        buckets = choose_buckets(batches.lengths, 1, 48 * 16)
        epoch.assign(number)
        found = batches.training_batches(buckets, epoch, seed, 1)
        return np.concatenate([inputs["history"][:, -1, 0] for inputs, _ in found])

    np.testing.assert_array_equal(order(3), order(3))
    assert not np.array_equal(order(3), order(4))
    assert not np.array_equal(order(3), order(3, seed=2))
    np.testing.assert_array_equal(np.sort(order(3)), np.sort(order(4)))


def test_calendar_names_hour_and_weekday(tmp_path):
    settings, source = opened(write_hourly(tmp_path / "t.csv", steps=400))
    preprocessing = ForecastingPreprocessing.learn(settings, source)
    examples = [source.example(0, step) for step in (48, 72, 48 + 168)]
    known = preprocessing.inputs(raw_windows(examples))["known"].numpy()
    day, week = [1 + 1, 1 + 6 + 1], [1 + 3, 1 + 6 + 3]  # Sines of the six cycles, then cosines.
    np.testing.assert_allclose(known[0][:, day], known[1][:, day], atol=1e-4)
    np.testing.assert_allclose(known[0][:, week], known[2][:, week], atol=1e-4)
    assert np.abs(known[0][:, week] - known[1][:, week]).max() > 0.5
    # 2024-01-01 00:00, a Monday, is the first step of the first window.
    np.testing.assert_allclose(known[0][0, day + week], [0, 1, 0, 1], atol=1e-4)


def test_an_unknown_series_is_scaled_by_its_window(tmp_path):
    table = hourly(300).assign(shop="a")
    table.to_csv(tmp_path / "t.csv", index=False)
    settings, source = opened(tmp_path / "t.csv", data__id_column="shop")
    preprocessing = ForecastingPreprocessing.learn(settings, source)
    example = source.example(0, 100)
    other = {**example, "series": "b", "history": example["history"] * 1_000}
    scaled = preprocessing.inputs(raw_windows([other]))["history"]
    np.testing.assert_allclose(tf.reduce_mean(scaled, axis=1), np.zeros((1, 2)), atol=1e-4)
    np.testing.assert_allclose(tf.math.reduce_std(scaled, axis=1), np.ones((1, 2)), rtol=1e-4)


@pytest.mark.parametrize(
    ("table", "changes", "message"),
    [
        (hourly(60), {}, r"t.csv: the series has 60 steps: 36 are left .* need 60: set a smaller data"),
        (
            hourly(300).assign(units=5),
            {},
            r"the column 'units' of the series is constant in the training part \(5\)",
        ),
        (hourly(300), {"data__past_columns": ["units"]}, r"The column 'units' occurs twice"),
        (
            hourly(300),
            {"data__target_columns": ["unit"]},
            r"t.csv:1: column 'unit' is missing. Did you mean",
        ),
        (hourly(300), {"data__test_file": "x.csv"}, r"data.test_file is set, but a series is one file"),
        (hourly(300), {"evaluation__metric": "owa"}, r"evaluation.metric=owa is only for the M4 series"),
        (hourly(300), {"data__frequency": "often"}, r"data.frequency='often' is not a pandas time step"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path, table, changes, message):
    table.to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(UserError, match=message):
        opened(tmp_path / "t.csv", **changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data__target_columns": ["units", "warmth"]}, r"es_rnn forecasts one column, not 2"),
        ({"data__target_columns": ["warmth"]}, r"is not positive at 2024-.* needs positive values"),
    ],
)
def test_what_es_rnn_cannot_smooth(tmp_path, changes, message):
    table = hourly(300)
    table.loc[7, "warmth"] = -1.0
    table.to_csv(tmp_path / "t.csv", index=False)
    changes = {"data__past_columns": [], "model__kind": "es_rnn", "model__segment_length": 12} | changes
    settings, source = opened(tmp_path / "t.csv", **changes)
    with pytest.raises(UserError, match=message):
        ForecastingPreprocessing.learn(settings, source)


def test_weights_are_those_of_owa(tmp_path):
    both = pd.concat([hourly(300, seed=1).assign(shop="a"), hourly(300, seed=2, size=800).assign(shop="b")])
    both.to_csv(tmp_path / "t.csv", index=False)
    settings, source = opened(
        tmp_path / "t.csv", data__id_column="shop", model__weighting="owa", data__past_columns=[]
    )
    preprocessing = ForecastingPreprocessing.learn(settings, source)
    unit = source.statistics.deviation[:, 0] / source.statistics.naive_error[:, 0]
    np.testing.assert_allclose(preprocessing.record.weights, (1 + unit / unit.mean()) / 2)
    batches = WindowBatches(source, "validation", preprocessing.example)
    _, _, weights = next(iter(batches.scoring_batches(choose_buckets(batches.lengths, 1, 48))))
    assert weights.shape == (1, 1, 1)
    assert float(weights[0, 0, 0]) == pytest.approx(preprocessing.record.weights[0], rel=1e-6)


def test_borders_move_through_the_test_part_without_looking_ahead():
    settings = settings_for("t.csv", data__horizon=12, evaluation__stride=2, evaluation__refits=4)
    border = Borders(train_start=5, train_end=100, validation_end=120, end=161)
    moved = [moved_border(border, part, settings) for part in range(4)]
    assert moved[0] == Borders(5, 100, 120, 136)
    assert all(m.validation_end - m.train_end == 20 for m in moved)
    steps = [border.test_steps(12, 2) for border in moved]
    assert [len(part) for part in steps] == [3, 4, 4, 4]
    assert np.concatenate(steps).tolist() == list(range(120, 150, 2)) == border.test_steps(12, 2).tolist()


def test_more_refits_than_test_windows_are_refused_before_training(tmp_path):
    with pytest.raises(UserError, match=r"evaluation.refits=20, but no series has more than 19 test windows"):
        opened(write_hourly(tmp_path / "t.csv", steps=300), evaluation__refits=20)


def test_seasons_stand_shortest_first():
    with pytest.raises(UserError, match=r"data.seasons must be ascending"):
        settings_for("t.csv", data__seasons=[168, 24])
