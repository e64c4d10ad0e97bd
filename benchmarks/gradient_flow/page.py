"""The README's table of how far back recurrent layers learn."""

from pathlib import Path

import pandas as pd

from benchmarks.gradient_flow.study import REGIMES, solves_up_to


def gradient_flow_table(folder: Path) -> str:
    """Write the results of `make gradient-flow` as Markdown, with a row for each cell.

    Norms are those of the longest lag; a cell solves n if every seed did, for n and every smaller n.
    """
    norms = pd.read_csv(folder / "gradient_flow_norms.csv")
    solved = pd.read_csv(folder / "gradient_flow_solved.csv")
    lag = norms["lag"].max()
    columns = [f"norm over {lag} steps, at the start", "after training"]
    columns += [f"solves up to n: {regime}" for regime in REGIMES.values()]
    lines = [["cell", *columns], ["---"] * (1 + len(columns))]
    for cell, rows in norms[norms["lag"] == lag].groupby("cell", sort=False):
        norm = rows.set_index("when")["norm"]
        lines.append([str(cell), f"{norm['start']:.0e}", f"{norm['trained']:.0e}"])
        for regime in REGIMES.values():
            trainings = solved[(solved["cell"] == cell) & (solved["training"] == regime)]
            lines[-1].append(str(solves_up_to(dict(list(trainings.groupby("n")))) or "none"))
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
