"""A recurrent layer in both directions."""

from typing import Any, Literal, Self, get_args

import keras
from keras import ops

from common.layers.checks import check_one_of
from common.layers.recurrent_layer import RecurrentLayer
from common.layers.saved_config import renamed

Merge = Literal["concat", "sum", "ave", "mul"]
Sharing = Literal["none", "input", "all"]
# Settings that both directions must have in common.
COMMON = ("return_sequences", "return_state", "stateful")


@keras.saving.register_keras_serializable(package="rnn_task_suite")
class Bidirectional(keras.layers.Layer):
    """Run a recurrent layer forwards and backwards, and merge both outputs at each step.

    s^f_t from s^f_{t-1}, s^b_t from s^b_{t+1}; merged as [s^f_t; s^b_t] (concat), s^f_t + s^b_t (sum), their
    mean (ave) or their product (mul).

    Input: (batch, time, features).
    Output: (batch, time, width), or (batch, width) if the layer does not return sequences: each direction's
    state after the last step that it reads; both outputs one after the other if nothing is merged. Followed
    by the forward and the backward states if the layer returns states. width is twice the layer's for
    `concat`.
    Mask: (batch, time); passed on if sequences are returned. As in Keras, masked steps of a returned sequence
    are zeros, unless `zero_output_for_mask` is False.

    It can replace keras.layers.Bidirectional. A layer of Keras may be wrapped too, without shared weights.

    Example:
        >>> Bidirectional(LSTM(8, return_sequences=True))(keras.ops.ones((4, 12, 3))).shape
        (4, 12, 16)

    Source: Schuster and Paliwal, "Bidirectional recurrent neural networks", 1997.
    """

    def __init__(
        self,
        layer: keras.layers.Layer,
        merge_mode: Merge | None = "concat",
        weights: list[Any] | None = None,
        backward_layer: keras.layers.Layer | None = None,
        *,
        sharing: Sharing = "none",
        zero_output_for_mask: bool = True,
        copy: bool = True,
        **kwargs: Any,
    ) -> None:
        """Set up both directions.

        Args:
            layer: the forward layer; with `go_backwards` it needs a `backward_layer` without.
            merge_mode: how the outputs of both directions are combined; None leaves them apart.
            weights: to start with, those of the forward direction first.
            backward_layer: the other direction; None for a copy of the layer's configuration.
            sharing: weights that both directions share: none, input (the input weights and the bias), or all.
            zero_output_for_mask: whether masked steps of a returned sequence are zeros; if not, each
                direction repeats its output before them.
            copy: whether `layer` is only read, and the forward layer is a copy of its configuration, as in
                Keras; if not, it becomes the forward layer.
            kwargs: of keras.layers.Layer.

        Raises:
            ValueError: if an argument has no valid value, or both layers do not go together.
        """
        for name, value in (("layer", layer), ("backward_layer", backward_layer or layer)):
            if not isinstance(value, keras.layers.Layer) or not hasattr(value, "return_sequences"):
                raise ValueError(f"{name} must be a recurrent layer, not {value!r}.")
        check_one_of("merge_mode", merge_mode, (*get_args(Merge), None))
        check_one_of("sharing", sharing, get_args(Sharing))
        super().__init__(**kwargs)
        self.merge_mode = merge_mode
        self.sharing = sharing
        self.zero_output_for_mask = zero_output_for_mask
        self.forward_layer = _copied(layer, "forward_") if copy else layer
        if sharing == "all":
            self.backward_layer = self.forward_layer
        else:
            self.backward_layer = backward_layer or _copied(layer, "backward_", go_backwards=True)
        self._check_layers(backward_layer)
        for each in (self.forward_layer, self.backward_layer):
            # A layer that does not return sequences would return zeros after a masked last step.
            each.zero_output_for_mask = zero_output_for_mask and layer.return_sequences
        self.return_sequences = layer.return_sequences
        self.return_state = layer.return_state
        self.stateful = layer.stateful
        self.input_spec = layer.input_spec
        self.supports_masking = True
        self._start_weights = weights

    def _check_layers(self, backward_layer: keras.layers.Layer | None) -> None:
        first, second = self.forward_layer, self.backward_layer
        shareable = isinstance(first, RecurrentLayer) and not first.stateful and backward_layer is None
        if self.sharing != "none" and not shareable:
            raise ValueError(
                f"sharing={self.sharing!r} needs a recurrent layer of this project that is not stateful, "
                "and no backward_layer."
            )
        if self.sharing != "all" and first.go_backwards == second.go_backwards:
            raise ValueError(
                "Forward layer and backward layer should have different `go_backwards` value: both have "
                f"go_backwards={first.go_backwards}."
            )
        for name in COMMON:
            values = getattr(first, name), getattr(second, name)
            if values[0] != values[1]:
                raise ValueError(
                    f"Forward layer and backward layer are expected to have the same {name}, not "
                    f"{values[0]} and {values[1]}."
                )

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create both directions' weights for inputs (batch, time, features)."""
        if not self.forward_layer.built:  # A layer loaded from a file is built already.
            self.forward_layer.build(input_shape)
        if self.sharing == "input":
            self.backward_layer.share_input_weights(self.forward_layer)
        elif not self.backward_layer.built:
            self.backward_layer.build(input_shape)
        self.built = True
        if self._start_weights is not None:
            self.set_weights(self._start_weights)
            self._start_weights = None

    @property
    def output_width(self) -> int:
        """Features of an output step."""
        return self.forward_layer.output_width * (2 if self.merge_mode == "concat" else 1)

    @property
    def states(self) -> tuple[Any, ...] | None:
        """The variables with both directions' states if the layer is stateful."""
        parts = self.forward_layer.states, self.backward_layer.states
        return (*parts[0], *parts[1]) if all(parts) else None

    def reset_state(self) -> None:
        """Let both directions of a stateful layer start with zeros again."""
        if not self.stateful:
            raise AttributeError("Layer must be stateful.")
        self.forward_layer.reset_state()
        self.backward_layer.reset_state()

    # The name in earlier versions of Keras.
    reset_states = reset_state

    def call(self, inputs: Any, initial_state: Any = None, mask: Any = None, training: bool = False) -> Any:
        """(batch, time, features) to outputs, followed by both directions' states if the layer returns them.

        `initial_state` holds the forward states, then the backward ones.
        """
        first, second = None, None
        if initial_state is not None:
            states = keras.tree.flatten(initial_state)
            first, second = states[: len(states) // 2], states[len(states) // 2 :]
        forward, forward_states = self._direction(self.forward_layer, False, inputs, first, mask, training)
        backward, backward_states = self._direction(self.backward_layer, True, inputs, second, mask, training)
        merged = self._merged(ops.cast(forward, self.compute_dtype), ops.cast(backward, self.compute_dtype))
        if not self.return_state:
            return merged
        outputs = merged if self.merge_mode is None else (merged,)
        return (*outputs, *forward_states, *backward_states)

    def _direction(
        self, layer: Any, is_backward: bool, inputs: Any, initial_state: Any, mask: Any, training: bool
    ) -> tuple[Any, list[Any]]:
        """Outputs of a direction, in the order of the forward one's, and its last states."""
        if not isinstance(layer, RecurrentLayer):
            outputs = layer(inputs, initial_state=initial_state, mask=mask, training=training)
            outputs, *states = outputs if self.return_state else (outputs,)
            if is_backward and self.return_sequences:
                outputs = ops.flip(outputs, axis=1)
            return outputs, states
        # Without `call`, which turns the outputs over, to be turned back here.
        reverse = layer.go_backwards != (is_backward and layer is self.forward_layer)
        outputs, states = layer.run(inputs, initial_state, mask, training, reverse=reverse)
        starts_with_zeros = initial_state is None and not layer.stateful
        if not self.return_sequences:
            outputs = layer.last_output(states, mask, starts_with_zeros, reverse)
        elif self.zero_output_for_mask:
            outputs = layer.masked_outputs(outputs, mask, starts_with_zeros, reverse)
        if layer.activity_regularizer is not None:
            for output in [outputs, *(states if self.return_state else [])]:
                # As Keras does where a layer is called.
                loss = layer.activity_regularizer(output)
                self.add_loss(ops.divide_no_nan(loss, ops.cast(ops.shape(output)[0], loss.dtype)))
        if self.return_sequences and self.forward_layer.go_backwards:
            outputs = ops.flip(outputs, axis=1)
        return outputs, states

    def _merged(self, forward: Any, backward: Any) -> Any:
        if self.merge_mode is None:
            return forward, backward
        if self.merge_mode == "concat":
            return ops.concatenate([forward, backward], axis=-1)
        if self.merge_mode == "mul":
            return forward * backward
        return (forward + backward) / 2 if self.merge_mode == "ave" else forward + backward

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Pass the mask on if every step is returned."""
        mask = mask if self.return_sequences else None
        if mask is not None and self.forward_layer.go_backwards:
            mask = ops.flip(mask, axis=1)
        masks = [mask] * (2 if self.merge_mode is None else 1)
        if self.return_state:
            masks += [None] * (len(self.compute_output_shape((1, 1, 1))) - len(masks))
        return masks[0] if len(masks) == 1 else masks

    def compute_output_shape(self, input_shape: tuple[int | None, ...], *_: Any) -> Any:
        """(batch, time, width), or (batch, width); then the states if they are returned."""
        outputs = self.forward_layer.compute_output_shape(input_shape)
        outputs, *states = outputs if self.return_state else (outputs,)
        if self.merge_mode == "concat":
            outputs = (*outputs[:-1], 2 * outputs[-1])
        if self.merge_mode is None:
            return (outputs, outputs, *states, *states)
        return (outputs, *states, *states) if self.return_state else outputs

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        config = super().get_config() | {
            "layer": keras.saving.serialize_keras_object(self.forward_layer),
            "merge_mode": self.merge_mode,
            "sharing": self.sharing,
            "zero_output_for_mask": self.zero_output_for_mask,
        }
        if self.sharing == "none":
            config["backward_layer"] = keras.saving.serialize_keras_object(self.backward_layer)
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Build the layer from a configuration, also one saved with earlier argument names."""
        config = renamed(config, merge="merge_mode")
        for name in {"layer", "backward_layer"} & config.keys():
            config[name] = keras.saving.deserialize_keras_object(config[name])
        # Layers made here belong to no one else.
        return cls(**config, copy=False)


def _copied(layer: keras.layers.Layer, prefix: str, **changes: Any) -> keras.layers.Layer:
    """A layer with the same configuration, and its name behind a prefix."""
    config = layer.get_config() | changes
    return type(layer).from_config(config | {"name": prefix + layer.name.removeprefix(prefix)})
