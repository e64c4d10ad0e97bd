import json

import keras
import numpy as np
import pandas as pd
import pytest
from support.series_case import COLUMNS, SMALL, hourly, write_hourly
from support.task_case import invoke, run_task_test
from typer.testing import CliRunner

from common.answering.export import find_export
from common.answering.loading import load_run
from common.cli.app import app
from common.config import load_settings, override_settings
from common.contract.find import TASKS_FOLDER
from common.errors import UserError
from common.learning.checkpoint import Checkpoint
from common.runs.run import find_run, task_of
from common.scores.plots import save_figure
from tasks.forecasting.config import ForecastingSettings
from tasks.forecasting.plots import draw_forecasts
from tasks.forecasting.predictor import ForecastingPredictor, forecast_rows, times_ahead
from tasks.forecasting.preprocessing import ForecastingPreprocessing, raw_windows
from tasks.forecasting.series import Columns, read_series
from tasks.forecasting.task import ForecastingTask

COLUMN_OPTIONS = [part for column in COLUMNS for part in ("--column", column)]


@pytest.fixture(scope="module")
def forecasting_run(tmp_path_factory):
    """A small run on a table of its own."""
    folder = tmp_path_factory.mktemp("forecasting")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("runs", "saved_models", "data"):
            patch.setenv("TFDS_DATA_DIR" if name == "data" else f"{name.upper()}_DIR", str(folder / name))
        table = write_hourly(folder / "table.csv")
        invoke(
            "train",
            "--task",
            "forecasting",
            "--data",
            table,
            *COLUMN_OPTIONS,
            "--run",
            "small",
            "--set",
            SMALL,
        )
        yield folder


@pytest.fixture
def at_home(forecasting_run, monkeypatch):
    for name in ("runs", "saved_models", "data"):
        variable = "TFDS_DATA_DIR" if name == "data" else f"{name.upper()}_DIR"
        monkeypatch.setenv(variable, str(forecasting_run / name))
    return forecasting_run


def test_contract(at_home):
    source = task_of(find_run("small", "forecasting")).open_source()
    run_task_test("forecasting", "small", [source.example(0, step) for step in (100, 148, 333, 500)])
    card = (find_export("forecasting") / "README.md").read_text()
    assert all(f"| {name} |" in card for name in ("this one", "NLinear", "AutoTheta (2 origins)"))


def test_what_a_run_leaves(at_home):
    folder = at_home / "runs" / "forecasting" / "small"
    scores = json.loads((folder / "metrics.json").read_text())
    assert scores["metric"] == "mase"
    assert {"mse", "mae", "mase", "smape", "pinball", "coverage"} == scores["metrics"].keys()
    names = ["naive", "seasonal naive (24 steps)", "seasonal naive (168 steps)", "NLinear"]
    slow = ["MSTL + AutoETS", "MSTL + AutoARIMA", "AutoTheta"]
    assert list(scores["baselines"]) == names + slow
    assert {name: scores["baselines"][name].get("origins") for name in names + slow} == dict.fromkeys(
        names
    ) | dict.fromkeys(slow, 2)
    assert scores["metrics"]["mase"] < scores["baselines"]["naive"]["mase"]
    predictions = pd.read_csv(folder / "predictions.csv")
    assert not predictions.duplicated(["read_until", "step"]).any()
    assert (predictions["quantile_10"] <= predictions["quantile_90"]).all()
    assert {path.name for path in (folder / "figures").iterdir()} >= {"forecasts.png", "errors_by_step.png"}


def recent(folder, rows=60, ahead=12):
    table = hourly(rows + ahead, seed=5, start="2024-03-01").astype({"units": object, "warmth": object})
    table.loc[rows:, ["units", "warmth"]] = ""
    table["day"] = pd.date_range("2024-03-01", periods=rows + ahead, freq="D").strftime("%Y-%m-%d")
    table.to_csv(folder / "recent.csv", index=False)
    return folder / "recent.csv"


