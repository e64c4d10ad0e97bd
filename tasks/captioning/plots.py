"""Figures of captioned images, and of the attention for each word."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from common.kinds.writing.predictor import piece_labels
from common.scores.plots import plain, text_fonts

# Images on a contact sheet.
IMAGES_SHOWN = 12
COLUMNS = 4
# Sizes in inches of an image on the sheet, and of a line of text.
SIDE = 3.2
LINE_HEIGHT = 0.18
# Characters in a line below an image.
LINE = 34
# References shown below an image.
MOST_REFERENCES = 2


@dataclass
class CaptionedPixels:
    """An image (size, size, 3) with its caption and references, if any."""

    pixels: np.ndarray
    caption: str
    references: list[str] = field(default_factory=list)


def contact_sheet(images: list[CaptionedPixels]) -> Figure:
    """Plot images, each with its caption above and its first references below."""
    rows = -(-len(images) // COLUMNS)
    captions = [_lines(image.caption) for image in images]
    references = [
        "\n".join(_lines(f"- {text}") for text in image.references[:MOST_REFERENCES]) for image in images
    ]
    # The layout reserves no space for text below an image with a fixed aspect ratio.
    height = SIDE + LINE_HEIGHT * max(
        above.count("\n") + below.count("\n") + 3 for above, below in zip(captions, references, strict=True)
    )
    with plt.rc_context({"font.family": text_fonts([*captions, *references])}):
        figure, panels = plt.subplots(
            rows, COLUMNS, figsize=(SIDE * COLUMNS, height * rows), squeeze=False, layout="constrained"
        )
        for panel in panels.flat[len(images) :]:
            panel.axis("off")
        for panel, image, above, below in zip(panels.flat, images, captions, references, strict=False):
            _show(panel, image.pixels)
            panel.set_title(above, fontsize=10)
            panel.set_xlabel(below, fontsize=7, color="dimgray")
    return figure


def attention_maps(pixels: np.ndarray, pieces: Sequence[bytes], attention: np.ndarray) -> Figure:
    """Plot an image, and the attention for each piece of its caption.

    Args:
        pixels: (size, size, 3).
        pieces: of the caption, padded with empty strings.
        attention: (pieces, rows, columns), with sum 1 at each step.
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
