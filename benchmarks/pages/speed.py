"""The parts of the results page about the speed of layers and exported models."""

from typing import Any

from benchmarks.pages.markdown import details, table

_LAYERS = """\
## Speed

Speed of this project's recurrent layers relative to Keras's and PyTorch's, over all measured sizes: above 1
ours is faster. Training is a forward and backward pass, answering a forward pass as on a server; differences
below {same:.0%} are ignored.

{conclusions}
Measured by `make speed` on {date} ({processor}, {cores} cores; {versions}; commit {commit}): medians of at
least {repeats} repetitions, taking turns.
"""

_TIMES = """\
In milliseconds. Sizes are (batch, time steps, features, units); masked sequences have random lengths, and are
packed for PyTorch; *products* are only the matrix products of the training step, a lower limit.

"""

_EPOCH = """\
One epoch over the IMDB training reviews takes {conclusion}. Reviews have at most 400 words; the model is the
same, and the number of updates almost the same; words are counted without padding.
"""

_LATENCY = """\
From one text to its label and probabilities, ours, which splits the text inside the graph of its SavedModel,
is {conclusion}.
"""

_TRIED = "Attempts to make training steps faster, measured in the same way"

_SERVING = """\
## Answers per second

Number of examples that a SavedModel answers per second, from raw texts or pictures in batches of 32 test
examples; *as set* is the decoding in the run's settings, by which it is scored. {conclusion}

{table}
Measured by `python -m benchmarks.speed.serving TASK RUN` on {conditions}.
"""

_NAMES = {"ours": "ours", "keras": "Keras", "pytorch": "PyTorch", "products": "products"}
# Smaller differences of a ratio from 1 are ignored.
_SAME = 0.05
_PASSES = {"train": "Training", "answer": "Answering"}


def speed_section(measured: dict[str, Any], tried: list[dict[str, str]]) -> str:
    """Write benchmarks/results/speed.json as Markdown, with the attempts at more speed.

    Args:
        measured: result of `python -m benchmarks.speed`.
        tried: rows of `what` and `gave`.
    """
    versions = ("tensorflow", "keras", "torch")
    heading = _LAYERS.format(
        same=_SAME,
        conclusions="".join(f"- {line}\n" for line in _layer_conclusions(measured["layers"])),
        repeats=min(record["repeats"] for record in measured["layers"]),
        date=measured["date"],
        processor=measured["machine"]["processor"],
        cores=measured["machine"]["cores"],
        versions=", ".join(
            f"{name} {measured['versions'][name]}" for name in versions if name in measured["versions"]
        ),
        commit=(measured["commit"] or "unknown")[:12],
    )
    parts = [heading, details("All sizes", _TIMES + _layers_table(measured["layers"]))]
    epoch, latency = measured["epoch"], measured["latency"]
    parts.append(_EPOCH.format(conclusion=_epoch_conclusion(epoch)))
    parts.append(_LATENCY.format(conclusion=_latency_conclusion(latency)))
    if tried:
        rows = [[row["what"], row["gave"]] for row in tried]
        parts.append(details(_TRIED, table(["attempt", "result"], rows)))
    return "\n".join(parts)


def serving_section(measured: list[dict[str, Any]]) -> str:
    """Write benchmarks/results/serving_speed.json as Markdown, with a row for each decoding of each run."""
    rows = []
    for record in measured:
        rates = record["examples_a_second"]
        for way, rate in rates.items():
            speed = f"{rate:,.0f}" if rate >= 100 else f"{rate:,.1f}"
            ratio = f"{rate / rates['as set']:.1f}"
            rows.append([record["task"], record["dataset"], way, speed, ratio, f"`{record['run']}`"])
    conditions = (
        f"{record['date']} ({record['machine']['processor']}, {record['machine']['cores']} cores)"
        for record in measured
    )
    return _SERVING.format(
        conclusion=_serving_conclusion(measured),
        table=table(["task", "data", "decoding", "examples per second", "relative to *as set*", "run"], rows),
        conditions=" and ".join(dict.fromkeys(conditions)),
    )


