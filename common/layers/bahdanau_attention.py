"""Additive attention."""

from typing import Any

import keras
from keras import ops

from common.layers.attention import Attention
from common.layers.checks import check_positive
from common.layers.parts import part_settings


@keras.saving.register_keras_serializable(package="rnn_task_suite")
class BahdanauAttention(Attention):
    """Attention whose energies come from a small feed-forward network.

    e_ij = v . tanh(W q_i + U m_j + b)
    a_ij = softmax_j(e_ij)
    c_i = sum_j a_ij m_j

    Input: query (batch, width) or (batch, queries, width), memory (batch, time, features).
    Output: context (batch, features) or (batch, queries, features), and weights (batch, time) or
    (batch, queries, time), which sum to 1.
    Mask: `memory_mask` (batch, time); masked steps have weight 0. If every step is masked, all weights and
    the context are zeros. The query's mask is passed on to the context.

    Example:
        >>> context, weights = BahdanauAttention(32)(keras.ops.ones((8, 64)), keras.ops.ones((8, 20, 128)))
        >>> context.shape, weights.shape
        ((8, 128), (8, 20))

    Source: Bahdanau, Cho and Bengio, "Neural machine translation by jointly learning to align and translate",
    2015.
    """

    def __init__(self, units: int, **kwargs: Any) -> None:
        """Set up the attention.

        Args:
            units: width of the network's hidden layer.
            kwargs: of keras.layers.Layer.

        Raises:
            ValueError: if `units` is no positive integer.
        """
        super().__init__(**kwargs)
        check_positive(units=units)
        self.units = units
        settings = part_settings(self)
        self.query_projection = keras.layers.Dense(units, use_bias=False, name="query", **settings)
        self.key_projection = keras.layers.Dense(units, name="key", **settings)
        self.energy = keras.layers.Dense(1, use_bias=False, name="energy", **settings)

    def build(self, query_shape: tuple[int | None, ...], memory_shape: tuple[int | None, ...]) -> None:
        """Create W, U, b and v."""
        self.query_projection.build((None, query_shape[-1]))
        self.key_projection.build((None, None, memory_shape[-1]))
        self.energy.build((None, None, None, self.units))
        self.built = True

    def project_keys(self, memory: Any) -> Any:
        """U m_j + b: (batch, time, features) to (batch, time, units)."""
        return self.key_projection(memory)

    def energies(self, queries: Any, keys: Any) -> Any:
        """(batch, queries, width) and (batch, time, units) to (batch, queries, time)."""
        projected = ops.expand_dims(self.query_projection(queries), 2)  # (batch, queries, 1, units)
        hidden = ops.tanh(projected + ops.expand_dims(keys, 1))  # (batch, queries, time, units)
        return ops.squeeze(self.energy(hidden), -1)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {"units": self.units}
