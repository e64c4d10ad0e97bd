"""How forecasts are judged: errors on scaled and on plain values, intervals, error by step."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from common.contract.evaluation import Evaluation
from common.data.examples import Answer, Example
from tasks.forecasting.config import ForecastingSettings
from tasks.forecasting.metrics import pinball_loss, symmetric_percentage_error
from tasks.forecasting.plots import draw_errors_by_step, draw_forecasts

# Windows drawn, and steps of their past.
WINDOWS_DRAWN, STEPS_DRAWN = 4, 200
# Rows of the table by step.
STEPS_LISTED = 8


class ForecastScores:
    """Errors window by window; of the windows themselves nothing is kept.

    Metrics, each the mean over windows, steps and target columns:
        mse, mae: of values scaled by the mean and deviation of the training part, as papers on long horizons
            do.
        mase: absolute error over that of the seasonal naive forecast before the test part.
        smape: in per cent.
        owa: mean of smape and mase, each over that of Naive2 (M4); where Naive2 is given.
        pinball: mean over the levels, scaled as mse and mae.
        coverage: share of the true values between the outer quantiles.
    """

    def __init__(self, levels: list[float]) -> None:
        self.levels = levels
        # One row a window.
        self.rows: list[dict[str, float]] = []
        # (horizon,) sums over windows, means over targets.
        self.squared_by_step: Any = 0.0
        self.absolute_by_step: Any = 0.0

    def add(self, example: Example, forecast: Any, quantiles: Any = None) -> None:
        """Take one window.

        Args:
            example: with future (horizon, targets) and scale (3, targets).
            forecast: (horizon, targets).
            quantiles: (horizon, targets, levels), if there are any.
        """
        truth = np.asarray(example["future"], np.float64)
        _, deviation, naive_error = np.asarray(example["scale"], np.float64)
        forecast = np.asarray(forecast, np.float64)
        error = np.abs(truth - forecast)
        scaled = error / deviation
        self.squared_by_step = self.squared_by_step + (scaled**2).mean(axis=1)
        self.absolute_by_step = self.absolute_by_step + scaled.mean(axis=1)
        row = {
            "mse": (scaled**2).mean(),
            "mae": scaled.mean(),
            "mase": (error / naive_error).mean(),
            "smape": symmetric_percentage_error(truth, forecast).mean(),
        }
        if "naive2" in example:
            yardstick = np.asarray(example["naive2"], np.float64)
            row["naive2_mase"] = (np.abs(truth - yardstick) / naive_error).mean()
            row["naive2_smape"] = symmetric_percentage_error(truth, yardstick).mean()
        if quantiles is not None and self.levels:
            quantiles = np.asarray(quantiles, np.float64)
            losses = pinball_loss(truth, quantiles, self.levels) / deviation[:, np.newaxis]
            row["pinball"] = losses.mean()
            row["coverage"] = ((quantiles[..., 0] <= truth) & (truth <= quantiles[..., -1])).mean()
        self.rows.append(row)

    def metrics(self, windows: list[int] | None = None) -> dict[str, float]:
        """Name -> mean over the windows, or over those of these numbers."""
        table = pd.DataFrame(self.rows)
        means = {name: float(value) for name, value in table.iloc[windows or slice(None)].mean().items()}
        yardsticks = {name: means.pop(f"naive2_{name}", None) for name in ("mase", "smape")}
        if yardsticks["mase"] is not None:
            means["owa"] = (means["mase"] / yardsticks["mase"] + means["smape"] / yardsticks["smape"]) / 2
        return means

    def by_step(self) -> pd.DataFrame:
        """Columns step, mse and mae; one row a step of the horizon."""
        return pd.DataFrame(
            {
                "step": np.arange(1, len(self.squared_by_step) + 1),
                "mse": self.squared_by_step / len(self.rows),
                "mae": self.absolute_by_step / len(self.rows),
            }
        )


def chosen_origins(windows: int, origins: int) -> list[int]:
    """Numbers of the windows on which slow baselines are fitted: spread evenly over all of them."""
    return [int(number) for number in np.unique(np.linspace(0, windows - 1, origins).round())]


def evaluate_answers(
    settings: ForecastingSettings, targets: list[str], scored: Iterable[tuple[Example, Answer]]
) -> Evaluation:
    """Compare forecasts with the truth.

    `predictions` holds windows that do not overlap, so that each step of the test part is there once.
    """
    levels = settings.model.levels
    scores = ForecastScores(levels)
    predictions: list[dict[str, Any]] = []
    drawn: list[tuple[Example, Answer]] = []
    next_step: dict[str, int] = {}
    for example, answer in scored:
        scores.add(example, answer["forecast"], answer.get("quantiles"))
        if example["step"] >= next_step.get(example["series"], 0):
            next_step[example["series"]] = example["step"] + len(example["future"])
            predictions += _rows(example, answer, targets, levels)
            drawn.append((example, answer))
    chosen = [drawn[number] for number in chosen_origins(len(drawn), WINDOWS_DRAWN)]
    by_step = scores.by_step()
    listed = chosen_origins(len(by_step), STEPS_LISTED)
    tables = {"Errors by step of the horizon": by_step.iloc[listed].to_dict("records")}
    origins = chosen_origins(len(scores.rows), settings.evaluation.origins)
    if 0 < len(origins) < len(scores.rows):
        title = f"The model at {len(origins)} origins, where statistical baselines are fitted"
        tables[title] = [scores.metrics(origins)]
    return Evaluation(
        metrics=scores.metrics(),
        tables=tables,
        figures={
            "forecasts.png": draw_forecasts(chosen, targets, levels, STEPS_DRAWN),
            "errors_by_step.png": draw_errors_by_step(by_step),
        },
        predictions=predictions,
    )


def _rows(example: Example, answer: Answer, targets: list[str], levels: list[float]) -> list[dict[str, Any]]:
    rows = []
    for step, truth in enumerate(example["future"]):
        for column, target in enumerate(targets):
            row = {
                "series": example["series"],
                "read_until": example["time"],
                "step": step + 1,
                "column": target,
                "truth": float(truth[column]),
                "forecast": float(answer["forecast"][step][column]),
            }
            if "quantiles" in answer:
                quantiles = answer["quantiles"][step][column]
                row |= {
                    f"quantile_{level * 100:g}": float(q) for level, q in zip(levels, quantiles, strict=True)
                }
            rows.append(row)
    return rows