def test_predict_writes_times_forecast_interval_and_picture(at_home, tmp_path):
    table = recent(tmp_path)
    arguments = ["predict", "--task", "forecasting", "--input", table, "--output", tmp_path / "out.csv"]
    result = invoke(*arguments, "--plot", tmp_path / "out.png")
    assert "12 steps forecast by run small" in result.output
    answers = pd.read_csv(tmp_path / "out.csv")
    assert list(answers.columns) == ["date", "units", "units_10", "units_90"]
    assert answers["date"][0] == "2024-03-03 12:00:00"
    assert (answers["units_10"] <= answers["units"]).all()
    assert (tmp_path / "out.png").read_bytes()[:4] == b"\x89PNG"
    predictor = load_run(find_run("small", "forecasting"))
    written = pd.read_csv(table)
    example = {
        "series": "",
        "clock": int(pd.Timestamp("2024-03-03 11:00").timestamp()),
        "history": written[["units", "warmth"]][12:60].to_numpy(),
        "known": written[["holiday"]][12:72].to_numpy(),
    }
    np.testing.assert_allclose(answers["units"], predictor.answer([example])[0]["forecast"][:, 0], rtol=1e-6)


def test_the_card_of_an_export_says_what_inputs_and_outputs_hold(at_home):
    settings = find_run("small", "forecasting").settings(ForecastingSettings)
    complete = override_settings(settings, {"data.frequency": "h"})
    notes = " ".join(ForecastingPredictor(complete, ["units"], {}, "").signature_notes())
    for part in (
        "last 48 steps of `h`, with the columns `units`, `warmth`, in this order",
        "`forecast` is `units` for the next 12",
        "`known` is `holiday`",
        "levels `0.1`, `0.5`, `0.9`",
    ):
        assert part in notes
    assert "`series`" not in notes


def test_names_are_drawn_as_they_are_written(tmp_path):
    example = {
        "series": "$a$ \\b",
        "time": "2024-01-01",
        "history": np.ones((9, 1)),
        "future": np.ones((3, 1)),
    }
    figure = draw_forecasts([(example, {"forecast": np.ones((3, 1))})], ["US$ $\\x$"], [], 5)
    save_figure(figure, tmp_path / "drawn.png")
    title = figure.axes[0].get_title()
    assert title == r"\$a\$ \b: US\$ \$\x\$, read until 2024-01-01"


@pytest.mark.parametrize(("frequency", "next_time"), [("D", "2024-01-31"), ("12h", "2024-01-16 00:00:00")])
def test_rows_ahead_are_written_like_the_table(tmp_path, frequency, next_time):
    times = pd.date_range("2024-01-01", periods=30, freq=frequency)
    pd.DataFrame({"time": times, "value": range(30)}).to_csv(tmp_path / "t.csv", index=False)
    found = read_series(tmp_path / "t.csv", Columns("time", ("value",)))
    answer = {"forecast": np.float32([[1.1]]), "quantiles": np.float32([[[0.1, 1.1, 115.3]]])}
    ahead = times_ahead(found.series[0], found, 1)
    (row,) = forecast_rows(found.series[0], ahead, found, answer, [0.1, 0.5, 0.9])
    assert row == {"time": next_time, "value": 1.1, "value_10": 0.1, "value_90": 115.3}


@pytest.mark.parametrize(
    ("rows", "ahead", "options", "message"),
    [
        (40, 12, [], "the series has 40 steps with values; the model needs 48"),
        (60, 5, [], "lacks 7 of the 12 future rows: the model needs holiday for them"),
        (
            60,
            12,
            ["--column", "time=day"],
            "recent.csv:2: the step 2024-03-01 01:00:00 is missing after this",
        ),
        (60, 12, ["--column", "past=heat"], "column 'heat' is missing"),
        (60, 12, ["--plot", "picture.txt"], "PLOT=picture.txt must end in one of .png, .pdf, .svg"),
        (
            60,
            12,
            ["--column", "target=units,day"],
            "DATA_TARGET names 2 columns, but the model was trained on 1",
        ),
        (
            60,
            12,
            ["--column", "id=day"],
            "DATA_ID=day is for several series, but the model was trained on",
        ),
        (60, 12, ["--set", "data.horizon=6"], "The model was trained with data.horizon=12, not 6"),
        (
            60,
            12,
            ["--set", "model.units=3"],
            "of a trained model; here it may only change how a file is read",
        ),
    ],
)
def test_predict_says_what_is_wrong_in_one_line(at_home, tmp_path, rows, ahead, options, message):
    table = recent(tmp_path, rows, ahead)
    output = tmp_path / "out.csv"
    arguments = ["predict", "--task", "forecasting", "--input", table, "--output", output, *options]
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())
    assert not output.exists()


