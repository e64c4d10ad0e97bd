"""Pictures of training and of scores."""

import functools
import warnings
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd

from common.console import announce
from common.data.information import data_directory
from common.data.packages import fetch_package
from common.data.pins import NOTO_SANS_CJK
from common.errors import UserError
from common.files import whole_file

matplotlib.use("Agg")
from matplotlib import font_manager
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

# Fonts with Chinese characters, as systems have them.
CHINESE_FONTS = (
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Source Han Sans SC",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "Droid Sans Fallback",
    "PingFang SC",
    "Heiti SC",
    "Microsoft YaHei",
    "SimHei",
)


CHINESE_FONT_FILE = "cvttf_NotoSansCJK_Regular/NotoSansCJKtc-Regular.otf"


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure whole or not at all, and close it."""
    with whole_file(path) as temporary, warnings.catch_warnings():
        # Signs that the font lacks are drawn as boxes; there is nothing a user could do about it here.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        figure.savefig(temporary, dpi=120, bbox_inches="tight")
    plt.close(figure)


def learning_curves(history: list[dict[str, float]], path: Path) -> None:
    """Draw each score over the epochs, training and validation in one panel, and the learning rate."""
    table = pd.DataFrame(history).set_index("epoch")
    names = list(dict.fromkeys(name.removeprefix("val_") for name in table.columns))
    figure, panels = plt.subplots(
        1, len(names), figsize=(4 * len(names), 3), squeeze=False, layout="constrained"
    )
    for panel, name in zip(panels[0], names, strict=True):
        # A score that needs a search is of the validation split alone; of the learning rate there is one.
        for column, label, colour in ((name, "training", "C0"), (f"val_{name}", "validation", "C1")):
            if column in table:
                panel.plot(table.index, table[column], color=colour, marker="o", label=label)
        if f"val_{name}" in table:
            panel.legend()
        panel.set(title=name.replace("_", " "), xlabel="epoch")
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
        panel.grid(alpha=0.3)
    save_figure(figure, path)


# Inches; and classes whose names can still be read there.
LARGEST_SIDE, MOST_NAMES = 26, 60


def confusion_matrix(counts: np.ndarray, labels: list[str]) -> Figure:
    """Draw how often each class (row) was answered with each class (column).

    Args:
        counts: (classes, classes) examples.
        labels: the classes' names.
    """
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = min(max(3.5, 0.6 * len(labels) + 2), LARGEST_SIDE)
    figure, panel = plt.subplots(figsize=(side, side))
    picture = panel.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(picture, ax=panel, fraction=0.046, label="share of the row")
    panel.set(xlabel="answer", ylabel="truth", xticks=[], yticks=[])
    if len(labels) <= MOST_NAMES:
        panel.set_xticks(range(len(labels)), labels, rotation=45, ha="right")
        panel.set_yticks(range(len(labels)), labels)
    if len(labels) <= 20:
        for row, column in np.ndindex(*counts.shape):
            colour = "white" if shares[row, column] > 0.5 else "black"
            panel.text(column, row, f"{counts[row, column]:,}", ha="center", va="center", color=colour)
    return figure


def attention_matrix(weights: np.ndarray, sources: list[str], steps: list[str]) -> Figure:
    """Draw what was looked at (columns) at each step (rows), the darker the more.

    Args:
        weights: (steps, sources), each row's sum at most 1.
        sources: names of the columns.
        steps: names of the rows.
    """
    width = min(max(3.0, 0.35 * len(sources) + 1.5), LARGEST_SIDE)
    height = min(max(2.5, 0.3 * len(steps) + 1.2), LARGEST_SIDE)
    with plt.rc_context({"font.family": text_fonts([*sources, *steps])}):
        figure, panel = plt.subplots(figsize=(width, height))
        panel.imshow(weights, cmap="Greys", vmin=0, vmax=1, aspect="auto")
        panel.set_xticks(range(len(sources)), [plain(name) for name in sources], rotation=60, ha="left")
        panel.set_yticks(range(len(steps)), [plain(name) for name in steps])
        panel.xaxis.tick_top()
        panel.set(xlabel="read", ylabel="written")
        panel.xaxis.set_label_position("top")
    return figure


def plain(name: str) -> str:
    """A name as Matplotlib draws it letter by letter: it may hold signs that would begin a formula."""
    return name.replace("$", r"\$")


def text_fonts(names: list[str]) -> list[str]:
    """Fonts for words of any script: Matplotlib's own, and behind it one for Chinese if it is needed."""
    if not any("\u2e80" <= character <= "\uffef" for name in names for character in name):
        return ["DejaVu Sans"]
    return ["DejaVu Sans", *_chinese_fonts()]


@functools.cache
def _chinese_fonts() -> list[str]:
    """A font of this system, or one from the Python registry; none if that cannot be reached."""
    installed = set(font_manager.get_font_names())
    found = [name for name in CHINESE_FONTS if name in installed]
    if found:
        return found[:1]
    try:
        path = fetch_package(NOTO_SANS_CJK, data_directory()) / CHINESE_FONT_FILE
    except UserError as error:
        announce(f"Chinese characters are drawn as boxes. {error}")
        return []
    font_manager.fontManager.addfont(path)
    return [font_manager.FontProperties(fname=path).get_name()]
