"""The training loop: a generator that updates theta and yields what it measured; whoever iterates writes and draws."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from math import isfinite, nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.maths.metrics import TRAINING_METRICS, Task
from nnlab.maths.optimizers import by_replica
from nnlab.networks.layers.dense import PassContext
from nnlab.networks.network import Evaluator, Network, Pass
from nnlab.training.batches import batches_of
from nnlab.training.clipping import bounded_weights, clipped_gradient
from nnlab.training.health import Health
from nnlab.training.objective import Objective
from nnlab.training.state import NORMS_KEPT, State, sound
from nnlab.training.stopping import Watch

Array = NDArray[Any]
Update = Callable[..., None]
Timer = Callable[[], AbstractContextManager[object]]

# A loss above this many times the loss before the first step counts as diverged, although it is finite.
LARGEST_GROWTH = 1e6
_STEPS_BETWEEN_COPIES = 256


@dataclass(frozen=True)
class Part:
    """Rows of one split for every replica: x (R or 1, N, inputs), which may stay in its file, y (R or 1, N, outputs).

    `unit` turns scaled targets and outputs back into the targets' own units, as value · divisor + mean with arrays
    (R or 1, 1, outputs); None where targets are not scaled.
    """

    x: Array
    y: Array
    unit: tuple[Array, Array] | None = None

    def in_own_units(self, values: Array) -> Array:
        """Outputs or targets in the targets' own units."""
        if self.unit is None:
            return values
        mean, divisor = self.unit
        result: Array = values * divisor + mean
        return result


