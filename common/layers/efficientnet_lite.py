"""EfficientNet-Lite0 without its classifier, as a feature extractor."""

from typing import Any

import keras

# For each stage: repeats, kernel size, stride of the first block, expansion, width.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
STEM_WIDTH, HEAD_WIDTH = 32, 1280
# Stages whose feature maps are outputs besides the head: from stride 8, where features are more than edges,
# to the last but one; the head contains what the last one shows.
MAPS = range(2, 6)
NAME = "efficientnet_lite0"


def efficientnet_lite0(dtype: Any = None) -> keras.Model:
    """Build EfficientNet-Lite0 up to its last convolution, with random weights.

    Unlike EfficientNet-B0 it has no squeeze and excitation, and ReLU6 instead of swish. Layers are named
    after the blocks of the published weights: `block3_dw_conv`, `block3_dw_bn`; see
    common/inputs/image_weights.py.

    Input: (batch, height, width, 3), (colours - 127) / 128. Outputs: (batch, height / s, width / s, w)
    with (s, w) = (8, 40), (16, 80), (16, 112), (32, 192) and (32, 1280), rounded up: see MAPS.

    Source: Tan and Le, "EfficientNet: Rethinking model scaling for convolutional neural networks", 2019;
    Lite: https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite
    """
    inputs = keras.Input((None, None, 3))
    outputs = _convolution(inputs, "stem", STEM_WIDTH, kernel=3, stride=2, dtype=dtype)
    maps, number = [], 0
    for stage, (repeats, kernel, stride, expansion, width) in enumerate(STAGES):
        for repeat in range(repeats):
            outputs = _block(
                outputs, f"block{number}", kernel, stride if repeat == 0 else 1, expansion, width, dtype
            )
            number += 1
        if stage in MAPS:
            maps.append(outputs)
    maps.append(_convolution(outputs, "head", HEAD_WIDTH, kernel=1, dtype=dtype))
    return keras.Model(inputs, maps, name=NAME)


def _block(inputs: Any, name: str, kernel: int, stride: int, expansion: int, width: int, dtype: Any) -> Any:
    """Inverted residual block: expand, depthwise convolution, project; residual where the shapes agree."""
    input_width = inputs.shape[-1]
    outputs = inputs
    if expansion > 1:
        outputs = _convolution(outputs, f"{name}_expand", expansion * input_width, kernel=1, dtype=dtype)
    outputs = keras.layers.DepthwiseConv2D(
        kernel, stride, padding="same", use_bias=False, dtype=dtype, name=f"{name}_dw_conv"
    )(outputs)
    outputs = _normalized(outputs, f"{name}_dw", dtype)
    outputs = keras.layers.ReLU(6.0, dtype=dtype)(outputs)
    outputs = _convolution(outputs, f"{name}_project", width, kernel=1, active=False, dtype=dtype)
    if stride == 1 and input_width == width:
        outputs = keras.layers.Add(dtype=dtype)([outputs, inputs])
    return outputs


def _convolution(
    inputs: Any, name: str, width: int, kernel: int, stride: int = 1, active: bool = True, dtype: Any = None
) -> Any:
    outputs = keras.layers.Conv2D(
        width, kernel, stride, padding="same", use_bias=False, dtype=dtype, name=f"{name}_conv"
    )(inputs)
    outputs = _normalized(outputs, name, dtype)
    return keras.layers.ReLU(6.0, dtype=dtype)(outputs) if active else outputs


def _normalized(inputs: Any, name: str, dtype: Any) -> Any:
    return keras.layers.BatchNormalization(epsilon=1e-3, dtype=dtype, name=f"{name}_bn")(inputs)
