"""Optimizers and learning rate schedules."""

import math
from typing import Any

import keras
from keras import ops

from common.config import TrainSettings


def build_optimizer(train: TrainSettings, steps_per_epoch: int) -> keras.optimizers.Optimizer:
    """Build the optimizer with learning rate schedule, gradient clipping and weight averaging."""
    learning_rate: Any = train.learning_rate
    if train.schedule == "cosine" or train.warmup_epochs > 0:
        learning_rate = WarmUpThenDecay(
            train.learning_rate,
            warmup_steps=round(train.warmup_epochs * steps_per_epoch),
            decay_steps=train.epochs * steps_per_epoch if train.schedule == "cosine" else None,
        )
    optimizers = {"adam": keras.optimizers.Adam, "adamw": keras.optimizers.AdamW}
    arguments: dict[str, Any] = {"weight_decay": train.weight_decay} if train.optimizer == "adamw" else {}
    if train.weight_average is not None:
        arguments |= {"use_ema": True, "ema_momentum": train.weight_average}
    return optimizers[train.optimizer](learning_rate, global_clipnorm=train.gradient_clip_norm, **arguments)


@keras.saving.register_keras_serializable(package="rnn_task_suite")
class WarmUpThenDecay(keras.optimizers.schedules.LearningRateSchedule):
    """Linear warm-up over `warmup_steps`, then constant, or cosine decay to zero.

    Source: cosine: Loshchilov and Hutter, "SGDR", 2017.
    """

    def __init__(self, peak: float, warmup_steps: int, decay_steps: int | None) -> None:
        self.peak = peak
        self.warmup_steps = warmup_steps
        self.decay_steps = decay_steps

    def __call__(self, step: Any) -> Any:
        """Learning rate at a step."""
        step = ops.cast(step, "float32")
        rate = self.peak * ops.minimum(1.0, (step + 1) / max(1, self.warmup_steps))
        if self.decay_steps is None:
            return rate
        progress = (step - self.warmup_steps) / max(1, self.decay_steps - self.warmup_steps)
        return rate * 0.5 * (1 + ops.cos(math.pi * ops.clip(progress, 0.0, 1.0)))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {"peak": self.peak, "warmup_steps": self.warmup_steps, "decay_steps": self.decay_steps}
