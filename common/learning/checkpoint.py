"""What a killed run goes on from: the state after each epoch, and the best weights apart."""

import json
import math
import time
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from keras import ops

from common.config import TrainSettings
from common.errors import UserError
from common.files import whole_file, write_text
from common.runs.run import Run
from common.scores.plots import learning_curves

SECONDS_BETWEEN_PICTURES = 10


class Checkpoint(keras.callbacks.Callback):
    """Keeps after every epoch all that the next one depends on, and the best weights apart.

    What is kept: weights, optimizer, states of the random generators of the dropout layers, the epoch, and
    what early stopping and the plateau rule remember. The order of the examples is a function of seed and
    epoch. So a run that was killed in the middle of an epoch repeats that epoch and ends with the same
    weights as one that was not.
    """

    def __init__(self, run: Run, epoch: tf.Variable, monitor: str, mode: str, train: TrainSettings) -> None:
        super().__init__()
        self.run = run
        self.epoch_variable = epoch
        self.monitor = monitor
        self.sign = 1 if mode == "max" else -1
        self.train = train
        self.history: list[dict[str, float]] = []
        self.best: float | None = None
        self.best_epoch = 0
        # Score and number of the best epochs, of which the weights are on disk; the best first.
        self.kept: list[tuple[float, int]] = []
        self.epochs_since_best = 0
        self.epochs_since_rate_cut = 0
        self.seconds = 0.0
        self.ended = False
        self.started = 0.0
        self.drawn = -math.inf

    @property
    def epochs_done(self) -> int:
        """Epochs that are behind us, in this process or an earlier one."""
        return len(self.history)

    @property
    def last_file(self) -> Path:
        """State after the last whole epoch."""
        return self.run.checkpoints_folder / "last.npz"

    @property
    def best_file(self) -> Path:
        """Weights after the best epoch."""
        return self.run.checkpoints_folder / "best.npz"

    def epoch_file(self, epoch: int) -> Path:
        """Weights after one of the best epochs, if several are averaged at the end."""
        return self.run.checkpoints_folder / f"epoch_{epoch}.npz"

    def is_better(self, score: float) -> bool:
        """Whether a validation score is above (or below, where less is better) the best one so far."""
        return self.best is None or self.sign * score > self.sign * self.best

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Tell the data the epoch, before it draws the order."""
        self.started = time.monotonic()
        self.epoch_variable.assign(epoch)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Keep the state; stop if the score has not risen for long."""
        logs = dict(logs or {})
        if self.monitor not in logs:
            raise ValueError(
                f"the task's metric {self.monitor} is not among the validation scores {sorted(logs)}"
            )
        logs["learning_rate"] = float(ops.convert_to_numpy(self.model.optimizer.learning_rate))
        self.history.append({"epoch": epoch + 1, **{key: float(value) for key, value in logs.items()}})
        self.seconds += time.monotonic() - self.started
        if self.is_better(logs[self.monitor]):
            self.best, self.best_epoch = float(logs[self.monitor]), epoch + 1
            self.epochs_since_best = self.epochs_since_rate_cut = 0
            _save_arrays(self.best_file, scored_weights(self.model))
        else:
            self.epochs_since_best += 1
            self.epochs_since_rate_cut += 1
        dropped = self._keep_for_mean(float(logs[self.monitor]), epoch + 1)
        self._cut_rate_on_plateau()
        self.ended = (
            self.epochs_since_best >= self.train.early_stopping_patience or epoch + 1 == self.train.epochs
        )
        _save_arrays(self.last_file, _state(self.model), self._memory())
        # Not before: a run that is killed here still finds what its last state names.
        for number in dropped:
            self.epoch_file(number).unlink(missing_ok=True)
        write_text(self.run.folder / "history.csv", pd.DataFrame(self.history).to_csv(index=False))
        self._draw()
        self.model.stop_training = self.ended

    def _draw(self) -> None:
        """Draw the curves, but not after every epoch of a second: a picture takes half of one."""
        if self.ended or time.monotonic() - self.drawn >= SECONDS_BETWEEN_PICTURES:
            learning_curves(self.history, self.run.folder / "figures" / "learning_curves.png")
            self.drawn = time.monotonic()

    def _keep_for_mean(self, score: float, epoch: int) -> list[int]:
        """Keep the weights of an epoch that is among the best; return the epochs that no longer are."""
        if self.train.averaged_epochs == 1:
            return []
        ranked = sorted([*self.kept, (score, epoch)], key=lambda entry: (-self.sign * entry[0], entry[1]))
        self.kept, dropped = ranked[: self.train.averaged_epochs], ranked[self.train.averaged_epochs :]
        if (score, epoch) in self.kept:
            _save_arrays(self.epoch_file(epoch), scored_weights(self.model))
        return [number for _, number in dropped if number != epoch]

    def _cut_rate_on_plateau(self) -> None:
        if self.train.schedule == "plateau" and self.epochs_since_rate_cut >= max(
            1, self.train.early_stopping_patience // 2
        ):
            self.model.optimizer.learning_rate = float(self.model.optimizer.learning_rate) * 0.5
            self.epochs_since_rate_cut = 0

    def _memory(self) -> dict[str, Any]:
        names = (
            "history",
            "best",
            "best_epoch",
            "kept",
            "epochs_since_best",
            "epochs_since_rate_cut",
            "seconds",
            "ended",
        )
        return {name: getattr(self, name) for name in names}

    def restore(self, model: keras.Model) -> None:
        """Go back to the state after the last whole epoch, if there is one.

        Raises:
            UserError: if the checkpoint is damaged.
        """
        if not self.last_file.is_file():
            return
        arrays, memory = _load_arrays(self.last_file)
        _assign(_state_variables(model), arrays, self.last_file)
        for name, value in memory.items():
            setattr(self, name, value)
        self.kept = [(score, epoch) for score, epoch in self.kept]

    def restore_mean(self, model: keras.Model) -> None:
        """Put the mean of the kept epochs' weights into the model."""
        every = [_load_arrays(self.epoch_file(epoch))[0] for _, epoch in self.kept]
        mean = [np.mean(arrays, axis=0, dtype=np.float64) for arrays in zip(*every, strict=True)]
        # The states of random generators are whole numbers and have no mean.
        arrays = [
            first if np.issubdtype(first.dtype, np.integer) else average.astype(first.dtype)
            for first, average in zip(every[0], mean, strict=True)
        ]
        _assign(model.weights, arrays, self.epoch_file(self.kept[0][1]))

    def restore_best(self, model: keras.Model) -> None:
        """Put the best epoch's weights into the model."""
        arrays, _ = _load_arrays(self.best_file)
        _assign(model.weights, arrays, self.best_file)


