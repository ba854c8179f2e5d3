"""Where the gradient of an experiment is checked: which weights, which batches; and the reports from there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nnlab.errors import CheckpointError
from nnlab.gradients.point import examine
from nnlab.gradients.report import PointReport, rows_of
from nnlab.networks.layers.base import PassContext
from nnlab.setup.setup import Setup
from nnlab.training.state import State

Array = NDArray[np.float64]

# Weights far from 1 show what a usual point hides: slopes that underflow, units that saturate, terms that cancel.
SCALES = (1e-3, 6.0)
BATCH_SIZES = (1, 2, 8)
STEPS = 20


def frozen(setup: Setup, step: int) -> PassContext:
    """The moment of a training step, with its noise, and with running statistics held still."""
    context = PassContext(setup.rows.seeds[:1], learns=False)
    context.step = step
    return context


def fitting(setup: Setup, theta: Array) -> Array:
    """`theta` itself; CheckpointError if it belongs to another network."""
    expected = setup.network.layout.size
    if theta.shape != (1, expected):
        raise CheckpointError(f"found weights of {theta.shape[1]} parameters, but the experiment describes {expected}")
    return theta


def check_points(setup: Setup, theta: Array | None = None) -> Iterator[PointReport]:
    """The check at the initial weights (or at `theta`), after 20 steps, and at scaled weights, with batches of 1, 2, 8.

    A batch of 1 is left out where training takes none, because a layer normalises over its samples.
    A training that has run away within these steps has no weights to be checked there.
    """
    start = setup.start()
    if theta is not None:
        start.theta[...] = fitting(setup, theta)
    name = "initial weights" if theta is None else "the run's weights"
    points = {name: (start.theta.copy(), 0)}
    points |= {f"{name} times {scale:g}": (scale * start.theta, 0) for scale in SCALES}
    steps = min(STEPS, setup.plan.steps)
    if steps and theta is None:
        points[f"after {steps} steps"] = (_trained(setup, start, steps), steps)
    train, fewest = setup.parts["train"], setup.plan.epoch.fewest
    for point, (weights, step) in points.items():
        if np.isfinite(weights).all():
            for size in sorted({min(max(size, fewest), train.x.shape[1]) for size in BATCH_SIZES}):
                batch = (train.x[:, :size], np.asarray(train.y_and_weights[:, :size]))
                yield report_at(setup, point, weights, batch, step)


def report_at(setup: Setup, point: str, theta: Array, batch: tuple[Array, Array], step: int) -> PointReport:
    """The check of one theta (1, P) for one batch, under the noise of a step."""
    seed = setup.rows.seeds[0]
    examined = examine(setup.network, theta, batch, frozen(setup, step), seed=seed)
    return PointReport(point, batch[0].shape[1], examined, tuple(rows_of(setup.network.layout, examined)))


def _trained(setup: Setup, start: State, steps: int) -> Array:
    """The weights after the first steps of the training."""
    plan = replace(setup.plan, steps=steps, log_every=steps, evaluate=(), steps_to_measure=frozenset(), health=False)
    for _ in setup.fit(start, plan):
        pass
    return start.theta
