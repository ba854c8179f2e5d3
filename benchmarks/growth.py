"""How nnlab's time grows with parameters, batch, rows and seeds; and a plot of each beside its line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from workloads import WORKLOADS, Array, Workload

REPEATS = 7


@dataclass(frozen=True)
class Study:
    """One quantity that grows. `time(size)` gives seconds, the least of some repetitions."""

    name: str
    unit: str
    what: str
    sizes: tuple[int, ...]
    time: Callable[[int], float]


def _seconds(workload: Workload, steps: int) -> float:
    """The least time of a step, in seconds: what disturbs only ever adds."""
    from peers.own import Fit

    fit = Fit(workload)
    fit.run(steps)
    times = []
    for _ in range(REPEATS):
        done, begun = fit.state.step, time.perf_counter()
        fit.run(steps)
        times.append((time.perf_counter() - begun) / (fit.state.step - done))
    return min(times)


def _by_width(width: int) -> float:
    return _seconds(replace(WORKLOADS["W2"], sizes=(784, width, 10), duration="steps: 10000"), 100)


def _parameters(width: int) -> int:
    return 785 * width + 11 * width - width + 10


def _by_batch(batch: int) -> float:
    return _seconds(replace(WORKLOADS["W2"], batch=batch, shuffle=False, duration="steps: 10000"), 100)


def _by_seeds(seeds: int) -> float:
    return _seconds(replace(WORKLOADS["W3"], seeds=seeds), 100)


def _by_rows(count: int) -> float:
    """An epoch of the first `count` rows, shuffled, whatever is measured at its end included."""
    from peers.own import Fit

    from nnlab.training.evaluation import Part
    from nnlab.training.loop import fit

    own = Fit(replace(WORKLOADS["W2"], duration="epochs: 1000"))
    setup, rows = own.setup, own.parts["train"]
    part = {"train": Part(rows.x[:, :count], rows.y[:, :count])}
    epoch = setup.epoch_steps
    plan = replace(setup.plan, steps=10**9, log_every=epoch, evaluate_every=epoch, evaluate=("train",))
    records = fit(setup.network, part, [1], setup.optimizer.update, plan, setup.start())
    next(records), next(records)
    times = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        next(records)
        times.append(time.perf_counter() - begun)
    return min(times)


STUDIES: tuple[Study, ...] = (
    Study("parameters", "parameters (784-n-10)", "a step", (16, 32, 64, 128, 256, 512, 1024, 2048), _by_width),
    Study("batch", "rows in a batch", "a step", (8, 16, 32, 64, 128, 256, 512, 1024, 2048), _by_batch),
    Study("rows", "rows", "an epoch", (3750, 7500, 15000, 30000, 60000), _by_rows),
    Study("seeds", "seeds", "a step", (1, 4, 16, 64, 256, 1024, 4096), _by_seeds),
)


def measure(threads: int, python: str, *, quick: bool) -> dict[str, Any]:
    """All studies, in a process of their own that keeps to its threads; points, lines and slopes."""
    from turns import environment

    command = [python, str(Path(__file__).resolve()), *(["--quick"] if quick else [])]
    done = subprocess.run(command, env=environment(threads), stdout=subprocess.PIPE, text=True, check=True)
    return {name: _judged(points) for name, points in json.loads(done.stdout).items()}


def _judged(points: Sequence[tuple[float, float]]) -> dict[str, Any]:
    """The line a + b n through the points, and how the upper half of them grows: the exponent of n."""
    n, seconds = np.array(points).T
    weights = 1 / seconds
    b, a = np.polyfit(n, seconds, 1, w=weights)
    upper = len(n) // 2
    # Overhead only lowers the exponent, the less the larger n is; growth beyond a line shows as more than 1.
    exponent = np.polyfit(np.log(n[upper:]), np.log(seconds[upper:]), 1)[0]
    off = np.max(np.abs((a + b * n) / seconds - 1))
    return {"points": [list(map(float, point)) for point in points], "overhead": float(a), "each": float(b),
            "exponent": float(exponent), "off": float(off)}  # fmt: skip


def plot(found: dict[str, Any], path: Path) -> None:
    """Points and lines, a panel for each study."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullFormatter

    figure = Figure(figsize=(10, 7), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    for axes, study in zip(figure.subplots(2, 2).ravel(), STUDIES, strict=True):
        one = found[study.name]
        n, seconds = np.array(one["points"]).T
        line: Array = one["overhead"] + one["each"] * n
        axes.loglog(n, 1e6 * seconds, "o", label="measured")
        axes.loglog(n, 1e6 * np.maximum(line, 1e-9), "-", label="overhead + n × each")
        axes.set_xticks(n[::2], [f"{size:,.0f}" for size in n[::2]])
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel(study.unit)
        axes.set_ylabel(f"µs for {study.what}")
        axes.set_title(f"exponent of the larger half: {one['exponent']:.2f}")
        axes.grid(visible=True, which="both", alpha=0.2)
        axes.legend()
    figure.savefig(path)


def main() -> None:
    """Measure here and print the points."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(os.environ["OMP_NUM_THREADS"])])
    found = {}
    for study in STUDIES:
        sizes = study.sizes[::2] if "--quick" in sys.argv else study.sizes
        print(f"  growth with {study.unit}", file=sys.stderr)
        at = _parameters if study.name == "parameters" else int
        found[study.name] = [(at(size), study.time(size)) for size in sizes]
    print(json.dumps(found))


if __name__ == "__main__":
    main()
