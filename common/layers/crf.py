"""Conditional random field: tags that agree with their neighbours."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from common.decoding.linear_chain import FORBIDDEN_SCORE
from common.inputs.tag_schemes import ForbiddenTransitions


@keras.saving.register_keras_serializable(package="rnn_task_suite")
class CRF(keras.layers.Layer):
    """Linear-chain CRF: learned transition scores, added to the emission scores of each tag.

    The path y of a sequence of T steps with emissions x scores
    s(y) = start_{y_1} + sum_t x_{t, y_t} + sum_{t > 1} A_{y_{t-1}, y_t} + end_{y_T}
    and has the probability exp(s(y)) / sum_y' exp(s(y')). The layer outputs the terms of s as potentials, one
    number for each step and pair of tags. Everything else is a function of the potentials, which also encode
    the mask: `common.modelling.losses.CRFNegativeLogLikelihood` for training, and `best_path`,
    `n_best_paths` and `marginals` of `common.decoding.linear_chain` for decoding.

    Input: emissions (batch, time, tags), unnormalised scores (logits).
    Output: potentials (batch, time, tags, tags); [b, t, i, j] is the score of tag i at t - 1 and tag j at t.
    Mask: (batch, time). A masked step is an identity, 0 on the diagonal and minus infinity elsewhere, so
    padding on either side changes nothing. No mask is passed on.

    Sums over paths need float32: under a mixed policy the layer computes in the precision of its weights.

    Example:
        >>> emissions = keras.layers.Dense(9)(states)
        >>> model = keras.Model(inputs, CRF(9, forbidden_transitions("iob2", tag_names))(emissions))
        >>> model.compile("adam", CRFNegativeLogLikelihood())
        >>> tags, scores = best_path(model(batch))

    Source: Lafferty, McCallum and Pereira, "Conditional random fields", 2001; over a recurrent network:
    Huang, Xu and Yu, "Bidirectional LSTM-CRF models for sequence tagging", 2015.
    """

    def __init__(
        self,
        tags: int,
        forbidden: ForbiddenTransitions | Sequence[Any] | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        """Set up the layer.

        Args:
            tags: number of tags, at least 2.
            forbidden: starts (tags,), transitions (tags, tags) and ends (tags,) that no path may have, in
                training and in decoding.
            dtype: policy; of a mixed one, the dtype of the variables is used.
            kwargs: of keras.layers.Layer.

        Raises:
            ValueError: if there are fewer than 2 tags, or `forbidden` is for another number of tags.
        """
        super().__init__(dtype=keras.dtype_policies.get(dtype).variable_dtype, **kwargs)
        if tags < 2:
            raise ValueError(f"a CRF needs at least 2 tags, not {tags}")
        self.tags = tags
        self.forbidden = None if forbidden is None else ForbiddenTransitions(*forbidden)
        if self.forbidden is not None:
            shapes = [np.shape(part) for part in self.forbidden]
            if shapes != [(tags,), (tags, tags), (tags,)]:
                raise ValueError(f"forbidden transitions of shapes {shapes} do not fit {tags} tags")
        self.supports_masking = True
        self.input_spec = keras.layers.InputSpec(ndim=3)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights for emissions (batch, time, tags).

        Raises:
            ValueError: if the emissions are for another number of tags.
        """
        if input_shape[-1] != self.tags:
            raise ValueError(f"emissions with {input_shape[-1]} scores per step do not fit {self.tags} tags")
        self.start = self.add_weight((self.tags,), initializer="zeros", name="start")
        self.transitions = self.add_weight((self.tags, self.tags), initializer="zeros", name="transitions")
        self.end = self.add_weight((self.tags,), initializer="zeros", name="end")
        self.built = True

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Emissions (batch, time, tags) to potentials (batch, time, tags, tags)."""
        batch, time = ops.shape(inputs)[:2]
        number = self.tags
        start, transitions, end = self.scores()
        if mask is None:
            mask = ops.ones((batch, time), dtype="bool")
        steps = ops.cast(mask, "int32")
        is_first = steps * ops.cast(ops.cumsum(steps, axis=1) == 1, "int32")
        is_last = steps * ops.cast(
            ops.flip(ops.cumsum(ops.flip(steps, axis=1), axis=1), axis=1) == 1, "int32"
        )
        # Multiply by 0 and 1 instead of `where`: the gradient of the scores is then one matrix product.
        edges = ops.cast(ops.stack([is_first, is_last], axis=-1), inputs.dtype)  # (batch, time, 2)
        emissions = inputs + ops.matmul(edges, ops.stack([start, end]))  # (batch, time, tags)
        has_previous = ops.reshape(1 - edges[:, :, 0], (-1, 1))  # (batch * time, 1)
        pairs = ops.matmul(has_previous, ops.reshape(transitions, (1, number * number)))
        potentials = emissions[:, :, None, :] + ops.reshape(pairs, (batch, time, number, number))
        identity = ops.where(ops.eye(number, dtype="bool"), 0.0, float("-inf"))
        return ops.where(
            ops.cast(mask, "bool")[:, :, None, None], potentials, ops.cast(identity, inputs.dtype)
        )

    def scores(self) -> tuple[Any, Any, Any]:
        """Scores of starts (tags,), transitions (tags, tags) and ends (tags,), forbidden ones suppressed."""
        weights = (self.start.value, self.transitions.value, self.end.value)
        if self.forbidden is None:
            return weights
        return tuple(
            ops.where(ops.convert_to_tensor(banned, "bool"), ops.cast(FORBIDDEN_SCORE, weight.dtype), weight)
            for banned, weight in zip(self.forbidden, weights, strict=True)
        )

    def compute_mask(self, inputs: Any, mask: Any = None) -> None:
        """Return no mask: the potentials encode it."""
        return

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """(batch, time, tags, tags)."""
        return (*input_shape[:2], self.tags, self.tags)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        forbidden = None if self.forbidden is None else list(self.forbidden)
        return super().get_config() | {"tags": self.tags, "forbidden": forbidden}
