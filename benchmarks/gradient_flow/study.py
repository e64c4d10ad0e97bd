"""The gradient-flow study: how far back recurrent layers can learn, and why.

Two measurements, on a task that needs a memory of n steps (memory_task.py):
1. The spectral norm of ds_t/ds_k by t - k, before and after training (jacobians.py).
2. The largest n for which a cell solves the task, with equal units, steps and seeds; with training sequences
   that all have n symbols, and with lengths mixed from 1 to n.
"""

import itertools
import multiprocessing
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from rich.progress import track
from rich.table import Table

from common.console import notes, results
from common.errors import UserError
from common.files import write_text
from common.quiet_tensorflow import import_tensorflow_quietly

# TensorFlow takes seconds to import, and is only needed in the workers.
if TYPE_CHECKING:
    from benchmarks.gradient_flow.memory_task import Outcome, Training

CELLS = ("elman", "elman, small start", "lstm", "gru")
SOLVED = 0.99
LAGS_IN_TABLE = (1, 2, 5, 10, 20, 40, 80)
REGIMES = {False: "every sequence of n symbols", True: "lengths mixed from 1 to n"}


@dataclass(frozen=True)
class Study:
    """Configuration of the study.

    Attributes:
        lengths: values of n.
        traced_length: the n, one of `lengths`, for which the norms are measured.
        units: hidden units of every cell.
        steps: maximum number of training steps.
        seeds: number of runs of each kind, with seeds 1, 2, ...
        workers: number of processes; 1 for only this one.
    """

    lengths: tuple[int, ...] = (5, 10, 20, 40, 80)
    traced_length: int = 40
    units: int = 32
    steps: int = 1000
    seeds: int = 3
    workers: int = 2

    def check(self) -> None:
        """Check the configuration.

        Raises:
            UserError: if a number is too small, or the traced length is not one of the lengths.
        """
        for name in ("units", "steps", "seeds", "workers"):
            if getattr(self, name) < 1:
                raise UserError(f"--{name} {getattr(self, name)}: give 1 or more.")
        if not self.lengths or min(self.lengths) < 2:
            raise UserError("--lengths: give numbers of symbols, each at least 2, e.g. '5 10 20'.")
        if self.traced_length not in self.lengths:
            listed = ", ".join(map(str, self.lengths))
            raise UserError(f"--traced-length {self.traced_length} is not one of --lengths: {listed}.")


def parse_lengths(text: str) -> tuple[int, ...]:
    """Parse lengths separated by spaces or commas; sorted, without duplicates.

    Raises:
        UserError: if one is not a number.
    """
    try:
        return tuple(sorted({int(part) for part in text.replace(",", " ").split()}))
    except ValueError:
        raise UserError(f"--lengths {text!r}: give whole numbers, e.g. '5 10 20'.") from None


def run_study(study: Study, folder: Path) -> list[Path]:
    """Train every cell with every length, print the tables, and write them and the figure.

    Args:
        study: its configuration.
        folder: for gradient_flow.png, gradient_flow_norms.csv and gradient_flow_solved.csv.

    Returns:
        The files.

    Raises:
        UserError: if the configuration is invalid.
    """
    study.check()
    outcomes = list(_train_all(study))
    norms, solved = norms_of(outcomes), solved_of(outcomes)
    for table in (norms_table(norms), *(solved_table(solved, regime) for regime in REGIMES.values())):
        results.print(table)
    return _write(norms, solved, study, folder)


def _write(norms: pd.DataFrame, solved: pd.DataFrame, study: Study, folder: Path) -> list[Path]:
    from benchmarks.gradient_flow.figure import gradient_flow

    paths = [folder / name for name in ("gradient_flow_norms.csv", "gradient_flow_solved.csv")]
    for path, numbers in zip(paths, (norms, solved), strict=True):
        write_text(path, numbers.to_csv(index=False, float_format="%.4g"))
    figure = folder / "gradient_flow.png"
    gradient_flow(norms, solved, study.traced_length, figure)
    return [figure, *paths]


def _train_all(study: Study) -> Iterator["Outcome"]:
    """Yield the outcomes, always in the same order."""
    trainings = _trainings(study)
    if study.workers == 1:
        outcomes = (train_one(training) for training in trainings)
        yield from _with_progress(outcomes, len(trainings))
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(study.workers, context, _prepare_worker) as pool:
        futures = [pool.submit(train_one, training) for training in trainings]
        for _ in _with_progress(as_completed(futures), len(futures)):
            pass
        yield from (future.result() for future in futures)


