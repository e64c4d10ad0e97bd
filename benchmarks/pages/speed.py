"""The part of the results page that says how fast the layers are."""

from typing import Any

_HEADING = """\
## Speed

Measured by `make speed` on {date}: {processor}, {cores} cores, {versions}, at commit {commit}. All take
turns; times are medians in milliseconds of {repeats} turns or more.

*train* is forward and backward, *answer* forward as a server runs it. *products* are the matrix products
alone, the limit. Sizes are (batch, time steps, features, units); masked sequences have from one step to all
of them, which PyTorch gets packed.
"""

_EPOCH = """\
One epoch over the IMDB training reviews, at most 400 words each, with the same model and about as many
updates (benchmarks/review_epoch.py); words are counted without padding, the accuracy is that on the
validation reviews after the epoch.
"""

_LATENCY = """\
From one text to its label and probabilities in milliseconds: ours from the SavedModel, which splits the text
in its graph; PyTorch splits it in Python.
"""

_TRIED = """\
What was tried to make training steps faster, by the same measure:
"""

_SERVING = """\
## Answers a second

From the SavedModel, raw examples in, in batches of 32 test examples as they come; *as set* is the way that
the run is scored by.
"""

_WHO = ("ours", "keras", "pytorch", "products")


def speed_section(measured: dict[str, Any], tried: list[dict[str, str]]) -> str:
    """Write benchmarks/results/speed.json as Markdown, and what was tried beside it.

    Args:
        measured: what `python -m benchmarks.speed` wrote.
        tried: rows of `what` and `gave`.
    """
    versions = ("tensorflow", "keras", "torch")
    heading = _HEADING.format(
        repeats=min(record["repeats"] for record in measured["layers"]),
        date=measured["date"],
        processor=measured["machine"]["processor"],
        cores=measured["machine"]["cores"],
        versions=", ".join(
            f"{name} {measured['versions'][name]}" for name in versions if name in measured["versions"]
        ),
        commit=(measured["commit"] or "unknown")[:12],
    )
    parts = [heading, _layers_table(measured["layers"]), _EPOCH, _epoch_table(measured["epoch"])]
    parts += [_LATENCY, _latency_table(measured["latency"])]
    if tried:
        parts += [_TRIED, _table(["what", "gave"], [[row["what"], row["gave"]] for row in tried])]
    return "\n".join(parts)


def serving_section(measured: list[dict[str, Any]]) -> str:
    """Write benchmarks/results/serving_speed.json as Markdown: a row for each way of each run."""
    rows = []
    for record in measured:
        machine = record["machine"]
        conditions = f"{record['date']}, {machine['processor']}, {machine['cores']} cores"
        command = f"`python -m benchmarks.serving_speed {record['task']} {record['run']}`"
        for way, rate in record["examples_a_second"].items():
            shown = f"{rate:,.0f}" if rate >= 100 else f"{rate:,.1f}"
            rows.append([record["task"], record["dataset"], way, shown, conditions, command])
    columns = ["task", "data", "way", "examples a second", "measured", "command"]
    return "\n".join([_SERVING, _table(columns, rows)])


def _layers_table(records: list[dict[str, Any]]) -> str:
    rows: dict[tuple[Any, ...], dict[str, float]] = {}
    for record in records:
        key = (record["what"], tuple(record["size"]), record["masked"], record["pass"])
        rows.setdefault(key, {})[record["who"]] = record["median_ms"]
    lines = []
    for (what, size, masked, name), times in rows.items():
        lines.append(
            [what, ", ".join(map(str, size)), "yes" if masked else "no", name]
            + [f"{times[who]:.1f}" if who in times else "" for who in _WHO]
            + [f"{times[who] / times['ours']:.2f}" if who in times else "" for who in ("keras", "pytorch")]
        )
    columns = ["layer", "size", "masked", "pass", *_WHO, "keras / ours", "pytorch / ours"]
    return _table(columns, lines)


def _epoch_table(records: list[dict[str, Any]]) -> str:
    rows = [
        [
            record["who"],
            f"{record['seconds']:.0f}",
            f"{record['words_per_second']:,}",
            f"{record['validation_accuracy']:.4f}",
        ]
        for record in records
    ]
    return _table(["who", "seconds", "words a second", "accuracy"], rows)


def _latency_table(records: list[dict[str, Any]]) -> str:
    who = list(dict.fromkeys(record["who"] for record in records))
    rows: dict[str, list[str]] = {}
    for record in records:
        rows.setdefault(record["what"], []).append(f"{record['median_ms']:.2f}")
    return _table(["text", *who], [[what, *times] for what, times in rows.items()])


def _table(columns: list[str], rows: list[list[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
