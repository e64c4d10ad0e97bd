"""A stack of recurrent layers, each over half the time steps of the one below."""

from typing import Any, Literal, Self

import keras
from keras import ops

from common.layers.checks import check_fraction, check_positive
from common.layers.engines.policy import Implementation, chosen_implementation
from common.layers.parts import part_settings
from common.layers.saved_config import with_units
from common.layers.stacked_rnn import StackedRNN


@keras.saving.register_keras_serializable(package="rnn_task_suite")
class PyramidalRNN(keras.layers.Layer):
    """Stack of bidirectional recurrent layers, each over half the time steps of the one below.

    Before each layer except the first, pairs of time steps are concatenated: u_j = [h_{2j}; h_{2j+1}]. An odd
    last step is concatenated with zeros, and masked as its left half is.

    Input: (batch, time, features). Output: (batch, ceil(time / 2^(layers-1)), 2 * units).
    Mask: (batch, time), passed on with as many steps as the output. Pairs are counted from the first unmasked
    step, so that padding on either side changes nothing; leftover padding in front moves to the end.

    Example:
        >>> PyramidalRNN("lstm", units=64, layers=3)(keras.ops.ones((8, 50, 40))).shape
        (8, 13, 128)

    Source: Chan et al., "Listen, attend and spell", 2016.
    """

    def __init__(
        self,
        cell: Literal["elman", "lstm", "gru"],
        units: int,
        layers: int,
        dropout: float = 0.0,
        implementation: Implementation | None = None,
        **kwargs: Any,
    ) -> None:
        """Set up the pyramid.

        Args:
            cell: elman (tanh), lstm or gru.
            units: width of each direction of each layer.
            layers: number of layers, at least 1; each except the first halves the steps.
            dropout: fraction of the features to drop between layers.
            implementation: of RecurrentLayer.
            kwargs: of keras.layers.Layer.

        Raises:
            ValueError: if an argument has no valid value.
        """
        super().__init__(**kwargs)
        check_positive(layers=layers)
        check_fraction(dropout=dropout)
        self.cell = cell
        self.units = units
        self.layers = layers
        self.dropout = dropout
        self.implementation = chosen_implementation(implementation)
        self.supports_masking = True
        self.input_spec = keras.layers.InputSpec(ndim=3)
        self.recurrent_layers = [
            StackedRNN(cell, units, implementation=implementation, **part_settings(self))
            for _ in range(layers)
        ]
        self.dropouts = [keras.layers.Dropout(dropout, dtype=self.dtype_policy) for _ in range(layers - 1)]

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights for inputs (batch, time, features)."""
        features = input_shape[-1]
        for layer in self.recurrent_layers:
            layer.build((None, None, features))
            features = 2 * layer.width
        self.built = True

    def call(self, inputs: Any, mask: Any = None, training: bool = False) -> Any:
        """(batch, time, features) to (batch, ceil(time / 2^(layers-1)), 2 * units)."""
        outputs = inputs
        if mask is not None:
            order = self._order(mask)
            mask = ops.take_along_axis(ops.cast(mask, "bool"), order, axis=1)
            outputs = _gather_steps(inputs, order)
        for number, layer in enumerate(self.recurrent_layers):
            if number > 0:
                outputs = _concatenate_pairs(outputs, mask)
                mask = None if mask is None else _pair_mask(mask)
                outputs = self.dropouts[number - 1](outputs, training=training)
            outputs = layer(outputs, mask=mask, training=training)
        return outputs

    def _order(self, mask: Any) -> Any:
        """Step indices (batch, time), rotated so that no pair spans padding and the first unmasked step."""
        steps = ops.ones_like(mask, dtype="int32")
        time = ops.sum(steps, axis=1, keepdims=True)  # (batch, 1), also for symbolic inputs
        first = ops.argmax(ops.cast(mask, "int32"), axis=1, keepdims=True)  # (batch, 1)
        excess = ops.cast(first, "int32") % 2 ** (self.layers - 1)
        return (excess + ops.cumsum(steps, axis=1) - 1) % time

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """(batch, time) to (batch, ceil(time / 2^(layers-1)))."""
        if mask is None:
            return None
        mask = ops.take_along_axis(ops.cast(mask, "bool"), self._order(mask), axis=1)
        for _ in range(self.layers - 1):
            mask = _pair_mask(mask)
        return mask

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """(batch, ceil(time / 2^(layers-1)), 2 * units)."""
        time = input_shape[1]
        return (
            input_shape[0],
            None if time is None else -(-time // 2 ** (self.layers - 1)),
            2 * self.units,
        )

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Build the layer from a configuration, also one saved with earlier argument names."""
        return super().from_config(with_units(config))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {
            "cell": self.cell,
            "units": self.units,
            "layers": self.layers,
            "dropout": self.dropout,
            "implementation": self.implementation,
        }


def _gather_steps(steps: Any, order: Any) -> Any:
    """Reorder steps (batch, time, features) by indices (batch, time)."""
    batch, time = ops.shape(order)[0], ops.shape(order)[1]
    # Gathers whole feature vectors: ops.take_along_axis gathers single values, which takes 14 times as long.
    rows = order + ops.expand_dims(ops.arange(batch, dtype="int32") * time, 1)  # (batch, time)
    return ops.take(ops.reshape(steps, (-1, steps.shape[-1])), rows, axis=0)


def _concatenate_pairs(steps: Any, mask: Any) -> Any:
    """Concatenate pairs of steps: (batch, time, features) to (batch, ceil(time / 2), 2 * features)."""
    if mask is not None:
        # A recurrent layer repeats its last output over padding; an odd last step is paired with zeros.
        steps = ops.where(ops.expand_dims(mask, -1), steps, ops.zeros_like(steps))
    batch, time, features = ops.shape(steps)[0], ops.shape(steps)[1], steps.shape[-1]
    steps = ops.pad(steps, ((0, 0), (0, time % 2), (0, 0)))
    return ops.reshape(steps, (batch, (time + 1) // 2, 2 * features))


def _pair_mask(mask: Any) -> Any:
    """(batch, time) to (batch, ceil(time / 2)): true where either step of a pair is unmasked."""
    right = ops.pad(ops.cast(mask, "int32"), ((0, 0), (0, 1)))[:, 1::2]
    return ops.logical_or(mask[:, ::2], ops.cast(right, "bool"))
