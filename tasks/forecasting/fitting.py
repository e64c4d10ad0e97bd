"""Training of a model in memory, without a run: a baseline, or the model for a rolling origin."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from common.data.batching import choose_buckets
from common.data.examples import Example
from common.learning.training import seed_everything
from common.modelling.losses import PinballLoss
from common.modelling.optimizers import build_optimizer
from tasks.forecasting.config import ForecastingSettings
from tasks.forecasting.model import build_model
from tasks.forecasting.preprocessing import ForecastingPreprocessing, raw_windows
from tasks.forecasting.serving import ForecastingServing
from tasks.forecasting.windows import SeriesSource, WindowBatches

LOSSES = {
    "mse": keras.losses.MeanSquaredError,
    "mae": keras.losses.MeanAbsoluteError,
    "huber": keras.losses.Huber,
}


def loss_of(settings: ForecastingSettings) -> keras.losses.Loss:
    """Create the loss of the settings, on scaled values."""
    if settings.model.loss == "quantile":
        return PinballLoss(settings.model.quantiles)
    return LOSSES[settings.model.loss]()


class Forecaster:
    """A trained model that answers raw examples."""

    def __init__(self, settings: ForecastingSettings, source: SeriesSource) -> None:
        """Train on a source's training split; the validation split chooses the epoch.

        Args:
            settings: `model` and `train` are used.
            source: of the series.
        """
        seed_everything(settings)
        preprocessing = ForecastingPreprocessing.learn(settings, source)
        batches = {
            split: WindowBatches(source, split, preprocessing.example) for split in ("train", "validation")
        }
        buckets = {
            split: choose_buckets(windows.lengths, 1, settings.train.tokens_per_batch)
            for split, windows in batches.items()
        }
        model = build_model(settings, preprocessing.shape)
        model.compile(build_optimizer(settings.train, buckets["train"].steps_per_epoch), loss_of(settings))
        epoch = tf.Variable(0, dtype=tf.int64, trainable=False)
        callbacks = [
            keras.callbacks.LambdaCallback(on_epoch_begin=lambda number, _: epoch.assign(number)),
            keras.callbacks.EarlyStopping(
                patience=settings.train.early_stopping_patience, restore_best_weights=True
            ),
        ]
        if settings.train.weight_average is not None:
            # Before early stopping, which then restores the averaged weights of the best score.
            callbacks.insert(0, keras.callbacks.SwapEMAWeights(swap_on_epoch=True))
        model.fit(
            batches["train"].training_batches(buckets["train"], epoch, settings.seed, 1),
            validation_data=batches["validation"].scoring_batches(buckets["validation"]),
            epochs=settings.train.epochs,
            callbacks=callbacks,
            shuffle=False,
            verbose=0,
        )
        self.serving = ForecastingServing(preprocessing, model)

    def __call__(self, examples: list[Example]) -> dict[str, np.ndarray]:
        """Answer examples: forecast, and quantiles if any."""
        answers: dict[str, Any] = self.serving.serve(**raw_windows(examples))
        return {name: value.numpy() for name, value in answers.items()}
