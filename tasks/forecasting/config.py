"""Settings of the forecasting task."""

from typing import Annotated, Any, Literal

import pydantic
from pydantic import Field

from common.config import DataSettings, Settings, TaskSettings


def _names(value: Any) -> Any:
    """Split a string such as `price, promotion`, from the command line, into a list."""
    if isinstance(value, str):
        return [name.strip() for name in value.split(",") if name.strip()]
    return value


Names = Annotated[list[str], pydantic.BeforeValidator(_names)]


class ForecastingDataSettings(DataSettings):
    """Source of the series, and size of the windows."""

    time_column: str | None = Field(
        None, description="column with the time; default: the data set's, or `time`"
    )
    target_columns: Names | None = Field(
        None, min_length=1, description="columns to forecast; default: the data set's, or `value`"
    )
    id_column: str | None = Field(
        None, description="column with the name of a row's series, for several series in long format"
    )
    past_columns: Names | None = Field(
        None, description="covariates that are only known up to now; default: the data set's, or none"
    )
    known_columns: Names | None = Field(
        None, description="covariates known in advance, e.g. holidays; default: the data set's, or none"
    )
    frequency: str | None = Field(
        None, description="pandas' name of the time step (h, 15min, D, W, MS); default: inferred"
    )
    seasons: list[Annotated[int, Field(ge=1)]] | None = Field(
        None, description="lengths of the seasons in steps, shortest first; default: set by the frequency"
    )
    fill: Literal["none", "previous", "interpolate", "zero"] = Field(
        "none",
        description="filling of missing steps and cells: none (an error) | previous | interpolate | zero; if "
        "not none, the last of several rows with the same time is used",
    )
    look_back: int = Field(ge=1, description="number of past steps that the model reads")
    horizon: int = Field(ge=1, description="number of steps to forecast")
    stride: int = Field(1, ge=1, description="steps from one training window to the next")
    training_share: float = Field(
        1.0, gt=0, le=1, description="fraction of the training split to train on, the latest steps"
    )

    @pydantic.field_validator("seasons")
    @classmethod
    def _shortest_season_first(cls, seasons: list[int] | None) -> list[int] | None:
        if seasons is not None and (not seasons or sorted(set(seasons)) != seasons):
            raise ValueError("data.seasons must be ascending, e.g. [24, 168]; [1] for no season")
        return seasons


class ModelSettings(Settings):
    """The network."""

    kind: Literal["gru", "lstm", "segrnn", "window", "nlinear", "es_rnn"] = Field(
        "gru",
        description="gru | lstm (encoder and decoder) | segrnn (a GRU over segments) | window (feed-forward) "
        "| nlinear (one linear map) | es_rnn (exponential smoothing per series, a network for the rest)",
    )
    units: int = Field(64, ge=1, description="units of the hidden layers")
    layers: int = Field(1, ge=1, description="number of stacked recurrent layers")
    segment_length: int = Field(48, ge=1, description="length of the segments of segrnn and es_rnn, in steps")
    window: int = Field(24, ge=1, description="for window: number of steps before each forecast step")
    attention: bool = Field(False, description="for gru and lstm: let the decoder attend to the encoder")
    channels: Literal["independent", "joint"] = Field(
        "joint", description="forecast columns jointly, or independently with shared weights"
    )
    channel_embedding: bool = Field(True, description="for segrnn: use an embedding of the column")
    normalization: Literal["none", "last", "reversible"] = Field(
        "last",
        description="of each window, undone in the output: none | last (subtract the last value) | "
        "reversible (standardise by mean and deviation)",
    )
    calendar: bool = Field(True, description="use time of day, day of week and day of year as inputs")
    dropout: float = Field(0.0, ge=0, lt=1, description="dropout rate before the output layer")
    loss: Literal["mse", "mae", "huber", "quantile"] = Field(
        "quantile", description="mse | mae | huber | quantile (also gives an interval)"
    )
    weighting: Literal["none", "owa"] = Field(
        "none",
        description="weights of the series in the loss: none (equal) | owa (half equal, half by the size of "
        "their seasonal naive error, as in M4)",
    )
    quantiles: list[Annotated[float, Field(gt=0, lt=1)]] = Field(
        [0.1, 0.5, 0.9], description="levels of the quantile loss, including 0.5, the forecast"
    )

    @pydantic.model_validator(mode="after")
    def _quantiles_hold_the_forecast(self) -> "ModelSettings":
        if 0.5 not in self.quantiles or sorted(set(self.quantiles)) != self.quantiles:
            raise ValueError("model.quantiles must be ascending and include 0.5, e.g. [0.1, 0.5, 0.9]")
        return self

    @property
    def reads_steps(self) -> bool:
        """Whether the network's inputs include the calendar and the known columns of each step."""
        return self.kind in ("gru", "lstm", "window")

    @property
    def levels(self) -> list[float]:
        """Quantile levels of the outputs; empty without the quantile loss."""
        return self.quantiles if self.loss == "quantile" else []


class EvaluationSettings(Settings):
    """How a run is evaluated."""

    metric: Literal["mse", "mae", "mase", "smape", "owa"] = Field(
        "mase", description="main metric: mse | mae (of scaled values) | mase | smape | owa (only for M4)"
    )
    stride: int = Field(1, ge=1, description="steps from one test window to the next")
    origins: int = Field(
        20, ge=0, description="number of test windows for the statistical baselines; 0 for no such baselines"
    )
    statistical_history: int = Field(
        2_000, ge=10, description="maximum number of steps that statistical baselines are fitted to"
    )
    nlinear: bool = Field(True, description="train NLinear as a baseline")
    refits: int = Field(
        0, ge=0, description="number of parts of the test split, with retraining before each; 0 for none"
    )


class ForecastingSettings(TaskSettings):
    """All settings of a forecasting run."""

    data: ForecastingDataSettings
    model: ModelSettings
    evaluation: EvaluationSettings = EvaluationSettings()

    @pydantic.model_validator(mode="after")
    def _whole_segments(self) -> "ForecastingSettings":
        if self.model.kind == "es_rnn" and self.model.segment_length > self.data.look_back:
            raise ValueError("model.segment_length is longer than data.look_back: set a shorter one")
        if self.model.kind == "segrnn":
            for name in ("look_back", "horizon"):
                steps = getattr(self.data, name)
                if steps % self.model.segment_length:
                    raise ValueError(
                        f"data.{name}={steps} is not a multiple of model.segment_length="
                        f"{self.model.segment_length}"
                    )
        return self


SETTINGS = ForecastingSettings
