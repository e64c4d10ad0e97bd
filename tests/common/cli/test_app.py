import json
import os
import re
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.command_line import invoke
from support.review_case import SMALL_MODEL, write_reviews

PROJECT = Path(__file__).resolve().parents[3]


def test_help_starts_in_under_two_seconds_without_tensorflow():
    script = "import sys, common.cli; assert 'tensorflow' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True, cwd=PROJECT)
    started = time.monotonic()
    result = subprocess.run(
        [sys.executable, "-m", "common.cli", "--help"], capture_output=True, text=True, cwd=PROJECT
    )
    assert time.monotonic() - started < 2
    assert result.returncode == 0
    for verb in (
        "train",
        "evaluate",
        "export",
        "predict",
        "datasets",
        "runs",
        "config",
        "new-task",
    ):
        assert f"  {verb}" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train"], "No task given. Valid: "),
        (["train", "--task", "sentimnt"], "Unknown task 'sentimnt'. Did you mean 'sentiment'? Valid: "),
        (
            ["train", "--task", "sentiment", "--dataset", "imbd"],
            "Unknown dataset 'imbd'. Did you mean 'imdb'?",
        ),
        (
            ["train", "--task", "sentiment", "--preset", "defualt"],
            "Unknown preset 'defualt'. Did you mean 'default'?",
        ),
        (
            ["train", "--task", "sentiment", "--set", "model.unit=3"],
            "Unknown setting 'model.unit'. Did you mean 'model.units'?",
        ),
        (["train", "--task", "sentiment", "--set", "model.units=x"], "Setting model.units='x' is not valid"),
        (["train", "--task", "sentiment", "--data", "none.csv"], "none.csv"),
        (
            ["train", "--task", "sentiment", "--column", "txt=a"],
            "Unknown variable 'DATA_TXT'. Did you mean 'DATA_TEXT'?",
        ),
        (
            ["evaluate", "--task", "sentiment"],
            "No finished run of sentiment; train one first: make train TASK=sentiment",
        ),
        (["evaluate", "--task", "sentiment", "--run", "x"], "Unknown run 'x'"),
        (["export", "--task", "sentiment", "--run", "x"], "Unknown run 'x'"),
        (["predict", "--task", "sentiment", "--text", " "], "TEXT is empty"),
        (["predict", "--text", "good", "--output", "a.csv"], "OUTPUT are for a file"),
        (["predict", "--text", "good", "--column", "text=a"], "columns and OUTPUT are for a file"),
        (["predict", "--model", ",", "--text", "good"], "MODEL names no run"),
        (["predict", "--task", "sentiment", "--input", "a.csv"], "INPUT needs OUTPUT"),
        (
            ["predict", "--task", "captioning", "--input", "~/none.png"],
            f"{Path.home()}/none.png",
        ),
        (
            ["predict", "--task", "translation", "--text", "a", "--plot", "a.txt"],
            "PLOT=a.txt must end in one of .png, .pdf, .svg",
        ),
        (
            ["predict", "--task", "sentiment", "--run", "a", "--model", "b", "--text", "c"],
            "Give either RUN or MODEL",
        ),
        (["config", "--task", "sentiment", "--dataset", "snt"], "Unknown dataset 'snt'. Did you mean 'sst'?"),
        (
            ["train", "--task", "sentiment", "--data-test", "t.csv"],
            "DATA_TEST (data.test_file) needs DATA (data.file), the file to train on.",
        ),
        (["runs", "--task", "sentimnt"], "Unknown task 'sentimnt'"),
        (["trian"], "No such command 'trian'. Did you mean 'train'?"),
        (["train", "--tsk", "sentiment"], "No such option: --tsk (Possible options: --set, --task). See: "),
        (["train", "--task"], "Option '--task' requires an argument"),
        (["train", "sentiment"], "Got unexpected extra argument(s) (sentiment). See: "),
        (["config", "--task", "sentiment", "--preset", "imbd"], "Unknown preset 'imbd'"),
    ],
)
def test_what_a_user_gets_wrong_is_one_line_and_exit_code_2(workspace, arguments, message):
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    assert message in result.stderr
    assert not (workspace / "runs").exists()


BAD_FILES = {
    "empty": (b"", "bad.csv"),
    "header only": (b"text,label\n", "bad.csv"),
    "missing column": (b"review,label\na,good\n", "'text'"),
    "too few columns": (b"text,label\na,good\nb\n", "bad.csv:3"),
    "empty text": (b"text,label\na,good\n  ,bad\n", "bad.csv:3"),
    "not utf-8": (b"text,label\na,good\n\xff\xfe,bad\n", "bad.csv:3"),
    "one class only": (b"text,label\n" + b"".join(b"a%d,good\n" % n for n in range(20)), "good"),
}