def test_predict_fills_when_asked_and_says_what(at_home, tmp_path):
    table = recent(tmp_path)
    lines = table.read_text().splitlines(keepends=True)
    table.write_text("".join(lines[:30] + lines[32:]))
    arguments = ["predict", "--task", "forecasting", "--input", table, "--output", tmp_path / "out.csv"]
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert (result.exit_code, "is missing after this line (and 1 more)" in result.output) == (2, True)
    result = invoke(*arguments, "--set", "data.fill=interpolate")
    assert "steps filled: 2" in result.output
    assert len(pd.read_csv(tmp_path / "out.csv")) == 12


def test_a_line_of_text_is_no_series(at_home):
    result = CliRunner().invoke(app, ["predict", "--task", "forecasting", "--text", "1 2 3"])
    assert (result.exit_code, "answers tables" in result.output) == (2, True)


def test_evaluate_a_labelled_table(at_home, tmp_path):
    table = write_hourly(tmp_path / "later.csv", steps=100, seed=3)
    result = invoke("evaluate", "--task", "forecasting", "--data", table, "--output", tmp_path / "scores")
    assert "mase" in result.output
    assert json.loads((tmp_path / "scores" / "metrics.json").read_text())["examples"] == 9
    assert "filled" not in result.output
    lines = table.read_text().splitlines(keepends=True)
    table.write_text("".join(lines[:30] + lines[32:]))
    result = invoke("evaluate", "--task", "forecasting", "--data", table, "--set", "data.fill=previous")
    assert "steps filled: 2" in result.output


@pytest.mark.parametrize(
    ("steps", "options", "message"),
    [
        (
            59,
            [],
            "later.csv: the series has 59 steps, but a look-back of 48 and a horizon of 12 need 60: give",
        ),
        (60, ["--set", "data.look_back=5"], "The model was trained with data.look_back=48, not 5"),
        (
            60,
            ["--column", "target=holiday", "--column", "known=units"],
            "'holiday' of the series is constant (0)",
        ),
    ],
)
def test_evaluate_says_what_is_wrong_in_one_line(at_home, tmp_path, steps, options, message):
    hourly(steps, seed=3).assign(holiday=0).to_csv(tmp_path / "later.csv", index=False)
    arguments = ["evaluate", "--task", "forecasting", "--data", tmp_path / "later.csv", *options]
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())


