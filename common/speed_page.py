"""The part of the results page that says how fast the layers are."""

from typing import Any

_HEADING = """\
## Speed

Milliseconds, median of {repeats} turns of each in one process (`make speed`): *train* is forward and
backward, *answer* forward as a server runs it. *products* are the matrix products alone, the limit. Sizes are
(batch, time steps, features, units); masked sequences have from one step to all of them.
Measured on {date}: {processor}, {cores} cores, at commit {commit}.
"""


def speed_section(measured: dict[str, Any]) -> str:
    """Write benchmarks/results/speed.json as Markdown: a row for each layer, size and pass."""
    records = measured["records"]
    heading = _HEADING.format(
        repeats=min(record["repeats"] for record in records),
        date=measured["date"],
        processor=measured["machine"]["processor"],
        cores=measured["machine"]["cores"],
        commit=(measured["commit"] or "unknown")[:12],
    )
    lines = [
        "| layer | size | masked | pass | ours | keras | products | keras / ours |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    rows: dict[tuple[Any, ...], dict[str, float]] = {}
    for record in records:
        key = (record["what"], tuple(record["size"]), record["masked"], record["pass"])
        rows.setdefault(key, {})[record["who"]] = record["median_ms"]
    for (what, size, masked, name), times in rows.items():
        cells = [what, ", ".join(map(str, size)), "yes" if masked else "no", name]
        cells += [f"{times[who]:.1f}" if who in times else "" for who in ("ours", "keras", "products")]
        cells.append(f"{times['keras'] / times['ours']:.2f}")
        lines.append(f"| {' | '.join(cells)} |")
    return heading + "\n" + "\n".join(lines) + "\n"
