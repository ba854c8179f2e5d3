"""How long to train and when to measure, and what a measurement holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from nnlab.maths.metrics import Task
from nnlab.training.epochs import Epoch
from nnlab.training.stopping import Watch

Array = NDArray[Any]
Update = Callable[..., None]  # update(theta, gradient, slots, step), in place
Timer = Callable[[], AbstractContextManager[object]]
Observe = Callable[[Mapping[str, Array], Array], None]


def never() -> bool:
    """Nobody asks to stop."""
    return False


@dataclass(frozen=True)
class Plan:
    """How long to train and when to measure; all counts are steps. `steps_to_measure` are measured whatever else.

    `epoch` says how the training rows are cut into batches.
    At `steps_to_mark` and every `checkpoint_every` there is a record for the caller's ends, perhaps without figures.
    `observe(slots, values)` gets the watched figure, (R,), of each evaluation: a schedule may depend on it. Where
    `needs_objective`, the update also gets `objective`, an `Objective` on the training part. With `health`, units are
    looked at wherever whole splits are measured; with `running_loss` the loss of every batch is, for their mean.
    """

    task: Task
    steps: int
    epoch: Epoch
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
    observe: Observe | None = None
    needs_objective: bool = False
    health: bool = False
    running_loss: bool = False

    @property
    def batch_size(self) -> int:
        """The rows of a batch; the last one of an epoch may have others."""
        return self.epoch.size

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
    before its update, `batch/running_loss` the mean of those since the last log; whole splits are measured after it.
    Step 0 is the network as it starts.
    """

    step: int
    epoch: float
    figures: dict[str, Array] = field(default_factory=dict)
