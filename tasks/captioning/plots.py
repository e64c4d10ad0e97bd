"""Figures of captioned pictures, and of what was attended to for each word."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from common.kinds.writing.predictor import piece_labels
from common.scores.plots import plain, text_fonts

# Pictures of a contact sheet.
IMAGES_SHOWN = 12
COLUMNS = 4
# Inches of a picture on the sheet, and of a line of text.
SIDE = 3.2
LINE_HEIGHT = 0.18
# Characters of a line below a picture.
LINE = 34
# References that are written beside a caption.
MOST_REFERENCES = 2


@dataclass
class CaptionedPixels:
    """A picture (size, size, 3) with its caption, and the references if there are any."""

    pixels: np.ndarray
    caption: str
    references: list[str] = field(default_factory=list)


def contact_sheet(pictures: list[CaptionedPixels]) -> Figure:
    """Draw pictures, each with its caption and its first references below."""
    rows = -(-len(pictures) // COLUMNS)
    captions = [_lines(picture.caption) for picture in pictures]
    references = [
        "\n".join(_lines(f"- {text}") for text in picture.references[:MOST_REFERENCES])
        for picture in pictures
    ]
    # The layout leaves no room for text below a picture whose height is bound to its width.
    height = SIDE + LINE_HEIGHT * max(
        above.count("\n") + below.count("\n") + 3 for above, below in zip(captions, references, strict=True)
    )
    with plt.rc_context({"font.family": text_fonts([*captions, *references])}):
        figure, panels = plt.subplots(
            rows, COLUMNS, figsize=(SIDE * COLUMNS, height * rows), squeeze=False, layout="constrained"
        )
        for panel in panels.flat[len(pictures) :]:
            panel.axis("off")
        for panel, picture, above, below in zip(panels.flat, pictures, captions, references, strict=False):
            _show(panel, picture.pixels)
            panel.set_title(above, fontsize=10)
            panel.set_xlabel(below, fontsize=7, color="dimgray")
    return figure


def attention_maps(pixels: np.ndarray, pieces: Sequence[bytes], attention: np.ndarray) -> Figure:
    """Draw a picture, and for each piece of its caption what the model attended to.

    Args:
        pixels: (size, size, 3).
        pieces: of the caption; empty ones behind the last.
        attention: (pieces, rows, columns), each step's sum 1.
    """
    words = piece_labels(pieces)
    rows = -(-(len(words) + 1) // COLUMNS)
    size = len(pixels)
    with plt.rc_context({"font.family": text_fonts(words)}):
        figure, panels = plt.subplots(
            rows, COLUMNS, figsize=(2.6 * COLUMNS, 2.9 * rows), squeeze=False, layout="constrained"
        )
        for panel in panels.flat[len(words) + 1 :]:
            panel.axis("off")
        _show(panels.flat[0], pixels)
        for panel, word, weights in zip(panels.flat[1:], words, attention, strict=False):
            _show(panel, pixels)
            panel.imshow(
                weights,
                cmap="gray",
                alpha=0.65,
                extent=(0, size, size, 0),
                interpolation="bicubic",
                vmin=0,
                vmax=float(weights.max()),
            )
            panel.set_title(plain(word), fontsize=11)
    return figure


def _show(panel: Axes, pixels: np.ndarray) -> None:
    panel.imshow(pixels, extent=(0, len(pixels), len(pixels), 0))
    panel.set(xticks=[], yticks=[])


def _lines(text: str) -> str:
    return "\n".join(textwrap.wrap(plain(text), LINE)) or "(none)"
