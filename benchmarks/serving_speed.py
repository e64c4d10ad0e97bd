"""How many examples a second an export answers: python -m benchmarks.serving_speed EXPORT [BATCH]."""

import sys
import time
from itertools import islice

from common.quiet_tensorflow import import_tensorflow_quietly

import_tensorflow_quietly()

from common.export import find_export  # noqa: E402
from common.serving import saved_model_predictor  # noqa: E402
from common.task import find_task  # noqa: E402

EXAMPLES = 2_048
ROUNDS = 3


def examples_per_second(model: str, batch: int) -> float:
    """Answer the first test examples, as raw inputs in the order they come, and count; the best of rounds.

    Args:
        model: an export, as MODEL=.
        batch: examples in a request.
    """
    predictor = saved_model_predictor(find_task, find_export(model))
    task = predictor.task
    examples = list(islice(task.open_source(predictor.settings).examples("test"), EXAMPLES))
    requests = [task.request(examples[start : start + batch]) for start in range(0, len(examples), batch)]
    best = 0.0
    predictor.signatures["serve"](**requests[0])
    for _ in range(ROUNDS):
        started = time.perf_counter()
        for request in requests:
            predictor.signatures["serve"](**request)
        best = max(best, len(examples) / (time.perf_counter() - started))
    return best


if __name__ == "__main__":
    export, size = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 32
    print(f"{export}, batches of {size}: {examples_per_second(export, size):,.0f} examples a second")
