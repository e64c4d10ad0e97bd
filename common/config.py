"""Typed settings from a preset and overrides; errors name the wrong key or value."""

import shlex
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, TypeVar

import pydantic
import yaml
from pydantic import Field

from common.errors import UserError, unknown_name
from common.files import write_text


class Settings(pydantic.BaseModel):
    """Base of every group of settings: immutable, with validated values and no unknown keys."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class DataSettings(Settings):
    """Where the examples come from; tasks add settings for their own files."""

    dataset: str = Field(description="name of a built-in, benchmark or TFDS data set (see `make datasets`)")
    file: Path | None = Field(None, description="your own training file, instead of a data set")
    validation_file: Path | None = Field(None, description="your own validation file")
    test_file: Path | None = Field(None, description="your own test file")
    validation_fraction: float = Field(
        0.1,
        gt=0,
        lt=0.5,
        description="fraction of the training examples used for validation if there is no validation split",
    )
    test_fraction: float = Field(
        0.1, gt=0, lt=0.5, description="fraction of your file used for testing if there is no test file"
    )
    split_seed: int = Field(
        0, description="seed of the splits, separate from `seed`, so that runs with other seeds share them"
    )
    skip_bad_rows: bool = Field(False, description="count and skip bad rows instead of stopping at the first")

    @pydantic.model_validator(mode="after")
    def _other_files_need_a_training_file(self) -> "DataSettings":
        for split in ("validation", "test"):
            if getattr(self, f"{split}_file") is not None and self.file is None:
                variable = f"DATA_{split.upper()} (data.{split}_file)"
                raise ValueError(f"{variable} needs DATA (data.file), the file to train on")
        return self


class TrainSettings(Settings):
    """How the model is trained."""

    epochs: int = Field(ge=1, description="maximum number of passes over the training examples")
    tokens_per_batch: int = Field(ge=1, description="time steps in a batch, padding included")
    buckets: int = Field(6, ge=1, le=32, description="number of padded lengths")
    shuffle_buffer: int = Field(20_000, ge=1, description="number of examples in the shuffle buffer")
    optimizer: Literal["adam", "adamw"] = Field("adam", description="adam | adamw")
    learning_rate: float = Field(ge=0, description="learning rate after the warm-up")
    weight_decay: float = Field(0.0, ge=0, description="decoupled weight decay, for adamw")
    schedule: Literal["constant", "cosine", "plateau"] = Field(
        "cosine",
        description="constant | cosine (to zero at the last epoch) | plateau (halved when the score stalls)",
    )
    warmup_epochs: float = Field(0.0, ge=0, description="epochs of linear warm-up of the learning rate")
    gradient_clip_norm: float | None = Field(1.0, gt=0, description="maximum global norm of the gradients")
    early_stopping_patience: int = Field(
        3, ge=1, description="epochs without a better validation score before training stops"
    )
    weight_average: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="momentum of a moving average of the weights, which is scored and saved",
    )
    averaged_epochs: int = Field(
        1,
        ge=1,
        description="number of best epochs whose mean weights are saved if they beat the best epoch",
    )
    label_smoothing: float = Field(
        0.0, ge=0, lt=1, description="probability spread uniformly over all classes"
    )
    mixed_precision: Literal["none", "bfloat16", "float16"] = Field(
        "none", description="none | bfloat16 | float16 matrix products (for GPUs; slower on most CPUs)"
    )
    xla: bool = Field(False, description="compile the training step with XLA, once per padded length")

    @pydantic.model_validator(mode="after")
    def _plateau_needs_no_warm_up(self) -> "TrainSettings":
        if self.schedule == "plateau" and self.warmup_epochs:
            raise ValueError("train.schedule=plateau needs train.warmup_epochs=0")
        return self


class TaskSettings(Settings):
    """All settings of a run; a task adds its `model` group and others."""

    data: DataSettings
    train: TrainSettings
    # Not 0: tf.data accepts a tensor as seed only with a nonzero global seed.
    seed: int = Field(1, ge=1, lt=2**31, description="seed of weights, dropout and the order of examples")
    deterministic: bool = Field(
        True, description="bit-identical results on the same machine; false is faster on a GPU"
    )


# Name of the preset for a user's own file, in tasks that have one.
OWN_FILE = "own_file"

SettingsType = TypeVar("SettingsType", bound=TaskSettings)


def preset_names(task_folder: Path) -> list[str]:
    """List the names of the presets of a task."""
    return sorted(path.stem for path in (task_folder / "presets").glob("*.yaml"))


def choose_preset(task_folder: Path, preset: str | None, dataset: str | None) -> str:
    """Choose a preset: the requested one, else the one for the data set, else `default`.

    The preset for a data set has its name, or the name of its family: opus for opus/law.

    Raises:
        UserError: if there is no preset of that name.
    """
    names = preset_names(task_folder)
    if preset:
        if preset not in names:
            raise unknown_name("preset", preset, names)
        return preset
    named = (dataset or "").replace("/", "_"), (dataset or "").partition("/")[0]
    return next((name for name in named if name in names), "default")


def load_settings(
    settings_class: type[SettingsType], task_folder: Path, preset: str, overrides: dict[str, Any]
) -> SettingsType:
    """Load `default.yaml`, apply the preset and then the overrides, and validate the result.

    Args:
        settings_class: the task's settings.
        task_folder: contains `presets/`.
        preset: a name that `choose_preset` returned.
        overrides: dotted key ("model.units") -> value.

    Raises:
        UserError: naming the invalid key (with the nearest valid one) or value.
    """
    values: dict[str, Any] = {}
    for name in dict.fromkeys(("default", preset)):
        _merge(values, _read_yaml(task_folder / "presets" / f"{name}.yaml"))
    valid_keys = [key for key, _ in setting_fields(settings_class)]
    for key, value in overrides.items():
        if key not in valid_keys:
            raise unknown_name("setting", key, valid_keys)
        _set(values, key.split("."), value)
    return check_settings(settings_class, values, where=f"preset {preset!r}")


def override_settings(settings: SettingsType, overrides: dict[str, Any]) -> SettingsType:
    """Apply overrides to resolved settings, and validate the result.

    Raises:
        UserError: naming the invalid key or value.
    """
    values = settings.model_dump()
    valid_keys = [key for key, _ in setting_fields(type(settings))]
    for key, value in overrides.items():
        if key not in valid_keys:
            raise unknown_name("setting", key, valid_keys)
        _set(values, key.split("."), value)
    return check_settings(type(settings), values, where="these settings")


def check_settings(settings_class: type[SettingsType], values: dict[str, Any], where: str) -> SettingsType:
    """Validate nested values against the settings class.

    Raises:
        UserError: naming `where`, the key and what is wrong with its value.
    """
    try:
        return settings_class.model_validate(values)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            raise unknown_name("setting", key, [name for name, _ in setting_fields(settings_class)]) from None
        if first["type"] == "missing":
            raise UserError(f"Setting {key} is missing in {where}.") from None
        if first["type"] == "value_error":
            raise UserError(f"Settings do not go together: {first['ctx']['error']}.") from None
        raise UserError(
            f"Setting {key}={first['input']!r} is not valid: {_lower_first(first['msg'])}."
        ) from None


def parse_overrides(text: str) -> dict[str, Any]:
    """Read `SET="model.units=128 train.epochs=3"`: pairs separated by spaces, values in YAML.

    Raises:
        UserError: if a pair has no equals sign or its value is not valid YAML.
    """
    overrides: dict[str, Any] = {}
    try:
        pairs = shlex.split(text)
    except ValueError as error:
        raise UserError(f'SET={text!r} cannot be read ({error}); write SET="model.units=128".') from None
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise UserError(f'SET has {pair!r} without "="; write it as key=value, e.g. model.units=128.')
        try:
            overrides[key] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise UserError(
                f"SET gives {key} the value {value!r}, which cannot be read; put it in quotes."
            ) from None
    return overrides


def setting_fields(settings_class: type[Settings], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every setting as (dotted key, pydantic field), in order, groups flattened."""
    for name, field in settings_class.model_fields.items():
        group = _group_class(field.annotation)
        if group is not None:
            yield from setting_fields(group, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field


def setting_value(settings: Settings, key: str) -> Any:
    """Get the value of a dotted key."""
    value: Any = settings
    for part in key.split("."):
        value = getattr(value, part)
    return value


def save_settings(settings: Settings, path: Path) -> None:
    """Save all values, including defaults, as YAML."""
    write_text(path, yaml.safe_dump(settings.model_dump(mode="json"), sort_keys=False, allow_unicode=True))


def read_settings(settings_class: type[SettingsType], path: Path) -> SettingsType:
    """Load settings written by `save_settings`.

    Raises:
        UserError: if the file is missing or damaged.
    """
    return check_settings(settings_class, _read_yaml(path), where=str(path))


def _group_class(annotation: Any) -> type[Settings] | None:
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is not None:
        return None
    return annotation if isinstance(annotation, type) and issubclass(annotation, Settings) else None


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path} is missing.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        problem = " ".join(str(error).split())
        raise UserError(f"{path} is not readable YAML: {problem}") from None
    if not isinstance(values, dict):
        raise UserError(f"{path} contains no settings; it should be a YAML mapping of groups.")
    return values


def _merge(base: dict[str, Any], over: dict[str, Any]) -> None:
    for key, value in over.items():
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            _merge(base[key], value)
        else:
            base[key] = value


def _set(values: dict[str, Any], keys: list[str], value: Any) -> None:
    for key in keys[:-1]:
        values = values.setdefault(key, {})
    values[keys[-1]] = value


def _lower_first(message: str) -> str:
    return message[:1].lower() + message[1:]
