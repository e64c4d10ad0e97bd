"""Training: from batches to the best weights, stopped and resumed without a trace."""

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
    """Train a run to its end, from its last checkpoint if it has one, and save the best weights' model.

    Raises:
        UserError: if the loss stops being finite, or the disk is full.
    """
    settings = task.settings
    seed_everything(settings)
    cache = run.cache_folder
    # A killed process may have left half of it, which TensorFlow would take for another one's work.
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
            shuffle=False,  # The batches come in a new order each epoch already.
            verbose=1 if sys.stdout.isatty() else 2,
        )
    averaged = 1
    if len(checkpoint.kept) > 1:
        checkpoint.restore_mean(model)
        scores = model.evaluate(validation_batches, verbose=0, return_dict=True)
        scores |= score() if score is not None else {}
        if checkpoint.is_better(scores[task.monitor]):
            checkpoint.best, averaged = float(scores[task.monitor]), len(checkpoint.kept)
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
    """Seed every generator; on a GPU, make every operation deterministic if the settings say so.

    On a CPU the operations used here give the same bits in every run by themselves, whatever else the machine
    does; TensorFlow's switch would only make the training step twice as slow (tests/common/test_training.py
    compares whole runs).
    """
    keras.utils.set_random_seed(settings.seed)
    if settings.deterministic and tf.config.list_physical_devices("GPU"):
        tf.config.experimental.enable_op_determinism()
    set_precision(settings)


class FiniteLoss(keras.callbacks.Callback):
    """Stops the run when the loss stops being finite, and says what to try."""

    def __init__(self) -> None:
        super().__init__()
        self.epoch = 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Remember the epoch for the message."""
        self.epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Look at the loss.

        Raises:
            UserError: if it is infinite or not a number.
        """
        if logs and not np.isfinite(logs["loss"]):
            raise UserError(
                f"The loss is not finite at epoch {self.epoch + 1}, step {batch + 1}. "
                "Try a smaller train.learning_rate, train.gradient_clip_norm=1.0, train.warmup_epochs=1 "
                "or train.mixed_precision=none."
            )


class ValidationScores(keras.callbacks.Callback):
    """Adds scores that are no mean over batches to those of the validation split."""

    def __init__(self, score: Callable[[], dict[str, float]]) -> None:
        super().__init__()
        self.score = score
        self.scores: dict[str, float] = {}

    def on_test_end(self, logs: dict[str, float] | None = None) -> None:
        """Score now: the weights' moving average, if one is kept, is still in place."""
        self.scores = self.score()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Tell the callbacks that come after this one."""
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
