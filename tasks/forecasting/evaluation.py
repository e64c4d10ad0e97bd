"""Evaluation of forecasts: errors of scaled and unscaled values, intervals, errors by step."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from common.contract.evaluation import Evaluation
from common.data.examples import Answer, Example
from tasks.forecasting.config import ForecastingSettings
from tasks.forecasting.metrics import pinball_loss, symmetric_percentage_error
from tasks.forecasting.plots import draw_errors_by_step, draw_forecasts

# Number of windows plotted, and steps of their past.
WINDOWS_DRAWN, STEPS_DRAWN = 4, 200
# Rows in the table of errors by step.
STEPS_LISTED = 8


class ForecastScores:
    """Errors by window, without storing the windows.

    Metrics, each the mean over windows, steps and target columns:
        mse, mae: of values standardised by the training split, as in papers on long horizons.
        mase: absolute error relative to that of the seasonal naive forecast before the test split.
        smape: in per cent.
        owa: mean of smape and mase, each relative to Naive2 (M4), if available.
        pinball: mean over the levels, scaled like mse and mae.
        coverage: share of the true values between the outer quantiles.
    """

    def __init__(self, levels: list[float]) -> None:
        self.levels = levels
        # One row per window.
        self.rows: list[dict[str, float]] = []
        # (horizon,) sums over windows, means over targets.
        self.squared_by_step: Any = 0.0
        self.absolute_by_step: Any = 0.0

    def add(self, example: Example, forecast: Any, quantiles: Any = None) -> None:
        """Add one window.

        Args:
            example: with future (horizon, targets) and scale (3, targets).
            forecast: (horizon, targets).
            quantiles: (horizon, targets, levels), if any.
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
            naive2 = np.asarray(example["naive2"], np.float64)
            row["naive2_mase"] = (np.abs(truth - naive2) / naive_error).mean()
            row["naive2_smape"] = symmetric_percentage_error(truth, naive2).mean()
        if quantiles is not None and self.levels:
            quantiles = np.asarray(quantiles, np.float64)
            losses = pinball_loss(truth, quantiles, self.levels) / deviation[:, np.newaxis]
            row["pinball"] = losses.mean()
            row["coverage"] = ((quantiles[..., 0] <= truth) & (truth <= quantiles[..., -1])).mean()
        self.rows.append(row)

    def metrics(self, windows: list[int] | None = None) -> dict[str, float]:
        """Return name -> mean over all windows, or over those with the given indices."""
        table = pd.DataFrame(self.rows)
        means = {name: float(value) for name, value in table.iloc[windows or slice(None)].mean().items()}
        naive2 = {name: means.pop(f"naive2_{name}", None) for name in ("mase", "smape")}
        if naive2["mase"] is not None:
            means["owa"] = (means["mase"] / naive2["mase"] + means["smape"] / naive2["smape"]) / 2
        return means

    def by_step(self) -> pd.DataFrame:
        """Return columns step, mse and mae, with one row per step of the horizon."""
        return pd.DataFrame(
            {
                "step": np.arange(1, len(self.squared_by_step) + 1),
                "mse": self.squared_by_step / len(self.rows),
                "mae": self.absolute_by_step / len(self.rows),
            }
        )


def chosen_origins(windows: int, origins: int) -> list[int]:
    """Choose the indices of the windows for slow baselines, evenly spread over all windows."""
    return [int(number) for number in np.unique(np.linspace(0, windows - 1, origins).round())]


def evaluate_answers(
    settings: ForecastingSettings, targets: list[str], scored: Iterable[tuple[Example, Answer]]
) -> Evaluation:
    """Compare forecasts with the truth.

    `predictions` has non-overlapping windows, so that each step of the test split occurs once.
    """
    levels = settings.model.levels
    scores = ForecastScores(levels)
    predictions: list[dict[str, Any]] = []
    disjoint: list[tuple[Example, Answer]] = []
    next_step: dict[str, int] = {}
    for example, answer in scored:
        scores.add(example, answer["forecast"], answer.get("quantiles"))
        if example["step"] >= next_step.get(example["series"], 0):
            next_step[example["series"]] = example["step"] + len(example["future"])
            predictions += _rows(example, answer, targets, levels)
            disjoint.append((example, answer))
    plotted = [disjoint[number] for number in chosen_origins(len(disjoint), WINDOWS_DRAWN)]
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
            "forecasts.png": draw_forecasts(plotted, targets, levels, STEPS_DRAWN),
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
