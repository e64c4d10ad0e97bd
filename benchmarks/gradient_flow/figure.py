"""The figure of the gradient-flow study."""

from pathlib import Path

import matplotlib
import pandas as pd

from common.scores.plots import save_figure

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

# Also distinguishable without colours.
CELL_STYLES = (
    {"color": "tab:red", "linestyle": "-"},
    {"color": "tab:orange", "linestyle": "--"},
    {"color": "tab:blue", "linestyle": "-."},
    {"color": "tab:green", "linestyle": ":"},
)


def gradient_flow(norms: pd.DataFrame, solved: pd.DataFrame, traced_length: int, path: Path) -> None:
    """Plot the norms before and after training, and the accuracies on the memory task.

    Args:
        norms: columns cell, when (start, trained), lag, norm.
        solved: columns training, cell, n, accuracy; a row for each seed.
        traced_length: n of the norms.
        path: of the image file.
    """
    figure, panels = plt.subplots(2, 2, figsize=(11, 8), layout="constrained")
    titles = {"start": "before training", "trained": f"after training with lengths 1 to {traced_length}"}
    # The same style for a cell in every panel, for any order of the rows.
    styles = dict(zip(norms["cell"].unique(), CELL_STYLES, strict=False))
    for panel, (when, title) in zip(panels[0], titles.items(), strict=True):
        _draw_norms(panel, norms[norms["when"] == when], styles)
        panel.set(title=f"Reach of the gradient, {title}", ylim=_decades(norms["norm"]))
    for panel, (regime, rows) in zip(panels[1], solved.groupby("training", sort=False), strict=True):
        _draw_accuracies(panel, rows, styles)
        panel.set(title=f"Recall of the first symbol, {regime}")
    save_figure(figure, path)


def _draw_norms(panel: Axes, norms: pd.DataFrame, styles: dict[str, dict[str, str]]) -> None:
    for cell, style in styles.items():
        rows = norms[norms["cell"] == cell]
        panel.semilogy(rows["lag"], rows["norm"], label=cell, linewidth=2, **style)
    panel.set(xlabel="t - k, steps back", ylabel="spectral norm of ds_t / ds_k")
    panel.grid(alpha=0.3)
    panel.legend()


def _decades(norms: pd.Series) -> tuple[float, float]:
    """Return limits of the axis; norms below 1e-20 are cut off, because they would compress the others."""
    return max(norms.min() / 3, 1e-20), norms.max() * 3


def _draw_accuracies(panel: Axes, solved: pd.DataFrame, styles: dict[str, dict[str, str]]) -> None:
    lengths = sorted(solved["n"].unique())
    for cell, style in styles.items():
        by_length = solved[solved["cell"] == cell].groupby("n")["accuracy"]
        panel.plot(lengths, by_length.mean(), marker="o", label=cell, linewidth=2, **style)
        panel.fill_between(lengths, by_length.min(), by_length.max(), color=style["color"], alpha=0.12)
    panel.set_xscale("log")
    panel.set_xticks(lengths, [str(length) for length in lengths])
    panel.minorticks_off()
    panel.set(xlabel="n, length of the sequence", ylabel="accuracy (mean; band: all seeds)", ylim=(0, 1.05))
    panel.grid(alpha=0.3)
    panel.legend(loc="lower left")
