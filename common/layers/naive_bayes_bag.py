"""Naive Bayes features with learned factors."""

from typing import Any

import keras
from keras import ops

from common.layers.checks import check_positive


@keras.saving.register_keras_serializable(package="rnn_task_suite")
class NaiveBayesBag(keras.layers.Layer):
    """Sum over the distinct entries of a text of the naive Bayes log-ratio times a learned factor.

    z_k = sum_{g in text} u_gk r_gk, with r_gk = log p(g | k) - mean_j log p(g | j)

    r is counted on the training split and fixed (`ratios`, zeros until assigned); u starts at zero and is
    learned, so that the weight of an entry grows faster the better it separates the classes.

    Input: (batch, entries) ids, 0 for padding. Output: (batch, classes).

    Example:
        >>> layer = NaiveBayesBag(size=1000, classes=2)
        >>> layer(keras.ops.ones((8, 20), dtype="int32")).shape
        (8, 2)

    Source: Wang and Manning, "Baselines and bigrams: simple, good sentiment and topic classification", 2012.
    """

    def __init__(self, size: int, classes: int, **kwargs: Any) -> None:
        """Set up the layer.

        Args:
            size: number of ids, including 0.
            classes: number of classes.
            kwargs: of keras.layers.Layer.
        """
        super().__init__(**kwargs)
        check_positive(size=size, classes=classes)
        self.size = size
        self.classes = classes

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the ratios and the factors."""
        shape = (self.size, self.classes)
        self.ratios = self.add_weight(shape, initializer="zeros", trainable=False, name="ratios")
        self.factors = self.add_weight(shape, initializer="zeros", name="factors")
        self.built = True

    def call(self, inputs: Any) -> Any:
        """(batch, entries) to (batch, classes)."""
        ids = ops.sort(inputs, axis=1)
        previous = ops.pad(ids, ((0, 0), (1, 0)))[:, :-1]
        # Sorted, so that repeated ids count once; 0 equals the padding before the first.
        first = ops.expand_dims(ops.cast(ids != previous, self.compute_dtype), -1)  # (batch, entries, 1)
        factors = ops.take(self.factors, ids, axis=0)  # (batch, entries, classes)
        return ops.sum(first * factors * ops.take(self.ratios, ids, axis=0), axis=1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """(batch, classes)."""
        return (input_shape[0], self.classes)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {"size": self.size, "classes": self.classes}


def log_count_ratios(counts: Any) -> Any:
    """Compute log p(g | k) minus its mean over the classes k.

    Args:
        counts: NumPy array (entries, classes), number of texts of each class that contain each entry.

    Returns:
        NumPy array (entries, classes) float32.
    """
    import numpy as np

    logarithms = np.log((counts + 1) / (counts + 1).sum(axis=0))
    return (logarithms - logarithms.mean(axis=1, keepdims=True)).astype(np.float32)
