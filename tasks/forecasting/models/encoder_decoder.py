"""Sequence to sequence: a recurrent encoder of the look-back, and a recurrent decoder of the horizon."""

from typing import Any

import keras

from common.layers.attention_decoder import AttentionDecoder
from common.layers.stacked_rnn import StackedRNN
from tasks.forecasting.config import ForecastingSettings
from tasks.forecasting.models.steps import Steps


def encoder_decoder(settings: ForecastingSettings, steps: Steps) -> Any:
    """Build the network, with a hidden vector for each step of the horizon, (rows, horizon, units).

    The decoder's inputs are the previous season and the calendar of each step, not its forecast of the
    previous step: so errors do not accumulate, and all steps are one call of the recurrent layer.

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
    # The output also gets the decoder's inputs: a forecast is mostly the previous season with corrections.
    states = keras.layers.Dropout(model.dropout)(states)
    return keras.layers.Concatenate()([states, steps.future])
