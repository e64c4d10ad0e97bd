"""Predictor of names in sentences, in words, and in files of columns."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure
from rich.progress import track

from common.answering.tables import check_output
from common.console import notes
from common.data.examples import Answer, Example
from common.errors import UserError
from common.files import whole_file
from common.kinds.lines import LinePredictor
from tasks.name_tagging.config import NameTaggingSettings
from tasks.name_tagging.conll import Columns, tagged_lines
from tasks.name_tagging.data import columns_of
from tasks.name_tagging.marking import marked_sentence, marked_words
from tasks.name_tagging.plots import draw_names

LINES_SUFFIX = ".jsonl"


class NameTaggingPredictor(LinePredictor[NameTaggingSettings]):
    """A predictor of the words of a sentence, their tags and the names.

    Files have columns, or one sentence per line.
    """

    task = "name_tagging"
    predict_example = 'TEXT="Ludwig met Ada Lovelace in Paris"'
    line_feature = "text"
    answers_empty = True

    def request(self, examples: list[Example]) -> dict[str, tf.Tensor]:
        """Convert sentences to one string tensor."""
        return {"text": tf.constant([example["text"] for example in examples], tf.string)}

    def call(self, examples: list[Example], options: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Call `tag_words` for sentences that are already split into words, else `serve`."""
        if not all("words" in example for example in examples):
            return super().call(examples, options)
        words = tf.ragged.constant([list(example["words"]) for example in examples], dtype=tf.string)
        return self.signatures["tag_words"](words=words.to_tensor(""))

    def answers(self, outputs: dict[str, np.ndarray]) -> list[Answer]:
        """Convert outputs to words, their tags, and the names."""
        return [
            {
                "tokens": [word.decode() for word in outputs["tokens"][number][:words]],
                "tags": [tag.decode() for tag in outputs["tags"][number][:words]],
                "spans": [
                    {
                        "start": int(outputs["span_start"][number][span]),
                        "end": int(outputs["span_end"][number][span]),
                        "type": outputs["span_type"][number][span].decode(),
                        "score": float(outputs["span_score"][number][span]),
                    }
                    for span in range(outputs["span_count"][number])
                ],
            }
            for number, words in enumerate(outputs["token_count"])
        ]

    def cost(self, example: Example) -> int:
        """Count or estimate the words: about six bytes of English, or three of a Chinese character."""
        return len(example["words"]) if "words" in example else 1 + len(example["text"].encode()) // 3

    def shown(self, example: Example, answer: Answer, colours: bool) -> str:
        """Format the sentence with its names marked."""
        return marked_sentence(example["text"], answer["spans"], colours)

    def line(self, answer: Answer) -> str:
        """Format the words with the names marked."""
        return marked_words(answer["tokens"], answer["tags"])

    def draw(self, example: Example) -> Figure:
        """Plot the sentence with its names marked."""
        (answer,) = self.answer([example])
        return draw_names(example["text"], answer["spans"])

    def answer_file(
        self, path: Path, output: Path, settings: NameTaggingSettings, plot: Path | None = None
    ) -> str:
        """Tag a file.

        Args:
            path: one sentence per line if the output is .jsonl; else columns, with one word per line.
            output: .jsonl for one object per line; else the columns with another one for the tags, in iob2.
            settings: of the run, with the user's columns.
            plot: must be None.

        Raises:
            UserError: a file cannot be read or written, or a plot is requested.
        """
        if plot is not None:
            raise UserError(f"{self.task} does not plot the answers to a file; leave out PLOT.")
        if output.suffix == LINES_SUFFIX:
            sentences = self.answer_lines_of_file(path, output, "json")
        else:
            sentences = self._tag_columns(path, output, columns_of(settings.data))
        return f"{sentences:,} sentences tagged"

    def _tag_columns(self, path: Path, output: Path, columns: Columns) -> int:
        check_output(output, path)

        def examples() -> Iterator[Example]:
            # Sentences, with the lines after them.
            for words, lines in tagged_lines(path, columns):
                yield {"words": words, "lines": lines}

        count = 0
        separator = columns.separator or ("\t" if _has_tabs(path) else " ")
        answered = track(self.answer_all(examples()), "Tagging", console=notes, transient=True)
        with whole_file(output) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
            for example, answer in answered:
                tags = iter(answer["tags"])
                count += bool(example["words"])
                for line, is_word in example["lines"]:
                    file.write(f"{line}{separator}{next(tags)}\n" if is_word else f"{line}\n")
        return count


def _has_tabs(path: Path) -> bool:
    with path.open(encoding="utf-8", errors="replace") as lines:
        return any("\t" in line for line in lines)
