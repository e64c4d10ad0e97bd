"""Number of examples that a run's export answers per second: python -m benchmarks.speed.serving TASK RUN."""

import sys
import tempfile
import time
from datetime import date
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import tensorflow as tf

from benchmarks.pages.results import write_results_page
from benchmarks.recipe import SERVING_SPEED_FILE, read_serving_speeds
from benchmarks.speed.take_turns import take_turns
from common.answering.evaluation import predicting_task
from common.answering.export import export_run
from common.answering.loading import load_export
from common.contract.predictor import Predictor
from common.data.examples import Example
from common.errors import UserError
from common.files import write_json
from common.runs.environment import environment
from common.runs.run import Run, find_run

EXAMPLES = 2_048
BATCH = 32
ROUNDS = 3


def main(task_name: str, run_name: str) -> None:
    """Measure one run, and write benchmarks/results/serving_speed.json and the results page."""
    run = find_run(run_name, task_name)
    measured = {"task": task_name, "run": run.name, "date": str(date.today()), **environment(1)}
    measured |= measure(run)
    key = ("task", "dataset")
    others = [old for old in read_serving_speeds() if any(old[name] != measured[name] for name in key)]
    write_json(SERVING_SPEED_FILE, sorted([*others, measured], key=lambda one: [one[name] for name in key]))
    print(f"Written: {SERVING_SPEED_FILE} and {write_results_page()}")


def measure(run: Run) -> dict[str, Any]:
    """Answer test examples in batches, taking turns between decodings.

    Returns:
        The numbers of examples, and the median rate of each decoding: as set, and the task's variants.
    """
    with tempfile.TemporaryDirectory() as scratch:
        predictor = load_export(export_run(run, Path(scratch)))
        task = predicting_task(predictor)
        examples = list(islice(task.open_source().examples("test"), EXAMPLES))
        batches = [examples[start : start + BATCH] for start in range(0, len(examples), BATCH)]
        options = {"as set": {}} | task.variants()
        ways = {name: partial(_seconds, predictor, inputs) for name, inputs in options.items()}
        summaries = take_turns(ways, [batches] * ROUNDS)
    return {
        "dataset": predictor.settings.data.dataset,
        "examples": len(examples),
        "batch": BATCH,
        "examples_a_second": {
            name: round(1000 * len(examples) / summary["median_ms"], 1) for name, summary in summaries.items()
        },
    }


def _seconds(predictor: Predictor, options: dict[str, Any], batches: list[list[Example]]) -> float:
    """Measure one pass over all batches, from raw examples to NumPy arrays."""
    inputs = {name: tf.constant(value) for name, value in options.items()}
    start = time.perf_counter()
    for batch in batches:
        tf.nest.map_structure(lambda tensor: tensor.numpy(), predictor.call(batch, inputs))
    return time.perf_counter() - start


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except UserError as error:
        sys.exit(f"Error: {error}")
