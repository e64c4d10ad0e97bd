import csv
import gzip
import io
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.data.bad_rows import BadRow
from common.data.tables.rows import read_rows, table_columns
from common.errors import UserError

# All that UTF-8 can hold, but for NUL, which the readers refuse.
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)
tables = st.lists(st.tuples(texts, texts), min_size=1, max_size=8)
# The folder is the same for all examples of one property; each writes its file anew.
property_settings = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return path


def delimited(rows, delimiter, line_end):
    buffer = io.StringIO()
    # Python 3.11 leaves a lone carriage return unquoted where lines end in a line feed.
    quoting = csv.QUOTE_ALL if line_end == "\n" else csv.QUOTE_MINIMAL
    writer = csv.writer(buffer, delimiter=delimiter, lineterminator=line_end, quoting=quoting)
    writer.writerow(["text", "label"])
    writer.writerows(rows)
    return buffer.getvalue()


def pairs(path, **options):
    return [
        (row.values["text"], row.values["label"]) for row in read_rows(path, ("text", "label"), **options)
    ]


@property_settings
@given(rows=tables, line_end=st.sampled_from(["\n", "\r\n"]), mark=st.booleans())
@pytest.mark.parametrize(("extension", "delimiter"), [("csv", ","), ("tsv", "\t")])
def test_delimited_round_trip(tmp_path, extension, delimiter, rows, line_end, mark):
    content = ("\ufeff" if mark else "") + delimited(rows, delimiter, line_end)
    path = write(tmp_path, f"table.{extension}", content)
    assert pairs(path) == rows
    assert table_columns(path) == ["text", "label"]


@property_settings
@given(rows=tables, ascii_only=st.booleans())
def test_json_round_trip(tmp_path, rows, ascii_only):
    lines = [json.dumps({"text": t, "label": c}, ensure_ascii=ascii_only) + "\n" for t, c in rows]
    path = write(tmp_path, "table.jsonl.gz", gzip.compress("".join(lines).encode()))
    assert pairs(path) == rows
    assert table_columns(path) == ["text", "label"]


def test_origin_is_the_line_where_the_record_starts(tmp_path):
    path = write(tmp_path, "table.csv", 'text,label\n"two\nlines",a\n\nnext,b\n')
    assert [row.origin for row in read_rows(path)] == [f"{path}:2", f"{path}:5"]


def test_old_mac_line_ends(tmp_path):
    assert pairs(write(tmp_path, "table.csv", "text,label\rone,a\rtwo,b\r")) == [("one", "a"), ("two", "b")]


def test_a_text_of_a_million_characters(tmp_path):
    path = write(tmp_path, "table.csv", f"text,label\n{'word ' * 200_000},a\n")
    assert len(pairs(path)[0][0]) == 1_000_000


def test_without_quoting_a_quote_is_a_character(tmp_path):
    path = write(tmp_path, "table.tsv", 'text\tlabel\n"opened\ta\n')
    assert pairs(path, quoted=False) == [('"opened', "a")]


def test_json_numbers_are_text_and_null_is_empty(tmp_path):
    path = write(tmp_path, "table.json", '{"text": "good", "label": 1}\n{"text": null, "label": 0}\n')
    assert pairs(path) == [("good", "1"), ("", "0")]


FILE_ERRORS = {
    "empty": ("t.csv", "", r"t\.csv is empty: give a file with at least one row"),
    "header only": ("t.csv", "text,label\n", r"t\.csv has a header but no rows: give a file"),
    "empty json": ("t.jsonl", "\n\n", r"t\.jsonl has a header but no rows|t\.jsonl is empty"),
    "extension": ("t.xlsx", "x", r"'\.xlsx' is not the suffix of a table. Valid: \.csv, \.tsv, \.jsonl"),
    "no extension": ("table", "x", r"'table' is not the suffix of a table. Valid: \.csv"),
    "missing column": (
        "t.csv",
        "texts,label\na,b\n",
        r"t\.csv:1: column 'text' is missing. Did you mean 'texts'",
    ),
    "columns there": (
        "t.csv",
        "texts,label\na,b\n",
        r"Available columns: 'texts', 'label'; name yours with DATA_\.\.\.=, as the task's README shows\.",
    ),
    "missing key": (
        "t.jsonl",
        '{"Text": "a", "label": "b"}\n',
        r"t\.jsonl:1: column 'text' is missing. Did you",
    ),
    "repeated column": ("t.csv", "text,text\na,b\n", r"t\.csv:1: duplicate column 'text': rename"),
    "bad header": ("t.csv", b"te\xffxt,label\na,b\n", r"t\.csv:1: is not UTF-8 text: save"),
    "open quote": (
        "t.csv",
        'text,label\na,b\n"c,d\ne,f\n',
        r"t\.csv:3: a double quote is opened here and never",
    ),
    "json list": (
        "t.json",
        '[{"text": "a"}]\n',
        r"t\.json:1: this is a JSON list: write one object per line",
    ),
    "not gzip": ("t.csv.gz", "text,label\n", r"t\.csv\.gz:1: the file is truncated or damaged .*: fetch"),
    "cut gzip": (
        "t.csv.gz",
        gzip.compress(b"text,label\n" + b"a,b\n" * 9)[:-9],
        r"t\.csv\.gz:\d+: the file is truncated",
    ),
}


