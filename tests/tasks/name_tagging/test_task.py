import json
import random

import pytest
from support.command_line import invoke
from support.task_case import run_task_test

FIRST = ("Ada", "Bob", "Dora", "Ludwig", "Maria")
LAST = ("Smith", "Lovelace", "Mozart", "Curie")
PLACES = ("Paris", "Rome", "New York", "Oslo")
FRAMES = ("P met P in C .", "P likes C very much", "the weather in C is bad")
SMALL = (
    "model.embeddings=random model.embedding_dimension=8 model.units=8 model.character_width=8 "
    "model.dropout=0 model.input_dropout=0 train.epochs=6 train.learning_rate=0.03 "
    "train.tokens_per_batch=200 train.buckets=2"
)
EXAMPLES = [
    {"text": text}
    for text in (
        "Ludwig Smith met Ada Lovelace in Oslo.",
        "",
        " \t",
        "👩‍👩‍👧 Ada e\u0301 met Zoë in “New York”",
        "the weather in Rome is bad " * 333,
    )
]


def write_sentences(path, sentences=160, seed=0):
    """Write made-up sentences in columns; their words tell their names."""
    generator = random.Random(seed)
    lines = []
    for number in range(sentences):
        for part in generator.choice(FRAMES).split():
            if part == "P":
                lines += [f"{generator.choice(FIRST)} B-PER", f"{generator.choice(LAST)} I-PER"]
            elif part == "C":
                words = generator.choice(PLACES).split()
                lines += [f"{word} {'I' if place else 'B'}-LOC" for place, word in enumerate(words)]
            else:
                lines.append(f"{part} O")
        lines += [f"{number} O", ""]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def tagger(tmp_path_factory):
    """A small run that has ended, in folders of its own."""
    folder = tmp_path_factory.mktemp("tagger")
    with pytest.MonkeyPatch.context() as patch:
        for variable, name in (
            ("RUNS_DIR", "runs"),
            ("SAVED_MODELS_DIR", "saved_models"),
            ("TFDS_DATA_DIR", "data"),
        ):
            patch.setenv(variable, str(folder / name))
        table = write_sentences(folder / "own.conll")
        result = invoke("train", "--task", "name_tagging", "--data", table, "--run", "small", "--set", SMALL)
        assert result.exit_code == 0, result.output
        yield folder


def test_contract(tagger):
    run_task_test("name_tagging", "small", EXAMPLES)


def test_files_of_a_run(tagger):
    folder = tagger / "runs" / "name_tagging" / "small"
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["metrics"]["f1"] > 0.8
    assert set(metrics["baselines"]) == {"names of the training split", "CRF with hand-made features"}
    assert (folder / "worst_sentences.csv").is_file()
    assert (folder / "figures" / "confusion_matrix.png").is_file()


def test_a_line_and_its_offsets(tagger):
    text = "👩‍👩‍👧 Ada Smith met Maria Curie in Rome."
    shown = invoke("predict", "--task", "name_tagging", "--text", text)
    assert shown.output.strip().replace("[PER ", "").replace("[LOC ", "").replace("]", "") == text
    answered = invoke("predict", "--task", "name_tagging", "--text", text, "--format", "json")
    answer = json.loads(answered.output)
    assert answer["tokens"][0] == "👩‍👩‍👧"
    assert len(answer["tags"]) == len(answer["tokens"])
    names = {text[span["start"] : span["end"]] for span in answer["spans"]}
    assert {"Ada Smith", "Maria Curie", "Rome"} <= names
    assert all(0 < span["score"] <= 1 for span in answer["spans"])


def test_an_empty_line_has_no_names(tagger):
    result = invoke("predict", "--task", "name_tagging", "--format", "json", input="Ada Smith\n\n")
    answers = [json.loads(line) for line in result.output.splitlines()]
    assert [answer["text"] for answer in answers] == ["Ada Smith", ""]
    assert answers[1]["tokens"] == answers[1]["spans"] == []
    alone = invoke("predict", "--task", "name_tagging", "--format", "json", "--text", "")
    assert json.loads(alone.stdout) == answers[1]


def test_a_file_of_columns_gets_one_more(tagger, tmp_path):
    given = tmp_path / "in.conll"
    given.write_text("-DOCSTART- X\n\nAda NN\nSmith NN\nlikes VB\n\nRome NN\n", encoding="utf-8")
    output = tmp_path / "out.conll"
    result = invoke("predict", "--task", "name_tagging", "--input", given, "--output", output)
    assert result.exit_code == 0, result.output
    assert "2 sentences tagged" in result.output
    lines = output.read_text().splitlines()
    assert lines[:3] == ["-DOCSTART- X", "", "Ada NN B-PER"]
    assert [line.rpartition(" ")[0] for line in lines[2:5]] == ["Ada NN", "Smith NN", "likes VB"]


