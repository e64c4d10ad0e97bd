"""Settings of the forecasting task."""

from typing import Annotated, Any, Literal

import pydantic
from pydantic import Field

from common.config import DataSettings, Settings, TaskSettings


def _names(value: Any) -> Any:
    """`price, promotion`, as the command line gives it, is a list of two."""
    if isinstance(value, str):
        return [name.strip() for name in value.split(",") if name.strip()]
    return value


Names = Annotated[list[str], pydantic.BeforeValidator(_names)]


class ForecastingDataSettings(DataSettings):
    """Where the series come from, and how much of them a model reads and forecasts."""

    time_column: str | None = Field(
        None, description="column that holds the time; empty: the data set's, or `time`"
    )
    target_columns: Names | None = Field(
        None, min_length=1, description="columns to forecast; empty: the data set's, or `value`"
    )
    id_column: str | None = Field(
        None, description="column that names the series of a row, in a file of several series (long format)"
    )
    past_columns: Names | None = Field(
        None, description="columns that help, but are known up to now only; empty: the data set's, or none"
    )
    known_columns: Names | None = Field(
        None, description="columns known ahead: holidays, prices; empty: the data set's, or none"
    )
    frequency: str | None = Field(
        None, description="pandas' name of the time step (h, 15min, D, W, MS); empty: found in the times"
    )
    seasons: list[Annotated[int, Field(ge=1)]] | None = Field(
        None,
        description="steps after which the series repeats itself, shortest first; empty: by the frequency",
    )
    fill: Literal["none", "previous", "interpolate", "zero"] = Field(
        "none",
        description="missing steps and cells: none (an error) | previous | interpolate | zero; of rows with "
        "one time the last counts",
    )
    look_back: int = Field(ge=1, description="steps that the model reads")
    horizon: int = Field(ge=1, description="steps that the model forecasts")
    stride: int = Field(1, ge=1, description="steps from one training window to the next")
    training_share: float = Field(
        1.0, gt=0, le=1, description="latest share of the training part that is trained on"
    )

    @pydantic.field_validator("seasons")
    @classmethod
    def _shortest_season_first(cls, seasons: list[int] | None) -> list[int] | None:
        if seasons is not None and (not seasons or sorted(set(seasons)) != seasons):
            raise ValueError("data.seasons must rise, e.g. [24, 168]; [1] is none")
        return seasons


class ModelSettings(Settings):
    """The network."""

    kind: Literal["gru", "lstm", "segrnn", "window", "nlinear", "es_rnn"] = Field(
        "gru",
        description="gru | lstm (encoder and decoder) | segrnn (a GRU over segments) | window (feed-forward) "
        "| nlinear (one linear map) | es_rnn (exponential smoothing of each series, a network for the rest)",
    )
    units: int = Field(64, ge=1, description="width of the hidden layers")
    layers: int = Field(1, ge=1, description="recurrent layers on top of one another")
    segment_length: int = Field(48, ge=1, description="steps that segrnn reads and writes at once")
    window: int = Field(24, ge=1, description="steps before the one that is forecast that window sees")
    attention: bool = Field(False, description="whether the decoder of gru and lstm attends to the encoder")
    channels: Literal["independent", "joint"] = Field(
        "joint", description="columns forecast together (joint) or one by one with the same weights"
    )
    channel_embedding: bool = Field(
        True, description="whether segrnn knows which of the independent columns it reads"
    )
    normalization: Literal["none", "last", "reversible"] = Field(
        "last",
        description="of each window, undone after: none | last (its last value is taken off) | reversible "
        "(its mean is taken off, its deviation divided out)",
    )
    calendar: bool = Field(True, description="whether time of day, day of week and of year are read")
    dropout: float = Field(0.0, ge=0, lt=1, description="share dropped before the output")
    loss: Literal["mse", "mae", "huber", "quantile"] = Field(
        "quantile", description="mse | mae | huber | quantile (an interval beside the forecast)"
    )
    weighting: Literal["none", "owa"] = Field(
        "none",
        description="of the series in the loss: none (all alike, scaled) | owa (half alike, half by the size "
        "of their seasonal naive error, as M4 counts them)",
    )
    quantiles: list[Annotated[float, Field(gt=0, lt=1)]] = Field(
        [0.1, 0.5, 0.9], description="levels that the quantile loss asks for; 0.5, the forecast, among them"
    )

    @pydantic.model_validator(mode="after")
    def _quantiles_hold_the_forecast(self) -> "ModelSettings":
        if 0.5 not in self.quantiles or sorted(set(self.quantiles)) != self.quantiles:
            raise ValueError("model.quantiles must rise and hold 0.5, e.g. [0.1, 0.5, 0.9]")
        return self

    @property
    def reads_steps(self) -> bool:
        """Whether the network reads the calendar and the columns known ahead of each step."""
        return self.kind in ("gru", "lstm", "window")

    @property
    def levels(self) -> list[float]:
        """Levels of the outputs; none with a loss that knows the forecast alone."""
        return self.quantiles if self.loss == "quantile" else []


class EvaluationSettings(Settings):
    """How a run is judged."""

    metric: Literal["mse", "mae", "mase", "smape", "owa"] = Field(
        "mase", description="what counts: mse | mae (of scaled values) | mase | smape | owa (M4 alone)"
    )
    stride: int = Field(1, ge=1, description="steps from one test window to the next")
    origins: int = Field(
        20, ge=0, description="test windows on which statistical baselines are fitted; 0: none are"
    )
    statistical_history: int = Field(
        2_000, ge=10, description="steps before a window that they are fitted to, at most"
    )
    nlinear: bool = Field(True, description="whether NLinear is trained beside the model")
    refits: int = Field(
        0,
        ge=0,
        description="parts of the test windows before each of which the model is trained again; 0: it is not",
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
                        f"data.{name}={steps} is no multiple of model.segment_length="
                        f"{self.model.segment_length}"
                    )
        return self


SETTINGS = ForecastingSettings
