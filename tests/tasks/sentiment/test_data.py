import csv
import gzip
import io
import os
import tarfile
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from common import console
from common.data.bad_rows import BadRow, BadRows
from common.data.source import open_source
from common.data.tables.labelled import labelled_rows
from common.errors import UserError
from tasks.sentiment.data import DATA_SETS, Imdb
from tasks.sentiment.treebank import phrases_of, read_phrases, unescape

SETTINGS = {
    "dataset": "rotten_tomatoes",
    "file": None,
    "validation_file": None,
    "test_file": None,
    "text_column": "text",
    "label_column": "label",
    "validation_fraction": 0.1,
    "test_fraction": 0.1,
    "split_seed": 0,
    "skip_bad_rows": False,
    "phrases": False,
}
MANUAL = Path(os.environ.get("TFDS_MANUAL_DIR", ""))
# Read before any fixture changes it.
DATA = os.environ.get("TFDS_DATA_DIR")


def needs_manual(relative):
    there = "TFDS_MANUAL_DIR" in os.environ and (MANUAL / relative).exists()
    return pytest.mark.skipif(not there, reason=f"{relative} is not in the folder that TFDS_MANUAL_DIR names")


def open_with(**settings):
    data = SimpleNamespace(**{**SETTINGS, **settings})
    return open_source(DATA_SETS.choose(data).from_settings(SimpleNamespace(data=data)))


def examples_of(opened, split):
    rows = opened.dataset(split).as_numpy_iterator()
    return [(row["text"].decode(), row["label"].decode()) for row in rows]


def write_table(path, rows, columns=("text", "label")):
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)
    return path


def reviews(count, start=0):
    return [(f"review number {n}", "good" if n % 2 else "bad") for n in range(start, start + count)]


@pytest.fixture
def own_data(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "data"))
    console.announce.cache_clear()
    return tmp_path


@pytest.fixture(scope="session")
def kept_data(tmp_path_factory):
    """Folder for data that takes long to prepare: the one that is named, else one for this session."""
    return Path(DATA or tmp_path_factory.mktemp("data"))


@pytest.fixture
def benchmark_data(kept_data, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(kept_data))


# The user's own files.


def test_own_file_is_split_and_survives_unchanged(own_data):
    odd = [
        'say "hi", she said',
        "emoji \U0001f600 \u200d",
        "bell \a and \x1b[0m",
        "two\r\nlines\n",
        " around\t",
    ]
    rows = reviews(40) + [(text, "good") for text in odd]
    opened = open_with(file=write_table(own_data / "reviews.csv", rows))
    assert opened.name == "reviews.csv"
    assert opened.counts == {"train": 35, "validation": 5, "test": 5}
    kept = [row for split in opened.counts for row in examples_of(opened, split)]
    assert sorted(kept) == sorted(rows)
    assert opened.report["rows_skipped"] == 0
    assert Counter(label for _, label in examples_of(opened, "test")) == {"good": 3, "bad": 2}


def test_own_file_is_prepared_again_when_its_content_or_an_option_changes(own_data, capfd):
    path = write_table(own_data / "reviews.csv", reviews(40))
    first = open_with(file=path)
    capfd.readouterr()
    assert open_with(file=path).fingerprint == first.fingerprint
    assert "Preparing" not in capfd.readouterr().err
    assert open_with(file=path, split_seed=1).fingerprint != first.fingerprint
    write_table(path, reviews(50))
    assert open_with(file=path).counts == {"train": 38, "validation": 6, "test": 6}


def test_own_validation_and_test_files(own_data):
    files = {
        "file": write_table(own_data / "train.csv", reviews(30)),
        "validation_file": write_table(own_data / "validation.csv", reviews(6, start=100)),
        "test_file": write_table(own_data / "test.csv", [*reviews(4, start=200), *reviews(4, start=200)]),
    }
    opened = open_with(**files)
    assert opened.counts == {"train": 30, "validation": 6, "test": 8}
    del files["validation_file"]
    assert open_with(**files).counts == {"train": 26, "validation": 4, "test": 8}


def test_own_columns_and_json_labels(own_data):
    path = own_data / "reviews.jsonl"
    path.write_text("".join(f'{{"review": "text {n}", "stars": {n % 2}}}\n' for n in range(40)))
    opened = open_with(file=path, text_column="review", label_column="stars")
    assert {label for _, label in examples_of(opened, "train")} == {"0", "1"}


def test_bad_rows_stop_or_are_counted(own_data):
    rows = [*reviews(40), ("   ", "good"), ("text", " "), ("x", "good", "more")]
    path = write_table(own_data / "reviews.csv", rows)
    with pytest.raises(
        BadRow, match=r"reviews\.csv:42: the text .*'text'.* is empty: fill it in.*skip_bad_rows=true"
    ):
        open_with(file=path)
    opened = open_with(file=path, skip_bad_rows=True)
    assert sum(opened.counts.values()) == 40
    assert opened.report["rows_skipped"] == 3


