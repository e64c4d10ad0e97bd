"""How many sentences a second a translation run's SavedModel translates, greedily and with a beam of 5.

python -m benchmarks.translation_rate RUN
"""

import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

import tensorflow as tf

from common.export import write_saved_model
from common.files import write_json
from common.recipes import RATE_FILE
from common.results_page import write_results_page
from common.runs import Run, environment, find_run
from common.serving import dataset_examples, load_model
from common.task import find_task

BATCH = 32
BEAMS = {"greedy": 1, "beam 5": 5}
ROUNDS = 3


def main(name: str) -> None:
    """Measure one run, and write benchmarks/results/translation_rate.json and the results page."""
    run = find_run(name, "translation")
    run.check_finished()
    measured = {"date": str(date.today()), **environment(1), "run": name, **measure(run)}
    write_json(RATE_FILE, measured)
    print(f"Written: {RATE_FILE} and {write_results_page()}")


def measure(run: Run) -> dict[str, Any]:
    """Translate the test split in batches as they come, in turns; the best of the rounds counts."""
    task = find_task("translation")
    settings = run.settings(task.settings_class)
    preprocessing = task.load_preprocessing(settings, run.preprocessing_folder)
    sentences = [
        example["source"] for example in dataset_examples(task.open_source(settings).dataset("test"))
    ]
    batches = [sentences[start : start + BATCH] for start in range(0, len(sentences), BATCH)]
    with tempfile.TemporaryDirectory() as scratch:
        export = Path(scratch) / "export"
        write_saved_model(task.build_serving(settings, preprocessing, load_model(run)), export)
        model = tf.saved_model.load(str(export))
    seconds: dict[str, list[float]] = {name: [] for name in BEAMS}
    for beam in BEAMS.values():
        model.serve(tf.constant(batches[0]), beam=tf.constant(beam))  # The first call plans the graph.
    for _ in range(ROUNDS):
        for name, beam in BEAMS.items():
            start = time.perf_counter()
            for batch in batches:
                model.serve(tf.constant(batch), beam=tf.constant(beam))["translation"].numpy()
            seconds[name].append(time.perf_counter() - start)
    rates = {name: round(len(sentences) / min(taken), 1) for name, taken in seconds.items()}
    return {
        "dataset": f"{settings.data.dataset} {settings.data.pair}".strip(),
        "batch": BATCH,
        "sentences": len(sentences),
        "sentences_a_second": rates,
    }


if __name__ == "__main__":
    main(sys.argv[1])
