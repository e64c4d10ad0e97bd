"""An adapter that runs layers with several inputs in the standard layer test, which has one."""

from typing import Any

import keras


@keras.saving.register_keras_serializable(package="tests")
class OwnMemory(keras.layers.Layer):
    """Attention whose queries are the steps of its own memory."""

    def __init__(self, layer: keras.layers.Layer, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.layer = layer
        self.supports_masking = True

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Build the attention."""
        if not self.layer.built:  # A layer loaded from a file is built already.
            self.layer.build(input_shape, input_shape)
        self.built = True

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """(batch, time, features) to (batch, time, features)."""
        return self.layer(inputs, inputs, memory_mask=mask)[0]

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """(batch, time, features)."""
        return input_shape

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Pass the mask on."""
        return mask

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {"layer": keras.saving.serialize_keras_object(self.layer)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "OwnMemory":
        """Build the layer from the arguments of the constructor."""
        return cls(keras.saving.deserialize_keras_object(config.pop("layer")), **config)
