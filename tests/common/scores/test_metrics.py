import numpy as np
import pytest

from common.scores.metrics import bootstrap_interval, class_table, classification_metrics, confusion_counts

TRUTH = np.array([0, 0, 0, 1, 1, 2])
ANSWERS = np.array([0, 0, 1, 1, 0, 0])


def test_scores_by_hand():
    metrics = classification_metrics(TRUTH, ANSWERS, classes=3)
    assert metrics["accuracy"] == pytest.approx(3 / 6)
    # Class 0: precision 2/4, recall 2/3; class 1: 1/2 and 1/2; class 2 never predicted.
    assert metrics["macro_f1"] == pytest.approx((2 * (1 / 2) * (2 / 3) / (1 / 2 + 2 / 3) + 1 / 2 + 0) / 3)
    assert metrics["accuracy_low"] <= metrics["accuracy"] <= metrics["accuracy_high"]


def test_class_table_by_hand():
    table = class_table(TRUTH, ANSWERS, ["a", "b", "c"])
    assert table[0] == {
        "class": "a",
        "precision": pytest.approx(0.5),
        "recall": pytest.approx(2 / 3),
        "f1": pytest.approx(4 / 7),
        "examples": 3,
    }
    assert [row["examples"] for row in table] == [3, 2, 1]


def test_confusion_counts():
    np.testing.assert_array_equal(confusion_counts(TRUTH, ANSWERS, 3), [[2, 1, 0], [1, 1, 0], [1, 0, 0]])


def test_interval_of_a_known_fraction():
    values = np.repeat([1.0, 0.0], [800, 200])
    low, high = bootstrap_interval(values)
    deviation = np.sqrt(0.8 * 0.2 / 1000)
    assert low == pytest.approx(0.8 - 1.96 * deviation, abs=0.004)
    assert high == pytest.approx(0.8 + 1.96 * deviation, abs=0.004)
    assert bootstrap_interval(values) == (low, high)
