import numpy as np
import pandas as pd
import pytest

from benchmarks.gradient_flow.memory_task import Training, recall_sequences, train
from benchmarks.gradient_flow.page import gradient_flow_table
from benchmarks.gradient_flow.study import Study, parse_lengths, run_study, solves_up_to
from common.errors import UserError


def test_the_answer_is_the_first_symbol_and_nothing_else_tells_it():
    symbols, answers = recall_sequences(np.random.default_rng(1), 4000, 6)
    np.testing.assert_array_equal(answers, symbols[:, 0])
    for place in range(1, 6):
        assert np.mean(symbols[:, place] == answers) == pytest.approx(1 / 8, abs=0.02)


def test_a_gru_solves_a_short_memory_and_says_in_how_many_steps():
    outcome = train(Training("gru", 3, mixed=False, seed=1, units=16, steps=400, traced=True))
    assert outcome.accuracy >= 0.99
    assert outcome.steps < 400
    assert len(outcome.norms_at_start) == len(outcome.norms_after) == 3
    # What was learned is a memory: less is lost from step to step than before.
    assert outcome.norms_after[-1] > outcome.norms_at_start[-1]


@pytest.mark.slow
def test_a_study_writes_its_tables_and_the_picture(tmp_path, capsys):
    study = Study(lengths=(3,), traced_length=3, units=4, steps=2, seeds=1, workers=1)
    paths = run_study(study, tmp_path)
    assert {path.name for path in paths} == {path.name for path in tmp_path.iterdir()}
    solved = pd.read_csv(tmp_path / "gradient_flow_solved.csv")
    # Two ways of training, four cells.
    assert len(solved) == 8
    assert (solved["steps"] == 2).all()
    norms = pd.read_csv(tmp_path / "gradient_flow_norms.csv")
    assert sorted(norms["lag"].unique()) == [0, 1, 2]
    assert (norms.loc[norms["lag"] == 0, "norm"] == 1).all()
    shown = capsys.readouterr().out
    assert f"{solved['accuracy'].iloc[0]:.0%}" in shown
    assert "…" not in shown
    rows = gradient_flow_table(tmp_path).splitlines()
    assert rows[0].startswith("| cell | norm over 2 steps, at the start | after training |")
    assert [row.split(" | ")[0] for row in rows[2:]] == ["| elman", "| elman, small start", "| lstm", "| gru"]
    assert all(row.endswith("| none | none |") for row in rows[2:])


def test_solved_up_to_stops_at_the_first_length_that_a_seed_missed():
    def seeds(*solved):
        return pd.DataFrame({"solved": solved})

    assert solves_up_to({5: seeds(True, True), 10: seeds(True, False), 20: seeds(True, True)}) == 5
    assert solves_up_to({5: seeds(False)}) is None


@pytest.mark.parametrize(
    ("study", "message"),
    [
        (Study(units=0), "--units 0: give 1 or more"),
        (Study(lengths=(1, 5)), "--lengths: give numbers of symbols, each at least 2"),
        (Study(lengths=(5, 10)), "--traced-length 40 is not one of --lengths"),
    ],
)
def test_studies_that_cannot_be_made(study, message):
    with pytest.raises(UserError, match=message):
        study.check()


def test_lengths_that_are_no_numbers():
    assert parse_lengths("20, 5 5") == (5, 20)
    with pytest.raises(UserError, match="--lengths 'five': give whole numbers"):
        parse_lengths("five")
