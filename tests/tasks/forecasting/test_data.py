import csv
import hashlib

import numpy as np
import pytest
from support.series_case import hourly, write_hourly

from common.config import choose_preset, load_settings
from common.contract.find import TASKS_FOLDER
from common.data.information import manual_directory
from common.errors import UserError
from tasks.forecasting.config import ForecastingSettings
from tasks.forecasting.data import DATA_SETS, M4Weekly, columns_of
from tasks.forecasting.metrics import naive2
from tasks.forecasting.series import Columns
from tasks.forecasting.task import ForecastingTask


def settings_for(dataset, **changes):
    folder = TASKS_FOLDER / "forecasting"
    changes = {key.replace("__", "."): value for key, value in changes.items()}
    preset = choose_preset(folder, None, dataset)
    return load_settings(ForecastingSettings, folder, preset, {"data.dataset": dataset, **changes})


def test_an_unknown_data_set_is_named():
    with pytest.raises(UserError, match=r"Unknown dataset 'etth'\. Did you mean 'etth"):
        ForecastingTask(settings_for("etth")).open_source()


def test_every_data_set_has_a_name_and_columns_of_its_own():
    assert len(set(DATA_SETS.names())) == len(DATA_SETS.names())
    for name in DATA_SETS.names():
        data_set = DATA_SETS.find(name)
        assert columns_of(settings_for(name).data) == data_set.columns
        assert len(set(data_set.columns.all)) == len(data_set.columns.all) >= 2


def test_columns_that_are_named_take_the_place_of_the_data_sets():
    changed = settings_for("vic_elec", data__past_columns=[], data__known_columns="Holiday,Temperature")
    assert columns_of(changed.data) == Columns("Time", ("Demand",), (), ("Holiday", "Temperature"))
    own = settings_for("vic_elec", data__file="t.csv", data__id_column="shop")
    assert columns_of(own.data) == Columns("time", ("value",), identifier="shop")


def test_official_borders_of_ett(tmp_path, monkeypatch):
    if not (manual_directory() / "ett" / "ETTh1.csv.gz").is_file():
        pytest.skip("ETT is not part of this project: place its files as `make datasets` says")
    settings = settings_for("etth1", data__look_back=720, data__horizon=96, data__stride=1)
    source = ForecastingTask(settings).open_source()
    assert source.counts == {"train": 8640 - 720 - 96 + 1, "validation": 2880 - 95, "test": 2880 - 95}
    assert len(source.data.columns.targets) == 7
    monkeypatch.setenv("TFDS_MANUAL_DIR", str(tmp_path))
    (tmp_path / "ett").mkdir()
    (tmp_path / "ett" / "ETTh1.csv").write_text("date,OT\n")
    with pytest.raises(UserError, match="is not the official file"):
        ForecastingTask(settings).open_source()


def test_series_of_m4_end_with_their_official_steps(tmp_path, monkeypatch):
    """One is long enough to be cut; a short one is padded with its first value."""
    horizon, look_back = M4Weekly.horizon, 65
    lengths = {"W1": 120, "W2": 80}
    generator = np.random.default_rng(0)
    rows = {
        "train": {name: generator.uniform(1, 9, length).round(2) for name, length in lengths.items()},
        "test": {name: generator.uniform(1, 9, horizon).round(2) for name in lengths},
    }
    (tmp_path / "m4").mkdir()
    digests = {}
    for split, series in rows.items():
        path = tmp_path / "m4" / f"Weekly-{split}.csv"
        with path.open("w", newline="") as file:
            longest = max(map(len, series.values()))
            table = csv.writer(file)
            table.writerow(["V1"])
            for name, values in series.items():
                table.writerow([name, *values, *[""] * (longest - len(values))])
        digests[split] = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setattr(M4Weekly, "digests", digests)
    monkeypatch.setenv("TFDS_MANUAL_DIR", str(tmp_path))
    source = ForecastingTask(settings_for("m4_weekly")).open_source()
    padding = look_back + 2 * horizon - 80
    whole, padded = source.borders
    assert (whole.train_start, whole.train_end, whole.validation_end, whole.end) == (0, 107, 120, 133)
    assert (padded.first, padded.train_start, padded.end) == (padding, 0, padding + 80 + horizon)
    assert (source.data.series[1].values[:padding] == rows["train"]["W2"][0]).all()
    for number, example in enumerate(source.examples("test")):
        before, after = (rows[split][f"W{number + 1}"] for split in ("train", "test"))
        np.testing.assert_allclose(example["history"][:, 0], before[-look_back:], rtol=1e-6)
        np.testing.assert_allclose(example["future"][:, 0], after, rtol=1e-6)
        np.testing.assert_allclose(example["naive2"][:, 0], naive2(before, 1, horizon), rtol=1e-6)
    assert all("naive2" not in example for example in source.examples("validation"))
    with pytest.raises(UserError, match=r"m4_weekly needs data.horizon=13, not 12: leave out HORIZON"):
        ForecastingTask(settings_for("m4_weekly", data__horizon=12)).open_source()


def test_owa_is_for_series_whose_yardstick_is_known():
    with pytest.raises(UserError, match=r"owa is only for the M4 series \(m4_hourly, m4_weekly\)"):
        ForecastingTask(settings_for("etth1", evaluation__metric="owa")).open_source()


def test_a_labelled_table_is_read_once(tmp_path):
    path = write_hourly(tmp_path / "later.csv", steps=100)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:30] + lines[32:]))
    names = {"data__time_column": "date", "data__target_columns": "units", "data__fill": "zero"}
    settings = settings_for(
        "vic_elec",
        **names,
        data__past_columns=[],
        data__known_columns=[],
        data__look_back=48,
        data__horizon=12,
        data__frequency="h",
    )
    labelled = ForecastingTask(settings).open_labelled(path, [])
    path.unlink()
    assert labelled.report == {"steps_filled": 2, "cells_filled": 2}
    for _ in range(2):
        examples = list(labelled.examples())
        assert len(examples) == labelled.count == 100 - 48 - 12 + 1
    table = hourly(100)
    np.testing.assert_allclose(examples[-1]["future"][:, 0], table["units"][-12:], rtol=1e-6)