def _with_progress(outcomes: Iterable, total: int) -> Iterable:
    return track(outcomes, "Training", total=total, console=notes, transient=True)


def _trainings(study: Study) -> list["Training"]:
    """List the training runs, the longest first, so that all workers finish at about the same time."""
    from benchmarks.gradient_flow.memory_task import Training

    kinds = itertools.product(
        sorted(study.lengths, reverse=True), REGIMES, CELLS, range(1, study.seeds + 1)
    )  # fmt: skip
    return [
        Training(
            cell, length, mixed, seed, study.units, study.steps,
            traced=mixed and length == study.traced_length,
        )
        for length, mixed, cell, seed in kinds
    ]  # fmt: skip


def _prepare_worker() -> None:
    import_tensorflow_quietly()
    import tensorflow as tf

    # The networks are small: one worker per core is faster than several threads for one network.
    tf.config.threading.set_intra_op_parallelism_threads(1)


def train_one(training: "Training") -> "Outcome":
    """Train in this process."""
    from benchmarks.gradient_flow.memory_task import train

    return train(training)


def norms_of(outcomes: list["Outcome"]) -> pd.DataFrame:
    """Compute the geometric mean over the seeds: a row for each cell, time (`start`, `trained`) and lag."""
    rows = []
    for cell in CELLS:
        traced = [one for one in outcomes if one.training.traced and one.training.cell == cell]
        for when, name in (("start", "norms_at_start"), ("trained", "norms_after")):
            means = np.exp(np.mean([np.log(getattr(one, name)) for one in traced], axis=0))
            rows += [{"cell": cell, "when": when, "lag": lag, "norm": norm} for lag, norm in enumerate(means)]
    return pd.DataFrame(rows)


def solved_of(outcomes: list["Outcome"]) -> pd.DataFrame:
    """Collect a row for each training run, sorted by kind of training, cell, n and seed."""
    rows = [
        {
            "training": REGIMES[one.training.mixed],
            "cell": one.training.cell,
            "n": one.training.length,
            "seed": one.training.seed,
            "steps": one.steps,
            "accuracy": one.accuracy,
            "solved": one.accuracy >= SOLVED,
        }
        for one in outcomes
    ]
    return pd.DataFrame(rows).sort_values(["training", "cell", "n", "seed"], ignore_index=True)


def norms_table(norms: pd.DataFrame) -> Table:
    """Create a table of norms at some lags, with a row for each cell and time."""
    longest = norms["lag"].max()
    lags = [lag for lag in LAGS_IN_TABLE if lag < longest] + [longest]
    table = Table(title="Spectral norm of ds_t/ds_k; columns: t - k")
    for column in ("cell", "when", *map(str, lags)):
        table.add_column(column, no_wrap=True)
    for (cell, when), rows in norms.groupby(["cell", "when"], sort=False):
        by_lag = rows.set_index("lag")["norm"]
        table.add_row(cell, when, *(f"{by_lag[lag]:.0e}" for lag in lags))
    return table


def solved_table(solved: pd.DataFrame, regime: str) -> Table:
    """Create a table of how many seeds solved the task for each n, and in how many steps."""
    rows = solved[solved["training"] == regime]
    lengths = sorted(rows["n"].unique())
    table = Table(title=f"Trained with {regime}: seeds that solved it (steps they took), else mean accuracy")
    for column in ("cell", *(f"n = {length}" for length in lengths), "solves"):
        table.add_column(column, no_wrap=True)
    for cell in CELLS:
        by_length = {length: rows[(rows["cell"] == cell) & (rows["n"] == length)] for length in lengths}
        cells = [_solved_cell(trainings) for trainings in by_length.values()]
        table.add_row(cell, *cells, _up_to(solves_up_to(by_length)))
    return table


def solves_up_to(by_length: dict[int, pd.DataFrame]) -> int | None:
    """Return the largest n that every seed solved, as well as every smaller n."""
    solved = itertools.takewhile(lambda length: by_length[length]["solved"].all(), sorted(by_length))
    return max(map(int, solved), default=None)


def _up_to(length: int | None) -> str:
    return "none" if length is None else f"to {length}"


def _solved_cell(trainings: pd.DataFrame) -> str:
    solved = trainings[trainings["solved"]]
    if solved.empty:
        return f"{trainings['accuracy'].mean():.0%}"
    return f"{len(solved)}/{len(trainings)} ({solved['steps'].mean():.0f})"
