"""The standard test of a task: every task in tasks/ passes it on a small file."""

import json

import numpy as np
import pandas as pd
from typer.testing import CliRunner

from common.answering.export import export_run
from common.answering.loading import load_export, load_run
from common.cli.app import app
from common.contract.find import find_task
from common.kinds.lines import LinePredictor, RowPredictor
from common.runs.run import find_run


def invoke(*arguments):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result


def run_task_test(name, run, examples):
    """Check the contract on a run that has ended.

    Answers are the same alone and in a batch, from the run and from its export; the score of the export on
    the test split is that of the run; the preprocessing read back is the one that was saved; the model's
    metric is among the recorded ones.

    Args:
        name: of the task.
        run: name of a finished run.
        examples: a few raw examples.
    """
    task, trained = find_task(name), find_run(run, name)
    predictor = load_run(trained)
    together = predictor.answer(examples)
    for example, answer in zip(examples, together, strict=True):
        assert_close(predictor.answer([example])[0], answer)
    for (example, answer), expected in zip(predictor.answer_all(examples), together, strict=True):
        assert_close(answer, expected)
        assert any(example is given for given in examples)
    if isinstance(predictor, LinePredictor):
        assert "\n" not in predictor.line(together[0])
    if isinstance(predictor, RowPredictor):
        assert list(predictor.columns(together[0])) == predictor.column_names()

    exported = export_run(trained)
    served = load_export(exported)
    for answer, expected in zip(served.answer(examples), together, strict=True):
        assert_same(answer, expected)
    folder = trained.folder / "evaluations" / "export"
    invoke("evaluate", "--model", exported, "--output", folder)
    scores, of_export = (json.loads((path / "metrics.json").read_text()) for path in (trained.folder, folder))
    assert of_export["metrics"] == scores["metrics"]
    assert task.metric in scores["metrics"]
    assert all(task.metric in baseline for baseline in scores["baselines"].values())
    pd.testing.assert_frame_equal(
        pd.read_csv(folder / "predictions.csv"),
        pd.read_csv(trained.folder / "predictions.csv"),
        check_exact=True,
    )


def assert_close(one, other):
    """Compare answers that may differ in the last digits.

    An LSTM reads one sequence alone by another operation than a batch, whose float32 sums have another order.
    """
    assert one.keys() == other.keys()
    for key, value in one.items():
        if isinstance(value, dict):
            assert_close(value, other[key])
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for part, other_part in zip(value, other[key], strict=True):
                assert_close(part, other_part)
        elif isinstance(value, float | np.ndarray):
            np.testing.assert_allclose(value, other[key], rtol=1e-4)
        else:
            assert value == other[key]


def assert_same(one, other):
    """Compare answers to the last digit."""
    assert one.keys() == other.keys()
    for key, value in one.items():
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(value, other[key])
        else:
            assert value == other[key]