def test_a_sentence_a_line_gives_json_lines(tagger, tmp_path):
    given = tmp_path / "in.txt"
    given.write_text("Ada Smith likes Rome very much\n\nthe weather\n", encoding="utf-8")
    output = tmp_path / "out.jsonl"
    result = invoke("predict", "--task", "name_tagging", "--input", given, "--output", output)
    assert result.exit_code == 0, result.output
    assert [len(json.loads(line)["tokens"]) for line in output.read_text().splitlines()] == [6, 0, 2]


def test_a_file_with_other_columns_is_scored_beside_the_names_of_training(tagger, tmp_path):
    given = tmp_path / "other.conll"
    given.write_text("1 B-PER Ada\n2 I-PER Smith\n3 O likes\n4 B-LOC Rome\n", encoding="utf-8")
    prepared = sorted((tagger / "data" / "column_files").iterdir())
    columns = ("--column", "word=3", "--column", "tag=2")
    output = ("--output", tmp_path / "scores")
    result = invoke("evaluate", "--task", "name_tagging", "--data", given, *columns, *output)
    assert result.exit_code == 0, result.output
    metrics = json.loads((tmp_path / "scores" / "metrics.json").read_text())
    # The columns say how this file is read; the run's own data is read as it was.
    seen, unseen = metrics["tables"]["Names seen in training"]
    assert seen["names"] + unseen["names"] == 2
    assert seen["names"] >= 1
    assert sorted((tagger / "data" / "column_files").iterdir()) == prepared


def test_a_file_is_scored_where_the_data_of_the_run_is_not(tagger, tmp_path):
    table = tagger / "own.conll"
    moved = table.rename(tmp_path / "moved.conll")
    try:
        output = ("--output", tmp_path / "scores")
        result = invoke("evaluate", "--task", "name_tagging", "--data", moved, *output)
    finally:
        moved.rename(table)
    assert result.exit_code == 0, result.output
    assert (
        "Names seen in training"
        not in json.loads((tmp_path / "scores" / "metrics.json").read_text())["tables"]
    )


def test_a_picture_of_a_file_is_refused_in_one_line(tagger, tmp_path):
    given = tmp_path / "in.conll"
    given.write_text("Ada\n", encoding="utf-8")
    files = ("--input", given, "--output", tmp_path / "out.conll", "--plot", tmp_path / "plot.png")
    result = invoke("predict", "--task", "name_tagging", *files)
    assert (result.exit_code, len(result.output.strip().splitlines())) == (2, 1)
    assert "name_tagging does not plot the answers to a file; leave out PLOT." in result.output


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("Ada B-PER\nand\n", "own.conll:2: too few columns"),
        ("Ada B-PER\n\nin O\nOslo B-ORG\n", "own.conll:4: the type 'ORG' is not in the training data"),
        ("Ada B-PER\n\nin O\nOslo I-LOC\n", "own.conll:4: 'I-LOC' continues an entity that was not begun"),
    ],
)
def test_bad_files_end_in_one_line(tagger, tmp_path, text, problem):
    (tmp_path / "own.conll").write_text(text, encoding="utf-8")
    set_ = "data.tag_column=2"
    result = invoke("evaluate", "--task", "name_tagging", "--data", tmp_path / "own.conll", "--set", set_)
    assert result.exit_code == 2
    assert problem in result.output
    assert len(result.output.strip().splitlines()) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        "model.characters=rnn model.decoder=softmax model.capitalization=true train.weight_average=0.5",
        "text.units=characters model.characters=none model.bigrams=true",
        pytest.param("model.capitalization=true train.xla=true", marks=pytest.mark.slow),
    ],
)
def test_trains_with(workspace, options):
    table = write_sentences(workspace / "own.conll", 40)
    set_ = f"{SMALL} train.epochs=1 {options}"
    result = invoke("train", "--task", "name_tagging", "--data", table, "--run", "r", "--set", set_)
    assert result.exit_code == 0, result.output


@pytest.mark.slow
def test_persons_alone(workspace):
    table = write_sentences(workspace / "own.conll", 60)
    set_ = f"{SMALL} train.epochs=1"
    result = invoke(
        "train", "--task", "name_tagging", "--data", table, "--preset", "person", "--run", "r", "--set", set_
    )
    assert result.exit_code == 0, result.output
    metrics = json.loads((workspace / "runs" / "name_tagging" / "r" / "metrics.json").read_text())
    assert [row["type"] for row in metrics["tables"]["Types"]] == ["PER"]