@pytest.mark.parametrize(("content", "message"), BAD_FILES.values(), ids=BAD_FILES)
def test_bad_file_is_one_line_and_leaves_nothing(workspace, content, message):
    (workspace / "bad.csv").write_bytes(content)
    result = invoke("train", "--task", "sentiment", "--data", workspace / "bad.csv")
    assert result.exit_code == 2, result.output
    assert result.stderr.splitlines()[-1].startswith("Error: ")
    assert message in result.stderr.splitlines()[-1]
    assert "Traceback" not in result.output
    assert not (workspace / "runs").exists()
    assert not [path for path in (workspace / "data").rglob("*") if path.is_file()]


def test_bad_rows_are_counted_when_asked(workspace):
    table = write_reviews(workspace / "reviews.csv", 90)
    with table.open("a") as file:
        file.write("  ,good\nonly one column\n")
    options = [
        "train",
        "--task",
        "sentiment",
        "--data",
        table,
        "--set",
        f"{SMALL_MODEL} train.epochs=1 data.skip_bad_rows=true",
    ]
    result = invoke(*options)
    assert result.exit_code == 0, result.output
    assert "rows skipped: 2" in result.output


@pytest.mark.slow
def test_a_text_of_a_million_characters_is_trained_on_and_the_cut_is_said(workspace):
    table = write_reviews(workspace / "reviews.csv", 90)
    with table.open("a") as file:
        file.writelines(f"{'lovely ' * 145_000}{number},good\n" for number in range(8))
    result = invoke("train", "--task", "sentiment", "--data", table, "--set", f"{SMALL_MODEL} train.epochs=1")
    assert result.exit_code == 0, result.output
    assert "have more than 400 words and are truncated" in result.output


def test_a_full_disk_in_training_is_one_line_and_the_run_goes_on(workspace):
    table = write_reviews(workspace / "reviews.csv", 600)
    options = ["train", "--task", "sentiment", "--run", "full", "--data", table]
    # The data is prepared, and no more.
    assert "No word occurs" in invoke(*options, "--set", "text.minimum_count=10000").stderr
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    # TensorFlow's cache of preprocessed examples does not fit.
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        result = invoke(*options, "--set", f"{SMALL_MODEL} train.epochs=1")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert result.exit_code == 2, result.output
    folder = workspace / "runs" / "sentiment" / "full"
    assert result.stderr.splitlines()[-1] == (
        f"Error: The disk is full: {folder} was not written. Free some space and try again."
    )
    assert "To resume run full: make train TASK=sentiment RUN=full" in result.stdout
    assert not (folder / "cache").exists()
    assert invoke("train", "--run", "full").exit_code == 0


