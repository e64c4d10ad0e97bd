"""Times of recurrent layers on this machine: ours, Keras's and (if installed) PyTorch's.

Steps take turns, so that other load on the machine affects all of them equally. A training step is the
forward pass and all gradients, as in `fit`, inside a tf.function.

    python -m benchmarks.speed
"""

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from datetime import date
from typing import Any

import keras
import tensorflow as tf

from benchmarks.pages.results import write_results_page
from benchmarks.recipe import SPEED_FILE
from benchmarks.speed.layer_steps import Case, Step, steps_of
from benchmarks.speed.pytorch_process import PyTorchProcess
from benchmarks.speed.review_epoch import measure_reviews
from benchmarks.speed.take_turns import take_turns
from common.files import write_json
from common.runs.environment import environment

# batch, time steps, features, units
SIZES = [(64, 100, 128, 256), (32, 200, 64, 128), (128, 50, 256, 512)]
REPEATS = 20


def cases() -> list[Case]:
    """List every cell, size and mask, and a stack of two bidirectional layers."""
    single = [
        Case(cell, *size, masked) for size in SIZES for cell in ("LSTM", "GRU") for masked in (False, True)
    ]
    stacks = [Case("LSTM", *size, masked=True, bidirectional_layers=2) for size in SIZES[:2]]
    return single + stacks


def main() -> None:
    """Measure everything and write benchmarks/results/speed.json and the results page."""
    keras.utils.set_random_seed(1)
    with ExitStack() as stack:
        pytorch = stack.enter_context(PyTorchProcess()) if PyTorchProcess.is_installed() else None
        records = [record for case in cases() for record in measure(case, pytorch)]
        measured = {
            "date": str(date.today()),
            **environment(1),
            "layers": records,
            **measure_reviews(pytorch),
        }
        measured["versions"] |= {"torch": pytorch.version} if pytorch else {}
    write_json(SPEED_FILE, measured)
    print(f"Written: {SPEED_FILE} and {write_results_page()}")


def measure(case: Case, pytorch: PyTorchProcess | None) -> list[dict[str, Any]]:
    """Measure answering and training steps of one case: a record for each pass and implementation."""
    records = []
    for name, steps in steps_of(case).items():
        ways: dict[str, Callable[[Any], float]] = {who: timed(step) for who, step in steps.items()}
        if pytorch:
            lengths = case.lengths().tolist()
            pytorch.order("layer", case=asdict(case), lengths=lengths, training=name == "train")
            ways["pytorch"] = lambda _: pytorch.seconds()
        for who, summary in take_turns(ways, range(REPEATS)).items():
            row = {"what": case.what, "pass": name, "who": who, "size": case.size, "masked": case.masked}
            records.append(row | summary)
            print(records[-1], flush=True)
    return records


def timed(step: Step) -> Callable[[Any], float]:
    """Return a function that runs the step and returns its time in seconds."""

    def way(_: Any) -> float:
        start = time.perf_counter()
        # Waits for the results.
        tf.nest.map_structure(lambda tensor: tensor.numpy(), step())
        return time.perf_counter() - start

    return way


if __name__ == "__main__":
    main()
