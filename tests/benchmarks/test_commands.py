import pytest
from typer.testing import CliRunner

from benchmarks.commands import app


def test_help_lists_the_verbs():
    result = CliRunner().invoke(app, ["--help"])
    assert result.exit_code == 0
    assert all(f"  {verb}" in result.stdout for verb in ("run", "results-page", "gradient-flow"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run"], "No task given. Valid: captioning, "),
        (["run", "--task", "sentimnt"], "Unknown task 'sentimnt'"),
        (["run", "--task", "sentiment", "--recipe", "none"], "Unknown recipe 'none'"),
        (["run", "--task", "sentiment", "--dataset", "hsk"], "hsk"),
        (["gradient-flow", "--units", "many"], "Invalid value for '--units'"),
        (["gradient-flow", "--lengths", "5 x"], "5 x"),
    ],
)
def test_what_a_user_gets_wrong_is_one_line_and_exit_code_2(workspace, arguments, message):
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    assert message in result.stderr
