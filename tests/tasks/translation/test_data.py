import gzip
import os
from pathlib import Path

import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from common import console
from common.config import load_settings
from common.contract.find import TASKS_FOLDER
from common.data.bad_rows import BadRow
from common.data.builder import builder_of
from common.data.source import open_source
from common.errors import UserError
from tasks.translation.config import TranslationSettings
from tasks.translation.data import DATA_SETS
from tasks.translation.parallel import read_pairs, reason_to_leave_out

MANUAL = Path(os.environ.get("TFDS_MANUAL_DIR", ""))
# Read before any fixture changes it.
DATA = os.environ.get("TFDS_DATA_DIR")
ROWS = [(f"sentence number {n}", f"Satz Nummer {n}") for n in range(40)]


def needs_manual(relative):
    there = "TFDS_MANUAL_DIR" in os.environ and (MANUAL / relative).exists()
    return pytest.mark.skipif(not there, reason=f"{relative} is not in the folder that TFDS_MANUAL_DIR names")


def data_set_with(**settings):
    values = {f"data.{name}": value for name, value in settings.items()}
    settings = load_settings(TranslationSettings, TASKS_FOLDER / "translation", "default", values)
    return DATA_SETS.choose(settings.data).from_settings(settings)


def open_with(**settings):
    return open_source(data_set_with(**settings))


def pairs_of(opened, split):
    rows = opened.dataset(split).as_numpy_iterator()
    return [(row["source"].decode(), row["target"].decode()) for row in rows]


def write_lines(path, lines):
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def write_tsv(path, rows):
    return write_lines(path, ["\t".join(row) for row in rows])


@pytest.fixture
def own_data(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "data"))
    console.announce.cache_clear()
    return tmp_path


@pytest.fixture
def kept_data(monkeypatch, tmp_path_factory):
    """Folder for data that takes long to prepare: the one that is named, else one of this session."""
    monkeypatch.setenv("TFDS_DATA_DIR", DATA or str(tmp_path_factory.mktemp("data")))


# The user's own files.


def test_table_without_a_header_is_split_and_survives_unchanged(own_data):
    odd = [('say "hi", she', "l'ami \u00ab dit \u00bb"), ('"', "\u201e\u201c"), ("emoji \U0001f600", "字")]
    # In capitals, too: it is a TSV all the same.
    opened = open_with(file=write_tsv(own_data / "pairs.TSV", ROWS + odd))
    assert opened.name == "pairs.TSV"
    assert opened.counts == {"train": 35, "validation": 4, "test": 4}
    kept = [row for split in opened.counts for row in pairs_of(opened, split)]
    assert sorted(kept) == sorted(ROWS + odd)


def test_every_kind_of_file_gives_the_same(own_data):
    sources, targets = zip(*ROWS, strict=True)
    aligned = f"{write_lines(own_data / 'a.en', sources)},{write_lines(own_data / 'a.de', targets)}"
    with_header = [("id", "de", "en"), *(("1", target, source) for source, target in ROWS)]
    csv = write_lines(own_data / "a.csv", ["source,target", *(",".join(row) for row in ROWS)])
    named = write_tsv(own_data / "b.tsv", with_header)
    expected = list(read_pairs(write_tsv(own_data / "a.tsv", ROWS), "source", "target"))
    for found in (
        read_pairs(aligned, "source", "target"),
        read_pairs(csv, "source", "target"),
        read_pairs(named, "en", "de"),
    ):
        assert [(row["source"], row["target"]) for row in found] == [
            (row["source"], row["target"]) for row in expected
        ]
    assert expected[3]["origin"] == f"{own_data / 'a.tsv'}:4"
    assert open_with(file=Path(aligned)).counts == {"train": 32, "validation": 4, "test": 4}


BAD_ROWS = {
    "one column": ("only one", r"pairs\.tsv:41: has 1 column, not 2: write the sentence, one tab"),
    "three columns": ("a\tb\tc", r"pairs\.tsv:41: has 3 columns, not 2"),
    "no translation": ("a\t ", r"pairs\.tsv:41: the translation is empty: fill it in"),
    "no sentence": ("\tb", r"pairs\.tsv:41: the sentence is empty: fill it in"),
}


def test_rows_under_a_header_have_its_columns(own_data):
    path = write_tsv(own_data / "pairs.tsv", [("id", "source", "target"), ("1", "a", "b"), ("2", "c")])
    with pytest.raises(BadRow, match=r"tsv:3: has 2 columns, not 3: write as many as the header has\."):
        open_with(file=path)


