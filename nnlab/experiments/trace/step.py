"""The numbers of one training step, taken from the training itself: its batches, passes, gradient and optimizer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.errors import ConfigError, DivergedError
from nnlab.networks.network import Pass
from nnlab.setup.setup import Setup
from nnlab.training.loop import Trainer
from nnlab.training.state import State

Array = NDArray[Any]


@dataclass(frozen=True)
class ForwardPass:
    """A batch of m rows forward: x (m, inputs), y (m, outputs) and perhaps a weight, and what each layer gives.

    `positions` (m,) are those of the rows in the training part. `intermediates` are those of each layer. `a` (m,
    outputs) are the outputs behind the head, `losses` (m,) those of the rows, `loss` their mean, without the `penalty`.
    """

    positions: Array
    x: Array
    y: Array
    outputs: list[Array]
    intermediates: list[dict[str, Array]]
    a: Array
    losses: Array
    loss: float
    penalty: float


@dataclass(frozen=True)
class TracedStep:
    """A step: the batch forward, dL/d of what each layer gives (`deltas`), and the update of theta (P,).

    `gradient` has the penalties and is not clipped; `clipped` is what the optimizer gets. `updated` is theta behind
    the optimizer, `new` that behind max-norm constraints as well. Slots and running statistics (Q,) are `before` and
    after the step.
    """

    forward: ForwardPass
    deltas: list[Array]
    old: Array
    gradient: Array
    clipped: Array
    updated: Array
    new: Array
    slots_before: dict[str, Array]
    slots: dict[str, Array]
    statistics_before: Array
    statistics: Array
    learning_rate: float


def traced_step(setup: Setup, step: int) -> TracedStep:
    """Train up to the step, which counts from 1, and do it; ConfigError where the training ends before it.

    DivergedError where numbers are not finite by then.
    """
    state = _trained(setup, step - 1)
    trainer = Trainer(setup.network, setup.parts, setup.rows.seeds, setup.optimizer.update, setup.plan, state)
    x, y = trainer.batches.at(step - 1)
    trainer.context.step, bound = step - 1, trainer.passes[x.shape[1]]
    assert isinstance(bound, Pass), "batches of images that go through in pieces are refused before"
    old, before = state.theta[0].copy(), state.statistics[0].copy()
    slots_before = {name: slot[0].copy() for name, slot in state.slots.items()}
    with np.errstate(all="ignore"):
        forward = _forward(bound, x, y, state, trainer.batches.positions(step - 1)[0])
        deltas = [delta[0] for delta in bound.adjoints(y)]
        bound.add_penalties(trainer.gradient)
        gradient = trainer.gradient[0].copy()
        clipped, updated = _update(trainer, step)
    if not all(np.isfinite(values).all() for values in (*forward.outputs, forward.losses, gradient, state.theta)):
        raise DivergedError(f"the training diverges in step {step}: some of its numbers are not finite")
    state.step = step
    rates, slots = setup.optimizer.rates_at(state), {name: slot[0].copy() for name, slot in state.slots.items()}
    assert rates is not None
    new, after = state.theta[0].copy(), state.statistics[0].copy()
    moved = (slots_before, slots, before, after, float(rates[0]))
    return TracedStep(forward, deltas, old, gradient, clipped, updated, new, *moved)


def _trained(setup: Setup, steps: int) -> State:
    """The state of the training after so many steps, with all that is measured up to there."""
    state = setup.start()
    for record in setup.fit(state, pause=lambda: state.step == steps):
        if record.step == steps:
            break
    if state.diverged.any():
        raise DivergedError(f"the training diverges in step {int(state.bad_step[0])}, before the step {steps + 1}")
    if not state.running.all():
        raise ConfigError(f"--step: found {steps + 1}, but early stopping ends the training after step {state.step}")
    return state


def _forward(bound: Pass, x: Array, y: Array, state: State, positions: Array) -> ForwardPass:
    """The forward pass of a batch. Running statistics move once, although the layers are gone through twice."""
    before = state.statistics.copy()
    outputs = [values[0].copy() for values in bound.forward_by_layer(x)]
    state.statistics[...] = before
    a = bound.forward(x)[0].copy()
    losses, inner = bound.losses(y), bound.intermediates()
    loss, penalty = float(bound.loss(y)[0]), float(bound.penalty()[0])
    return ForwardPass(positions, x[0].copy(), y[0].copy(), outputs, inner, a, losses[0], loss, penalty)


def _update(trainer: Trainer, step: int) -> tuple[Array, Array]:
    """Do `Trainer.apply` change by change: the clipped gradient, and theta before max-norm constraints, (P,) each."""
    for change in trainer.before_update:
        change()
    clipped = trainer.gradient[0].copy()
    trainer.update(trainer.state.theta, trainer.gradient, trainer.state.slots, step)
    updated = trainer.state.theta[0].copy()
    for change in trainer.after_update:
        change()
    return clipped, updated
