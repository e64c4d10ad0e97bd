"""Sequence to sequence: a recurrent encoder reads the look-back, a recurrent decoder writes the horizon."""

from typing import Any

import keras

from common.layers.attention_decoder import AttentionDecoder
from common.layers.stacked_rnn import StackedRNN
from tasks.forecasting.config import ForecastingSettings
from tasks.forecasting.models.steps import Steps


def encoder_decoder(settings: ForecastingSettings, steps: Steps) -> Any:
    """Steps to a hidden vector for each step of the horizon, (rows, horizon, units).

    The decoder reads the season and the calendar of each step, not its forecast of the one before: so
    errors do not add up, and all steps are computed without a loop of operations.

    Source: Sutskever et al., "Sequence to sequence learning", 2014; Cho et al., 2014; direct decoding: Wen et
    al., "A multi-horizon quantile recurrent forecaster", 2017.
    """
    model = settings.model
    encoder = StackedRNN(
        model.kind,
        model.units,
        layers=model.layers,
        bidirectional=False,
        return_sequences=model.attention,
        name="encoder",
    )
    decoder = AttentionDecoder(
        model.kind,
        model.units,
        layers=model.layers,
        attention="general" if model.attention else None,
        name="decoder",
    )
    encoded = encoder(steps.past)  # (rows, look-back, units), or (rows, units)
    if model.attention:
        states = decoder(steps.future, encoded[:, -1], encoded)
    else:
        states = decoder(steps.future, encoded)
    # The output also sees what the decoder reads: a forecast is mostly the season before, corrected.
    states = keras.layers.Dropout(model.dropout)(states)
    return keras.layers.Concatenate()([states, steps.future])
