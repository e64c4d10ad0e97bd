"""Inputs of a network for each step: past values and covariates; seasons and calendar of the future."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops

from tasks.forecasting.preprocessing import WindowShape


@dataclass(frozen=True)
class Steps:
    """Inputs for each step.

    Attributes:
        past: (rows, look-back, features): values, past columns, known columns.
        future: (rows, horizon, features): the values one season before, known columns, the position in the
            horizon.
    """

    past: Any
    future: Any


def make_steps(values: Any, past: Any, known: Any, shape: WindowShape) -> Steps:
    """Create the inputs for each step.

    Args:
        values: (rows, look-back, columns) to forecast, scaled.
        past: (rows, look-back, past columns), or None.
        known: (rows, look-back + horizon, known columns), or None.
        shape: sizes.
    """
    before = [values] if past is None else [values, past]
    ahead = [seasonal_naive(values, season, shape) for season in shape.seasons]
    if known is not None:
        before.append(known[:, : shape.look_back])
        ahead.append(known[:, shape.look_back :])
    position = np.linspace(0, 1, shape.horizon, dtype=np.float32)[np.newaxis, :, np.newaxis]
    ahead.append(ops.zeros_like(values[:, -1:, :1]) + position)  # (rows, horizon, 1)
    return Steps(_joined(before), _joined(ahead))


def seasonal_naive(values: Any, season: int, shape: WindowShape) -> Any:
    """Repeat the last season of values (rows, look-back, columns): (rows, horizon, columns)."""
    last = values[:, shape.look_back - season :]
    repeated = ops.tile(last, (1, -(-shape.horizon // season), 1))
    return repeated[:, : shape.horizon]


def _joined(parts: list[Any]) -> Any:
    return ops.concatenate(parts, axis=-1) if len(parts) > 1 else parts[0]
