"""A convolutional network that turns a picture into the features of its regions."""

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
    """Features of the regions of a picture: the map of a convolutional network, row by row.

    kind: `small_cnn`, to be trained from scratch; `efficientnet_lite0`, with weights of ImageNet; or the name
    of a function of keras.applications, such as `MobileNetV2`, with weights that Keras downloads.

    With `hypercolumns` a region also has what the maps before the last one show there, each shrunk to the
    last one's grid: colours and fine shapes, which the last map hardly keeps. They are maps of an eighth of
    the picture's sides and less; of a network of keras.applications, the last one of each size. The size of
    the pictures must then be known when a graph is made.

    Input: (batch, height, width, 3), colours from 0 to 255. Output: (batch, regions, features); the regions
    are the cells of the last map, see `grid`.

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
        """Make the network, with random weights.

        Args:
            kind: of network.
            hypercolumns: whether a region's features are those of all maps, or of the last one.
            keep_statistics: whether batch normalisation keeps its statistics in training, as it should where
                a network with weights of ImageNet is trained on.
            kwargs: of keras.layers.Layer; with trainable=False the network is frozen.

        Raises:
            UserError: if there is no such kind.
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
        """Numbers of each region."""
        widths = [shape[-1] for shape in _listed(self.network.output_shape)]
        return sum(widths) if self.hypercolumns else widths[-1]

    def grid(self, size: int) -> tuple[int, int]:
        """Rows and columns of regions of a picture of `size` by `size` pixels.

        Raises:
            UserError: if the network cannot see pictures of that size.
        """
        try:
            _, rows, columns, _ = self._last_shape((None, size, size, 3))
        except ValueError as error:
            raise UserError(
                f"{self.kind} cannot see pictures of {size} by {size} pixels: change picture.size; some "
                "networks need 75 at least, some one size alone."
            ) from error
        return rows, columns

    def _last_shape(self, images_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return _listed(self.network.compute_output_shape(images_shape))[-1]

    def load_pretrained(self) -> None:
        """Take over the weights of ImageNet.

        Raises:
            UserError: if there are none of this kind, or they cannot be had.
        """
        if self.kind == efficientnet_lite.NAME:
            self._take_over(efficientnet_lite0_weights())
            return
        if self.kind == small_cnn.NAME:
            raise UserError(f"There are no weights of ImageNet for {self.kind}; train it from scratch.")
        try:
            pretrained = _application(self.kind)(include_top=False, weights="imagenet")
        except Exception as error:  # Keras raises whatever its downloader raises.
            reason = " ".join(str(error).split())[:200]
            raise UserError(
                f"The weights of {self.kind} could not be fetched ({reason}): check the network, or use "
                f"{efficientnet_lite.NAME}, whose weights are in a package of the Python registry."
            ) from error
        if self.hypercolumns:
            pretrained = _with_maps(pretrained)
        self.network.set_weights(pretrained.get_weights())

    def _take_over(self, weights: dict[str, list[Any]]) -> None:
        """Set the weights of each layer, by its name."""
        for layer in self.network.layers:
            if not layer.weights:
                continue
            shapes = [tuple(weight.shape) for weight in layer.weights]
            if [values.shape for values in weights.get(layer.name, [])] != shapes:
                raise UserError(
                    f"The weights of {self.kind} have none of the shapes {shapes} for {layer.name}: fetch or "
                    "place their file again."
                )
            layer.set_weights(weights[layer.name])

    def call(self, images: Any, training: bool = False) -> Any:
        """Colours (batch, height, width, 3) to features (batch, regions, features)."""
        images = self._scaled(ops.cast(images, self.compute_dtype))
        maps = _listed(self.network(images, training=training and not self.keep_statistics))
        features = maps[-1]  # (batch, rows, columns, width)
        if self.hypercolumns:
            rows, columns = features.shape[1:3]
            finer = [_means_of_cells(one, rows, columns) for one in maps[:-1]]
            features = ops.concatenate([*finer, features], axis=-1)
        return ops.reshape(features, (ops.shape(features)[0], -1, self.features))

    def _scaled(self, images: Any) -> Any:
        """Colours as the network was trained with them."""
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
    """List the kinds of networks: this project's, and those of keras.applications."""
    return [*NETWORKS, *(name for name in dir(keras.applications) if name[0].isupper())]


def _listed(outputs: Any) -> list[Any]:
    """What a network gives, or its shape: a list, though of one map Keras gives the map itself."""
    return outputs if isinstance(outputs, list) else [outputs]


def _means_of_cells(one: Any, rows: int, columns: int) -> Any:
    """Means of a map (batch, height, width, n) over the cells of a grid: (batch, rows, columns, n)."""
    down, across = _shares(one.shape[1], rows), _shares(one.shape[2], columns)
    narrower = ops.einsum("cw,bhwn->bhcn", ops.cast(across, one.dtype), one)
    return ops.einsum("rh,bhcn->brcn", ops.cast(down, one.dtype), narrower)


def _shares(size: int, cells: int) -> np.ndarray:
    """Share of each place of a side in the mean of each cell, by how much of it lies there: (cells, size)."""
    edges = np.linspace(0.0, size, cells + 1)
    places = np.arange(size)
    ends = np.minimum(edges[1:, np.newaxis], places + 1)
    starts = np.maximum(edges[:-1, np.newaxis], places)
    return np.maximum(ends - starts, 0.0) * cells / size


def _with_maps(network: keras.Model) -> keras.Model:
    """Give a network of keras.applications the last map of each size as an output, from an eighth on."""
    side = network.input_shape[1] or 256  # Some networks see pictures of one size alone.
    picture = (None, side, side, 3)
    layers = [layer for layer in network.layers if _has_map(layer)]
    shapes = keras.Model(network.input, [layer.output for layer in layers]).compute_output_shape(picture)
    last = {shape[1]: layer.output for layer, shape in zip(layers, shapes, strict=True)}
    smallest, largest = network.compute_output_shape(picture)[1], side // 8
    maps = [output for side, output in last.items() if smallest < side <= largest]
    return keras.Model(network.input, [*maps, network.output])


def _has_map(layer: keras.layers.Layer) -> bool:
    """Whether the output is a map that was made for more than to be padded."""
    return len(layer.output.shape) == 4 and not isinstance(layer, keras.layers.ZeroPadding2D)


def _application(name: str) -> Any:
    if name not in encoder_names():
        raise unknown_name("image encoder", name, encoder_names())
    return getattr(keras.applications, name)
