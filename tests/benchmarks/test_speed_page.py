import pytest

from benchmarks.pages.speed import serving_section, speed_section


def record(who, name, median, masked=False, size=(2, 3, 4, 5)):
    return {
        "what": "LSTM", "pass": name, "who": who, "size": list(size), "masked": masked,
        "median_ms": median, "minimum_ms": median, "repeats": 20,
    }  # fmt: skip


MEASURED = {
    "date": "2026-01-02", "commit": "0123456789abcdef", "machine": {"processor": "P", "cores": 2},
    "versions": {"tensorflow": "2.21.0", "keras": "3.15.1", "pandas": "3"},
    "layers": [
        record("ours", "train", 2.0), record("keras", "train", 5.0), record("products", "train", 1.0),
        record("ours", "train", 4.0, size=(9, 9, 9, 9)), record("keras", "train", 12.0, size=(9, 9, 9, 9)),
        record("ours", "answer", 4.0, masked=True), record("keras", "answer", 2.0, masked=True),
        record("pytorch", "answer", 6.0, masked=True),
    ],
    "epoch": [
        {"who": "ours", "seconds": 12.3, "words_per_second": 45678, "validation_accuracy": 0.8},
        {"who": "keras", "seconds": 50.0, "words_per_second": 9876, "validation_accuracy": 0.79},
    ],
    "latency": [
        {"what": "20 words", "who": "ours", "median_ms": 1.234},
        {"what": "20 words", "who": "pytorch", "median_ms": 2.0},
    ],
}  # fmt: skip


def test_a_row_for_each_layer_with_its_times():
    section = speed_section(MEASURED, [])
    assert "| LSTM | 2, 3, 4, 5 | no | 2.0 | 5.0 |  | 1.0 |  |  |  |" in section
    assert "| LSTM | 2, 3, 4, 5 | yes |  |  |  |  | 4.0 | 2.0 | 6.0 |" in section
    assert "tensorflow 2.21.0, keras 3.15.1; commit 0123456789ab" in section


def test_conclusions_come_from_the_times():
    section = speed_section(MEASURED, [])
    assert "- Training on sequences of one length: faster than Keras (2.50 to 3.00).\n" in section
    answering = "- Answering on sequences of different lengths: not faster than Keras (0.50), "
    assert f"{answering}faster than PyTorch (1.50).\n" in section
    assert "Training on sequences of different lengths" not in section


@pytest.mark.parametrize(
    ("keras", "verdict"),
    [
        ((10.2, 9.8), "as fast as Keras (0.98 to 1.02)"),
        ((10.0, 20.0), "as fast as or faster than Keras (1.00 to 2.00)"),
        ((5.0, 20.0), "slower for some sizes, faster for others than Keras (0.50 to 2.00)"),
        ((5.0, 10.0), "not faster than Keras (0.50 to 1.00)"),
        ((11.0, 20.0), "faster than Keras (1.10 to 2.00)"),
    ],
)
def test_verdicts(keras, verdict):
    layers = []
    for number, median in enumerate(keras):
        size = (number, 1, 1, 1)
        layers += [record("ours", "train", 10.0, size=size), record("keras", "train", median, size=size)]
    assert f"one length: {verdict}.\n" in speed_section(MEASURED | {"layers": layers}, [])


def test_epochs_latencies_and_what_was_tried():
    section = speed_section(MEASURED, [{"what": "unrolling", "gave": "0.9 times as fast"}])
    assert (
        "takes ours 12 s (45,678 words per second, validation accuracy 0.8000), Keras 50 s, 4.1 times"
        in section
    )
    assert "faster than PyTorch (1.62). 20 words: ours 1.23 ms, PyTorch 2.00 ms." in section
    assert "| unrolling | 0.9 times as fast |" in section


def test_nothing_is_said_of_tries_where_there_are_none():
    assert "tried" not in speed_section(MEASURED, [])


def test_a_row_for_each_way_to_answer_and_what_the_fastest_gains():
    measured = {
        "task": "translation", "dataset": "hsk", "run": "one", "date": "2026-01-02",
        "machine": {"processor": "P", "cores": 2},
        "examples_a_second": {"as set": 12.34, "greedy": 1234.5},
    }  # fmt: skip
    only_way = {**measured, "dataset": "emoji", "examples_a_second": {"as set": 5.0}}
    section = serving_section([measured, only_way])
    assert "| translation | hsk | as set | 12.3 | 1.0 | `one` |" in section
    assert "| translation | hsk | greedy | 1,234 | 100.0 | `one` |" in section
    assert "answers 100.0 times as many on hsk (greedy)." in section
    assert "on 2026-01-02 (P, 2 cores).\n" in section
    assert "decoding answers" not in serving_section([only_way])
