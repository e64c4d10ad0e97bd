"""A convolutional network that turns an image into features of its regions."""

import sys
from typing import Any

import keras
import numpy as np
from keras import ops

from common.errors import UserError, unknown_name
from common.inputs.image_weights import efficientnet_lite0_weights
from common.layers import efficientnet_lite, small_cnn

NETWORKS = {
    small_cnn.NAME: small_cnn.small_cnn,
    efficientnet_lite.NAME: efficientnet_lite.efficientnet_lite0,
}


@keras.saving.register_keras_serializable(package="rnn_task_suite")
class ImageEncoder(keras.layers.Layer):
    """Features of the regions of an image: the feature map of a convolutional network, row by row.

    kind: `small_cnn`, to train from scratch; `efficientnet_lite0`, with ImageNet weights; or the name of a
    model in keras.applications, such as `MobileNetV2`, with weights that Keras downloads.

    With `hypercolumns` a region's features also come from earlier feature maps, averaged down to the grid of
    the last one: they hold colours and fine shapes, which the last map has mostly lost. The maps used have a
    stride of 8 or more; of a keras.applications model, the last map of each size. The image size must then be
    static.

    Input: (batch, height, width, 3), pixel values from 0 to 255. Output: (batch, regions, features); the
    regions are the cells of the last map, see `grid`.

    Example:
        >>> encoder = ImageEncoder("efficientnet_lite0")
        >>> encoder(keras.ops.ones((8, 192, 192, 3))).shape, encoder.grid(192)
        ((8, 36, 1280), (6, 6))

    Source: features of regions: Xu et al., "Show, attend and tell", 2015; hypercolumns: Hariharan et al.,
    "Hypercolumns for object segmentation and fine-grained localization", 2015.
    """

    def __init__(
        self,
        kind: str = small_cnn.NAME,
        hypercolumns: bool = False,
        keep_statistics: bool = False,
        **kwargs: Any,
    ) -> None:
        """Build the network with random weights.

        Args:
            kind: name of the network.
            hypercolumns: whether features come from several maps instead of the last one only.
            keep_statistics: whether batch normalisation runs in inference mode during training, as it should
                when fine-tuning a network with ImageNet weights.
            kwargs: of keras.layers.Layer; with trainable=False the network is frozen.

        Raises:
            UserError: if there is no network of this kind.
        """
        super().__init__(**kwargs)
        self.kind = kind
        self.hypercolumns = hypercolumns
        self.keep_statistics = keep_statistics
        if kind in NETWORKS:
            self.network = NETWORKS[kind](dtype=self.dtype_policy)
        else:
            self.network = _application(kind)(include_top=False, weights=None)
            if hypercolumns:
                self.network = _with_maps(self.network)
        self.network.trainable = self.trainable
        self.built = True

    @property
    def features(self) -> int:
        """Number of features of each region."""
        widths = [shape[-1] for shape in _listed(self.network.output_shape)]
        return sum(widths) if self.hypercolumns else widths[-1]

    def grid(self, size: int) -> tuple[int, int]:
        """Rows and columns of regions of an image of `size` by `size` pixels.

        Raises:
            UserError: if the network does not accept images of that size.
        """
        try:
            _, rows, columns, _ = self._last_shape((None, size, size, 3))
        except ValueError as error:
            raise UserError(
                f"{self.kind} does not accept pictures of {size} by {size} pixels; change picture.size: some "
                "networks need at least 75, some accept only one size."
            ) from error
        return rows, columns

    def _last_shape(self, images_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return _listed(self.network.compute_output_shape(images_shape))[-1]

    def load_pretrained(self) -> None:
        """Load the ImageNet weights.

        Raises:
            UserError: if there are none for this kind, or they cannot be loaded.
        """
        if self.kind == efficientnet_lite.NAME:
            self._set_weights_by_name(efficientnet_lite0_weights())
            return
        if self.kind == small_cnn.NAME:
            raise UserError(f"There are no ImageNet weights for {self.kind}; train it from scratch.")
        try:
            pretrained = _application(self.kind)(include_top=False, weights="imagenet")
        except Exception as error:  # Keras passes on whatever its downloader raises.
            reason = " ".join(str(error).split())[:200]
            raise UserError(
                f"The weights of {self.kind} could not be fetched ({reason}): check the connection, or use "
                f"{efficientnet_lite.NAME}, whose weights are in a Python package."
            ) from error
        if self.hypercolumns:
            pretrained = _with_maps(pretrained)
        self.network.set_weights(pretrained.get_weights())

    def _set_weights_by_name(self, weights: dict[str, list[Any]]) -> None:
        """Set the weights of each layer by its name."""
        for layer in self.network.layers:
            if not layer.weights:
                continue
            shapes = [tuple(weight.shape) for weight in layer.weights]
            if [values.shape for values in weights.get(layer.name, [])] != shapes:
                raise UserError(
                    f"The weights of {self.kind} for {layer.name} do not have the shapes {shapes}: fetch or "
                    "place their file again."
                )
            layer.set_weights(weights[layer.name])

    def call(self, images: Any, training: bool = False) -> Any:
        """Pixel values (batch, height, width, 3) to features (batch, regions, features)."""
        images = self._scaled(ops.cast(images, self.compute_dtype))
        maps = _listed(self.network(images, training=training and not self.keep_statistics))
        features = maps[-1]  # (batch, rows, columns, width)
        if self.hypercolumns:
            rows, columns = features.shape[1:3]
            finer = [_cell_means(feature_map, rows, columns) for feature_map in maps[:-1]]
            features = ops.concatenate([*finer, features], axis=-1)
        return ops.reshape(features, (ops.shape(features)[0], -1, self.features))

    def _scaled(self, images: Any) -> Any:
        """Scale pixel values as in the training of the network."""
        if self.kind == efficientnet_lite.NAME:
            return (images - 127.0) / 128.0
        if self.kind == small_cnn.NAME:
            return images / 127.5 - 1.0
        return sys.modules[_application(self.kind).__module__].preprocess_input(images)

    def compute_output_shape(self, images_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """(batch, regions, features)."""
        _, rows, columns, _ = self._last_shape(tuple(images_shape))
        return (images_shape[0], None if None in (rows, columns) else rows * columns, self.features)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {
            "kind": self.kind,
            "hypercolumns": self.hypercolumns,
            "keep_statistics": self.keep_statistics,
        }


def encoder_names() -> list[str]:
    """List the kinds of networks: the project's own and those of keras.applications."""
    return [*NETWORKS, *(name for name in dir(keras.applications) if name[0].isupper())]


def _listed(outputs: Any) -> list[Any]:
    """The outputs of a network, or their shapes, as a list: Keras unpacks a single one."""
    return outputs if isinstance(outputs, list) else [outputs]


def _cell_means(feature_map: Any, rows: int, columns: int) -> Any:
    """Average a feature map (batch, height, width, n) over a grid: (batch, rows, columns, n)."""
    vertical, horizontal = _overlaps(feature_map.shape[1], rows), _overlaps(feature_map.shape[2], columns)
    dtype = feature_map.dtype
    narrower = ops.einsum("cw,bhwn->bhcn", ops.cast(horizontal, dtype), feature_map)
    return ops.einsum("rh,bhcn->brcn", ops.cast(vertical, dtype), narrower)


def _overlaps(size: int, cells: int) -> np.ndarray:
    """Weights (cells, size) of the positions along a side in the mean of each cell, by their overlap."""
    edges = np.linspace(0.0, size, cells + 1)
    positions = np.arange(size)
    ends = np.minimum(edges[1:, np.newaxis], positions + 1)
    starts = np.maximum(edges[:-1, np.newaxis], positions)
    return np.maximum(ends - starts, 0.0) * cells / size


def _with_maps(network: keras.Model) -> keras.Model:
    """Add the last feature map of each size, from stride 8 on, to the outputs of a network."""
    side = network.input_shape[1] or 256  # Some networks accept only one size.
    image_shape = (None, side, side, 3)
    layers = [layer for layer in network.layers if _has_map(layer)]
    shapes = keras.Model(network.input, [layer.output for layer in layers]).compute_output_shape(image_shape)
    last = {shape[1]: layer.output for layer, shape in zip(layers, shapes, strict=True)}
    smallest, largest = network.compute_output_shape(image_shape)[1], side // 8
    maps = [output for side, output in last.items() if smallest < side <= largest]
    return keras.Model(network.input, [*maps, network.output])


def _has_map(layer: keras.layers.Layer) -> bool:
    """Whether the output is a feature map, and not only padding for the next layer."""
    return len(layer.output.shape) == 4 and not isinstance(layer, keras.layers.ZeroPadding2D)


def _application(name: str) -> Any:
    if name not in encoder_names():
        raise unknown_name("image encoder", name, encoder_names())
    return getattr(keras.applications, name)
