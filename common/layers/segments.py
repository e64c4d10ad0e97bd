"""A layer applied to short segments of long sequences in parallel."""

from typing import Any

import keras
from keras import ops

from common.layers.checks import check_positive


@keras.saving.register_keras_serializable(package="rnn_task_suite")
class Segments(keras.layers.Layer):
    """Split sequences into segments of equal length, apply a layer to each, and concatenate the outputs.

    A recurrent layer then loops over `length` steps of many segments instead of thousands of steps of a few
    sequences: the loop is short and the matrix products are large. The context of a step ends at the borders
    of its segment; pooling over all steps combines the segments again.

    Input: (batch, time, features). Output: (batch, time, features of the layer).
    Mask: (batch, time), split for the layer in the same way, and passed on.

    Example:
        >>> layer = Segments(keras.layers.LSTM(8, return_sequences=True), length=50)
        >>> layer(keras.ops.ones((4, 120, 3))).shape
        (4, 120, 8)

    Source: Johnson and Zhang, "Supervised and semi-supervised text categorization using LSTM for region
    embeddings", 2016 (chopping).
    """

    def __init__(self, layer: keras.layers.Layer, length: int, **kwargs: Any) -> None:
        """Wrap a layer.

        Args:
            layer: from (batch, time, features) to (batch, time, other features) that accepts a mask.
            length: time steps of a segment.
            kwargs: of keras.layers.Layer.
        """
        super().__init__(**kwargs)
        check_positive(length=length)
        self.layer = layer
        self.length = length
        self.supports_masking = True

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the wrapped layer's weights for inputs (batch, time, features)."""
        if not self.layer.built:  # A layer loaded from a file is built already.
            self.layer.build((None, self.length, input_shape[-1]))
        self.built = True

    def call(self, inputs: Any, mask: Any = None, training: bool = False) -> Any:
        """(batch, time, features) to (batch, time, other features)."""
        batch, time, features = ops.shape(inputs)[0], ops.shape(inputs)[1], inputs.shape[-1]
        if mask is None:
            mask = ops.ones((batch, time), dtype="bool")
        missing = -time % self.length
        segments = ops.reshape(ops.pad(inputs, ((0, 0), (0, missing), (0, 0))), (-1, self.length, features))
        segment_mask = ops.reshape(ops.pad(ops.cast(mask, "bool"), ((0, 0), (0, missing))), (-1, self.length))
        outputs = self.layer(segments, mask=segment_mask, training=training)  # (segments, length, other)
        return ops.reshape(outputs, (batch, time + missing, outputs.shape[-1]))[:, :time]

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Pass the mask on."""
        return mask

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """(batch, time, features of the layer)."""
        return (*input_shape[:2], self.layer.compute_output_shape(input_shape)[-1])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        layer = keras.saving.serialize_keras_object(self.layer)
        return super().get_config() | {"layer": layer, "length": self.length}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Segments":
        """Build the layer from the arguments of the constructor."""
        layer = keras.saving.deserialize_keras_object(config.pop("layer"))
        return cls(layer, **config)
