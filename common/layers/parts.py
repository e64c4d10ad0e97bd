"""Layers that are made of others."""

from typing import Any

import keras


def part_settings(layer: keras.layers.Layer) -> dict[str, Any]:
    """Arguments for the layers that a layer makes: its precision, and whether it is trained.

    Keras hands `trainable` on to the parts that exist when it is set, not to those made later: a frozen layer
    would be trained again once it was loaded or cloned.
    """
    return {"dtype": layer.dtype_policy, "trainable": layer.trainable}
