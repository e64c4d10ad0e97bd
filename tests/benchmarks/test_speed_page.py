from benchmarks.pages.speed import serving_section, speed_section


def record(who, name, median, masked=False):
    return {
        "what": "LSTM", "pass": name, "who": who, "size": [2, 3, 4, 5], "masked": masked,
        "median_ms": median, "minimum_ms": median, "repeats": 20,
    }  # fmt: skip


MEASURED = {
    "date": "2026-01-02", "commit": "0123456789abcdef", "machine": {"processor": "P", "cores": 2},
    "versions": {"tensorflow": "2.21.0", "keras": "3.15.1", "pandas": "3"},
    "layers": [
        record("ours", "train", 2.0), record("keras", "train", 5.0), record("products", "train", 1.0),
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


def test_a_row_for_each_pass_with_the_ratios():
    section = speed_section(MEASURED, [])
    assert "| LSTM | 2, 3, 4, 5 | no | train | 2.0 | 5.0 |  | 1.0 | 2.50 |  |" in section
    assert "| LSTM | 2, 3, 4, 5 | yes | answer | 4.0 | 2.0 | 6.0 |  | 0.50 | 1.50 |" in section
    assert "tensorflow 2.21.0, keras 3.15.1, at commit 0123456789ab." in section


def test_epochs_latencies_and_what_was_tried():
    section = speed_section(MEASURED, [{"what": "unrolling", "gave": "0.9 times as fast"}])
    assert "| keras | 50 | 9,876 | 0.7900 |" in section
    assert "| text | ours | pytorch |\n| --- | --- | --- |\n| 20 words | 1.23 | 2.00 |" in section
    assert "| unrolling | 0.9 times as fast |" in section


def test_nothing_is_said_of_tries_where_there_are_none():
    assert "tried" not in speed_section(MEASURED, [])


def test_a_row_for_each_way_to_answer():
    measured = {
        "task": "translation", "dataset": "hsk", "run": "one", "date": "2026-01-02",
        "machine": {"processor": "P", "cores": 2},
        "examples_a_second": {"as set": 12.34, "greedy": 1234.5},
    }  # fmt: skip
    section = serving_section([measured])
    command = "`python -m benchmarks.serving_speed translation one`"
    assert f"| translation | hsk | as set | 12.3 | 2026-01-02, P, 2 cores | {command} |" in section
    assert "| translation | hsk | greedy | 1,234 |" in section
