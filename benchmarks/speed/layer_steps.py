"""One step of a recurrent layer, only forward or with all gradients, as a function without arguments."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from common.layers.gru import GRU
from common.layers.lstm import LSTM
from common.layers.stacked_rnn import StackedRNN

Step = Callable[[], Any]


@dataclass(frozen=True)
class Case:
    """A layer over inputs of one size.

    Attributes:
        cell: LSTM or GRU.
        batch, time_steps, features, units: sizes.
        masked: whether sequences have random lengths.
        bidirectional_layers: number of stacked bidirectional layers; 0 for a single unidirectional layer.
    """

    cell: str
    batch: int
    time_steps: int
    features: int
    units: int
    masked: bool
    bidirectional_layers: int = 0

    @property
    def what(self) -> str:
        """Name of the layer."""
        if self.bidirectional_layers:
            return f"{self.bidirectional_layers} bidirectional {self.cell} layers"
        return self.cell

    @property
    def size(self) -> list[int]:
        """Batch, time steps, features, units."""
        return [self.batch, self.time_steps, self.features, self.units]

    def lengths(self) -> np.ndarray:
        """Return the length of each sequence, (batch,), the same in every process."""
        if not self.masked:
            return np.full(self.batch, self.time_steps)
        return np.random.default_rng(1).integers(1, self.time_steps + 1, size=self.batch)


def steps_of(case: Case) -> dict[str, dict[str, Step]]:
    """Return `answer` and `train` -> ours, keras (and only the matrix products, if nothing is masked)."""
    inputs = tf.random.stateless_normal([case.batch, case.time_steps, case.features], seed=[1, 1])
    mask = tf.sequence_mask(case.lengths(), case.time_steps) if case.masked else None
    layers = {"ours": _our_layer(case), "keras": _keras_layer(case)}
    train = {who: _training_step(layer, inputs, mask) for who, layer in layers.items()}
    if not case.masked and not case.bidirectional_layers:
        train["products"] = _matrix_products(case)
    return {
        "answer": {who: _answering_step(layer, inputs, mask) for who, layer in layers.items()},
        "train": train,
    }


def _our_layer(case: Case) -> keras.layers.Layer:
    if case.bidirectional_layers:
        return StackedRNN(case.cell.lower(), case.units, layers=case.bidirectional_layers)
    return {"LSTM": LSTM, "GRU": GRU}[case.cell](case.units, return_sequences=True)


def _keras_layer(case: Case) -> keras.layers.Layer:
    def one() -> keras.layers.Layer:
        return getattr(keras.layers, case.cell)(case.units, return_sequences=True)

    if case.bidirectional_layers:
        return KerasStack([keras.layers.Bidirectional(one()) for _ in range(case.bidirectional_layers)])
    return one()


class KerasStack(keras.layers.Layer):
    """Stacked layers with the same mask."""

    def __init__(self, layers: list[keras.layers.Layer]) -> None:
        """Stack the layers, the first at the bottom."""
        super().__init__()
        self.layers = layers

    def call(self, inputs: Any, mask: Any = None, training: bool = False) -> Any:
        """Apply the layers: (batch, time, features) to (batch, time, width)."""
        for layer in self.layers:
            inputs = layer(inputs, mask=mask, training=training)
        return inputs


def _answering_step(layer: keras.layers.Layer, inputs: tf.Tensor, mask: Any) -> Step:
    """Create the forward pass, as on a server."""
    return tf.function(lambda: tf.reduce_sum(layer(inputs, mask=mask, training=False)))


def _training_step(layer: keras.layers.Layer, inputs: tf.Tensor, mask: Any) -> Step:
    """Create the forward pass with the gradients of inputs and weights."""
    layer(inputs, mask=mask)

    @tf.function
    def step() -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            loss = tf.reduce_sum(layer(inputs, mask=mask, training=True) ** 2)
        gradients = tape.gradient(loss, [inputs, *[weight.value for weight in layer.trainable_weights]])
        # Sums, so that the time does not include copying.
        return [tf.reduce_sum(gradient) for gradient in gradients]

    return step


def _matrix_products(case: Case) -> Step:
    """Create the matrix products that every training step needs, as a lower limit of its time."""
    gates = {"LSTM": 4, "GRU": 3}[case.cell]
    steps, width = case.batch * case.time_steps, gates * case.units
    inputs, states = tf.random.normal([steps, case.features]), tf.random.normal([steps, case.units])
    kernel, recurrent_kernel = tf.random.normal([case.features, width]), tf.random.normal([case.units, width])
    gradients = tf.random.normal([steps, width])

    @tf.function
    def step() -> list[tf.Tensor]:
        results = [inputs @ kernel, tf.matmul(gradients, kernel, transpose_b=True)]
        results.append(tf.matmul(inputs, gradients, transpose_a=True))
        results.append(tf.matmul(states, gradients, transpose_a=True))
        state, gradient = states[: case.batch], gradients[: case.batch]
        for _ in tf.range(case.time_steps):  # Each step's product depends on the previous one.
            state = (state @ recurrent_kernel)[:, : case.units]
            gradient = tf.concat([tf.matmul(gradient, recurrent_kernel, transpose_b=True)] * gates, axis=1)
        return [tf.reduce_sum(result) for result in [*results, state, gradient]]

    return step
