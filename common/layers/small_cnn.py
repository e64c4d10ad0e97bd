"""A small convolutional network to train from scratch."""

from typing import Any

import keras

# Channels of the stages; each stage halves height and width.
WIDTHS = (32, 64, 128, 256)
NAME = "small_cnn"


def small_cnn(dtype: Any = None) -> keras.Model:
    """Build four stages of two 3x3 convolutions, the first with stride 2; the last two stages are outputs.

    Input: (batch, height, width, 3), pixel values between -1 and 1.
    Outputs: (batch, height / 8, width / 8, 128) and (batch, height / 16, width / 16, 256), rounded up.
    """
    inputs = keras.Input((None, None, 3))
    outputs, maps = inputs, []
    for width in WIDTHS:
        for stride in (2, 1):
            outputs = keras.layers.Conv2D(width, 3, stride, padding="same", use_bias=False, dtype=dtype)(
                outputs
            )
            # A low momentum: the statistics must keep up with the moving average of the weights.
            outputs = keras.layers.BatchNormalization(momentum=0.9, dtype=dtype)(outputs)
            outputs = keras.layers.ReLU(dtype=dtype)(outputs)
        maps.append(outputs)
    return keras.Model(inputs, maps[-2:], name=NAME)
