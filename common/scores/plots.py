"""Plots of training and of scores."""

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

# System fonts with Chinese characters, in order of preference.
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
    """Save a figure completely or not at all, and close it."""
    with whole_file(path) as temporary, warnings.catch_warnings():
        # Characters missing from the font are drawn as boxes; the user can do nothing about it here.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        figure.savefig(temporary, dpi=120, bbox_inches="tight")
    plt.close(figure)


def learning_curves(history: list[dict[str, float]], path: Path) -> None:
    """Plot each score over the epochs, training and validation in one panel, and the learning rate."""
    table = pd.DataFrame(history).set_index("epoch")
    names = list(dict.fromkeys(name.removeprefix("val_") for name in table.columns))
    figure, panels = plt.subplots(
        1, len(names), figsize=(4 * len(names), 3), squeeze=False, layout="constrained"
    )
    for panel, name in zip(panels[0], names, strict=True):
        # Scores that need decoding exist only for validation; the learning rate has a single curve.
        for column, label, colour in ((name, "training", "C0"), (f"val_{name}", "validation", "C1")):
            if column in table:
                panel.plot(table.index, table[column], color=colour, marker="o", label=label)
        if f"val_{name}" in table:
            panel.legend()
        panel.set(title=name.replace("_", " "), xlabel="epoch")
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
        panel.grid(alpha=0.3)
    save_figure(figure, path)


# Inches, and the number of class names that are still legible.
MAXIMUM_SIDE, MAXIMUM_NAMES = 26, 60


def confusion_matrix(counts: np.ndarray, labels: list[str]) -> Figure:
    """Plot how often each true class (row) was predicted as each class (column).

    Args:
        counts: (classes, classes) numbers of examples.
        labels: names of the classes.
    """
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = min(max(3.5, 0.6 * len(labels) + 2), MAXIMUM_SIDE)
    figure, panel = plt.subplots(figsize=(side, side))
    image = panel.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(image, ax=panel, fraction=0.046, label="fraction of the row")
    panel.set(xlabel="answer", ylabel="truth", xticks=[], yticks=[])
    if len(labels) <= MAXIMUM_NAMES:
        panel.set_xticks(range(len(labels)), labels, rotation=45, ha="right")
        panel.set_yticks(range(len(labels)), labels)
    if len(labels) <= 20:
        for row, column in np.ndindex(*counts.shape):
            colour = "white" if shares[row, column] > 0.5 else "black"
            panel.text(column, row, f"{counts[row, column]:,}", ha="center", va="center", color=colour)
    return figure


def attention_matrix(weights: np.ndarray, sources: list[str], steps: list[str]) -> Figure:
    """Plot attention weights on sources (columns) at each step (rows), darker for more.

    Args:
        weights: (steps, sources), rows summing to at most 1.
        sources: names of the columns.
        steps: names of the rows.
    """
    width = min(max(3.0, 0.35 * len(sources) + 1.5), MAXIMUM_SIDE)
    height = min(max(2.5, 0.3 * len(steps) + 1.2), MAXIMUM_SIDE)
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
    """Escape a name so that Matplotlib does not read it as a formula."""
    return name.replace("$", r"\$")


def text_fonts(names: list[str]) -> list[str]:
    """Fonts for names in any script: the default, with a Chinese font as fallback if needed."""
    if not any("\u2e80" <= character <= "\uffef" for name in names for character in name):
        return ["DejaVu Sans"]
    return ["DejaVu Sans", *_chinese_fonts()]


@functools.cache
def _chinese_fonts() -> list[str]:
    """A Chinese font of the system, or a downloaded one; none if the download fails."""
    installed = set(font_manager.get_font_names())
    available = [name for name in CHINESE_FONTS if name in installed]
    if available:
        return available[:1]
    try:
        path = fetch_package(NOTO_SANS_CJK, data_directory()) / CHINESE_FONT_FILE
    except UserError as error:
        announce(f"Chinese characters are drawn as boxes. {error}")
        return []
    font_manager.fontManager.addfont(path)
    return [font_manager.FontProperties(fname=path).get_name()]
