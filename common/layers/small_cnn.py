"""A small convolutional network that is trained from scratch."""

from typing import Any

import keras

# Of the stages; each halves the sides.
WIDTHS = (32, 64, 128, 256)
NAME = "small_cnn"


def small_cnn(dtype: Any = None) -> keras.Model:
    """Build four stages of two 3x3 convolutions, the first of each with stride 2; the last two are outputs.

    Input: (batch, height, width, 3), colours between -1 and 1. Outputs: (batch, height / 8, width / 8, 128)
    and (batch, height / 16, width / 16, 256), rounded up.
    """
    inputs = keras.Input((None, None, 3))
    outputs, maps = inputs, []
    for width in WIDTHS:
        for stride in (2, 1):
            outputs = keras.layers.Conv2D(width, 3, stride, padding="same", use_bias=False, dtype=dtype)(
                outputs
            )
            # Statistics of few steps: the moving average of the weights must not run away from them.
            outputs = keras.layers.BatchNormalization(momentum=0.9, dtype=dtype)(outputs)
            outputs = keras.layers.ReLU(dtype=dtype)(outputs)
        maps.append(outputs)
    return keras.Model(inputs, maps[-2:], name=NAME)
