"""The training loop: a generator that updates theta and yields what it measured; whoever iterates writes and draws."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.maths.metrics import TRAINING_METRICS, Task
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
    """How long to train and when to measure; all counts are steps. `steps_to_measure` are measured whatever else."""

    task: Task
    steps: int
    batch_size: int
    shuffle: bool
    log_every: int
    evaluate_every: int
    watch: Watch
    evaluate: tuple[str, ...] = ("train", "val")
    checkpoint_every: int | None = None
    steps_to_measure: frozenset[int] = frozenset()

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
    slots: dict[str, Array]
    step: int
    best: Best
    running: Array
    diverged: Array

    @classmethod
    def start(cls, theta: Array, slots: dict[str, Array]) -> State:
        """The state before the first step."""
        replicas = len(theta)
        return cls(theta, slots, 0, Best.start(theta), np.ones(replicas, bool), np.zeros(replicas, bool))


@dataclass(frozen=True)
class Record:
    """What was measured at a step: each figure (R,), nan where a replica had stopped. Empty at a mere checkpoint.

    Steps count from 1, so that `step` is also the number of updates done. `batch/loss` is the loss of this step's batch
    before its update; whole splits are measured after it. Step 0 is the network as it starts.
    """

    step: int
    epoch: float
    figures: dict[str, Array] = field(default_factory=dict)


def fit(
    network: Network, parts: Mapping[str, Part], seeds: Sequence[int], update: Update, plan: Plan, state: State
) -> Iterator[Record]:
    """Train from `state` to the end of `plan`, yielding a record wherever something is due.

    Between two records `state` is consistent: it may be saved, and a later `fit` on it goes on as if there had been no
    pause. `update(theta, gradient, slots, step)` changes theta in place; steps are counted from 1 there.
    """
    trainer = _Trainer(network, parts, seeds, update, plan, state)
    while True:
        yield trainer.record()
        if state.step >= plan.steps or not state.running.any():
            return
        trainer.advance(plan.next_due(state.step))


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
        self.passes = {size: Pass(network, state.theta, self.gradient, size) for size in sorted(self.batches.sizes())}
        self.evaluator = Evaluator(network, state.theta)
        self.batch_loss = np.full(len(state.theta), np.nan)  # of the last step, once there was one

    def advance(self, until: int) -> None:
        """Update theta until `until` steps are done."""
        state, batches, passes, update = self.state, self.batches, self.passes, self.update
        theta, gradient, slots = state.theta, self.gradient, state.slots
        # A replica that runs away fills with inf and nan; that is measured and reported, not warned about.
        with np.errstate(all="ignore"):
            for step in range(state.step, until):
                x, y = batches.at(step)
                tied = passes[x.shape[1]]
                tied.forward(x)
                if step + 1 == until:
                    self.batch_loss = tied.loss(y).astype(np.float64)
                tied.backward(y)
                update(theta, gradient, slots, step + 1)
        state.step = until

    def record(self) -> Record:
        """Measure what is due at the present step."""
        state, plan = self.state, self.plan
        figures: dict[str, Array] = {}
        with np.errstate(all="ignore"):
            if plan.logs(state.step):
                figures["batch/loss"] = self.batch_loss
            if plan.evaluates(state.step):
                figures |= self._splits()
        self._mark_diverged(figures)
        shown = {name: np.where(state.running, values, np.nan) for name, values in figures.items()}
        if plan.watch.monitor in figures:
            spent = state.best.observe(plan.watch, shown[plan.watch.monitor], state.theta, state.step, state.running)
            state.running = state.running & ~spent
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
