"""How long a step of a recurrent layer takes, ours and Keras's, measured side by side on this machine.

All run in one process and take turns, so that whatever else the machine does slows each of them alike. A
training step is the forward pass and all gradients, as `fit` computes them, inside a tf.function.

    python -m benchmarks.speed
"""

import statistics
import time
from collections.abc import Callable
from datetime import date
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from common.files import write_json
from common.layers.gru import GRU
from common.layers.lstm import LSTM
from common.layers.stacked_rnn import StackedRNN
from common.recipes import SPEED_FILE
from common.results_page import write_results_page
from common.runs import environment

# batch, time steps, features, units
SIZES = [(64, 100, 128, 256), (32, 200, 64, 128), (128, 50, 256, 512)]
REPEATS = 20

Layers = dict[str, Callable[[], keras.layers.Layer]]
Steps = dict[str, Callable[[], Any]]


def main() -> None:
    """Measure all sizes and write benchmarks/results/speed.json and the results page."""
    keras.utils.set_random_seed(1)
    records = []
    for size in SIZES:
        units = size[-1]
        for cell, kinds in {
            "LSTM": {"ours": LSTM, "keras": keras.layers.LSTM},
            "GRU": {"ours": GRU, "keras": keras.layers.GRU},
        }.items():
            layers = {
                name: lambda kind=kind, units=units: kind(units, return_sequences=True)
                for name, kind in kinds.items()
            }
            gates = {"LSTM": 4, "GRU": 3}[cell]
            for masked in (False, True):
                more = {} if masked else {"products": matrix_products(*size, gates)}
                records += measure(cell, layers, size, masked, more)
    size = SIZES[1]
    stacks = {"ours": lambda: StackedRNN("lstm", size[-1], layers=2), "keras": lambda: keras_stack(size[-1])}
    records += measure("two bidirectional LSTM layers", stacks, size, True, {})
    write_json(SPEED_FILE, {"date": str(date.today()), **environment(1), "records": records})
    print(f"Written: {SPEED_FILE} and {write_results_page()}")


def keras_stack(units: int) -> keras.layers.Layer:
    """Two bidirectional LSTM layers of Keras's own."""
    return keras.Sequential(
        [
            keras.layers.Bidirectional(keras.layers.LSTM(units, return_sequences=True)),
            keras.layers.Bidirectional(keras.layers.LSTM(units, return_sequences=True)),
        ]
    )


def measure(
    what: str, layers: Layers, size: tuple[int, ...], masked: bool, more: Steps
) -> list[dict[str, Any]]:
    """Time answering and training steps of several layers, taking turns.

    Args:
        what: name of the layer.
        layers: who -> function that makes the layer.
        size: batch, time steps, features, units.
        masked: whether sequences have lengths from one step to all of them.
        more: who -> training step of another kind.

    Returns:
        One record for each pass and each of them.
    """
    batch, time_steps, features, _ = size
    generator = np.random.default_rng(1)
    inputs = tf.constant(generator.normal(size=(batch, time_steps, features)), tf.float32)
    lengths = generator.integers(1, time_steps + 1, size=batch)
    mask = tf.sequence_mask(lengths, time_steps) if masked else None
    made = {name: make() for name, make in layers.items()}
    passes = {
        "answer": {name: answering_step(layer, inputs, mask) for name, layer in made.items()},
        "train": {name: training_step(layer, inputs, mask) for name, layer in made.items()} | more,
    }
    records = []
    for name, steps in passes.items():
        for who, seconds in take_turns(steps).items():
            milliseconds = [1000 * second for second in seconds]
            records.append(
                {
                    "what": what, "pass": name, "who": who, "size": list(size), "masked": masked,
                    "median_ms": round(statistics.median(milliseconds), 2),
                    "minimum_ms": round(min(milliseconds), 2),
                    "repeats": len(milliseconds),
                }
            )  # fmt: skip
            print(records[-1], flush=True)
    return records


def take_turns(steps: Steps) -> dict[str, list[float]]:
    """Seconds of each step, all of them once in every round; the first two rounds do not count."""
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(REPEATS + 2):
        for name, step in steps.items():
            start = time.perf_counter()
            # Waits until the numbers are there.
            tf.nest.map_structure(lambda tensor: tensor.numpy(), step())
            if turn >= 2:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def answering_step(layer: keras.layers.Layer, inputs: tf.Tensor, mask: Any) -> Callable[[], Any]:
    """The forward pass as a server runs it."""
    return tf.function(lambda: tf.reduce_sum(layer(inputs, mask=mask, training=False)))


def training_step(layer: keras.layers.Layer, inputs: tf.Tensor, mask: Any) -> Callable[[], Any]:
    """The forward pass, and the gradients of inputs and weights."""
    layer(inputs, mask=mask)

    @tf.function
    def step() -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            loss = tf.reduce_sum(layer(inputs, mask=mask, training=True) ** 2)
        # Sums, so that the time is not that of copying.
        gradients = tape.gradient(loss, [inputs, *[weight.value for weight in layer.trainable_weights]])
        return [tf.reduce_sum(gradient) for gradient in gradients]

    return step


def matrix_products(batch: int, time_steps: int, features: int, units: int, gates: int) -> Callable[[], Any]:
    """The products that no training step can do without, and nothing else: the limit."""
    width = gates * units
    inputs = tf.random.normal([batch * time_steps, features])
    kernel, recurrent_kernel = tf.random.normal([features, width]), tf.random.normal([units, width])
    states, gradients = (
        tf.random.normal([batch * time_steps, units]),
        tf.random.normal([batch * time_steps, width]),
    )

    @tf.function
    def step() -> list[tf.Tensor]:
        results = [inputs @ kernel, tf.matmul(gradients, kernel, transpose_b=True)]
        results.append(tf.matmul(inputs, gradients, transpose_a=True))
        results.append(tf.matmul(states, gradients, transpose_a=True))
        state, gradient = states[:batch], gradients[:batch]
        for _ in tf.range(time_steps):  # Each step's product waits for the one before.
            state = (state @ recurrent_kernel)[:, :units]
            gradient = tf.concat([tf.matmul(gradient, recurrent_kernel, transpose_b=True)] * gates, axis=1)
        return [tf.reduce_sum(result) for result in [*results, state, gradient]]

    return step


if __name__ == "__main__":
    main()
