"""How long to train and when to measure, and what a measurement holds."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from numpy.typing import NDArray

from nnlab.maths.metrics import ReportedFigure, Task
from nnlab.training.epochs import Epoch
from nnlab.training.state import State
from nnlab.training.stopping import Watch

Array = NDArray[Any]
Update = Callable[..., None]  # update(theta, gradient, slots, step), in place
Timer = Callable[[], AbstractContextManager[object]]
Observe = Callable[[Mapping[str, Array], Array], None]
Reading = Callable[[State], Array | None]  # a figure of each replica, (R,), or None where there is none yet


def never() -> bool:
    """Nobody asks to stop."""
    return False


@dataclass(frozen=True)
class Plan:
    """How long to train and when to measure; all counts are steps. `steps_to_measure` are measured whatever else.

    `epoch` says how the training rows are cut into batches.
    At `steps_to_mark`, every `mark_every` and every `checkpoint_every` there is a record for the caller's ends, perhaps
    without figures.
    `observe(slots, values)` gets the watched figure, (R,), of each evaluation on the schedule, that is every
    `evaluate_every`: a learning rate may depend on it. Where `needs_objective`, the update also gets `objective`, an
    `Objective` on the training part. With `health`, units are looked at wherever whole splits are measured; with
    `running_loss` the loss of every batch is, for their mean. Of whole splits there are loss and quick figures, and the
    `reported` ones that were asked for. `readings` are figures that are read from the state wherever something is
    measured.
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
    mark_every: int | None = None
    observe: Observe | None = None
    needs_objective: bool = False
    health: bool = False
    running_loss: bool = False
    reported: tuple[ReportedFigure, ...] = ()
    readings: Mapping[str, Reading] = field(default_factory=dict)

    @property
    def batch_size(self) -> int:
        """The rows of a batch; the last one of an epoch may have others."""
        return self.epoch.size

    def logs(self, step: int) -> bool:
        """Whether the batch's loss is measured in this step, before its update; the first step is number 1."""
        return step > 0 and (step % self.log_every == 0 or step in self.steps_to_measure)

    def evaluates(self, step: int) -> bool:
        """Whether whole splits are measured at this step; the first and the last always are."""
        return self.watches(step) or step == self.steps or step in self.steps_to_measure

    def watches(self, step: int) -> bool:
        """Whether patience, best weights and learning rates take part in the evaluation at this step.

        Only on the schedule: what is measured for a gate or a check, or as the training ends, must change no training.
        """
        return step % self.evaluate_every == 0

    def note(self, state: State, values: Array) -> None:
        """Take note of the watched figure, (R,), at the present step."""
        if self.watches(state.step):
            state.note_watched(self.watch, values)
            if self.observe is not None:
                self.observe(state.slots, values)
        elif state.step == self.steps:
            state.note_end(self.watch, values)

    def watched_first(self, figures: Mapping[str, float]) -> dict[str, float]:
        """Figures for a line of progress, which may lack room for all: the one that patience watches is first."""
        first = [self.watch.monitor] if self.watch.patience is not None else []
        return {name: figures[name] for name in dict.fromkeys([*first, *figures]) if name in figures}

    def read(self, state: State) -> dict[str, Array]:
        """The readings at the present step, each (R,)."""
        found = ((name, reading(state)) for name, reading in self.readings.items())
        return {name: values for name, values in found if values is not None}

    def next_due(self, step: int) -> int:
        """The next step after `step` at which there is something to measure, to mark or to save."""
        regular = [(step // every + 1) * every for every in (self.checkpoint_every, self.mark_every) if every]
        return min([self.next_measured(step), *regular, *_following(self._marked, step)])

    def next_measured(self, step: int) -> int:
        """The next step after `step` at which there is something to measure."""
        marks = [(step // every + 1) * every for every in (self.log_every, self.evaluate_every)]
        return min([self.steps, *marks, *_following(self._measured, step)])

    @cached_property
    def _measured(self) -> list[int]:
        return sorted(self.steps_to_measure)

    @cached_property
    def _marked(self) -> list[int]:
        return sorted(self.steps_to_mark)


def _following(steps: list[int], step: int) -> list[int]:
    """The first of some sorted steps that is beyond `step`, if there is one."""
    return steps[bisect_right(steps, step) :][:1]


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