@dataclass(frozen=True)
class Plan:
    """How long to train and when to measure; all counts are steps. `steps_to_measure` are measured whatever else.

    At `steps_to_mark` and every `checkpoint_every` there is a record for the caller's ends, perhaps without figures.
    `observe(slots, values)` is told the watched figure, (R,), at each evaluation: a schedule may depend on it. Where
    `needs_objective`, the update is also given `objective`, an `Objective` on the training part. With `health`, units
    are looked at wherever whole splits are measured. `update` is given the gradient multiplied by `factors`: by one
    number, or by one for each of as many blocks of replicas.
    """

    task: Task
    steps: int
    batch_size: int
    shuffle: bool
    log_every: int
    evaluate_every: int
    watch: Watch
    evaluate: tuple[str, ...] = ("train", "val")
    checkpoint_every: int | None = None
    clip_norm: float | None = None
    clip_value: float | None = None
    steps_to_measure: frozenset[int] = frozenset()
    steps_to_mark: frozenset[int] = frozenset()
    observe: Callable[[Mapping[str, Array], Array], None] | None = None
    needs_objective: bool = False
    health: bool = False
    factors: tuple[float, ...] = (1.0,)

    @property
    def clips(self) -> bool:
        """Whether something is done to a gradient before its update."""
        return self.clip_norm is not None or self.clip_value is not None

    def logs(self, step: int) -> bool:
        """Whether the batch's loss is measured in this step, before its update; the first step is number 1."""
        return step > 0 and (step % self.log_every == 0 or step in self.steps_to_measure)

    def evaluates(self, step: int) -> bool:
        """Whether whole splits are measured at this step; the first and the last always are."""
        return step % self.evaluate_every == 0 or step == self.steps or step in self.steps_to_measure

    def next_due(self, step: int) -> int:
        """The next step after `step` at which there is something to measure, to mark or to save."""
        every = [self.log_every, self.evaluate_every, *([self.checkpoint_every] if self.checkpoint_every else [])]
        marks = [(step // n + 1) * n for n in every]
        marks += [s for steps in (self.steps_to_measure, self.steps_to_mark) for s in steps if s > step]
        return min([self.steps, *marks])


@dataclass(frozen=True)
class Record:
    """What was measured at a step: each figure (R,), nan where a replica had stopped. Empty at a mere checkpoint.

    Steps count from 1, so that `step` is also the number of updates done. `batch/loss` is the loss of this step's batch
    before its update; whole splits are measured after it. Step 0 is the network as it starts.
    """

    step: int
    epoch: float
    figures: dict[str, Array] = field(default_factory=dict)


def never() -> bool:
    """Nobody asks to stop."""
    return False


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
    """Train from `state` to the end of `plan`, or until `stop()` says so, yielding a record wherever something is due.

    When `pause()` says so there is a record after the present step, without figures if none are due; that changes no
    bit of what follows. Between two records, and at the end, `state` is consistent: it may be saved, and a later `fit`
    on it goes on as if it had never ended. `update(theta, gradient, slots, step)` changes theta in place; steps are
    counted from 1 there. `timer()` is entered wherever health is measured.

    No replica is ever left with weights that are not finite, unless it began with some. Every gradient is looked at
    before it is clipped and its update done; the loss is, wherever it is measured: in logged steps before the update,
    and of whole splits after it. A replica where one is not finite, or a loss is above `LARGEST_GROWTH` times the
    initial one, has diverged: it keeps its weights, and the others go on as if it were not there. An update that leaves
    the range of its numbers is undone. A step that diverges counts as taken.
    """
    trainer = _Trainer(network, parts, seeds, update, plan, state)
    if plan.health:
        trainer.watch_health(network, seeds, timer)
    while True:
        if state.recorded < state.step:
            yield trainer.record()
        if state.step >= plan.steps or not state.running.any():
            return
        trainer.advance(plan.next_due(state.step), stop, pause)
        if stop():
            return


def redo(
    network: Network, parts: Mapping[str, Part], seeds: Sequence[int], update: Update, plan: Plan, state: State
) -> State:
    """The state after one more step than `state`, which stays as it is; nothing is checked. For an autopsy."""
    after = state.copy_moving()
    trainer = _Trainer(network, parts, seeds, update, plan, after)
    with np.errstate(all="ignore"):
        trainer.differentiate(after.step)
        trainer.apply(after.step)
    after.step += 1
    return after


class _Trainer:
    """The buffers of one training and the two things done with them: advance and measure."""

    def __init__(
        self,
        network: Network,
        parts: Mapping[str, Part],
        seeds: Sequence[int],
        update: Update,
        plan: Plan,
        state: State,
    ) -> None:
        self.parts, self.update, self.plan, self.state = parts, update, plan, state
        self.again = partial(_Trainer, network, parts, seeds, update, plan)
        train = parts["train"]
        if plan.needs_objective:
            self.update = partial(update, objective=Objective(network, train.x, train.y))
        factor = by_replica(plan.factors, len(seeds))
        self.unfold = _unfold(factor)
        self.batches = batches_of(train.x, train.y, seeds, plan.batch_size, shuffle=plan.shuffle)
        self.gradient, self.weights = np.zeros_like(state.theta), state.theta.ravel()
        self.context = PassContext(tuple(seeds))
        self.passes = {
            size: Pass(network, state.theta, self.gradient, size, state.statistics, self.context, factor)
            for size in sorted(self.batches.sizes())
        }
        self.evaluator = Evaluator(network, state.theta, state.statistics)
        self.before_update = [*clipped_gradient(self.gradient, plan.clip_value, plan.clip_norm)]
        self.after_update = [*bounded_weights(network, state.theta)]
        self.health: Callable[[], dict[str, Array]] = dict
        self.kept: list[tuple[Array, Array]] = []  # each array that an update changes, and the rows of those held
        self.copy, self.copy_at = state, state.step
        self._bound_losses()
        self._hold(state.diverged)

    def watch_health(self, network: Network, seeds: Sequence[int], timer: Timer) -> None:
        """From now on, look at the units wherever whole splits are measured."""
        state, train = self.state, self.parts["train"]
        looker = Health(network, state.theta, state.statistics, train.x, train.y, seeds, state.watch_health(network))
        self.update = looker.watched(self.update, self.plan.evaluates)

        def timed() -> dict[str, Array]:
            with timer():
                return looker.figures(state.step)

        self.health = timed

    def advance(self, until: int, stop: Callable[[], bool] = never, pause: Callable[[], bool] = never) -> None:
        """Update theta until `until` steps are done, or until `stop()` or `pause()`, or until no replica is left."""
        state, squares, gradient, unfold = self.state, self.state.squares, self.gradient.ravel(), self.unfold
        # A replica that runs away makes inf and nan; they are looked for and reported, not warned about.
        with np.errstate(all="ignore"):
            for step in range(state.step, until):
                if step >= self.copy_at:
                    self._copy()
                    if not state.running.any():
                        break
                is_last = step + 1 == until
                self.differentiate(step, measured=is_last)
                # One number, in one pass of BLAS, tells whether there is anything to look for.
                square = float(gradient.dot(gradient))
                squares[step % NORMS_KEPT] = square * unfold
                is_finite = isfinite(square)
                if is_last or not is_finite:
                    self._guard(step, is_finite=is_finite, measured=is_last)
                    if not state.running.any():
                        break
                self.apply(step)
                state.step = step + 1
                if stop() or pause():
                    break
            self._check_weights()
            self._restore()

    def differentiate(self, step: int, *, measured: bool = False) -> None:
        """The gradient of the batch after `step` updates, and its loss if it is to be `measured`."""
        x, y = self.batches.at(step)
        tied = self.passes[x.shape[1]]
        self.context.step = step
        tied.forward(x)
        if measured:
            self.state.batch_loss[...] = tied.loss(y)
        tied.backward(y)
        if self.kept:
            self.gradient[self.held] = 0

    def apply(self, step: int) -> None:
        """The update after `step` others."""
        for restrain in self.before_update:
            restrain()
        self.update(self.state.theta, self.gradient, self.state.slots, step + 1)
        for restrain in self.after_update:
            restrain()
        if self.kept:
            self._restore()

    def _restore(self) -> None:
        """Give the replicas that are held what they had."""
        for array, rows in self.kept:
            array[self.held] = rows

    def _guard(self, step: int, *, is_finite: bool, measured: bool) -> None:
        """Take out the replicas whose gradient, or measured loss, cannot be used for the update after `step` others.

        `is_finite` tells of the sum of all squares of the gradient.
        """
        state = self.state
        if is_finite and _is_everywhere(state.batch_loss <= self.limit):  # false for nan as well
            return
        bad = np.zeros(len(self.held), bool)
        if not is_finite:
            # The sum of float32 squares may overflow although every entry is finite.
            bad |= ~np.isfinite(self.gradient).all(axis=-1)
            exact = self.gradient.astype(np.float64).ravel()
            state.squares[step % NORMS_KEPT] = exact.dot(exact) * self.unfold
        if measured:
            bad |= self._too_large(state.batch_loss)
        self._take_out(bad, step + 1, has_moved=state.statistics.shape[1] > 0)
        if not state.running.any():
            state.step = step + 1

    def _check_weights(self) -> None:
        """Take out the replicas whose last updates have left weights that are not finite."""
        if self.state.statistics.size == 0 and isfinite(self.weights.dot(self.weights)):
            return
        bad = ~sound(self.state.theta, self.state.statistics)
        self._take_out(bad, self.state.step, has_moved=True)

    def _take_out(self, bad: Array, step: int, *, has_moved: bool) -> None:
        """Hold the weights of bad replicas as they were before they went bad, in step number `step` or earlier.

        Where the weights are not finite, or statistics `has_moved` in this step, the last steps are done once more.
        """
        state = self.state
        new = bad & ~self.held
        if not new.any():
            return
        state.bad_step[new] = step
        broken = new if has_moved else new & ~sound(state.theta, state.statistics)
        if broken.any():
            self._rewind(broken, step)
        state.diverged |= new & state.running
        state.running = state.running & ~state.diverged
        self._hold(self.held | new)

    def _rewind(self, broken: Array, last: int) -> None:
        """Give broken replicas what they had before the step that broke them, found by doing the steps again.

        All replicas are trained once more, from the last copy to step number `last`; this comes to the same as before.
        """
        state, past, left = self.state, self.copy.copy_moving(), broken.copy()
        again = self.again(past)
        for step in range(past.step, last):
            before = past.copy_moving().moving()
            again.differentiate(step)
            lost = left & ~np.isfinite(again.gradient).all(axis=-1)
            again.apply(step)
            lost |= left & ~sound(past.theta, past.statistics)
            lost = left if step + 1 == last else lost
            for array, earlier in zip(state.moving(), before, strict=True):
                array[lost] = earlier[lost]
            state.bad_step[lost] = step + 1
            left = left & ~lost

    def _hold(self, held: Array) -> None:
        """From now on, these replicas stay as they are."""
        self.held = held.copy()
        self.kept = [(array, array[held].copy()) for array in self.state.moving()] if held.any() else []

    def _copy(self) -> None:
        """Keep a copy to which a replica whose update fails can go back."""
        if self.copy is not self.state:
            self._check_weights()
        self.copy = self.state.copy_moving()
        self.copy_at = self.state.step + _STEPS_BETWEEN_COPIES

    def _bound_losses(self) -> None:
        """Note the initial losses: whether any is unknown, and what a loss must not exceed."""
        self.lacks_a_start = bool(np.isnan(self.state.initial_loss).any())
        self.limit = _limit(self.state.initial_loss)

    def _too_large(self, loss: Array) -> Array:
        """Where a loss (R,) is not finite or far above the initial one."""
        result: Array = ~(loss <= self.limit)
        return result

    def record(self) -> Record:
        """Measure what is due at the present step."""
        state, plan = self.state, self.plan
        figures: dict[str, Array] = {}
        with np.errstate(all="ignore"):
            if plan.logs(state.step):
                figures["batch/loss"] = state.batch_loss.copy()
            if plan.evaluates(state.step):
                figures |= self._splits() | self.health()
            self._check_losses([values for name, values in figures.items() if name.endswith("/loss")])
        shown = figures
        if not _is_everywhere(state.running):
            shown = {name: np.where(state.running, values, np.nan) for name, values in figures.items()}
        if plan.watch.monitor in figures:
            spent = state.best.observe(
                plan.watch, shown[plan.watch.monitor], state.theta, state.statistics, state.step, state.running
            )
            state.running = state.running & ~spent
            if plan.observe is not None:
                plan.observe(state.slots, shown[plan.watch.monitor])
                self.copy_at = state.step  # slots have changed outside of an update
        state.recorded = state.step
        return Record(state.step, state.step / self.batches.per_epoch, shown)

    def _splits(self) -> dict[str, Array]:
        figures: dict[str, Array] = {}
        for name in self.plan.evaluate:
            if name in self.parts:
                figures |= self._split(name, self.parts[name])
        return figures

    def _split(self, name: str, part: Part) -> dict[str, Array]:
        outputs, loss = self.evaluator.outputs_and_loss(part.x, part.y)
        assert loss is not None
        outputs, targets = part.in_own_units(outputs), part.in_own_units(part.y)
        metrics = TRAINING_METRICS[self.plan.task].items()
        return {f"{name}/loss": loss} | {f"{name}/{metric}": f(outputs, targets) for metric, f in metrics}

    def _check_losses(self, losses: Sequence[Array]) -> None:
        """Hold the replicas of which a loss after the present step is bad; the very first ones are the initial ones."""
        state = self.state
        if not all(_is_everywhere(loss <= self.limit) for loss in losses):
            bad = np.logical_or.reduce([self._too_large(loss) for loss in losses]) & ~self.held
            state.update_done[bad] = True
            self._take_out(bad, state.step, has_moved=False)
        if losses and self.lacks_a_start:
            unknown = np.isnan(state.initial_loss)
            state.initial_loss[unknown] = np.max(losses, axis=0)[unknown]
            self._bound_losses()


def _unfold(factor: Any) -> float:
    """From the square of a gradient with a factor folded in to that of the gradient; nan where there are several."""
    with np.errstate(over="ignore"):  # of a rate below 1e-154
        return nan if np.ndim(factor) else float(np.square(1 / np.float64(factor)))


def _is_everywhere(mask: Array) -> bool:
    """Whether all are true; `all` takes five times as long for a few replicas."""
    result: bool = np.count_nonzero(mask) == mask.size
    return result


def _limit(initial: Array) -> Array:
    """The largest loss (R,) that counts as sound: finite, and not far above the initial one where that is known."""
    largest = np.finfo(np.float64).max
    return np.where(initial > 0, np.minimum(LARGEST_GROWTH * np.abs(initial), largest), largest)