def _layer_conclusions(records: list[dict[str, Any]]) -> list[str]:
    """Write one line for each pass, with and without a mask: the conclusion, and the range of the ratios."""
    lines = []
    by_layer = _by_layer(records)
    for masked, sequences in ((True, "sequences of different lengths"), (False, "sequences of one length")):
        for name, title in _PASSES.items():
            times = [passes[name] for key, passes in by_layer.items() if key[2] is masked and name in passes]
            comparisons = [_compared(times, other) for other in ("keras", "pytorch")]
            if any(comparisons):
                lines.append(f"{title} on {sequences}: {', '.join(filter(None, comparisons))}.")
    return lines


def _compared(times: list[dict[str, float]], other: str) -> str:
    """Write whether ours is faster, and the range of the ratios; empty if the other was not measured."""
    ratios = [medians[other] / medians["ours"] for medians in times if other in medians]
    if not ratios:
        return ""
    low, high = f"{min(ratios):.2f}", f"{max(ratios):.2f}"
    return f"{_verdict(ratios)} {_NAMES[other]} ({low if low == high else f'{low} to {high}'})"


def _verdict(ratios: list[float]) -> str:
    if min(ratios) > 1 + _SAME:
        return "faster than"
    if min(ratios) > 1 - _SAME:
        return "as fast as or faster than" if max(ratios) > 1 + _SAME else "as fast as"
    return "slower for some sizes, faster for others than" if max(ratios) > 1 + _SAME else "not faster than"


def _epoch_conclusion(records: list[dict[str, Any]]) -> str:
    ours = next(record["seconds"] for record in records if record["who"] == "ours")
    return ", ".join(
        f"{_NAMES[record['who']]} {record['seconds']:.0f} s"
        + ("" if record["who"] == "ours" else f", {record['seconds'] / ours:.1f} times as long")
        + f" ({record['words_per_second']:,} words per second, validation accuracy "
        + f"{record['validation_accuracy']:.4f})"
        for record in records
    )


def _latency_conclusion(records: list[dict[str, Any]]) -> str:
    times: dict[str, dict[str, float]] = {}
    for record in records:
        times.setdefault(record["what"], {})[record["who"]] = record["median_ms"]
    listed = "; ".join(
        f"{what}: {', '.join(f'{_NAMES[who]} {median:.2f} ms' for who, median in of_text.items())}"
        for what, of_text in times.items()
    )
    return f"{_compared(list(times.values()), 'pytorch')}. {listed}"


def _serving_conclusion(measured: list[dict[str, Any]]) -> str:
    """Write the gain of the fastest other decoding, if it is faster."""
    gains = []
    for record in measured:
        rates = record["examples_a_second"]
        way = max(rates, key=lambda name: rates[name])
        if way != "as set":
            gains.append(f"{rates[way] / rates['as set']:.1f} times as many on {record['dataset']} ({way})")
    return f"The fastest other decoding answers {' and '.join(gains)}." if gains else ""


def _by_layer(records: list[dict[str, Any]]) -> dict[tuple[Any, ...], dict[str, dict[str, float]]]:
    """Collect medians by layer, size and mask, then by pass, then by implementation."""
    layers: dict[tuple[Any, ...], dict[str, dict[str, float]]] = {}
    for record in records:
        of_layer = layers.setdefault((record["what"], tuple(record["size"]), record["masked"]), {})
        of_layer.setdefault(record["pass"], {})[record["who"]] = record["median_ms"]
    return layers


def _layers_table(records: list[dict[str, Any]]) -> str:
    measured = [("train", who) for who in _NAMES] + [("answer", who) for who in _NAMES if who != "products"]
    rows = []
    for (what, size, masked), times in _by_layer(records).items():
        medians = [times.get(name, {}).get(who) for name, who in measured]
        cells = ["" if median is None else f"{median:.1f}" for median in medians]
        rows.append([what, ", ".join(map(str, size)), "yes" if masked else "no", *cells])
    columns = ["layer", "size", "masked", *(f"{name}: {_NAMES[who]}" for name, who in measured)]
    return table(columns, rows)
