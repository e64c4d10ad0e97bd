"""Captions of a user's pictures: one file, or all of a folder. A bad file is named, and the others go on."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import tensorflow as tf
from matplotlib.figure import Figure
from rich.progress import track

from common.answering.tables import check_table_output, notes
from common.contract.predictor import Predictor
from common.data.examples import Answer
from common.errors import UserError
from common.files import whole_file
from common.inputs.images import BROKEN, PicturePreprocessor, read_picture
from common.scores.plots import save_figure
from tasks.captioning.evaluation import PICTURES_SHOWN
from tasks.captioning.folder import picture_files
from tasks.captioning.plots import CaptionedPixels, contact_sheet

# Files that are answered together.
FILES_AT_ONCE = 32
COLUMNS = ("picture", "caption", "score", "problem")


def caption_files(predictor: Predictor, paths: list[Path]) -> Iterator[tuple[Path, Answer]]:
    """Caption picture files, in their order; the answer to a bad one names its `problem`."""
    for group in (paths[start : start + FILES_AT_ONCE] for start in range(0, len(paths), FILES_AT_ONCE)):
        yield from zip(group, _caption_group(predictor, group), strict=True)


def _caption_group(predictor: Predictor, paths: list[Path]) -> list[Answer]:
    contents = [read_picture(path) for path in paths]
    readable = [content for content, problem in contents if not problem]
    try:
        answered = iter(predictor.answer([{"picture": content} for content in readable]) if readable else ())
    except tf.errors.OpError:
        # The pixels of one are broken, which spoils the batch.
        answered = (_caption_alone(predictor, content) for content in readable)
    return [_no_caption(problem) if problem else next(answered) for _, problem in contents]


def _caption_alone(predictor: Predictor, content: bytes) -> Answer:
    try:
        return predictor.answer([{"picture": content}])[0]
    except tf.errors.OpError:
        return _no_caption(BROKEN)


def _no_caption(problem: str) -> Answer:
    return {"caption": "", "score": 0.0, "in_training": False, "problem": problem}


def show_captions(predictor: Predictor, path: Path, output: TextIO, plot: Path | None) -> None:
    """Print the caption of a picture, or a line with name and caption for each picture of a folder.

    Raises:
        UserError: no picture can be read, or the drawing has no known kind.
    """
    for answered, answer in _answers(predictor, path, plot):
        if not answer["problem"]:
            name = f"{answered.relative_to(path)}\t" if path.is_dir() else ""
            output.write(f"{name}{answer['caption']}\n")
            output.flush()


def write_captions(predictor: Predictor, path: Path, output: Path, plot: Path | None) -> str:
    """Write a table with a row for each picture; say how many there were.

    Raises:
        UserError: no picture can be read, or the table or the drawing cannot be written.
    """
    check_table_output(output, path)
    captioned = failed = 0
    with whole_file(output) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        dialect = "excel-tab" if output.suffix == ".tsv" else "excel"
        writer = csv.DictWriter(file, COLUMNS, dialect=dialect, lineterminator="\n", extrasaction="ignore")
        if output.suffix != ".jsonl":
            writer.writeheader()
        for answered, answer in _answers(predictor, path, plot):
            row = {"picture": str(answered.relative_to(path) if path.is_dir() else answered), **answer}
            if answer["problem"]:
                row["score"] = None
            if output.suffix == ".jsonl":
                file.write(json.dumps({name: row[name] for name in COLUMNS}, ensure_ascii=False) + "\n")
            else:
                writer.writerow(row)
            captioned, failed = captioned + (not answer["problem"]), failed + bool(answer["problem"])
    return f"{captioned:,} pictures captioned" + (f", {failed:,} that cannot be read," if failed else "")


def _answers(predictor: Predictor, path: Path, plot: Path | None) -> Iterator[tuple[Path, Answer]]:
    """Caption a file or a folder, name the bad files on the error stream, and draw the first good ones."""
    paths = picture_files(path) if path.is_dir() else [path]
    answered = caption_files(predictor, paths)
    if len(paths) > FILES_AT_ONCE:
        answered = track(answered, "Captioning", total=len(paths), console=notes, transient=True)
    good: list[tuple[Path, str]] = []
    for file, answer in answered:
        if answer["problem"]:
            if path.is_file():
                raise UserError(f"{file} {answer['problem']}.")
            notes.print(f"{file} {answer['problem']}")
        elif len(good) < PICTURES_SHOWN:
            good.append((file, answer["caption"]))
        yield file, answer
    if not good:
        raise UserError(f"{path} holds {len(paths):,} files, of which none can be read as a picture.")
    if plot is not None:
        save_figure(_drawn(predictor, path, good), plot)
        notes.print(f"Drawn: {plot}")


def _drawn(predictor: Predictor, path: Path, good: list[tuple[Path, str]]) -> Figure:
    """What was looked at in a picture, or a sheet of a folder's first pictures."""
    contents = [file.read_bytes() for file, _ in good]
    if path.is_file():
        return predictor.task.draw({"picture": contents[0]}, predictor)
    seen, _ = PicturePreprocessor(predictor.settings.picture)(tf.constant(contents))
    captions = [caption for _, caption in good]
    return contact_sheet([CaptionedPixels(*both) for both in zip(seen.numpy(), captions, strict=True)])
