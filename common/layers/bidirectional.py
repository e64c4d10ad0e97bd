"""A recurrent layer in both directions."""

from typing import Any, Literal

import keras
from keras import ops

from common.layers.recurrent_layer import RecurrentLayer


@keras.saving.register_keras_serializable(package="rnn_task_suite")
class Bidirectional(keras.layers.Layer):
    """Run a recurrent layer forwards and backwards, and merge both outputs at each step.

    s^f_t from s^f_{t-1}, s^b_t from s^b_{t+1}; merged as [s^f_t; s^b_t] (concat) or s^f_t + s^b_t (sum).

    Input: (batch, time, features).
    Output: (batch, time, width), or (batch, width) if the layer does not return sequences: each direction's
    state after the last step that it reads. Followed by the forward and the backward states if the layer
    returns states. width is twice the layer's for `concat`.
    Mask: (batch, time); passed on if sequences are returned.

    Example:
        >>> Bidirectional(LSTM(8, return_sequences=True))(keras.ops.ones((4, 12, 3))).shape
        (4, 12, 16)

    Source: Schuster and Paliwal, "Bidirectional recurrent neural networks", 1997.
    """

    def __init__(
        self,
        layer: RecurrentLayer,
        merge: Literal["concat", "sum"] = "concat",
        sharing: Literal["none", "input", "all"] = "none",
        **kwargs: Any,
    ) -> None:
        """Set up both directions.

        Args:
            layer: the forward layer; the backward one is a copy of its configuration.
            merge: how the outputs of both directions are combined.
            sharing: weights that both directions share: none, input (the input weights and the bias), or all.
            kwargs: of keras.layers.Layer.
        """
        super().__init__(**kwargs)
        self.merge = merge
        self.sharing = sharing
        self.forward_layer = layer
        self.backward_layer = layer
        if sharing != "all":
            config = layer.get_config()
            self.backward_layer = type(layer).from_config(config | {"name": f"backward_{layer.name}"})
        self.supports_masking = True

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create both directions' weights for inputs (batch, time, features)."""
        if not self.forward_layer.built:  # A layer loaded from a file is built already.
            self.forward_layer.build(input_shape)
        if self.sharing == "none":
            self.backward_layer.build(input_shape)
        elif self.sharing == "input":
            self.backward_layer.share_input_weights(self.forward_layer)
        self.built = True

    @property
    def output_width(self) -> int:
        """Features of an output step."""
        return self.forward_layer.output_width * (2 if self.merge == "concat" else 1)

    def call(self, inputs: Any, initial_state: Any = None, mask: Any = None, training: bool = False) -> Any:
        """(batch, time, features) to outputs, followed by both directions' states if the layer returns them.

        `initial_state` holds the forward states, then the backward ones.
        """
        first, second = None, None
        if initial_state is not None:
            states = keras.tree.flatten(initial_state)
            first, second = states[: len(states) // 2], states[len(states) // 2 :]
        forward, forward_states = self.forward_layer.run(inputs, first, mask, training)
        backward, backward_states = self.backward_layer.run(inputs, second, mask, training, reverse=True)
        if not self.forward_layer.return_sequences:
            forward, backward = forward_states[0], backward_states[0]
        merged = forward + backward if self.merge == "sum" else ops.concatenate([forward, backward], axis=-1)
        return (merged, *forward_states, *backward_states) if self.forward_layer.return_state else merged

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Pass the mask on if every step is returned."""
        mask = mask if self.forward_layer.return_sequences else None
        states = 2 * self.forward_layer.number_of_states
        return [mask] + [None] * states if self.forward_layer.return_state else mask

    def compute_output_shape(self, input_shape: tuple[int | None, ...], *_: Any) -> Any:
        """(batch, time, width), or (batch, width); then the states if they are returned."""
        layer = self.forward_layer
        steps = input_shape[:2] if layer.return_sequences else input_shape[:1]
        outputs = (*steps, self.output_width)
        state = (input_shape[0], layer.state_width)
        return (outputs, *[state] * 2 * layer.number_of_states) if layer.return_state else outputs

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {
            "layer": keras.saving.serialize_keras_object(self.forward_layer),
            "merge": self.merge,
            "sharing": self.sharing,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Bidirectional":
        """Build the layer from the arguments of the constructor."""
        return cls(keras.saving.deserialize_keras_object(config.pop("layer")), **config)
