"""Multiplicative attention."""

import math
from typing import Any, Literal, get_args

import keras
from keras import ops

from common.layers.attention import Attention
from common.layers.checks import check_one_of
from common.layers.parts import part_settings

Score = Literal["dot", "general", "scaled"]


@keras.saving.register_keras_serializable(package="rnn_task_suite")
class LuongAttention(Attention):
    """Attention whose energies are products of query and memory.

    dot: e_ij = q_i . m_j
    scaled: e_ij = q_i . m_j / sqrt(features)
    general: e_ij = q_i . (W m_j)
    a_ij = softmax_j(e_ij)
    c_i = sum_j a_ij m_j

    Input: query (batch, width) or (batch, queries, width), memory (batch, time, features); width and features
    must be equal except for `general`.
    Output: context (batch, features) or (batch, queries, features), and weights (batch, time) or
    (batch, queries, time), which sum to 1.
    Mask: `memory_mask` (batch, time); masked steps have weight 0. If every step is masked, all weights and
    the context are zeros. The query's mask is passed on to the context.

    Example:
        >>> attention = LuongAttention("general")
        >>> context, weights = attention(keras.ops.ones((8, 64)), keras.ops.ones((8, 20, 128)))
        >>> context.shape, weights.shape
        ((8, 128), (8, 20))

    Source: Luong, Pham and Manning, "Effective approaches to attention-based neural machine translation",
    2015; scaled: Vaswani et al., "Attention is all you need", 2017.
    """

    def __init__(self, score: Score, **kwargs: Any) -> None:
        """Set up the attention.

        Args:
            score: how a query and a step of the memory are multiplied.
            kwargs: of keras.layers.Layer.

        Raises:
            ValueError: if there is no such score.
        """
        super().__init__(**kwargs)
        check_one_of("score", score, get_args(Score))
        self.score = score

    def build(self, query_shape: tuple[int | None, ...], memory_shape: tuple[int | None, ...]) -> None:
        """Create W for the `general` score."""
        width, features = query_shape[-1], memory_shape[-1]
        if self.score == "general":
            self.key_projection = keras.layers.Dense(width, use_bias=False, name="key", **part_settings(self))
            self.key_projection.build((None, None, features))
        elif width != features:
            raise ValueError(
                f"The score {self.score!r} needs queries and memory of the same width, not {width} and "
                f"{features}; use 'general'."
            )
        self.built = True

    def project_keys(self, memory: Any) -> Any:
        """W m_j: (batch, time, features) to (batch, time, width)."""
        if self.score == "general":
            return self.key_projection(memory)
        # Scaled here, not in the energies: keys are computed only once.
        return memory / math.sqrt(memory.shape[-1]) if self.score == "scaled" else memory

    def energies(self, queries: Any, keys: Any) -> Any:
        """(batch, queries, width) and (batch, time, width) to (batch, queries, time)."""
        return ops.matmul(queries, ops.swapaxes(keys, 1, 2))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {"score": self.score}