@pytest.mark.parametrize(
    "changes",
    [
        {"model.kind": "lstm", "model.attention": True, "model.channels": "independent"},
        {"model.kind": "window", "model.window": 6, "model.layers": 2, "model.loss": "huber"},
        {"model.kind": "segrnn", "model.segment_length": 12, "model.loss": "mae"},
        {"model.kind": "nlinear", "model.normalization": "reversible", "model.loss": "mse"},
        {"model.kind": "es_rnn", "model.segment_length": 12, "model.weighting": "owa"},
    ],
)
def test_every_kind_learns_and_answers_in_the_users_units(tmp_path, changes):
    table = pd.concat(
        [
            hourly(240, seed=seed, size=size).assign(shop=name)
            for seed, size, name in ((1, 100, "a"), (2, 900, "b"))
        ]
    )
    table.to_csv(tmp_path / "t.csv", index=False)
    overrides = {
        "data.file": str(tmp_path / "t.csv"),
        "data.time_column": "date",
        "data.id_column": "shop",
        "data.target_columns": ["units"] if changes["model.kind"] == "es_rnn" else ["units", "warmth"],
        "data.known_columns": ["holiday"],
        "data.look_back": 48,
        "data.horizon": 12,
        "model.units": 8,
    }
    folder = TASKS_FOLDER / "forecasting"
    task = ForecastingTask(load_settings(ForecastingSettings, folder, "own_file", overrides | changes))
    settings, source = task.settings, task.open_source()
    preprocessing = ForecastingPreprocessing.learn(settings, source)
    keras.utils.set_random_seed(1)
    model = task.build_model(preprocessing)
    model.compile(keras.optimizers.Adam(0.01), **task.loss_and_metrics())
    examples = list(source.examples("train"))
    raw = raw_windows(examples) | {"future": np.stack([example["future"] for example in examples])}
    inputs, targets, *weights = preprocessing.example(raw)
    options = {"sample_weight": weights[0]} if weights else {}
    losses = model.fit(inputs, targets, epochs=3, batch_size=64, verbose=0, **options).history["loss"]
    assert losses[-1] < losses[0]
    answers = task.serving(preprocessing, [model]).serve(**raw_windows(examples))
    by_shop = {
        name: np.mean(
            [a[:, 0] for a, e in zip(answers["forecast"], examples, strict=True) if e["series"] == name]
        )
        for name in "ab"
    }
    if preprocessing.by_series:
        table.loc[table.index[-1], "units"] = -1.0
        table.to_csv(tmp_path / "t.csv", index=False)
        with pytest.raises(UserError, match=r"t.csv: the series 'a' is not positive at 2024-01-10 23:00:00"):
            ForecastingPredictor(settings, [], {}, "").answer_file(
                tmp_path / "t.csv", tmp_path / "out.csv", settings
            )
    assert by_shop["a"] == pytest.approx(100, abs=30)
    assert by_shop["b"] == pytest.approx(900, abs=60)
    if settings.model.loss == "quantile":
        assert (np.diff(answers["quantiles"], axis=-1) >= 0).all()
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    np.testing.assert_allclose(copy(inputs), model(inputs), rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        "model.kind=segrnn model.segment_length=12",
        "model.kind=nlinear model.loss=mae",
        "model.kind=es_rnn model.segment_length=12",
        "model.kind=window model.window=6",
    ],
)
def test_contract_of_every_kind(workspace, changes):
    table = write_hourly(workspace / "t.csv", steps=400)
    columns = ["--column", "time=date", "--column", "target=units"]
    set_ = f"{SMALL} evaluation.nlinear=false evaluation.origins=0 {changes}"
    invoke(
        "train", "--task", "forecasting", "--data", table, *columns, "--run", "kind", "--set", set_
    )  # fmt: skip
    source = task_of(find_run("kind", "forecasting")).open_source()
    run_task_test("forecasting", "kind", [source.example(0, step) for step in (100, 148, 333)])


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["gru", "es_rnn model.segment_length=12"])
def test_a_run_that_stopped_goes_on_bit_for_bit(workspace, monkeypatch, kind):
    table = write_hourly(workspace / "t.csv", steps=400)
    columns = ["--column", "time=date", "--column", "target=units"]
    set_ = f"{SMALL} evaluation.nlinear=false evaluation.origins=0 train.epochs=3 model.kind={kind}"
    arguments = ["train", "--task", "forecasting", "--data", table, *columns, "--set", set_, "--run"]
    invoke(*arguments, "whole")
    ended = Checkpoint.on_epoch_end

    def stopped(self, epoch, logs=None):
        ended(self, epoch, logs)
        if epoch == 0:
            raise KeyboardInterrupt

    monkeypatch.setattr(Checkpoint, "on_epoch_end", stopped)
    result = CliRunner().invoke(app, [str(argument) for argument in (*arguments, "stopped")])
    assert result.exit_code != 0
    monkeypatch.setattr(Checkpoint, "on_epoch_end", ended)
    invoke("train", "--run", "stopped")
    runs = workspace / "runs" / "forecasting"
    whole, resumed = (
        keras.models.load_model(runs / name / "model.keras").get_weights() for name in ("whole", "stopped")
    )
    for first, second in zip(whole, resumed, strict=True):
        np.testing.assert_array_equal(first, second)
