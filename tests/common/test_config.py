from pathlib import Path

import pytest
import yaml

from common.config import (
    choose_preset,
    load_settings,
    parse_overrides,
    preset_names,
    read_settings,
    save_settings,
    setting_fields,
    setting_value,
)
from common.contract.find import TASKS_FOLDER
from common.errors import UserError
from tasks.sentiment.config import SentimentSettings

SENTIMENT = TASKS_FOLDER / "sentiment"
PRESETS = sorted(TASKS_FOLDER.glob("*/presets/*.yaml"))


def load(preset="default", **overrides):
    return load_settings(SentimentSettings, SENTIMENT, preset, overrides)


def test_overrides_take_precedence_over_the_preset():
    settings = load_settings(SentimentSettings, SENTIMENT, "default", parse_overrides("model.units=7 seed=3"))
    assert (settings.model.units, settings.seed) == (7, 3)
    assert settings.data.dataset == "rotten_tomatoes"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.b=1 c=0.5", {"a.b": 1, "c": 0.5}),
        ("a=true b=null c=word", {"a": True, "b": None, "c": "word"}),
        ("a='two words' b=[1,2]", {"a": "two words", "b": [1, 2]}),
        ("a=x=y", {"a": "x=y"}),
        ("", {}),
    ],
)
def test_parse_overrides(text, expected):
    assert parse_overrides(text) == expected


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            {"model.unit": 3},
            r"Unknown setting 'model.unit'. Did you mean 'model.units'\? Valid: .*model.cell",
        ),
        ({"model.units": "many"}, r"Setting model.units='many' is not valid"),
        ({"model.units": 0}, r"Setting model.units=0 is not valid: .*greater than or equal to 1"),
        ({"model.cell": "lstn"}, r"Setting model.cell='lstn' is not valid: .*'elman', 'lstm' or 'gru'"),
        ({"train.learning_rate": float("inf")}, r"train.learning_rate=inf is not valid"),
        (
            {"train.schedule": "plateau"},
            r"do not go together: train.schedule=plateau needs train.warmup_epochs=0",
        ),
        (
            {"model.segment_length": 9, "model.pooling": "last"},
            r"do not go together: model.segment_length needs",
        ),
        ({"model": {"units": 3}}, r"Unknown setting 'model'"),
    ],
)
def test_wrong_settings_are_named(overrides, message):
    with pytest.raises(UserError, match=message) as error:
        load_settings(SentimentSettings, SENTIMENT, "default", overrides)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["model.units", "a='open", "a=[1,"])
def test_overrides_that_cannot_be_read(text):
    with pytest.raises(UserError, match="SET"):
        parse_overrides(text)


def test_requested_preset_then_that_of_the_data_set_then_the_default():
    assert choose_preset(SENTIMENT, None, "sst") == "sst"
    assert choose_preset(SENTIMENT, "default", "sst") == "default"
    assert choose_preset(SENTIMENT, None, "glue/sst2") == "default"
    assert choose_preset(SENTIMENT, None, None) == "default"
    assert choose_preset(TASKS_FOLDER / "translation", None, "opus/law") == "opus"
    with pytest.raises(UserError, match=r"Unknown preset 'defalt'. Did you mean 'default'\?"):
        choose_preset(SENTIMENT, "defalt", None)


def test_settings_round_trip(tmp_path):
    settings = load(**{"data.file": "reviews.csv", "train.gradient_clip_norm": None})
    save_settings(settings, tmp_path / "config.yaml")
    assert read_settings(SentimentSettings, tmp_path / "config.yaml") == settings
    assert settings.data.file == Path("reviews.csv")


@pytest.mark.parametrize("content", ["model: [", "- a", "", "model: {units: 3}"])
def test_damaged_settings(tmp_path, content):
    path = tmp_path / "config.yaml"
    path.write_text(content)
    with pytest.raises(UserError, match=r"config\.yaml"):
        read_settings(SentimentSettings, path)


def test_every_setting_has_a_description():
    settings = load()
    for key, field in setting_fields(SentimentSettings):
        setting_value(settings, key)
        if key not in ("seed",):
            assert field.description, f"{key} has no description"


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: f"{path.parent.parent.name}-{path.stem}")
def test_presets_say_how_they_are_used_and_explain_each_key(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith(f"# make train TASK={path.parent.parent.name}"), (
        "the first line is the command"
    )
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert values
    for line in lines:
        is_value = line.strip() and not line.startswith("#") and not line.rstrip().endswith(":")
        if is_value:
            assert "#" in line, f"{path.name}: {line.strip()!r} has no comment"


def test_preset_names():
    assert {"default", "sst"} <= set(preset_names(SENTIMENT))
