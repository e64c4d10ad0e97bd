"""How a trained captioner is asked: pictures, one or all of a folder. A bad file is named, others go on."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import tensorflow as tf
from matplotlib.figure import Figure
from rich.progress import track

from common.answering.tables import TableWriter, check_table_output
from common.console import notes
from common.contract.predictor import STEPS_PER_BATCH
from common.data.examples import Answer, Example
from common.errors import UserError
from common.files import whole_file
from common.inputs.images import BROKEN, PicturePreprocessor, read_picture
from common.kinds.writing.predictor import WritingPredictor
from common.scores.plots import save_figure
from tasks.captioning.config import CaptioningSettings
from tasks.captioning.folder import picture_files
from tasks.captioning.plots import PICTURES_SHOWN, CaptionedPixels, attention_maps, contact_sheet

# Files that are answered together.
FILES_AT_ONCE = 32
COLUMNS = ("picture", "caption", "score", "problem")


class CaptioningPredictor(WritingPredictor[CaptioningSettings]):
    """A picture in, captions and their scores out."""

    task = "captioning"
    output_name = "caption"
    answers_what = "pictures"
    predict_example = "INPUT=photo.jpg [PLOT=attention.png]"
    examples_drawn = 4
    examples_held = 8 * FILES_AT_ONCE

    def request(self, examples: list[Example]) -> dict[str, tf.Tensor]:
        """Files as one string tensor."""
        return {"picture": tf.constant([example["picture"] for example in examples], tf.string)}

    def answers(self, outputs: dict[str, Any]) -> list[Answer]:
        """The best caption and its score, whether it is a training caption, and the file's problem."""
        about = zip(super().answers(outputs), outputs["in_training"], outputs["problem"], strict=True)
        return [
            {**answer, "in_training": bool(known), "problem": problem.decode()}
            for answer, known, problem in about
        ]

    def cost(self, example: Example) -> int:
        """All pictures are alike: the same for each."""
        return STEPS_PER_BATCH // FILES_AT_ONCE

    def draw(self, example: Example) -> Figure:
        """What was attended to for each word; of models that do not attend, the picture and its caption."""
        if "attention" not in self.signatures:
            (answer,) = self.answer([example])
            return self._sheet([example["picture"]], [answer["caption"]])
        outputs = self.signatures["attention"](**self.request([example]))
        return attention_maps(*(outputs[name].numpy()[0] for name in ("pixels", "pieces", "attention")))

    @classmethod
    def check_input(cls, path: Path, output: str) -> None:
        """A picture or a folder of them; without OUTPUT the captions are printed."""
        if not path.exists():
            raise UserError(f"{path} does not exist; name a picture, or a folder of pictures, as INPUT.")

    def show_file(self, path: Path, output: TextIO, plot: Path | None = None) -> None:
        """Print the caption of a picture, or a line with name and caption for each picture of a folder.

        Raises:
            UserError: no picture can be read, or the drawing has no known kind.
        """
        for file, answer in self._answer_path(path, plot):
            if not answer["problem"]:
                name = f"{file.relative_to(path)}\t" if path.is_dir() else ""
                output.write(f"{name}{answer['caption']}\n")
                output.flush()

    def answer_file(
        self, path: Path, output: Path, settings: CaptioningSettings, plot: Path | None = None
    ) -> str:
        """Write a table with a row for each picture; say how many there were.

        Raises:
            UserError: no picture can be read, or the table or the drawing cannot be written.
        """
        check_table_output(output, path)
        captioned = failed = 0
        with whole_file(output) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
            table = TableWriter(file, output.suffix, list(COLUMNS))
            for answered, answer in self._answer_path(path, plot):
                name = str(answered.relative_to(path) if path.is_dir() else answered)
                problem = answer["problem"]
                # Where there is no caption there is no score.
                row = {"picture": name, **answer, "score": None if problem else answer["score"]}
                table.write({column: row[column] for column in COLUMNS})
                captioned, failed = captioned + (not problem), failed + bool(problem)
        return f"{captioned:,} pictures captioned" + (f", {failed:,} that cannot be read," if failed else "")

    def _answer_path(self, path: Path, plot: Path | None) -> Iterator[tuple[Path, Answer]]:
        """Caption a file or a folder, name bad files on the error stream, and draw the first good ones."""
        paths = picture_files(path) if path.is_dir() else [path]
        answered = self._answer_paths(paths)
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
            captions = [caption for _, caption in good]
            contents = [file.read_bytes() for file, _ in good]
            example = {"picture": contents[0]}
            save_figure(self.draw(example) if path.is_file() else self._sheet(contents, captions), plot)
            notes.print(f"Drawn: {plot}")

    def _answer_paths(self, paths: list[Path]) -> Iterator[tuple[Path, Answer]]:
        """Caption picture files, in their order; the answer to a bad one names its `problem`."""
        for group in (paths[start : start + FILES_AT_ONCE] for start in range(0, len(paths), FILES_AT_ONCE)):
            yield from zip(group, self._answer_group(group), strict=True)

    def _answer_group(self, paths: list[Path]) -> list[Answer]:
        contents = [read_picture(path) for path in paths]
        readable = [{"picture": content} for content, problem in contents if not problem]
        try:
            answered = iter(self.answer(readable) if readable else ())
        except tf.errors.OpError:
            # The pixels of one are broken, which spoils the batch.
            answered = (self._answer_alone(example) for example in readable)
        return [_no_caption(problem) if problem else next(answered) for _, problem in contents]

    def _answer_alone(self, example: Example) -> Answer:
        try:
            return self.answer([example])[0]
        except tf.errors.OpError:
            return _no_caption(BROKEN)

    def _sheet(self, contents: list[bytes], captions: list[str]) -> Figure:
        """Draw pictures with their captions."""
        pixels, _ = PicturePreprocessor(self.settings.picture)(tf.constant(contents, tf.string))
        return contact_sheet([CaptionedPixels(*both) for both in zip(pixels.numpy(), captions, strict=True)])


def _no_caption(problem: str) -> Answer:
    return {"caption": "", "score": 0.0, "in_training": False, "problem": problem}
