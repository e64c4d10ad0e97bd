"""A task that needs a memory of n steps, and the training of recurrent networks on it.

After n symbols the network has to recall the first: only its position distinguishes it, and the n - 1 others,
drawn from the same symbols, carry no information about it. Without memory the accuracy is at chance level,
one in eight.

Source: the tasks of Bengio et al., "Learning long-term dependencies with gradient descent is difficult",
1994, and Hochreiter and Schmidhuber, "Long short-term memory", 1997.
"""

from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from benchmarks.gradient_flow.jacobians import state_jacobian_norms
from common.layers.elman_rnn import ElmanRNN
from common.layers.gru import GRU
from common.layers.lstm import LSTM
from common.layers.recurrent_layer import RecurrentLayer

SYMBOLS = 8
BATCH = 64
LEARNING_RATE = 0.01
CLIP_NORM = 1.0
# Training stops, because the task is solved, when the accuracy of a check reaches this value.
GOOD_ENOUGH = 0.995
CHECK_EVERY, CHECK_SEQUENCES = 50, 1000
TEST_SEQUENCES = 2000
TRACED_SEQUENCES = 16


def _elman_small(units: int) -> ElmanRNN:
    # The usual initialization before orthogonal matrices: uniform within one over the root of the units.
    limit = units**-0.5
    return ElmanRNN(units, recurrent_initializer=keras.initializers.RandomUniform(-limit, limit))


MAKERS: dict[str, Callable[[int], RecurrentLayer]] = {
    "elman": ElmanRNN,
    "elman, small start": _elman_small,
    "lstm": LSTM,
    "gru": GRU,
}


@dataclass(frozen=True)
class Training:
    """Configuration of a training run.

    Attributes:
        cell: one of MAKERS.
        length: n.
        mixed: whether each training batch has a random length from 1 to n, instead of n.
        seed: of weights and sequences.
        units: hidden units.
        steps: maximum number of batches.
        traced: whether to measure the norms of ds_t/ds_k before and after training.
    """

    cell: str
    length: int
    mixed: bool
    seed: int
    units: int
    steps: int
    traced: bool


@dataclass(frozen=True)
class Outcome:
    """Result of a training run.

    Attributes:
        training: its configuration.
        steps: number of batches until the task was solved, or the maximum.
        accuracy: on new sequences of n symbols.
        norms_at_start: of ds_t/ds_k by t - k, geometric mean over new sequences; empty if not traced.
        norms_after: likewise after training.
    """

    training: Training
    steps: int
    accuracy: float
    norms_at_start: list[float]
    norms_after: list[float]


def recall_sequences(
    generator: np.random.Generator, count: int, length: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draw symbols (count, length), and the answers (count,), the first symbols."""
    symbols = generator.integers(0, SYMBOLS, (count, length), dtype="int32")
    return symbols, symbols[:, 0]


def train(training: Training) -> Outcome:
    """Train one network on the task, and evaluate it."""
    keras.utils.set_random_seed(training.seed)
    layer = MAKERS[training.cell](training.units)
    model = _model(layer)
    norms_at_start = _traced_norms(layer, training)
    steps = _fit(model, training)
    test_generator = np.random.default_rng([training.seed, 1])
    return Outcome(
        training,
        steps,
        _accuracy(tf.function(model), test_generator, TEST_SEQUENCES, training.length),
        norms_at_start,
        _traced_norms(layer, training),
    )


def _model(layer: RecurrentLayer) -> keras.Model:
    symbols = keras.Input((None,), dtype="int32")
    state = layer(ops.one_hot(symbols, SYMBOLS))  # (batch, units)
    return keras.Model(symbols, keras.layers.Dense(SYMBOLS)(state))


def _fit(model: keras.Model, training: Training) -> int:
    """Train until the task is solved or the maximum is reached; return the number of steps."""
    optimizer = keras.optimizers.Adam(LEARNING_RATE, clipnorm=CLIP_NORM)
    optimizer.build(model.trainable_variables)
    loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32), tf.TensorSpec([None], tf.int32)])
    def update(symbols: tf.Tensor, answers: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            loss = loss_of(answers, model(symbols, training=True))
        optimizer.apply(tape.gradient(loss, model.trainable_variables))

    answer = tf.function(model)
    generator = np.random.default_rng([training.seed, 0])
    for step in range(1, training.steps + 1):
        length = int(generator.integers(1, training.length + 1)) if training.mixed else training.length
        update(*map(tf.constant, recall_sequences(generator, BATCH, length)))
        if step % CHECK_EVERY == 0:
            accuracy = _accuracy(answer, generator, CHECK_SEQUENCES, training.length)
            if accuracy >= GOOD_ENOUGH:
                return step
    return training.steps


def _accuracy(
    answer: Callable[..., tf.Tensor], generator: np.random.Generator, count: int, length: int
) -> float:
    symbols, answers = recall_sequences(generator, count, length)
    return float(np.mean(np.argmax(answer(tf.constant(symbols)), axis=-1) == answers))


def _traced_norms(layer: RecurrentLayer, training: Training) -> list[float]:
    if not training.traced:
        return []
    generator = np.random.default_rng([training.seed, 2])
    symbols, _ = recall_sequences(generator, TRACED_SEQUENCES, training.length)
    norms = state_jacobian_norms(layer, tf.one_hot(symbols, SYMBOLS))  # (batch, time)
    # Avoid the logarithm of zero.
    return np.exp(np.log(np.maximum(norms, 1e-300)).mean(axis=0)).tolist()