@pytest.mark.parametrize(("name", "content", "message"), FILE_ERRORS.values(), ids=FILE_ERRORS)
def test_wrong_files(tmp_path, name, content, message):
    path = write(tmp_path, name, content)
    with pytest.raises(UserError, match=message) as raised:
        list(read_rows(path, ("text", "label")))
    assert not isinstance(raised.value, BadRow)
    assert "\n" not in str(raised.value)
    # What is wrong with the whole file cannot be skipped.
    with pytest.raises(UserError, match=message):
        list(read_rows(path, ("text", "label"), on_bad_row=lambda error: None))


def test_missing_file_names_its_neighbour(tmp_path):
    write(tmp_path, "reviews.csv", "text,label\n")
    with pytest.raises(
        UserError, match=r"review\.csv does not exist: check the path. Did you mean 'reviews\.csv'"
    ):
        list(read_rows(tmp_path / "review.csv"))


def test_folder_instead_of_file(tmp_path):
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(UserError, match=r"folder\.csv is a folder: name a file inside it"):
        list(read_rows(tmp_path / "folder.csv"))


ROW_ERRORS = {
    "too few": (
        "t.csv",
        "text,label\ngood,a\nbad\nfine,b\n",
        3,
        "too few columns: expected 2, found 1; put fields",
    ),
    "too many": (
        "t.csv",
        "text,label\ngood,a\nbad,b,c\nfine,b\n",
        3,
        "too many columns: expected 2, found 3; put",
    ),
    "tabs": (
        "t.tsv",
        "text\tlabel\ngood\ta\nb\ta\td\nfine\tb\n",
        3,
        "fields that contain a tab or a line break in",
    ),
    "bytes": (
        "t.csv",
        b"text,label\ngood,a\nb\xe9,b\nfine,b\n",
        3,
        "is not UTF-8 text: save the file with that",
    ),
    "bytes in quotes": ("t.csv", b'text,label\ngood,a\n"b\n\xe9",b\nfine,b\n', 4, "is not UTF-8 text"),
    "nul": ("t.csv", b"text,label\ngood,a\nb\0d,b\nfine,b\n", 3, "contains a NUL byte: save the file"),
    "quote": (
        "t.csv",
        'text,label\ngood,a\n"b" d,b\nfine,b\n',
        3,
        "misplaced double quote .*: quote the whole",
    ),
    "json": (
        "t.jsonl",
        '{"text":"good","label":"a"}\n{"text"\n{"text":"fine","label":"b"}\n',
        2,
        "not a JSON obj",
    ),
    "json kind": (
        "t.jsonl",
        '{"text":"good","label":"a"}\n3\n{"text":"fine","label":"b"}\n',
        2,
        "not a JSON object",
    ),
    "json key": (
        "t.jsonl",
        '{"text":"good","label":"a"}\n{"text":"x","lable":"y"}\n{"text":"fine","label":"b"}\n',
        2,
        "the object has no 'label': add it. Did you mean 'lable'",
    ),
    "json surrogate": (
        "t.jsonl",
        '{"text":"good","label":"a"}\n{"text":"\\ud800","label":"y"}\n{"text":"fine","label":"b"}\n',
        2,
        "half a surrogate pair: correct the text",
    ),
}


@pytest.mark.parametrize(("name", "content", "line", "message"), ROW_ERRORS.values(), ids=ROW_ERRORS)
def test_bad_rows_are_named_or_skipped(tmp_path, name, content, line, message):
    path = write(tmp_path, name, content)
    with pytest.raises(BadRow, match=message) as raised:
        pairs(path)
    assert str(raised.value).startswith(f"{path}:{line}: ")
    assert "\n" not in str(raised.value)
    skipped = []
    assert pairs(path, on_bad_row=skipped.append) == [("good", "a"), ("fine", "b")]
    assert len(skipped) == 1