OWN_FILE_ERRORS = {
    "empty label": (
        [*reviews(4), ("text", " ")],
        r"reviews\.csv:6: the label .*'label'.* is empty: fill it in",
    ),
    "one class": (
        [(f"text {n}", "good") for n in range(9)],
        r"reviews\.csv: every example has the label 'good': give",
    ),
    "lonely class": (
        [*reviews(20), ("text", "odd")],
        r"reviews\.csv:22: too few examples have the label 'odd': .* add some",
    ),
    "too few": (
        reviews(4),
        r"reviews\.csv: no example is left for the validation split: give at least 3",
    ),
    "short row": (
        [*reviews(20), ("text",)],
        r"reviews\.csv:22: too few columns: expected 2, found 1; put fields",
    ),
}


@pytest.mark.parametrize(("rows", "message"), OWN_FILE_ERRORS.values(), ids=OWN_FILE_ERRORS)
def test_own_files_that_cannot_be_used(own_data, rows, message):
    path = write_table(own_data / "reviews.csv", rows)
    with pytest.raises(UserError, match=message) as raised:
        open_with(file=path)
    assert "\n" not in str(raised.value)
    assert not [item for item in (own_data / "data").rglob("*") if item.is_file()]


def test_a_label_of_the_test_file_that_training_lacks(own_data):
    train = write_table(own_data / "train.csv", reviews(30))
    test = write_table(own_data / "test.csv", [("one", "good"), ("two", "goood")])
    with pytest.raises(
        UserError, match=r"test\.csv:3: the label 'goood' of the test split .*use one of 'bad', 'good'"
    ):
        open_with(file=train, test_file=test)


def test_files_and_names_that_do_not_exist(own_data):
    with pytest.raises(UserError, match=r"none\.csv does not exist: check the path"):
        open_with(file=own_data / "none.csv")
    with pytest.raises(UserError, match=r"Unknown dataset 'rotten_tomato'. Did you mean 'rotten_tomatoes'"):
        open_with(dataset="rotten_tomato")
    with pytest.raises(UserError, match=r"train\.csv:1: column 'label' is missing. Did you mean 'lable'"):
        open_with(file=write_table(own_data / "train.csv", reviews(4), ("text", "lable")))


def test_labelled_rows_for_another_file(tmp_path):
    path = write_table(tmp_path / "other.csv", [("fine text", " good "), ("text", "odd")])
    rows = labelled_rows(path, "text", "label", BadRows(), ["bad", "good"])
    assert next(rows) == {"text": "fine text", "label": "good", "origin": f"{path}:2"}
    with pytest.raises(
        BadRow, match=r"other\.csv:3: the label 'odd' is not in the training data: use one of 'bad', 'g"
    ):
        next(rows)
    skipped = []
    assert len(list(labelled_rows(path, "text", "label", BadRows(True, skipped.append), ["good"]))) == 1
    assert len(skipped) == 1


# The built-in sources.


