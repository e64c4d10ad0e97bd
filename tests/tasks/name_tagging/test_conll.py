import gzip

import pytest

from common.errors import UserError
from common.inputs.tag_schemes import Span
from tasks.name_tagging.conll import Columns, read_sentences, tagged_lines

FILE = """-DOCSTART- -X- O O

Ada NNP B-PER
Lovelace NNP I-PER
met VBD O

-DOCSTART- -X- O O

Paris NNP B-LOC
"""


def write(folder, text, name="a.conll"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_sentences_and_documents(tmp_path):
    first, second = read_sentences(write(tmp_path, FILE), Columns())
    assert first.words == ["Ada", "Lovelace", "met"]
    assert first.spans == [Span(0, 2, "PER")]
    assert (first.document, first.place, first.origin) == (0, 0, "a.conll:3")
    assert (second.document, second.place, second.origin) == (1, 0, "a.conll:9")


def test_compressed_with_windows_lines_and_a_mark(tmp_path):
    path = tmp_path / "a.conll.gz"
    path.write_bytes(gzip.compress(("\ufeff" + FILE.replace("\n", "\r\n")).encode()))
    assert [sentence.words for sentence in read_sentences(path, Columns())][1] == ["Paris"]


def test_named_columns_and_separator(tmp_path):
    path = write(tmp_path, "1\tNew York\tB-LOC\tx\n2\t\u3000\tO\tx\n")
    (sentence,) = read_sentences(path, Columns(word=2, tag=3, separator="\t"))
    assert sentence.words == ["New York", "\u3000"]
    assert sentence.spans == [Span(0, 1, "LOC")]


def test_schemes_give_the_same_names(tmp_path):
    files = {
        "iob1": "a I-X\nb I-X\nc B-X\n\nd O\n",
        "iob2": "a B-X\nb I-X\nc B-X\n\nd O\n",
        "iobes": "a B-X\nb E-X\nc S-X\n\nd O\n",
        "bmes": "a B-X\nb E-X\nc S-X\n\nd B-X\ne M-X\nf E-X\n",
    }
    for text in files.values():
        first, *_ = read_sentences(write(tmp_path, text), Columns())
        assert first.spans == [Span(0, 2, "X"), Span(2, 3, "X")]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a B-X\nb O\n\nc\n", r"a\.conll:4: too few columns: 1 instead of 2"),
        (
            "a B-X\n\nb O\nc I-X\n",
            r"a\.conll:4: 'I-X' continues an entity that was not begun, in the scheme",
        ),
        ("a B-X\nb E-X\n\nc B-X\n", r"a\.conll:4: the entity 'X' before it has no end tag"),
        ("a Q\n", r"a\.conll:1: 'Q' is not a tag of iob2"),
        ("\n\n", "contains no sentences"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path, text, problem):
    with pytest.raises(UserError, match=problem):
        list(read_sentences(write(tmp_path, text), Columns(tag=2)))


def test_a_word_alone_is_not_its_own_tag(tmp_path):
    path = write(tmp_path, "a x B-X\nb x O\n\nc O\nd\n")
    with pytest.raises(UserError, match=r"a\.conll:5: too few columns: 1 instead of 2"):
        list(read_sentences(path, Columns(word=1, tag=-1)))
    with pytest.raises(UserError, match=r"a\.conll:4: too few columns: 2 instead of 3"):
        list(read_sentences(path, Columns(word=2, tag=-1)))
    (untagged,) = {len(one.words) for one in read_sentences(path, Columns(tag=None))}
    assert untagged == 2


def test_bad_sentences_are_left_out_and_counted(tmp_path):
    path = write(tmp_path, "a B-X\nb I-X\n\nc\nd O\n\ne O\nf I-X\n\ng O\n")
    problems = []
    sentences = list(read_sentences(path, Columns(tag=2), problems.append))
    assert [sentence.words for sentence in sentences] == [["a", "b"], ["g"]]
    assert len(problems) == 2


def test_damaged_files(tmp_path):
    latin = tmp_path / "latin.conll"
    latin.write_bytes(b"a O\ncaf\xe9 O\n")
    with pytest.raises(UserError, match="not UTF-8"):
        list(read_sentences(latin, Columns()))
    broken = tmp_path / "broken.gz"
    broken.write_bytes(gzip.compress(FILE.encode())[:20])
    with pytest.raises(UserError, match="cannot be read"):
        list(read_sentences(broken, Columns()))
    with pytest.raises(UserError, match="does not exist"):
        list(read_sentences(tmp_path / "nowhere", Columns()))


def test_every_line_of_a_file_to_be_tagged_is_kept(tmp_path):
    path = write(tmp_path, FILE)
    found = list(tagged_lines(path, Columns()))
    assert [words for words, _ in found] == [["Ada", "Lovelace", "met"], ["Paris"]]
    assert [line for _, lines in found for line, _ in lines] == FILE.split("\n")
