"""Training of a model, with early stopping and exact resuming."""

import resource
import shutil
import sys
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from common.config import TrainSettings
from common.contract.task import Task
from common.data.batching import Batches, choose_buckets
from common.errors import UserError
from common.files import whole_file, write_json
from common.learning.checkpoint import Checkpoint
from common.modelling.optimizers import build_optimizer
from common.modelling.precision import set_precision
from common.runs.run import Run


def train(task: Task, source: Any, preprocessing: Any, run: Run) -> keras.Model:
    """Train a run to the end, from its last checkpoint if there is one, and save the best model.

    Raises:
        UserError: if the loss is no longer finite, or the disk is full.
    """
    settings = task.settings
    seed_everything(settings)
    cache = run.cache_folder
    # A killed process may have left a partial cache, which TensorFlow would not overwrite.
    shutil.rmtree(cache, ignore_errors=True)
    training = task.batches(source, preprocessing, "train", cache / "train")
    validation = task.batches(source, preprocessing, "validation", cache / "validation")
    buckets = choose_buckets(training.lengths, settings.train.buckets, settings.train.tokens_per_batch)
    epoch = tf.Variable(0, dtype=tf.int64, trainable=False)

    model = task.build_model(preprocessing)
    model.compile(
        optimizer=build_optimizer(settings.train, buckets.steps_per_epoch),
        jit_compile=settings.train.xla,
        **task.loss_and_metrics(),
    )
    model.optimizer.build(model.trainable_variables)
    checkpoint = Checkpoint(
        run, epoch, monitor=f"val_{task.monitor}", mode=task.metric_mode, train=settings.train
    )
    checkpoint.restore(model)
    validation_batches = _scoring_batches(validation, settings.train)
    score = task.validation_scores(source, preprocessing, model)
    if not checkpoint.ended:
        model.fit(
            training.training_batches(buckets, epoch, settings.seed, settings.train.shuffle_buffer),
            validation_data=validation_batches,
            initial_epoch=checkpoint.epochs_done,
            epochs=settings.train.epochs,
            callbacks=[*_callbacks(run, settings.train, score), checkpoint],
            shuffle=False,  # The batches already come in a new order each epoch.
            verbose=1 if sys.stdout.isatty() else 2,
        )
    averaged = 1
    if len(checkpoint.best_epochs) > 1:
        checkpoint.restore_mean(model)
        scores = model.evaluate(validation_batches, verbose=0, return_dict=True)
        scores |= score() if score is not None else {}
        if checkpoint.is_better(scores[task.monitor]):
            checkpoint.best, averaged = float(scores[task.monitor]), len(checkpoint.best_epochs)
    if averaged == 1:
        checkpoint.restore_best(model)
    with whole_file(run.model_file) as path:
        model.save(path)
    write_json(
        run.training_file,
        {
            "parameters": int(model.count_params()),
            "epochs": checkpoint.epochs_done,
            "best_epoch": checkpoint.best_epoch,
            f"best_validation_{task.monitor}": checkpoint.best,
            "averaged_epochs": averaged,
            "train_seconds": round(checkpoint.seconds, 1),
            "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
            "padding_share": round(buckets.padding_share, 4),
            "steps_per_epoch": buckets.steps_per_epoch,
            "bucket_lengths": list(buckets.boundaries),
            "batch_sizes": list(buckets.batch_sizes),
        },
    )
    return model


def seed_everything(settings: Any) -> None:
    """Seed all random generators; on a GPU, make operations deterministic if the settings ask for it.

    On a CPU the operations used here are deterministic anyway; TensorFlow's switch would only make a training
    step twice as slow (tests/common/learning/test_training.py compares whole runs).
    """
    keras.utils.set_random_seed(settings.seed)
    if settings.deterministic and tf.config.list_physical_devices("GPU"):
        tf.config.experimental.enable_op_determinism()
    set_precision(settings)


class FiniteLoss(keras.callbacks.Callback):
    """Stops the run when the loss is not finite, and suggests what to try."""

    def __init__(self) -> None:
        super().__init__()
        self.epoch = 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Remember the epoch for the message."""
        self.epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Check the loss.

        Raises:
            UserError: if it is infinite or NaN.
        """
        if logs and not np.isfinite(logs["loss"]):
            raise UserError(
                f"The loss is not finite at epoch {self.epoch + 1}, step {batch + 1}. "
                "Try a smaller train.learning_rate, train.gradient_clip_norm=1.0, train.warmup_epochs=1 "
                "or train.mixed_precision=none."
            )


class ValidationScores(keras.callbacks.Callback):
    """Adds validation scores that are not means over batches."""

    def __init__(self, score: Callable[[], dict[str, float]]) -> None:
        super().__init__()
        self.score = score
        self.scores: dict[str, float] = {}

    def on_test_end(self, logs: dict[str, float] | None = None) -> None:
        """Compute the scores here, while the moving average of the weights, if any, is still swapped in."""
        self.scores = self.score()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Pass the scores on to the callbacks after this one."""
        logs.update({f"val_{name}": value for name, value in self.scores.items()})


def _callbacks(
    run: Run, train: TrainSettings, score: Callable[[], dict[str, float]] | None
) -> list[keras.callbacks.Callback]:
    callbacks: list[keras.callbacks.Callback] = [] if score is None else [ValidationScores(score)]
    callbacks += [FiniteLoss(), keras.callbacks.TensorBoard(run.folder / "tensorboard", write_graph=False)]
    if train.weight_average is not None:
        callbacks.append(keras.callbacks.SwapEMAWeights())
    return callbacks


def _scoring_batches(batches: Batches, train: TrainSettings) -> tf.data.Dataset:
    buckets = choose_buckets(batches.lengths, train.buckets, 4 * train.tokens_per_batch)
    return batches.scoring_batches(buckets)
