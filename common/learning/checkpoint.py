"""Checkpoints: the state after each epoch, to resume from, and the best weights."""

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

SECONDS_BETWEEN_PLOTS = 10


# Attributes of `Checkpoint` by their keys in the file.
_SAVED_ATTRIBUTES = {
    "history": "history",
    "best": "best",
    "best_epoch": "best_epoch",
    "kept": "best_epochs",
    "epochs_since_best": "epochs_since_best",
    "epochs_since_rate_cut": "epochs_since_rate_cut",
    "seconds": "seconds",
    "ended": "ended",
}


class Checkpoint(keras.callbacks.Callback):
    """Saves after every epoch everything that the next one depends on, and the best weights separately.

    Saved are weights, optimizer state, states of the random generators of dropout layers, the epoch, and the
    state of early stopping and of the plateau schedule. The order of examples is a function of seed and
    epoch. So a run that was killed in the middle of an epoch repeats that epoch and ends with exactly the
    weights of an uninterrupted run.
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
        # Score and number of the best epochs, whose weights are on disk; the best first.
        self.best_epochs: list[tuple[float, int]] = []
        self.epochs_since_best = 0
        self.epochs_since_rate_cut = 0
        self.seconds = 0.0
        self.ended = False
        self.epoch_started = 0.0
        self.last_plot = -math.inf

    @property
    def epochs_done(self) -> int:
        """Number of finished epochs, in this process and earlier ones."""
        return len(self.history)

    @property
    def last_file(self) -> Path:
        """State after the last finished epoch."""
        return self.run.checkpoints_folder / "last.npz"

    @property
    def best_file(self) -> Path:
        """Weights after the best epoch."""
        return self.run.checkpoints_folder / "best.npz"

    def epoch_file(self, epoch: int) -> Path:
        """Weights after one of the best epochs, if several are to be averaged at the end."""
        return self.run.checkpoints_folder / f"epoch_{epoch}.npz"

    def is_better(self, score: float) -> bool:
        """Whether a validation score is better than the best one so far."""
        return self.best is None or self.sign * score > self.sign * self.best

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Set the epoch, on which the order of the data depends."""
        self.epoch_started = time.monotonic()
        self.epoch_variable.assign(epoch)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Save the state; stop early if the score no longer improves."""
        logs = dict(logs or {})
        if self.monitor not in logs:
            raise ValueError(
                f"the monitored metric {self.monitor} is not among the validation scores {sorted(logs)}"
            )
        logs["learning_rate"] = float(ops.convert_to_numpy(self.model.optimizer.learning_rate))
        self.history.append({"epoch": epoch + 1, **{key: float(value) for key, value in logs.items()}})
        self.seconds += time.monotonic() - self.epoch_started
        if self.is_better(logs[self.monitor]):
            self.best, self.best_epoch = float(logs[self.monitor]), epoch + 1
            self.epochs_since_best = self.epochs_since_rate_cut = 0
            _save_arrays(self.best_file, scored_weights(self.model))
        else:
            self.epochs_since_best += 1
            self.epochs_since_rate_cut += 1
        obsolete = self._update_best_epochs(float(logs[self.monitor]), epoch + 1)
        self._cut_rate_on_plateau()
        self.ended = (
            self.epochs_since_best >= self.train.early_stopping_patience or epoch + 1 == self.train.epochs
        )
        _save_arrays(self.last_file, _state(self.model), self._progress())
        # Only now: a run killed before this line still finds the files named by its last state.
        for number in obsolete:
            self.epoch_file(number).unlink(missing_ok=True)
        write_text(self.run.folder / "history.csv", pd.DataFrame(self.history).to_csv(index=False))
        self._draw()
        self.model.stop_training = self.ended

    def _draw(self) -> None:
        """Plot the learning curves, at most every few seconds: a plot takes half a second."""
        if self.ended or time.monotonic() - self.last_plot >= SECONDS_BETWEEN_PLOTS:
            learning_curves(self.history, self.run.folder / "figures" / "learning_curves.png")
            self.last_plot = time.monotonic()

    def _update_best_epochs(self, score: float, epoch: int) -> list[int]:
        """Save the weights of an epoch if it is among the best; return the epochs that no longer are."""
        if self.train.averaged_epochs == 1:
            return []
        entries = [*self.best_epochs, (score, epoch)]
        ranked = sorted(entries, key=lambda entry: (-self.sign * entry[0], entry[1]))
        count = self.train.averaged_epochs
        self.best_epochs, obsolete = ranked[:count], ranked[count:]
        if (score, epoch) in self.best_epochs:
            _save_arrays(self.epoch_file(epoch), scored_weights(self.model))
        return [number for _, number in obsolete if number != epoch]

    def _cut_rate_on_plateau(self) -> None:
        if self.train.schedule == "plateau" and self.epochs_since_rate_cut >= max(
            1, self.train.early_stopping_patience // 2
        ):
            self.model.optimizer.learning_rate = float(self.model.optimizer.learning_rate) * 0.5
            self.epochs_since_rate_cut = 0

    def _progress(self) -> dict[str, Any]:
        return {key: getattr(self, attribute) for key, attribute in _SAVED_ATTRIBUTES.items()}

    def restore(self, model: keras.Model) -> None:
        """Restore the state after the last finished epoch, if there is one.

        Raises:
            UserError: if the checkpoint is damaged.
        """
        if not self.last_file.is_file():
            return
        arrays, progress = _load_arrays(self.last_file)
        _assign(_state_variables(model), arrays, self.last_file)
        for key, value in progress.items():
            setattr(self, _SAVED_ATTRIBUTES[key], value)
        self.best_epochs = [(score, epoch) for score, epoch in self.best_epochs]

    def restore_mean(self, model: keras.Model) -> None:
        """Set the weights of the model to the mean over the best epochs."""
        every = [_load_arrays(self.epoch_file(epoch))[0] for _, epoch in self.best_epochs]
        mean = [np.mean(arrays, axis=0, dtype=np.float64) for arrays in zip(*every, strict=True)]
        # The states of random generators are integers and cannot be averaged.
        arrays = [
            first if np.issubdtype(first.dtype, np.integer) else average.astype(first.dtype)
            for first, average in zip(every[0], mean, strict=True)
        ]
        _assign(model.weights, arrays, self.epoch_file(self.best_epochs[0][1]))

    def restore_best(self, model: keras.Model) -> None:
        """Set the weights of the model to those of the best epoch."""
        arrays, _ = _load_arrays(self.best_file)
        _assign(model.weights, arrays, self.best_file)


def _state_variables(model: keras.Model) -> list[Any]:
    return [*model.variables, *model.optimizer.variables]


def _state(model: keras.Model) -> list[np.ndarray]:
    return [ops.convert_to_numpy(variable) for variable in _state_variables(model)]


def scored_weights(model: keras.Model) -> list[np.ndarray]:
    """Weights that the validation score was measured with: their moving average, if there is one."""
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


def _save_arrays(path: Path, arrays: list[np.ndarray], progress: dict[str, Any] | None = None) -> None:
    with whole_file(path) as temporary:
        np.savez(temporary, *arrays, memory=np.array(json.dumps(progress or {})))


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
