"""Loss functions."""

from typing import Any

import keras
from keras import ops

from common.decoding.linear_chain import log_likelihood


@keras.saving.register_keras_serializable(package="rnn_task_suite")
class SmoothedCrossEntropy(keras.losses.Loss):
    """Cross-entropy of logits with class indices, with label smoothing.

    E = -sum_k q_k log softmax(z)_k with q = (1 - smoothing) onehot(y) + smoothing / K.

    Targets: (batch,) class indices. Predictions: (batch, classes) logits.

    Source: smoothing: Szegedy et al., "Rethinking the Inception architecture", 2016.
    """

    def __init__(self, smoothing: float = 0.0, name: str = "smoothed_cross_entropy", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.smoothing = smoothing

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Loss of each example, (batch,)."""
        targets = ops.one_hot(ops.cast(y_true, "int32"), ops.shape(y_pred)[-1])  # (batch, classes)
        return keras.losses.categorical_crossentropy(
            targets, y_pred, from_logits=True, label_smoothing=self.smoothing
        )

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {"smoothing": self.smoothing}


@keras.saving.register_keras_serializable(package="rnn_task_suite")
class SequenceCrossEntropy(keras.losses.Loss):
    """Cross-entropy over the steps of sequences, without padding, with label smoothing.

    E = -sum_t sum_k q_tk log softmax(z_t)_k / number of t, over steps t whose target is not 0, with
    q_t = (1 - smoothing) onehot(y_t) + smoothing / K.

    Targets: (batch, time) class indices, 0 for padding. Predictions: (batch, time, classes) logits.

    Source: smoothing: Szegedy et al., "Rethinking the Inception architecture", 2016.
    """

    def __init__(self, smoothing: float = 0.0, name: str = "sequence_cross_entropy", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.smoothing = smoothing

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Loss of each step, (batch, time), scaled so that the mean is over the unpadded steps."""
        targets = ops.cast(y_true, "int32")
        losses = keras.losses.sparse_categorical_crossentropy(targets, y_pred, from_logits=True)
        if self.smoothing > 0:
            # (1 - s) (L - z_y) + s (L - mean z), with L = log sum exp z: avoids large one-hot tensors.
            target_logits = ops.take_along_axis(y_pred, ops.expand_dims(targets, -1), axis=-1)[..., 0]
            losses += self.smoothing * (target_logits - ops.mean(y_pred, axis=-1))
        weights = ops.cast(ops.not_equal(targets, 0), losses.dtype)
        return losses * weights / ops.maximum(ops.mean(weights), 1e-9)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {"smoothing": self.smoothing}


@keras.saving.register_keras_serializable(package="rnn_task_suite")
class CRFNegativeLogLikelihood(keras.losses.Loss):
    """Negative log-likelihood of the true tags under a conditional random field.

    E = log sum_y' exp(s(y')) - s(y), with the score s of a path of tags (common/layers/crf.py).

    Targets: (batch, time) tag indices, ignored at masked steps. Predictions: (batch, time, tags, tags)
    potentials of the CRF layer, which encode the mask. The loss of an empty sequence is 0.

    Needs TensorFlow (common/decoding/linear_chain.py).

    Source: Lafferty, McCallum and Pereira, "Conditional random fields", 2001.
    """

    def __init__(self, name: str = "crf_negative_log_likelihood", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Loss of each sequence, (batch,)."""
        return -log_likelihood(y_pred, y_true)


@keras.saving.register_keras_serializable(package="rnn_task_suite")
class PinballLoss(keras.losses.Loss):
    """Pinball (quantile) loss: max(q (y - f), (q - 1) (y - f)), mean over the levels q.

    Targets: (batch, ..., 1). Predictions: (batch, ..., levels), one quantile f per level.

    Source: Koenker and Bassett, "Regression quantiles", 1978.
    """

    def __init__(self, levels: list[float], name: str = "pinball", **kwargs: Any) -> None:
        """Set up the loss.

        Args:
            levels: quantile levels between 0 and 1.
            name: of the loss.
            kwargs: of keras.losses.Loss.
        """
        super().__init__(name=name, **kwargs)
        self.levels = list(levels)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Loss of each value, (batch, ...)."""
        levels = ops.convert_to_tensor(self.levels, dtype=y_pred.dtype)
        error = y_true - y_pred  # (batch, ..., levels)
        return ops.mean(ops.maximum(levels * error, (levels - 1) * error), axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {"levels": self.levels}