PACKAGED = [
    pytest.param("rotten_tomatoes", {"fresh", "rotten"}),
    pytest.param("tweets", {"negative", "neutral", "positive"}, marks=pytest.mark.slow),
    pytest.param("chinese_reviews", {"negative", "positive"}, marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("name", "labels"), PACKAGED)
def test_packaged_sources(benchmark_data, name, labels):
    opened = open_with(dataset=name)
    assert opened.counts == DATA_SETS.find(name).information.counts
    split_texts = {}
    for split in opened.counts:
        rows = examples_of(opened, split)
        assert {label for _, label in rows} == labels
        split_texts[split] = {" ".join(text.split()).casefold() for text, _ in rows}
        assert len(split_texts[split]) == len(rows)
    assert not split_texts["train"] & (split_texts["validation"] | split_texts["test"])
    assert not split_texts["validation"] & split_texts["test"]


@needs_manual("sst/stsa.binary.train")
def test_treebank_sentences(benchmark_data):
    opened = open_with(dataset="sst")
    assert opened.counts == DATA_SETS.find("sst").information.counts
    test = examples_of(opened, "test")
    assert Counter(label for _, label in test) == {"negative": 912, "positive": 909}
    assert not any("-lrb-" in text for text, _ in test)


@pytest.mark.slow
@needs_manual("sst/sst_trees_train.txt.gz")
def test_treebank_phrases(benchmark_data):
    opened = open_with(dataset="sst", phrases=True)
    assert (opened.counts["validation"], opened.counts["test"]) == (872, 1_821)
    train = dict(examples_of(opened, "train"))
    assert len(train) == opened.counts["train"] > 70_000
    assert not set(train) & {text for text, _ in examples_of(opened, "test")}
    # Training sentences are the roots of training trees: both files write them alike.
    sentences = {text for text, _ in examples_of(open_with(dataset="sst"), "train")}
    roots = {phrase.text for phrase in read_phrases(MANUAL / "sst" / "sst_trees_train.txt.gz")}
    assert len(sentences - roots) < 0.01 * len(sentences)


@pytest.mark.slow
@needs_manual("imdb/train.tsv.gz")
def test_imdb_tables(benchmark_data):
    opened = open_with(dataset="imdb")
    assert opened.counts == DATA_SETS.find("imdb").information.counts
    assert Counter(label for _, label in examples_of(opened, "test")) == {
        "negative": 12_500,
        "positive": 12_500,
    }
    assert opened.report["duplicates_across_splits"] == 123


def imdb_review(split, label, number):
    return f'A "{label}" film, {split} {number}: <br /> it\'s é'


def make_imdb(folder, archive):
    """Write a small data set in one of the two forms."""
    items = [(split, label, n) for split in ("train", "test") for label in ("neg", "pos") for n in range(10)]
    if archive:
        with tarfile.open(folder / "aclImdb_v1.tar.gz", "w:gz") as members:
            for split, label, number in items:
                content = imdb_review(split, label, number).encode()
                member = tarfile.TarInfo(f"aclImdb/{split}/{label}/{number}_7.txt")
                member.size = len(content)
                members.addfile(member, io.BytesIO(content))
            members.addfile(tarfile.TarInfo("aclImdb/train/unsup/0_0.txt"), io.BytesIO())
        return
    (folder / "imdb").mkdir()
    for split in ("train", "test"):
        with gzip.open(folder / "imdb" / f"{split}.tsv.gz", "wt", encoding="utf-8") as file:
            file.write("id\trating\tlabel\ttext\n")
            for _, label, number in (item for item in items if item[0] == split):
                file.write(f"{number}_7\t7\t{int(label == 'pos')}\t{imdb_review(split, label, number)}\n")


def test_imdb_archive_and_tables_give_the_same(own_data, monkeypatch):
    monkeypatch.setattr(Imdb, "expected", {"train": 20, "test": 20})
    found = []
    for archive in (True, False):
        folder = own_data / f"manual {archive}"
        folder.mkdir()
        make_imdb(folder, archive)
        monkeypatch.setenv("TFDS_MANUAL_DIR", str(folder))
        monkeypatch.setenv("TFDS_DATA_DIR", str(own_data / f"data {archive}"))
        opened = open_with(dataset="imdb")
        assert opened.counts == {"train": 18, "validation": 2, "test": 20}
        found.append({split: examples_of(opened, split) for split in opened.counts})
    assert found[0] == found[1]
    assert (imdb_review("test", "pos", 3), "positive") in found[0]["test"]


def test_a_benchmark_that_was_cut_short(own_data, monkeypatch):
    make_imdb(own_data, archive=False)
    monkeypatch.setenv("TFDS_MANUAL_DIR", str(own_data))
    with pytest.raises(
        UserError, match=r"has 20 examples in the train split, not 25,000: fetch it again from"
    ):
        open_with(dataset="imdb")


def test_a_benchmark_that_is_not_there(own_data, monkeypatch):
    monkeypatch.setenv("TFDS_MANUAL_DIR", str(own_data / "nowhere"))
    for name, needed in (("imdb", "imdb/train.tsv.gz"), ("sst", "sst/stsa.binary.train")):
        with pytest.raises(UserError, match=f"{needed}.*nowhere.*TFDS_MANUAL_DIR"):
            open_with(dataset=name)


# The catalogue's data sets.


def fake_catalogue(text_feature):
    """Stand in for a prepared data set: 30 texts a split, all labels, others in each split."""

    def as_dataset(self, split, *args, **options):
        rows = {text_feature: [f"{split} text {n}" for n in range(30)], "label": [n % 2 for n in range(30)]}
        return tf.data.Dataset.from_tensor_slices(rows)

    return as_dataset


@pytest.mark.parametrize(
    ("name", "text_feature", "test_split"),
    [("imdb_reviews", "text", "test"), ("glue/sst2", "sentence", "validation")],
)
def test_catalogue(own_data, name, text_feature, test_split):
    with tfds.testing.mock_data(as_dataset_fn=fake_catalogue(text_feature)):
        opened = open_with(dataset=name)
        assert opened.counts == {"train": 26, "validation": 4, "test": 30}
        test = examples_of(opened, "test")
    assert {label for _, label in test} == {"negative", "positive"}
    assert all(text.startswith(test_split) for text, _ in test)
    assert (own_data / "data").is_dir()


def test_catalogue_without_network(own_data, monkeypatch):
    def refuse(self, **options):
        raise ConnectionError("no\nnetwork")

    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", refuse)
    with pytest.raises(
        UserError, match=r"'imdb_reviews' could not be fetched \(ConnectionError: no network\): check"
    ):
        open_with(dataset="imdb_reviews")


# The trees.


def test_phrases_of_a_tree():
    tree = "(3 (2 (2 A) (4 1\\/2)) (1 -LRB-))"
    assert list(phrases_of(tree)) == [(2, "a"), (4, "1/2"), (2, "a 1/2"), (1, "("), (3, "a 1/2 (")]
    assert unescape("-lrb- a \\* b -rrb-") == "( a * b )"


@pytest.mark.parametrize("tree", ["(3 (2 a)", "(3 a))", "(x a)"])
def test_a_broken_tree_is_named(tmp_path, tree):
    path = tmp_path / "trees.txt.gz"
    path.write_bytes(gzip.compress(f"(3 good)\n{tree}\n".encode()))
    with pytest.raises(UserError, match=r"trees\.txt\.gz:2: not a tree .*: fetch the file again"):
        list(read_phrases(path))
