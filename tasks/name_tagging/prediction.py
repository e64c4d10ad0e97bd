"""Names for a person: marked in a line, or in a copy of the user's file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.progress import track
from rich.style import Style

from common.answering.tables import check_output, notes, predict_lines_of_file
from common.contract.predictor import Predictor
from common.data.examples import Example
from common.files import whole_file
from tasks.name_tagging.config import NameTaggingSettings
from tasks.name_tagging.conll import Columns, tagged_lines
from tasks.name_tagging.data import columns_of

COLOURS = ("bright_red", "bright_green", "bright_blue", "bright_magenta", "bright_cyan", "bright_yellow")
USUAL_TYPES = ("PER", "LOC", "ORG", "MISC")
LINES_SUFFIX = ".jsonl"


def marked_sentence(text: str, spans: list[dict[str, Any]], colours: bool) -> str:
    """Mark names in a sentence: "[PER Ada Lovelace] met"; in colours the names are coloured by type too."""
    pieces, end = [], 0
    for span in spans:
        name = text[span["start"] : span["end"]]
        marked = f"[{span['type']} {name}]"
        pieces += [text[end : span["start"]], _coloured(marked, span["type"]) if colours else marked]
        end = span["end"]
    return "".join([*pieces, text[end:]])


def _coloured(text: str, entity_type: str) -> str:
    usual = entity_type in USUAL_TYPES
    place = USUAL_TYPES.index(entity_type) if usual else sum(entity_type.encode())
    return Style.parse(f"bold {COLOURS[place % len(COLOURS)]}").render(text)


def tag_file(predictor: Predictor, path: Path, output: Path, settings: NameTaggingSettings) -> int:
    """Tag a file of the user's.

    Args:
        predictor: from a run or an export.
        path: a sentence a line, if the output is .jsonl; else columns, a word a line.
        output: .jsonl for one object a line; else the columns with one of tags, in iob2, behind the others.
        settings: of the run, with the columns that the user named.

    Returns:
        The number of sentences.

    Raises:
        UserError: a file cannot be read or written.
    """
    if output.suffix == LINES_SUFFIX:
        return predict_lines_of_file(predictor, path, output, "json")
    check_output(output, path)
    with whole_file(output) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        return _tag_columns(predictor, path, file, columns_of(settings.data))


def _tag_columns(predictor: Predictor, path: Path, file: Any, columns: Columns) -> int:
    def examples() -> Iterator[Example]:
        # Sentences, with the lines between them.
        for words, lines in tagged_lines(path, columns):
            yield {"words": words, "lines": lines}

    separator = columns.separator or ("\t" if _has_tabs(path) else " ")
    count = 0
    answered = predictor.answer_all(examples())
    for example, answer in track(answered, "Tagging", console=notes, transient=True):
        tags = iter(answer["tags"])
        count += bool(example["words"])
        for line, is_word in example["lines"]:
            file.write(f"{line}{separator}{next(tags)}\n" if is_word else f"{line}\n")
    return count


def _has_tabs(path: Path) -> bool:
    with path.open(encoding="utf-8", errors="replace") as lines:
        return any("\t" in line for line in lines)
