from common.speed_page import speed_section


def record(who, name, median, masked=False):
    return {
        "what": "LSTM", "pass": name, "who": who, "size": [2, 3, 4, 5], "masked": masked,
        "median_ms": median, "minimum_ms": median, "repeats": 20,
    }  # fmt: skip


def test_a_row_for_each_pass_with_the_ratio():
    measured = {
        "date": "2026-01-02", "commit": "0123456789abcdef", "machine": {"processor": "P", "cores": 2},
        "records": [
            record("ours", "train", 2.0), record("keras", "train", 5.0), record("products", "train", 1.0),
            record("ours", "answer", 4.0, masked=True), record("keras", "answer", 2.0, masked=True),
        ],
    }  # fmt: skip
    section = speed_section(measured)
    assert "| LSTM | 2, 3, 4, 5 | no | train | 2.0 | 5.0 | 1.0 | 2.50 |" in section
    assert "| LSTM | 2, 3, 4, 5 | yes | answer | 4.0 | 2.0 |  | 0.50 |" in section
    assert "commit 0123456789ab." in section