def _state_variables(model: keras.Model) -> list[Any]:
    return [*model.variables, *model.optimizer.variables]


def _state(model: keras.Model) -> list[np.ndarray]:
    return [ops.convert_to_numpy(variable) for variable in _state_variables(model)]


def scored_weights(model: keras.Model) -> list[np.ndarray]:
    """Weights that the validation score was measured with: their moving average, if one is kept."""
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    averages: dict[int, Any] = {}
    if optimizer.use_ema:
        averages = {
            id(variable): average
            for variable, average in zip(
                optimizer._trainable_variables, optimizer._model_variables_moving_average, strict=True
            )
        }
    return [ops.convert_to_numpy(averages.get(id(weight), weight)) for weight in model.weights]


def _save_arrays(path: Path, arrays: list[np.ndarray], memory: dict[str, Any] | None = None) -> None:
    with whole_file(path) as temporary:
        np.savez(temporary, *arrays, memory=np.array(json.dumps(memory or {})))


def _load_arrays(path: Path) -> tuple[list[np.ndarray], dict[str, Any]]:
    try:
        with np.load(path) as file:
            arrays = [file[f"arr_{number}"] for number in range(len(file.files) - 1)]
            return arrays, json.loads(str(file["memory"]))
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        raise UserError(f"{path} is damaged; delete the run's folder and train again.") from None


def _assign(variables: list[Any], arrays: list[np.ndarray], path: Path) -> None:
    if [tuple(variable.shape) for variable in variables] != [array.shape for array in arrays]:
        raise UserError(
            f"{path} does not fit the model of config.yaml; delete the run's folder and train again."
        )
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)
