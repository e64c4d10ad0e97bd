import keras
import numpy as np
import pytest

from common.losses import SmoothedCrossEntropy

LOGITS = np.array([[1.0, 2.0, 0.5], [0.0, -1.0, 3.0]], np.float32)
TARGETS = np.array([1, 0])


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_by_hand(smoothing):
    logarithms = LOGITS - np.log(np.exp(LOGITS).sum(axis=1, keepdims=True))
    wanted = (1 - smoothing) * np.eye(3)[TARGETS] + smoothing / 3
    expected = -(wanted * logarithms).sum(axis=1).mean()
    np.testing.assert_allclose(SmoothedCrossEntropy(smoothing)(TARGETS, LOGITS), expected, rtol=1e-6)


def test_serialisation():
    loss = SmoothedCrossEntropy(0.1)
    copy = keras.losses.deserialize(keras.losses.serialize(loss))
    assert copy.smoothing == 0.1
