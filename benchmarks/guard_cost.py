"""What it costs that a training never goes on with numbers that are not finite: the guarded loop against a bare one.

    python benchmarks/guard_cost.py [--seconds 20]

Both do the same steps on the same data, in turns of a few milliseconds of processor time, so that whatever else the
machine does falls on both alike; the figure is the median of the ratios of neighbouring turns. The bare loop is the
guarded one without its dot product over the gradient, its look at the loss and the weights, and its copies to go back
to.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from nnlab.config.experiment import with_defaults
from nnlab.config.schema import Experiment
from nnlab.setup.rows import prepare_rows, read_rows
from nnlab.setup.setup import Setup, set_up
from nnlab.training.loop import Trainer
from nnlab.training.plan import never

CASES: dict[str, tuple[dict[str, Any], int]] = {
    "xor 2-8-1, batch 4": ({"data": {"source": "xor"}, "network": {"layers": [8]}}, 1),
    "moons 2-16-16-1, batch 32": ({"network": {"layers": [16, 16]}}, 1),
    "moons, sgd": ({"network": {"layers": [16, 16]}, "optimizer": {"name": "sgd", "learning_rate": 1e-6}}, 1),
    "moons, 16 seeds": ({"network": {"layers": [16, 16]}}, 16),
    "digits 64-100-10, batch 32": (
        {"task": "multiclass", "data": {"source": "digits"}, "network": {"layers": [100]}}, 1,
    ),
    "digits 64-300-100-10, batch 64": (
        {
            "task": "multiclass",
            "data": {"source": "digits"},
            "network": {"layers": [300, 100]},
            "training": {"steps": 10**6, "batch_size": 64},
        },
        1,
    ),
    "digits 64-100-10, 16 seeds": (
        {"task": "multiclass", "data": {"source": "digits"}, "network": {"layers": [100]}}, 16,
    ),
    "digits 64-1000-1000-10, sgd": (
        {
            "task": "multiclass",
            "data": {"source": "digits"},
            "network": {"layers": [1000, 1000]},
            "optimizer": {"name": "sgd", "learning_rate": 1e-6},
        },
        1,
    ),
}  # fmt: skip


def setup_of(changes: dict[str, Any], seeds: int) -> Setup:
    """An experiment on small data for some seeds."""
    values: dict[str, Any] = {
        "name": "guard",
        "task": "binary",
        "data": {"source": {"name": "moons", "samples": 640}},
        "optimizer": {"name": "adam", "learning_rate": 1e-5},
        "training": {"steps": 10**6, "batch_size": 32},
    }
    experiment = with_defaults(Experiment.model_validate(values | changes))
    return set_up(experiment, prepare_rows(experiment, read_rows(experiment, None, Path()), range(seeds)))


def trainer_of(setup: Setup) -> Trainer:
    """A training at its start."""
    return Trainer(
        setup.network, setup.rows.parts(), setup.rows.seeds, setup.optimizer.update, setup.plan, setup.start()
    )


def bare(trainer: Trainer, until: int) -> None:
    """`advance` without looking."""
    state = trainer.state
    with np.errstate(all="ignore"):
        for step in range(state.step, until):
            trainer.differentiate(step, measured=step + 1 == until)
            trainer.apply(step)
            state.step = step + 1


def timed(trainer: Trainer, steps: int, *, guarded: bool) -> float:
    """The seconds that some more steps take."""
    until, begun = trainer.state.step + steps, time.process_time()
    if guarded:
        trainer.advance(until, never, never)
    else:
        bare(trainer, until)
    return time.process_time() - begun


def overhead(setup: Setup, seconds: float) -> tuple[float, float]:
    """Seconds of a bare step, and the share that the guards add to it."""
    guarded, plain = trainer_of(setup), trainer_of(setup)
    for trainer in (guarded, plain):  # a first time is not like the others
        timed(trainer, 10, guarded=trainer is guarded)
    steps = max(100, int(5e-3 / (timed(plain, 10, guarded=False) / 10)))  # as many as lie between two records
    timed(guarded, 10, guarded=True)
    pairs: list[tuple[float, float]] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        if len(pairs) % 2:
            with_guards, without = timed(guarded, steps, guarded=True), timed(plain, steps, guarded=False)
        else:
            without, with_guards = timed(plain, steps, guarded=False), timed(guarded, steps, guarded=True)
        pairs.append((with_guards, without))
    assert guarded.state.theta.tobytes() == plain.state.theta.tobytes(), "looking has changed something"
    return statistics.median(b for _, b in pairs) / steps, statistics.median(a / b for a, b in pairs) - 1


def main() -> None:
    """Measure every case and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="how long to measure, all cases together")
    seconds = parser.parse_args().seconds / len(CASES)
    with threadpool_limits(1):
        for name, (changes, seeds) in CASES.items():
            step, share = overhead(setup_of(changes, seeds), seconds)
            print(f"{name:34} {1e6 * step:9.1f} µs a step {100 * share:+6.1f} %")


if __name__ == "__main__":
    main()
