"""Base class of attention: weights from energies, context from weights."""

from abc import abstractmethod
from typing import Any

import keras
import numpy as np
from keras import ops


class Attention(keras.layers.Layer):
    """Attend to a memory: the mean of its steps, weighted by how well each matches a query.

    e_ij = energy of query i and step j of the memory, defined by the subclass
    a_ij = softmax_j(e_ij), over the unmasked steps
    c_i = sum_j a_ij m_j

    The keys, the part of the energy that depends only on the memory, are computed once by `prepare`; a
    decoder then calls `attend` at each step.

    Input: query (batch, width) or (batch, queries, width), memory (batch, time, features).
    Output: context (batch, features) or (batch, queries, features), and weights (batch, time) or
    (batch, queries, time), which sum to 1.
    Mask: `memory_mask` (batch, time); masked steps have weight 0. If every step is masked, all weights and
    the context are zeros. The query's mask is passed on to the context.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    @abstractmethod
    def project_keys(self, memory: Any) -> Any:
        """Memory (batch, time, features) to keys (batch, time, units)."""

    @abstractmethod
    def energies(self, queries: Any, keys: Any) -> Any:
        """Queries (batch, queries, width) and keys (batch, time, units) to (batch, queries, time)."""

    def prepare(self, memory: Any, memory_mask: Any = None) -> dict[str, Any]:
        """Compute what all queries to a memory share.

        Args:
            memory: (batch, time, features).
            memory_mask: (batch, time), true where a step may be attended to; None for all steps.

        Returns:
            Keys (batch, time, units), memory (batch, time, features) and mask (batch, time). The batch axis
            comes first, so that a search can repeat or gather them.
        """
        if memory_mask is None:
            memory_mask = ops.ones(ops.shape(memory)[:2], dtype="bool")
        memory_mask = ops.cast(memory_mask, "bool")
        # A weight of 0 does not hide a NaN or an infinity: 0 times either is NaN.
        memory = ops.where(ops.expand_dims(memory_mask, -1), memory, ops.zeros_like(memory))
        return {"keys": self.project_keys(memory), "memory": memory, "mask": memory_mask}

    def attend(self, query: Any, prepared: dict[str, Any]) -> tuple[Any, Any]:
        """Attend to a prepared memory.

        Args:
            query: (batch, width) or (batch, queries, width).
            prepared: from `prepare`.

        Returns:
            Context (batch, features) and weights (batch, time), or both with queries as the second axis.
        """
        single = len(query.shape) == 2
        queries = ops.expand_dims(query, 1) if single else query
        energies = self.energies(queries, prepared["keys"])  # (batch, queries, time)
        weights = ops.cast(masked_softmax(energies, ops.expand_dims(prepared["mask"], 1)), energies.dtype)
        context = ops.matmul(weights, prepared["memory"])  # (batch, queries, features)
        if single:
            return ops.squeeze(context, 1), ops.squeeze(weights, 1)
        return context, weights

    def call(self, query: Any, memory: Any, memory_mask: Any = None) -> tuple[Any, Any]:
        """Context and weights of queries over a memory."""
        return self.attend(query, self.prepare(memory, memory_mask))

    def compute_mask(self, query: Any, mask: Any = None) -> Any:
        """Pass the query's mask on to the context."""
        return mask

    def compute_output_shape(
        self, query_shape: tuple[int | None, ...], memory_shape: tuple[int | None, ...]
    ) -> tuple[tuple[int | None, ...], tuple[int | None, ...]]:
        """Shapes of context and weights."""
        return (*query_shape[:-1], memory_shape[-1]), (*query_shape[:-1], memory_shape[1])


def masked_softmax(energies: Any, mask: Any, axis: int = -1) -> Any:
    """Softmax over an axis where the mask is true, 0 elsewhere, in at least float32.

    Shapes: energies (..., time), mask broadcastable to it; output like energies.
    """
    # bfloat16 has 8 bits of precision: the weights of a long memory would no longer sum to 1.
    precise = keras.backend.result_type(energies.dtype, "float32")
    energies = ops.cast(energies, precise)
    energies = ops.where(mask, energies, lowest(energies))
    return ops.softmax(energies, axis=axis) * ops.cast(mask, precise)


def lowest(values: Any) -> Any:
    """The number that no finite value is below, for what a mask hides.

    Not minus infinity: where everything is masked, it would give NaN.
    """
    dtype = keras.backend.standardize_dtype(values.dtype)
    # NumPy does not know bfloat16.
    number = -3.3895e38 if dtype == "bfloat16" else np.finfo(dtype).min
    return ops.convert_to_tensor(number, dtype=dtype)
