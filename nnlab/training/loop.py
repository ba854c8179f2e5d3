"""The training loop: a generator that updates theta and yields what it measured; whoever iterates writes and draws."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.maths.metrics import TRAINING_METRICS, Task
from nnlab.networks.layers import Moment
from nnlab.networks.network import Evaluator, Network, Pass
from nnlab.training.batches import Batches
from nnlab.training.stopping import Best, Watch

Array = NDArray[Any]
Update = Callable[[Array, Array, Mapping[str, Array], int], None]


@dataclass(frozen=True)
class Part:
    """Rows of one split for every replica: x (R or 1, N, inputs), y (R or 1, N, outputs).

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

    `observe(slots, values)` is told the watched figure, (R,), at each evaluation: a schedule may depend on it.
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
    observe: Callable[[Mapping[str, Array], Array], None] | None = None

    def logs(self, step: int) -> bool:
        """Whether the batch's loss is measured in this step, before its update; the first step is number 1."""
        return step > 0 and (step % self.log_every == 0 or step in self.steps_to_measure)

    def evaluates(self, step: int) -> bool:
        """Whether whole splits are measured at this step; the first and the last always are."""
        return step % self.evaluate_every == 0 or step == self.steps or step in self.steps_to_measure

    def next_due(self, step: int) -> int:
        """The next step after `step` at which there is something to measure or to save."""
        every = [self.log_every, self.evaluate_every, *([self.checkpoint_every] if self.checkpoint_every else [])]
        marks = [(step // n + 1) * n for n in every] + [s for s in self.steps_to_measure if s > step]
        return min([self.steps, *marks])


@dataclass
class State:
    """All that changes in training: what a checkpoint must hold."""

    theta: Array
    statistics: Array
    slots: dict[str, Array]
    step: int
    best: Best
    running: Array
    diverged: Array
    recorded: int = -1  # the last step that was measured: going on from a pause does not measure it again

    @classmethod
    def start(cls, theta: Array, slots: dict[str, Array], statistics: Array | None = None) -> State:
        """The state before the first step; `statistics` are those that normalising layers keep, (R, Q)."""
        replicas = len(theta)
        kept = np.empty((replicas, 0), theta.dtype) if statistics is None else statistics
        best = Best.start(theta, kept)
        return cls(theta, kept, slots, 0, best, np.ones(replicas, bool), np.zeros(replicas, bool))


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
) -> Iterator[Record]:
    """Train from `state` to the end of `plan`, or until `stop()` says so, yielding a record wherever something is due.

    Between two records `state` is consistent: it may be saved, and a later `fit` on it goes on as if there had been no
    pause. `update(theta, gradient, slots, step)` changes theta in place; steps are counted from 1 there.
    """
    trainer = _Trainer(network, parts, seeds, update, plan, state)
    while True:
        if state.recorded < state.step:
            yield trainer.record()
        if state.step >= plan.steps or not state.running.any():
            return
        trainer.advance(plan.next_due(state.step), stop)
        if stop():
            return


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
        train = parts["train"]
        self.batches = Batches(train.x, train.y, seeds, plan.batch_size, shuffle=plan.shuffle)
        self.gradient = np.zeros_like(state.theta)
        self.moment = Moment(tuple(seeds))
        self.passes = {
            size: Pass(network, state.theta, self.gradient, size, state.statistics, self.moment)
            for size in sorted(self.batches.sizes())
        }
        self.evaluator = Evaluator(network, state.theta, state.statistics)
        self.before_update = [*_clipping(plan, self.gradient)]
        self.after_update = [partial(_bound, weights, limit) for weights, limit in _bounded(network, state.theta)]
        self.batch_loss: Array | None = None  # of the last step, once there was one

    def advance(self, until: int, stop: Callable[[], bool] = never) -> None:
        """Update theta until `until` steps are done, or until `stop()`."""
        state, batches, passes, update = self.state, self.batches, self.passes, self.update
        theta, gradient, slots, moment = state.theta, self.gradient, state.slots, self.moment
        before_update, after_update = self.before_update, self.after_update
        # A replica that runs away fills with inf and nan; that is measured and reported, not warned about.
        with np.errstate(all="ignore"):
            for step in range(state.step, until):
                x, y = batches.at(step)
                tied = passes[x.shape[1]]
                moment.step = step
                tied.forward(x)
                if step + 1 == until:
                    self.batch_loss = tied.loss(y).astype(np.float64)
                tied.backward(y)
                for restrain in before_update:
                    restrain()
                update(theta, gradient, slots, step + 1)
                for restrain in after_update:
                    restrain()
                state.step = step + 1
                if stop():
                    return

    def record(self) -> Record:
        """Measure what is due at the present step."""
        state, plan = self.state, self.plan
        figures: dict[str, Array] = {}
        with np.errstate(all="ignore"):
            if plan.logs(state.step) and self.batch_loss is not None:
                figures["batch/loss"] = self.batch_loss
            if plan.evaluates(state.step):
                figures |= self._splits()
        self._mark_diverged(figures)
        shown = {name: np.where(state.running, values, np.nan) for name, values in figures.items()}
        if plan.watch.monitor in figures:
            spent = state.best.observe(
                plan.watch, shown[plan.watch.monitor], state.theta, state.statistics, state.step, state.running
            )
            state.running = state.running & ~spent
            if plan.observe is not None:
                plan.observe(state.slots, shown[plan.watch.monitor])
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

    def _mark_diverged(self, figures: Mapping[str, Array]) -> None:
        """A replica whose loss is no longer finite has diverged; it stops, and the others go on."""
        for name, values in figures.items():
            if name.endswith("/loss"):
                self.state.diverged |= self.state.running & ~np.isfinite(values)
        self.state.running = self.state.running & ~self.state.diverged


def _clipping(plan: Plan, gradient: Array) -> Iterator[Callable[[], None]]:
    """What the plan does to a gradient before an update."""
    if plan.clip_value is not None:
        yield partial(np.clip, gradient, -plan.clip_value, plan.clip_value, out=gradient)
    if plan.clip_norm is not None:
        yield partial(_clip_norm, gradient, plan.clip_norm)


def _clip_norm(gradient: Array, limit: float) -> None:
    """Scale each replica's gradient so that its norm is at most `limit` (Pascanu, Mikolov, Bengio 2013, ICML)."""
    norm = np.sqrt((gradient * gradient).sum(axis=-1, keepdims=True))
    gradient *= np.minimum(1, limit / np.maximum(norm, np.finfo(gradient.dtype).tiny))


def _bounded(network: Network, theta: Array) -> Iterator[tuple[Array, float]]:
    """The weights whose units have a largest norm, as views of theta, with that norm."""
    views = network.layout.views(theta)
    for stretch in network.bounded:
        assert stretch.penalties is not None
        yield views[stretch.name], stretch.penalties.max_norm


def _bound(weights: Array, limit: float) -> None:
    """Scale each unit's incoming weights so that their norm is at most `limit` (Srivastava et al. 2014)."""
    norm = np.sqrt(np.ones((1, weights.shape[1]), weights.dtype) @ (weights * weights))
    weights *= np.minimum(1, limit / np.maximum(norm, np.finfo(weights.dtype).tiny))
