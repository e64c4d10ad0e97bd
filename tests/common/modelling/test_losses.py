import keras
import numpy as np
import pytest

from common.modelling.losses import PinballLoss, SmoothedCrossEntropy

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


def test_pinball_loss_by_hand():
    truth = np.array([[[10.0]], [[20.0]]], np.float32)  # (batch, time, 1)
    quantiles = np.array([[[8.0, 13.0]], [[21.0, 22.0]]], np.float32)
    loss = PinballLoss([0.1, 0.9])
    np.testing.assert_allclose(loss(truth, quantiles), ((0.2 + 0.3) / 2 + (0.9 + 0.2) / 2) / 2, rtol=1e-6)
    assert PinballLoss.from_config(loss.get_config()).levels == [0.1, 0.9]
