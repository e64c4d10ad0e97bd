"""The feed-forward baseline: each step of the horizon from a fixed window of previous steps."""

from typing import Any

import keras
from keras import ops

from common.layers.windowed_dense import WindowedDense
from tasks.forecasting.config import ForecastingSettings
from tasks.forecasting.models.steps import Steps


def window(settings: ForecastingSettings, steps: Steps) -> Any:
    """Build the network, with a hidden vector for each step of the horizon, (rows, horizon, units).

    Past and future form one sequence; features that are unknown at a step are zero.
    """
    model, horizon = settings.model, steps.future.shape[1]
    past = steps.past[:, -model.window :]
    known_future = ops.zeros_like(past[:, :, :1]) + ops.zeros((1, 1, steps.future.shape[-1]))
    unknown_past = ops.zeros_like(steps.future[:, :, :1]) + ops.zeros((1, 1, past.shape[-1]))
    sequence = ops.concatenate(
        [
            ops.concatenate([past, known_future], axis=-1),
            ops.concatenate([unknown_past, steps.future], axis=-1),
        ],
        axis=1,
    )  # (rows, window + horizon, features)
    hidden = sequence
    for number in range(model.layers):
        left = model.window if number == 0 else 0
        hidden = WindowedDense(model.units, left=left, right=0, activation="relu", name=f"window_{number}")(
            hidden
        )
    hidden = keras.layers.Dropout(model.dropout)(hidden[:, -horizon:])
    return keras.layers.Concatenate()([hidden, steps.future])
