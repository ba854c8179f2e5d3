"""What was found, as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Any

import targets
from machine import BUSY
from workloads import WORKLOADS

NAMES = {
    "limit": "matrix products alone",
    "own": "nnlab",
    "naive": "notebook",
    "scikit_learn": "scikit-learn",
    "pytorch": "PyTorch",
    "jax_xla": "JAX",
    "keras_fit": "Keras",
    "thinc_chain": "thinc",
}


def report(results: Mapping[str, Any]) -> str:
    """Everything, the targets last."""
    lines = [*_header(results), *_short(results)]
    for threads, found in results["threads"].items():
        for name, one in found["workloads"].items():
            lines += [*_workload(name, threads, one)]
        for group, one in found["commands"].items():
            lines += [*_commands(group, threads, one)]
        if found["growth"]:
            lines += [*_growth(threads, found["growth"])]
    return "\n".join([*lines, *_targets(results)]) + "\n"


def _header(results: Mapping[str, Any]) -> Iterator[str]:
    at = results["machine"]
    yield f"# nnlab's benchmarks, {at['date']}"
    yield ""
    yield f"{at['processor']}, {at['processors']} processors, {at['system']}, Python {at['python']}."
    yield f"Load average {at['load']} before, {results['load_after']} after. {results['rounds']} rounds."
    if at["variables"]:
        listed = ", ".join(f"`{name}={value}`" for name, value in sorted(at["variables"].items()))
        yield f"The environment sets {listed}: figures of libraries that look at these are not their own choice."
    if results["quick"]:
        yield "**Quick: short turns and few rounds. Not for quoting.**"
    for peer, versions in _versions(results).items():
        yield f"- {NAMES[peer]}: " + ", ".join(versions)
    yield ""


# The columns of the short table, each with what stands in its cells, and its rows.
SHORT = {
    "products": ("limit: products",),
    "nnlab": ("own: fit",),
    "notebook": ("naive: naive NumPy",),
    "scikit-learn": ("scikit_learn: MLPClassifier",),
    "PyTorch, module / by hand": ("pytorch: module", "pytorch: tensors by hand"),
    "PyTorch, channels last": ("pytorch: channels last",),
    "JAX, step / scan": ("jax_xla: jitted step", "jax_xla: scan"),
    "Keras on JAX": ("keras_fit: fit on jax",),
    "thinc": ("thinc_chain: chain",),
}
WHOLE = {
    "`nnlab train configs/xor.yaml`": ("W5", "nnlab train xor"),
    "the same with scikit-learn": ("W5", "script with scikit-learn"),
    "the same with JAX": ("W5", "script with JAX"),
    "the same with PyTorch": ("W5", "script with PyTorch"),
    "`import torch` alone": ("W5", "import torch"),
    "`nnlab compare-activations configs/xor.yaml --seeds 1000`": ("W6", "nnlab compare-activations"),
    "the same with `--seeds 10000`": ("W6", "nnlab compare-activations, ten times the seeds"),
    "the same with JAX's vmap": ("W6", "script with JAX"),
    "`nnlab train configs/mnist.yaml`": ("W7", "nnlab train mnist"),
    "the same with PyTorch and its DataLoader": ("W7", "script with PyTorch"),
}


def _short(results: Mapping[str, Any]) -> Iterator[str]:
    """The tables of docs/benchmarks.md: one thread, medians."""
    found = results["threads"].get("1", {"workloads": {}, "commands": {}})
    rows = []
    for name, one in found["workloads"].items():
        cells = [" / ".join(_median(one, label) for label in labels) for labels in SHORT.values()]
        cells.insert(2, _ratio(found, name, targets.OWN, targets.LIMIT))
        rows.append((WORKLOADS[name].title, *cells))
    names = list(SHORT)
    if rows:
        yield "## In short: microseconds a step, one thread"
        yield ""
        yield from _table(("", *names[:2], "× products", *names[2:]), rows)
    seconds = []
    for title, (group, name) in WHOLE.items():
        if name in found["commands"].get(group, {"commands": {}})["commands"]:
            seconds.append((title, f"{targets.seconds(found, group, name):.1f}"))
    if seconds:
        yield "## In short: whole commands"
        yield ""
        yield from _table(("", "seconds"), seconds)


def _median(one: Mapping[str, Any], label: str) -> str:
    """Microseconds to three places; a dash for who did not take part."""
    if label not in one["peers"]:
        return "–"
    value = median(one["peers"][label]["microseconds"])
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _versions(results: Mapping[str, Any]) -> dict[str, list[str]]:
    """Versions and BLAS kernels of everything that took part."""
    found: dict[str, list[str]] = {}
    for one in results["threads"].values():
        for workload in one["workloads"].values():
            for label, peer in workload["peers"].items():
                texts = [f"{name} {version}" for name, version in peer["versions"].items()]
                texts += [f"{b['internal_api']} {b['version']} {b['architecture'] or ''}".strip() for b in peer["blas"]]
                found[label.split(":")[0]] = list(dict.fromkeys(texts))
    return found


def _workload(name: str, threads: str, one: Mapping[str, Any]) -> Iterator[str]:
    yield f"## {name}, {_threads(threads)}: {WORKLOADS[name].title}"
    yield ""
    yield from _disturbed(one["others"])
    header = ("", "µs a step", "range", "× products", "× nnlab", "before, s", "processor", "loss")
    rows = []
    for label, peer in one["peers"].items():
        values, found = peer["microseconds"], {"workloads": {name: one}}
        family, form = label.split(": ")
        rows.append((
            f"{NAMES[family]}: {form}",
            f"{median(values):.1f}",
            f"{min(values):.1f} – {max(values):.1f}",
            _ratio(found, name, label, targets.LIMIT),
            _ratio(found, name, label, targets.OWN),
            f"{peer['warm_up_seconds']:.1f}",
            f"{median(peer['processor_share']):.2f}",
            "" if peer["loss"] is None else f"{peer['loss']:.4f}",
        ))  # fmt: skip
    yield from _table(header, rows)
    yield f"A turn is {one['turn']} steps. Before: preparing, compiling and warming up, which no ratio counts."
    yield from _skipped(one["skipped"])


def _ratio(found: Mapping[str, Any], name: str, above: str, below: str) -> str:
    if not {above, below} <= set(found["workloads"][name]["peers"]):
        return "–"
    return f"{targets.ratio(dict(found), name, above, below):.2f}"


def _commands(group: str, threads: str, one: Mapping[str, Any]) -> Iterator[str]:
    yield f"## {group}, {_threads(threads)}: whole commands"
    yield ""
    yield from _disturbed(one["others"])
    first = next(iter(one["commands"]), "")
    base = median(each["seconds"] for each in one["commands"][first]) if first else 1.0
    rows = []
    for name, runs in one["commands"].items():
        values = [each["seconds"] for each in runs]
        rows.append((
            name,
            f"{median(values):.2f}",
            f"{min(values):.2f} – {max(values):.2f}",
            f"{median(values) / base:.2f}",
            f"{median(each['cpu'] for each in runs):.2f}",
            f"{max(each['megabytes'] for each in runs):.0f}",
        ))  # fmt: skip
    yield from _table(("", "s", "range", f"× {first}", "processor s", "peak MB"), rows)
    yield from _skipped(one["skipped"])


def _growth(threads: str, found: Mapping[str, Any]) -> Iterator[str]:
    yield f"## Growth, {_threads(threads)}"
    yield ""
    rows = [
        (
            name,
            f"{1e6 * one['overhead']:.1f}",
            f"{1e6 * one['each']:.4g}",
            f"{one['exponent']:.2f}",
            f"{one['off']:.0%}",
        )
        for name, one in found.items()
    ]
    yield from _table(("with", "overhead, µs", "each, µs", "exponent", "farthest from the line"), rows)


def _targets(results: Mapping[str, Any]) -> Iterator[str]:
    yield "## Targets"
    yield ""
    rows = []
    for target in targets.TARGETS:
        for threads, found in results["threads"].items():
            measured = {WORKLOADS[name].group for name in found["workloads"]} | set(found["commands"])
            try:
                value = target.found(found)
            except KeyError:
                if target.group in measured:
                    rows.append((target.group, threads, target.text, target.bound(), "", "not measured: left out"))
                continue
            verdict = "met" if target.met(value) else "**not met**"
            rows.append((target.group, threads, target.text, target.bound(), f"{value:.3g} {target.unit}", verdict))
    yield from _table(("", "threads", "", "to reach", "found", ""), rows)


def _disturbed(others: float) -> Iterator[str]:
    if others > BUSY:
        yield f"**Disturbed: others kept {others:.2f} processors busy meanwhile.**"
        yield ""


def _skipped(skipped: Mapping[str, str]) -> Iterator[str]:
    for label, reason in skipped.items():
        family, _, form = label.partition(": ")
        yield f"Left out: {NAMES[family]}{f' ({form})' if form else ''}, {reason}."
    yield ""


def _threads(threads: str) -> str:
    return "one thread" if threads == "1" else f"{threads} threads"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]
    yield _line(header, widths)
    yield "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    for row in rows:
        yield _line(row, widths)
    yield ""


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"
