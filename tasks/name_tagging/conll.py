"""Tagged sentences in columns: one word per line, a blank line after each sentence."""

import bz2
import dataclasses
import gzip
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.inputs.tag_schemes import BrokenTags, Scheme, SchemeEvidence, Span, spans_of

DOCUMENT_START = "-DOCSTART-"
SPACES = re.compile(r"[ \t]+")
OPENERS: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open}


@dataclass(frozen=True)
class Columns:
    """Columns of words and tags, numbered from 1, or from -1 for the last.

    Attributes:
        word: column of the word.
        tag: column of the tag; None if the file has no tags.
        separator: of the columns; None for any run of spaces and tabs.
        scheme: of the tags; "auto" to detect it.
    """

    word: int = 1
    tag: int | None = -1
    separator: str | None = None
    scheme: str = "auto"

    @property
    def needed(self) -> int:
        """Minimum number of columns of a line, so that word and tag are different columns."""
        if self.tag is None:
            return abs(self.word)
        same_side = (self.word > 0) == (self.tag > 0)
        return max(abs(self.word), abs(self.tag)) if same_side else abs(self.word) + abs(self.tag)


@dataclass(frozen=True)
class Sentence:
    """Words, and the names among them.

    Attributes:
        words: at least one.
        spans: the names, as spans of words.
        document: index of the document in its file.
        place: index of the sentence in its document.
        origin: file and line of its first word.
    """

    words: list[str]
    spans: list[Span]
    document: int
    place: int
    origin: str

    def with_types(self, entity_types: list[str] | None) -> "Sentence":
        """Return a copy with only the names of these types; None keeps all."""
        if entity_types is None:
            return self
        return dataclasses.replace(self, spans=[span for span in self.spans if span.type in entity_types])


@dataclass(frozen=True)
class _Lines:
    """The lines of a sentence in a file."""

    words: list[str]
    tags: list[str]
    numbers: list[int]
    document: int
    place: int


def read_sentences(
    path: Path | str, columns: Columns, on_bad_sentence: Callable[[UserError], None] | None = None
) -> Iterator[Sentence]:
    """Read the sentences of a file, plain or compressed (.gz, .bz2).

    Args:
        path: of the file, in UTF-8.
        columns: of words and tags.
        on_bad_sentence: called with the error of each bad sentence, which is then skipped; None raises the
            first one.

    Raises:
        UserError: the file is missing, damaged or empty, a line has too few columns, or a tag is invalid; the
            message names file and line.
    """
    path = Path(path).expanduser()
    scheme = columns.scheme if columns.scheme != "auto" else _recognize(path, columns)
    empty = True
    for lines in _raw_sentences(path, columns, on_bad_sentence):
        empty = False
        try:
            spans = spans_of(lines.tags, scheme)
        except BrokenTags as error:
            number = lines.numbers[min(error.step, len(lines.numbers) - 1)]
            problem = UserError(
                f"{path}:{number}: {error}, in the scheme {scheme}: correct the tag, or set data.scheme."
            )
            if on_bad_sentence is None:
                raise problem from None
            on_bad_sentence(problem)
            continue
        yield Sentence(lines.words, spans, lines.document, lines.place, f"{path.name}:{lines.numbers[0]}")
    if empty:
        raise UserError(
            f"{path} contains no sentences: write one word per line, and a blank line after each sentence."
        )


def tagged_lines(path: Path, columns: Columns) -> Iterator[tuple[list[str], list[tuple[str, bool]]]]:
    """Read a file to be tagged: the words of each sentence, and all lines, each with whether it has a word.

    Raises:
        UserError: as `read_sentences`; tags are not checked.
    """
    words: list[str] = []
    lines: list[tuple[str, bool]] = []
    for number, line in _numbered_lines(path):
        fields = _fields(line, columns)
        is_word = bool(fields) and not fields[0].startswith(DOCUMENT_START)
        if is_word:
            _check_count(fields, abs(columns.word), path, number)
            words.append(_field(fields, columns.word, path, number))
        lines.append((line, is_word))
        if not is_word and words:
            yield words, lines
            words, lines = [], []


def _recognize(path: Path, columns: Columns) -> Scheme:
    evidence = SchemeEvidence()
    for lines in _raw_sentences(path, columns, lambda _: None):
        evidence.add(lines.tags)
    return evidence.scheme()


def _raw_sentences(
    path: Path, columns: Columns, on_bad_sentence: Callable[[UserError], None] | None
) -> Iterator[_Lines]:
    document = place = 0
    words: list[str] = []
    tags: list[str] = []
    numbers: list[int] = []
    problem: UserError | None = None
    for number, line in _numbered_lines(path):
        fields = _fields(line, columns)
        if fields and not fields[0].startswith(DOCUMENT_START):
            try:
                _check_count(fields, columns.needed, path, number)
                words.append(_field(fields, columns.word, path, number))
                tags.append("O" if columns.tag is None else _field(fields, columns.tag, path, number))
                numbers.append(number)
            except UserError as error:
                if on_bad_sentence is None:
                    raise
                problem = problem or error
            continue
        if problem is not None:
            on_bad_sentence(problem)
        elif words:
            yield _Lines(words, tags, numbers, document, place)
            place += 1
        words, tags, numbers, problem = [], [], [], None
        if fields:  # A new document.
            document, place = document + (place > 0 or document > 0), 0


def _numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield lines with their numbers, and a blank line at the end."""
    number = 0
    try:
        with OPENERS.get(path.suffix, open)(path, "rt", encoding="utf-8-sig", newline="\n") as file:
            for number, line in enumerate(file, 1):
                yield number, line.rstrip("\r\n")
    except FileNotFoundError:
        raise UserError(f"{path} does not exist: check the path.") from None
    except UnicodeDecodeError:
        raise UserError(f"{path}:{number + 1}: not UTF-8: save the file as UTF-8.") from None
    except (OSError, EOFError) as error:
        raise UserError(f"{path}:{number + 1}: the file cannot be read ({error}).") from None
    yield number + 1, ""


def _fields(line: str, columns: Columns) -> list[str]:
    """Split a line into columns; a blank line has none."""
    # Only spaces and tabs separate columns: other whitespace may be a word in a corpus.
    line = line.strip(" \t")
    if not line:
        return []
    return line.split(columns.separator) if columns.separator else SPACES.split(line)


def _check_count(fields: list[str], needed: int, path: Path, number: int) -> None:
    if len(fields) < needed:
        raise UserError(
            f"{path}:{number}: too few columns: {len(fields)} instead of {needed}; correct the line, or set "
            "data.separator, data.word_column and data.tag_column."
        )


def _field(fields: list[str], column: int, path: Path, number: int) -> str:
    field = fields[column - 1 if column > 0 else column].strip(" \t")
    if not field:
        raise UserError(f"{path}:{number}: column {column} is empty; fill it in.")
    return field