@pytest.mark.parametrize(("line", "message"), BAD_ROWS.values(), ids=BAD_ROWS)
def test_bad_rows_stop_or_are_counted(own_data, line, message):
    path = write_lines(own_data / "pairs.tsv", [*("\t".join(row) for row in ROWS), line])
    with pytest.raises(BadRow, match=f"{message}.*data.skip_bad_rows=true") as raised:
        open_with(file=path)
    assert "\n" not in str(raised.value)
    assert not [item for item in (own_data / "data").rglob("*") if item.is_file()]
    opened = open_with(file=path, skip_bad_rows=True)
    assert sum(opened.counts.values()) == 40
    assert opened.report["rows_skipped"] == 1


def test_files_that_cannot_be_used(own_data):
    one = write_lines(own_data / "a.en", [source for source, _ in ROWS])
    other = write_lines(own_data / "a.de", [target for _, target in ROWS[:-3]])
    with pytest.raises(UserError, match=r"a\.en has 40 lines, but .*a\.de has 37: line-aligned files need"):
        open_with(file=Path(f"{one},{other}"))
    with pytest.raises(UserError, match=r"a\.en: give a table of pairs .*or two files separated by a comma"):
        open_with(file=one)
    with pytest.raises(UserError, match="give two line-aligned files, one per language, not 3"):
        open_with(file=Path("a,b,c"))
    with pytest.raises(UserError, match="give two line-aligned files, one per language, not 1"):
        open_with(file=Path(f"{one},"))
    with pytest.raises(
        UserError, match=r"data\.pair=de-en chooses the languages of a data set.*leave out PAIR"
    ):
        open_with(file=one, pair="de-en")
    with pytest.raises(UserError, match=r"none\.tsv does not exist"):
        open_with(file=own_data / "none.tsv")
    with pytest.raises(UserError, match=r"pairs\.tsv:1: the columns 'en' and 'target' are missing"):
        open_with(file=write_tsv(own_data / "pairs.tsv", ROWS), source_column="en")
    with pytest.raises(UserError, match="no pair is left for the validation split"):
        open_with(file=write_tsv(own_data / "few.tsv", ROWS[:2]))
    content = bytearray(gzip.compress(b"".join(b"line %d\n" % number for number in range(999))))
    content[len(content) // 2] ^= 255
    (own_data / "a.en.gz").write_bytes(content)
    with pytest.raises(UserError, match=r"a\.en\.gz:\d+: the file is damaged"):
        open_with(file=Path(f"{own_data / 'a.en.gz'},{other}"))
    (own_data / "latin.tsv").write_bytes("Stra\xdfe\tstreet\n".encode("latin-1"))
    with pytest.raises(UserError, match=r"latin\.tsv:1: is not UTF-8"):
        open_with(file=own_data / "latin.tsv")


def test_what_is_not_worth_learning_is_left_out_and_counted(own_data):
    odd = [("word " * 101, "zu lang " * 51), ("a b c d e f g h i j", "eins"), ("Berlin", "Berlin")]
    path = write_tsv(own_data / "pairs.tsv", ROWS + odd)
    report = open_with(file=path).report
    reasons = ("pairs_too_long", "pairs_of_unlike_length", "translations_equal_to_their_source")
    assert [report[reason] for reason in reasons] == [1, 1, 1]
    assert sum(open_with(file=path, keep_copies=True).counts.values()) == 41
    # What is measured stays as it is.
    files = {"file": write_tsv(own_data / "t.tsv", ROWS), "test_file": write_tsv(own_data / "e.tsv", odd)}
    assert open_with(**files).counts["test"] == 3


@pytest.mark.parametrize(
    ("source", "target", "reason"),
    [
        ("我喜欢喝茶", "I like tea", None),
        ("我" * 101, "I", "pairs_too_long"),
        ("好", "one two three four five six seven eight nine ten", "pairs_of_unlike_length"),
    ],
)
def test_characters_of_scripts_without_blanks_are_words(source, target, reason):
    assert reason_to_leave_out(source, target, 100, 9.0, False) == reason


def test_equal_sentences_never_straddle_splits(own_data):
    rows = [(f"Sentence {n % 30}", f"Satz {n}") for n in range(60)]
    opened = open_with(file=write_tsv(own_data / "pairs.tsv", rows))
    sentences = [source for split in opened.counts for source, _ in pairs_of(opened, split)]
    assert len(sentences) == len(set(sentences)) == 30
    assert opened.report["duplicates_dropped"] == 30


# The built-in sources.


def test_prepared_data_keeps_its_name(own_data):
    """Under another name all data would be prepared again, and runs would not know theirs."""
    assert builder_of(data_set_with()).data_path.parts[-3:] == ("hsk", "options_0c07b535303ab7c3", "1.0.0")
    names = [builder_of(data_set_with(dataset=name)).name for name in DATA_SETS.names()]
    assert names[:5] == [
        *("hsk", "bible", "multi30k"),
        *("ted_hrlr_translate_az_to_en", "ted_hrlr_translate_aztr_to_en"),
    ]
    assert names[-3:] == ["opus_koran", "opus_it", "opus_subtitles"]
    assert len(set(names)) == len(names) == 22


def test_languages_go_both_ways(own_data):
    for one in DATA_SETS:
        assert {"-".join(reversed(pair.split("-"))) for pair in one.language_pairs} == set(one.language_pairs)
    assert data_set_with(dataset="bible").languages == ("en", "fr")
    assert data_set_with(dataset="multi30k", pair="cs-fr").languages == ("cs", "fr")


def test_wrong_names():
    with pytest.raises(UserError, match=r"Unknown dataset 'hks'. Did you mean 'hsk'"):
        open_with(dataset="hks")
    with pytest.raises(UserError, match=r"Unknown pair of hsk 'zh-de'. Did you mean 'zh-en'.*en-zh, zh-en"):
        open_with(pair="zh-de")
    with pytest.raises(UserError, match=r"\(data\.test_file\) needs DATA \(data\.file\)"):
        open_with(test_file=Path("x.tsv"))


@pytest.mark.slow
def test_hsk_both_ways(kept_data):
    opened = open_with()
    assert opened.counts == DATA_SETS.find("hsk").information.counts
    sentences = {split: {source for source, _ in pairs_of(opened, split)} for split in opened.counts}
    assert not sentences["train"] & (sentences["validation"] | sentences["test"])
    pairs = dict(pairs_of(opened, "train")) | dict(pairs_of(opened, "test"))
    assert pairs["老师，您好！"] == "Hello, teacher!"
    back = open_with(pair="en-zh")
    assert "老师，您好！" in {target for split in back.counts for _, target in pairs_of(back, split)}


@pytest.mark.slow
def test_bible_by_chapter(kept_data):
    opened = open_with(dataset="bible", pair="en-de")
    assert sum(opened.counts.values()) > 30_000
    assert min(opened.counts["validation"], opened.counts["test"]) > 2_900
    every = {source: target for split in opened.counts for source, target in pairs_of(opened, split)}
    assert every["And God said, Let there be light: and there was light."] == (
        "Und Gott sprach: Es werde Licht! und es ward Licht."
    )


@needs_manual("multi30k/train.en.gz")
def test_multi30k(kept_data):
    opened = open_with(dataset="multi30k", pair="en-de")
    assert (opened.counts["validation"], opened.counts["test"]) == (1_014, 1_000)
    assert 28_980 < opened.counts["train"] <= 29_000


def test_multi30k_that_was_cut_short(own_data, monkeypatch):
    folder = own_data / "manual" / "multi30k"
    folder.mkdir(parents=True)
    monkeypatch.setenv("TFDS_MANUAL_DIR", str(own_data / "manual"))
    for language in ("en", "de"):
        for split in ("train", "val", "test_2016_flickr"):
            (folder / f"{split}.{language}.gz").write_bytes(gzip.compress(b"a line\n" * 7))
    with pytest.raises(UserError, match=r"train\.en\.gz has 7 lines, not 29,000: fetch it again"):
        open_with(dataset="multi30k")
    (folder / "train.en.gz").write_bytes(b"no gzip")
    with pytest.raises(UserError, match=r"train\.en\.gz is damaged"):
        open_with(dataset="multi30k")


def fake_catalogue(builder, split, **options):
    """Thirty pairs a split, each sentence with its language and its split."""
    rows = {
        language: [f"{language} sentence {number} of {split}" for number in range(30)]
        for language in builder.info.features
    }
    return tf.data.Dataset.from_tensor_slices(rows)


@pytest.mark.parametrize(
    ("name", "pair", "splits"),
    [
        ("ted_hrlr_translate/aztr_to_en", "en-aztr", {"train", "validation", "test"}),
        ("opus/medical", "de-en", {"train", "validation", "test"}),
    ],
)
def test_catalogue(own_data, name, pair, splits):
    with tfds.testing.mock_data(as_dataset_fn=fake_catalogue):
        opened = open_with(dataset=name, pair=pair)
    assert set(opened.counts) == splits
    assert sum(opened.counts.values()) == 30 * (3 if "ted" in name else 1)
    source, target = pair.split("-")
    assert all(
        one.startswith(source[:2]) and other.startswith(target[:2])
        for one, other in pairs_of(opened, "train")
    )