def test_interrupted_by_the_keyboard(workspace, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("common.cli.listings.print_runs", interrupt)
    result = invoke("runs")
    assert result.exit_code == 130
    assert "Traceback" not in result.output


def test_datasets_lists_licence_and_citation_of_each():
    result = invoke("datasets", "--task", "sentiment")
    assert result.exit_code == 0
    for name in ("rotten_tomatoes", "chinese_reviews", "tweets", "imdb", "sst", "imdb_reviews", "glue/sst2"):
        block = result.output.partition(f"\n  {name}\n")[2].partition("\n\n")[0]
        assert "licence: " in block
        assert "cite: " in block


def test_config_prints_value_and_meaning():
    result = invoke("config", "--task", "sentiment", "--set", "model.units=77")
    assert result.exit_code == 0
    lines = dict(line.split("  # ") for line in result.output.splitlines())
    settings = {line.strip(): meaning for line, meaning in lines.items()}
    assert settings["model.units=77"] == "hidden units per direction and layer"
    assert all(settings.values())


def test_runs_lists_scores(trained_workspace, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    result = invoke("runs")
    assert "small" in result.output
    assert "accuracy" in result.output
    assert "finished" in result.output


def make(*arguments, **environment):
    return subprocess.run(
        ["make", "-n", *arguments],
        capture_output=True,
        text=True,
        cwd=PROJECT,
        env={**os.environ, **environment},
        check=False,
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with the Makefile, whose Python writes down what it is given instead of working."""
    folder = tmp_path_factory.mktemp("made")
    shutil.copy(PROJECT / "Makefile", folder)
    (folder / "requirements.lock").touch()
    python = folder / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(
        f"#!{sys.executable}\nimport json, sys\njson.dump(sys.argv[1:], open('given.json', 'w'))\n"
    )
    python.chmod(0o755)
    (folder / ".venv" / "ready").touch()
    return folder


AS_IT_IS = (
    "$(shell touch touched)",
    "it costs $(5",
    "${HOME} $HOME $$ $(HOME) $@",
    "`touch touched` ; touch touched & touch touched",
    "a 'single' and a \"double\" quote, \\ and #",
    "-- *.py ~ % é 龘",
)


@pytest.mark.parametrize("text", AS_IT_IS)
@pytest.mark.parametrize(
    ("goal", "variable", "option"),
    [
        ("predict", "TEXT", "--text"),
        ("predict", "INPUT", "--input"),
        ("predict", "OUTPUT", "--output"),
        ("predict", "PLOT", "--plot"),
        ("predict", "FORMAT", "--format"),
        ("predict", "RUN", "--run"),
        ("predict", "MODEL", "--model"),
        ("predict", "SET", "--set"),
        ("train", "TASK", "--task"),
        ("train", "DATASET", "--dataset"),
        ("train", "PRESET", "--preset"),
        ("train", "DATA", "--data"),
        ("train", "DATA_TEST", "--data-test"),
        ("train", "DATA_VALIDATION", "--data-validation"),
        ("benchmark", "RECIPE", "--recipe"),
        ("new-task", "NAME", None),
    ],
)
def test_make_passes_any_text_as_it_is(made, goal, variable, option, text):
    subprocess.run(["make", goal, f"{variable}={text}"], cwd=made, capture_output=True, text=True, check=True)
    given = json.loads((made / "given.json").read_text())
    assert given[given.index(option) + 1 if option else -1] == text
    assert not (made / "touched").exists()


@pytest.mark.parametrize("text", AS_IT_IS)
def test_make_passes_columns_and_changes_as_they_are(made, text):
    variables = [f"DATA_TEXT={text}", f"PAIR={text}", f"HORIZON={text}"]
    subprocess.run(["make", "train", *variables], cwd=made, capture_output=True, text=True, check=True)
    given = json.loads((made / "given.json").read_text())
    assert given[given.index("--column") + 1] == f"TEXT={text}"
    assert given[given.index("--set") + 1] == f"data.pair={text} data.horizon={text}"
    assert not (made / "touched").exists()


def test_a_line_end_becomes_a_space(made):
    subprocess.run(["make", "predict", "TEXT=two\nlines"], cwd=made, capture_output=True, check=True)
    given = json.loads((made / "given.json").read_text())
    assert given[given.index("--text") + 1] == "two lines"


def test_makefile_passes_variables_as_they_are():
    result = make("predict", "TASK=sentiment", 'TEXT=it\'s "so" funny $HOME & co', "FORMAT=json")
    assert """--text 'it'\\''s "so" funny $HOME & co'""" in result.stdout
    result = make(
        "train",
        "TASK=sentiment",
        "DATA=my file.csv",
        "DATA_TEXT=review body",
        "DATA_TEST=t.csv",
        'SET=a.b="x y"',
    )
    command = " ".join(result.stdout.split())
    assert "--data 'my file.csv'" in command
    assert "--data-test 't.csv'" in command
    assert "--column 'TEXT=review body'" in command
    assert """--set 'a.b="x y"'""" in command
    # What the user's environment holds is none of these.
    assert "--column" not in make("train", "TASK=sentiment", DATA_DIR="/data").stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["evaluate", "TASK=sentiment", "DATASET=imdb"],
            "make evaluate does not use DATASET. It uses: DATA DATA_...",
        ),
        (["predict", "TASK=sentiment", "DATA=new.csv"], "make predict does not use DATA. It uses:"),
        (
            ["export", "TASK=sentiment", "SET=a=1"],
            "make export does not use SET. It uses: RUN TASK; see make help",
        ),
        (["lint", "TASK=sentiment"], "make lint does not use TASK. It uses: no variables"),
        (["evaluate", "TASK=sentiment", "DATA=a.csv", "DATA_TEST=b.csv"], "does not use DATA_TEST"),
    ],
)
def test_make_refuses_what_a_target_would_ignore(arguments, said):
    result = make(*arguments)
    assert (result.returncode, said in result.stderr) == (2, True), result.stderr


def test_make_takes_what_one_of_its_targets_takes():
    result = make("train", "export", "TASK=forecasting", "HORIZON=28", "DATA_TIME=date", "DATA=a.csv")
    assert result.returncode == 0, result.stderr
    assert "data.horizon=28" in result.stdout


def test_make_help_names_the_variables_of_each_target():
    takes = {
        target: set(variables.split())
        for target, variables in re.findall(
            r"^([a-z-]+)\.takes := (.*)$", (PROJECT / "Makefile").read_text(), re.M
        )
    }
    shown = subprocess.run(["make", "help"], capture_output=True, text=True, cwd=PROJECT, check=True).stdout
    for target, meaning in re.findall(r"^  ([a-z-]+) +(.*)$", shown, re.M):
        named = {
            "DATA_%" if name.startswith("DATA_") else name for name in re.findall(r"([A-Z_]+)=", meaning)
        }
        assert named == takes.get(target, set()), target


def test_make_new_task_says_what_goes_in():
    command = make("new-task", "NAME=mine", "INPUT=images").stdout
    assert "new-task 'mine' --input 'images'" in " ".join(command.split())


def test_make_help_names_every_target():
    result = subprocess.run(["make", "help"], capture_output=True, text=True, cwd=PROJECT, check=True)
    for target in (
        "train",
        "evaluate",
        "export",
        "predict",
        "benchmark",
        "datasets",
        "runs",
        "config",
        "test",
        "lint",
    ):
        assert f"\n  {target} " in result.stdout
