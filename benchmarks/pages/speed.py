"""The parts of the results page that say how fast the layers and the exported models are."""

from typing import Any

from benchmarks.pages.markdown import details, table

_LAYERS = """\
## Speed

How many times as fast as Keras's and PyTorch's a recurrent layer of this project is, over all sizes that were
timed: above 1 ours is faster. Training is a step forward and backward, answering a step forward as a server
runs it; less than {same:.0%} is no difference.

{conclusions}
Measured by `make speed` on {date} ({processor}, {cores} cores; {versions}; commit {commit}): medians of
{repeats} turns or more, taken by all in turn.
"""

_TIMES = """\
Milliseconds. Sizes are (batch, time steps, features, units); masked sequences have from one step to all of
them, which PyTorch gets packed; *products* are the matrix products of the training step alone, the limit.

"""

_EPOCH = """\
One epoch over the IMDB training reviews takes {conclusion}. Each review has at most 400 words, the model is
the same, and so is, nearly, the number of updates; words are counted without padding.
"""

_LATENCY = """\
From one text to its label and probabilities ours, which splits the text in the graph of its SavedModel, is
{conclusion}.
"""

_TRIED = "What was tried to make training steps faster, by the same measure"

_SERVING = """\
## Answers a second

How many examples a SavedModel answers in a second, from raw text or pictures in batches of 32 test examples;
*as set* is the way by which the run is scored. {conclusion}

{table}
Measured by `python -m benchmarks.speed.serving TASK RUN` on {conditions}.
"""

_NAMES = {"ours": "ours", "keras": "Keras", "pytorch": "PyTorch", "products": "products"}
# Ratios that differ from 1 by less say nothing.
_SAME = 0.05
_PASSES = {"train": "Training", "answer": "Answering"}


def speed_section(measured: dict[str, Any], tried: list[dict[str, str]]) -> str:
    """Write benchmarks/results/speed.json as Markdown, and what was tried beside it.

    Args:
        measured: what `python -m benchmarks.speed` wrote.
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
        parts.append(details(_TRIED, table(["what", "gave"], [[row["what"], row["gave"]] for row in tried])))
    return "\n".join(parts)


def serving_section(measured: list[dict[str, Any]]) -> str:
    """Write benchmarks/results/serving_speed.json as Markdown: a row for each way of each run."""
    rows = []
    for record in measured:
        rates = record["examples_a_second"]
        for way, rate in rates.items():
            shown = f"{rate:,.0f}" if rate >= 100 else f"{rate:,.1f}"
            times = f"{rate / rates['as set']:.1f}"
            rows.append([record["task"], record["dataset"], way, shown, times, f"`{record['run']}`"])
    conditions = (
        f"{record['date']} ({record['machine']['processor']}, {record['machine']['cores']} cores)"
        for record in measured
    )
    return _SERVING.format(
        conclusion=_serving_conclusion(measured),
        table=table(["task", "data", "way", "examples a second", "times as set", "run"], rows),
        conditions=" and ".join(dict.fromkeys(conditions)),
    )


def _layer_conclusions(records: list[dict[str, Any]]) -> list[str]:
    """One line for each pass, with and without a mask: what the ratios say, and their range."""
    lines = []
    by_layer = _by_layer(records)
    for masked, sequences in ((True, "sequences of different lengths"), (False, "sequences of one length")):
        for name, title in _PASSES.items():
            times = [found[name] for key, found in by_layer.items() if key[2] is masked and name in found]
            said = [_compared(times, other) for other in ("keras", "pytorch")]
            if any(said):
                lines.append(f"{title} on {sequences}: {', '.join(filter(None, said))}.")
    return lines


def _compared(times: list[dict[str, float]], other: str) -> str:
    """Say whether ours is faster, and the range of the ratios; nothing if the other was not timed."""
    ratios = [found[other] / found["ours"] for found in times if other in found]
    if not ratios:
        return ""
    low, high = f"{min(ratios):.2f}", f"{max(ratios):.2f}"
    return f"{_verdict(ratios)} {_NAMES[other]} ({low if low == high else f'{low} to {high}'})"


def _verdict(ratios: list[float]) -> str:
    if min(ratios) > 1 + _SAME:
        return "faster than"
    if min(ratios) > 1 - _SAME:
        return "as fast as, or faster than," if max(ratios) > 1 + _SAME else "as fast as"
    return "slower at some sizes, faster at others than" if max(ratios) > 1 + _SAME else "no faster than"


def _epoch_conclusion(records: list[dict[str, Any]]) -> str:
    ours = next(record["seconds"] for record in records if record["who"] == "ours")
    return ", ".join(
        f"{_NAMES[record['who']]} {record['seconds']:.0f} s"
        + ("" if record["who"] == "ours" else f", {record['seconds'] / ours:.1f} times as long")
        + f" ({record['words_per_second']:,} words a second, validation accuracy "
        + f"{record['validation_accuracy']:.4f})"
        for record in records
    )


def _latency_conclusion(records: list[dict[str, Any]]) -> str:
    times: dict[str, dict[str, float]] = {}
    for record in records:
        times.setdefault(record["what"], {})[record["who"]] = record["median_ms"]
    shown = "; ".join(
        f"{what}: {', '.join(f'{_NAMES[who]} {median:.2f} ms' for who, median in of_text.items())}"
        for what, of_text in times.items()
    )
    return f"{_compared(list(times.values()), 'pytorch')}. {shown}"


def _serving_conclusion(measured: list[dict[str, Any]]) -> str:
    """What a faster way gains, where there is one."""
    gains = []
    for record in measured:
        rates = record["examples_a_second"]
        way = max(rates, key=lambda name: rates[name])
        if way != "as set":
            gains.append(f"{rates[way] / rates['as set']:.1f} times as many on {record['dataset']} ({way})")
    return f"The fastest other way answers {' and '.join(gains)}." if gains else ""


def _by_layer(records: list[dict[str, Any]]) -> dict[tuple[Any, ...], dict[str, dict[str, float]]]:
    """Medians by layer, size and mask, then by pass, then by who."""
    layers: dict[tuple[Any, ...], dict[str, dict[str, float]]] = {}
    for record in records:
        of_layer = layers.setdefault((record["what"], tuple(record["size"]), record["masked"]), {})
        of_layer.setdefault(record["pass"], {})[record["who"]] = record["median_ms"]
    return layers


def _layers_table(records: list[dict[str, Any]]) -> str:
    shown = [("train", who) for who in _NAMES] + [("answer", who) for who in _NAMES if who != "products"]
    rows = []
    for (what, size, masked), times in _by_layer(records).items():
        medians = [times.get(name, {}).get(who) for name, who in shown]
        cells = ["" if median is None else f"{median:.1f}" for median in medians]
        rows.append([what, ", ".join(map(str, size)), "yes" if masked else "no", *cells])
    columns = ["layer", "size", "masked", *(f"{name}: {_NAMES[who]}" for name, who in shown)]
    return table(columns, rows)
