"""The training loop: a generator that updates theta and yields what it measured; whoever iterates writes and draws."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.networks.evaluator import Evaluator
from nnlab.networks.layers.base import PassContext
from nnlab.networks.network import Network
from nnlab.networks.pieces import training_pass
from nnlab.training.batches import batches_of
from nnlab.training.clipping import gradient_clippers, norm_limiters
from nnlab.training.evaluation import Part, figures_of
from nnlab.training.guard import Guard, is_everywhere
from nnlab.training.health import watch_health
from nnlab.training.objective import Objective
from nnlab.training.plan import Plan, Record, Timer, Update, never
from nnlab.training.state import State

Array = NDArray[Any]


def fit(
    network: Network,
    parts: Mapping[str, Part],
    seeds: Sequence[int],
    update: Update,
    plan: Plan,
    state: State,
    stop: Callable[[], bool] = never,
    pause: Callable[[], bool] = never,
    timer: Timer = nullcontext,
) -> Iterator[Record]:
    """Train from `state` to the end of `plan`, or until `stop()`, yielding a record wherever something is due.

    `pause()` asks for a record after the present step, perhaps without figures; no bit of the results depends on it.
    Between two records `state` may be saved: a later `fit` goes on from it as if nothing had happened. `update(theta,
    gradient, slots, step)` changes theta in place, steps counted from 1; rate, schedule and decay are bound in
    `setup.optimizer`. `timer()` is entered wherever health is measured. A replica that diverges keeps its last sound
    weights: it is held (see `guard`), and the others go on.
    """
    trainer = Trainer(network, parts, seeds, update, plan, state)
    if plan.health:
        trainer.update, trainer.health = watch_health(
            network, parts["train"], seeds, plan, state, trainer.update, timer
        )
    while True:
        if state.recorded < state.step:
            yield trainer.record()
        if state.step >= plan.steps or not state.running.any():
            return
        trainer.advance(plan.next_due(state.step), stop, pause)
        if stop():
            return


class Trainer:
    """The buffers of one training; `advance` takes steps, `record` measures."""

    def __init__(
        self,
        network: Network,
        parts: Mapping[str, Part],
        seeds: Sequence[int],
        update: Update,
        plan: Plan,
        state: State,
    ) -> None:
        self.update, self.plan, self.state = update, plan, state
        self.evaluated_parts = {name: parts[name] for name in plan.evaluate if name in parts}
        train, y = parts["train"], parts["train"].y_and_weights
        if plan.needs_objective:
            self.update = partial(update, objective=Objective(network, train.x, y))
        self.batches = batches_of(train.x, y, seeds, plan.epoch, shuffle=plan.shuffle)
        self.gradient, self.context = state.no_gradient(), PassContext(tuple(seeds))
        self.passes = {
            size: training_pass(network, state.theta, self.gradient, size, state.statistics, self.context)
            for size in sorted(plan.epoch.sizes)
        }
        self.evaluator = Evaluator(network, state.theta, state.statistics)
        self.before_update = [*gradient_clippers(self.gradient, plan.clip_value, plan.clip_norm)]
        self.after_update = [*norm_limiters(network, state.theta)]
        self.health: Callable[[], dict[str, Array]] = dict  # gives {}; `fit` replaces it where health is watched
        # To find the step that broke a replica, the guard does the last steps again, on a copy of the state.
        self.guard = Guard(state, self.gradient, partial(Trainer, network, parts, seeds, update, plan))

    def advance(self, until: int, stop: Callable[[], bool], pause: Callable[[], bool]) -> None:
        """Update theta until `until` steps are done, or until `stop()` or `pause()`, or until no replica is left."""
        state, guard = self.state, self.guard
        state.end_value = None  # what an end was worth that is one no more
        # A replica that runs away makes inf and nan; the guard looks for them, NumPy need not warn.
        with np.errstate(all="ignore"):
            for step in range(state.step, until):
                if step >= guard.next_copy and not guard.keep_copy():
                    break  # no replica is left
                measured = state.losses is not None or step + 1 == until
                self.differentiate(step, measured=measured)
                if not guard.admits(step, measured=measured):
                    break  # no replica is left; the guard has counted the step
                self.apply(step)
                state.step = step + 1
                if stop() or pause():
                    break
            guard.check_weights()
            guard.restore_held()

    def differentiate(self, step: int, *, measured: bool = False) -> None:
        """Write the gradient for the batch of update `step` + 1; keep the batch's loss if it is `measured`."""
        (x, y), self.context.step = self.batches.at(step), step
        loss = self.passes[x.shape[1]].differentiate(x, y, measured=measured)
        if loss is not None:
            self.state.note_loss(loss)
        if self.guard.held_rows:
            self.guard.clear_held_gradient()

    def apply(self, step: int) -> None:
        """Do update `step` + 1, with clipping before and max-norm constraints after it."""
        for change in self.before_update:
            change()
        self.update(self.state.theta, self.gradient, self.state.slots, step + 1)
        for change in self.after_update:
            change()
        if self.guard.held_rows:
            self.guard.restore_held()

    def record(self) -> Record:
        """Measure what is due at the present step."""
        state, plan = self.state, self.plan
        figures: dict[str, Array] = {}
        with np.errstate(all="ignore"):
            if plan.logs(state.step):
                figures |= state.batch_figures()
            if plan.evaluates(state.step):
                figures |= figures_of(self.evaluator, plan.task, self.evaluated_parts, plan.reported) | self.health()
            figures |= plan.read(state) if figures else {}
            self.guard.check_losses([values for name, values in figures.items() if name.endswith("/loss")])
        if not is_everywhere(state.running):
            figures = {name: np.where(state.running, values, np.nan) for name, values in figures.items()}
        if plan.watch.monitor in figures:
            plan.note(state, figures[plan.watch.monitor])
            if plan.observe is not None:
                self.guard.copy_again()
        state.recorded = state.step
        return Record(state.step, state.step / plan.epoch.steps, figures)
