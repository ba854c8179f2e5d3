"""From the optimizer of an experiment to the update that the training loop calls, with its schedule and slots."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.config.choices import OptimizerChoice
from nnlab.config.schema import Experiment
from nnlab.maths.optimizers import Optimizer
from nnlab.maths.schedules import Plateau
from nnlab.networks.layout import Layout
from nnlab.setup.network import dtype_of
from nnlab.training.plan import Update
from nnlab.training.state import State

Array = NDArray[Any]


@dataclass(frozen=True)
class BoundOptimizer:
    """An optimizer with its parameters and schedule; `decayed`, (P,), is 1 where decoupled weight decay acts.

    With `rates`, the replicas form that many blocks of equal length, each with its own learning rate.
    """

    entry: Optimizer
    choice: OptimizerChoice
    decayed: Any
    steps: int
    plateau: Plateau | None = None
    rates: tuple[float, ...] = ()

    def start(self, theta: Any) -> dict[str, Any]:
        """Fresh slots; those of a plateau are (R,), all others (R, P)."""
        slots = self.entry.start(theta, self.choice.values)
        state = self.plateau.start(len(theta)) if self.plateau else {}
        return slots | {f"{_PLATEAU}{name}": values for name, values in state.items()}

    @cached_property
    def update(self) -> Update:
        """The in-place update that the training loop calls."""
        updates = [self._update_from(base) for base in self.rates or (self._base,)]
        return updates[0] if len(updates) == 1 else partial(_update_blocks, updates)

    def _update_from(self, base: float) -> Update:
        others = {key: value for key, value in self.choice.values.items() if key != "learning_rate"}
        if self.entry.decays:
            others["decay_mask"] = self.decayed
        if self.choice.schedule is None:  # saves two calls in every step
            return partial(self.entry.update, rate=base, **others)
        return partial(_update, self.entry.update, self.rate_from(base), others)

    @property
    def _base(self) -> float:
        return float(self.choice.values["learning_rate"])

    @cached_property
    def rate(self) -> Callable[[Any, Any, int], Any]:
        """The learning rate as a function of theta, slots and step, counted from 1."""
        return self.rate_from(self._base)

    def rate_from(self, base: float) -> Callable[[Any, Any, int], Any]:
        """The learning rate that the schedule gives for another base rate."""
        schedule = self.choice.schedule
        if schedule is None:
            return lambda _theta, _slots, _step: base
        if self.plateau is not None:
            return lambda theta, slots, _step: (base * slots[f"{_PLATEAU}scale"][:, None]).astype(theta.dtype)
        entry, steps = schedule.entry, self.steps
        values: dict[str, Any] = schedule.values
        assert not isinstance(entry, Plateau)
        return lambda _theta, _slots, step: entry.rate(base, step, steps, **values)

    def rates_at(self, state: State) -> Array | None:
        """The learning rate of each replica in the last update that was done, (R,) float64; None before the first.

        It is to be read before a plateau schedule observes the step's figures, for these change the next update.
        """
        if not state.step:
            return None
        rates = np.empty(len(state.theta))
        rates.reshape(len(self._rates), -1)[...] = [[rate(state.step)] for rate in self._rates]
        return rates if self.plateau is None else rates * state.slots[f"{_PLATEAU}scale"]

    @cached_property
    def _rates(self) -> list[Callable[[int], float]]:
        """The learning rate of each block of replicas as a function of the step, where no plateau lowers it."""
        bases, schedule = self.rates or (self._base,), self.choice.schedule
        if schedule is None or isinstance(schedule.entry, Plateau):
            return [lambda _step, base=base: base for base in bases]  # type: ignore[misc]
        rate, steps, values = schedule.entry.rate, self.steps, dict[str, Any](schedule.values)
        return [lambda step, base=base: rate(base, step, steps, **values) for base in bases]  # type: ignore[misc]

    def planned_rates(self, last: int) -> tuple[Array, Array]:
        """Steps from 1 to `last` and the first replica's learning rate at each, both (S,), for a picture of the curve.

        Of a plateau schedule, whose rates nobody knows before, and without a schedule it is the first step alone.
        """
        schedule, steps = self.choice.schedule, np.arange(1, min(1, last) + 1)
        if schedule is not None and not isinstance(schedule.entry, Plateau):
            steps = schedule.entry.telling_steps(last, self.steps, schedule.values)
        return steps, np.array([self._rates[0](step) for step in steps.tolist()])

    def observe(self, slots: Mapping[str, Any], values: Any) -> None:
        """Pass the monitored figure of an evaluation, (R,), to a plateau schedule."""
        if self.plateau is not None:
            state = {name.removeprefix(_PLATEAU): array for name, array in slots.items() if name.startswith(_PLATEAU)}
            self.plateau.observe(values, state)


_PLATEAU = "plateau/"


def _update(
    update: Any, rate: Any, others: dict[str, Any], theta: Any, gradient: Any, slots: Any, step: int, **more: Any
) -> None:
    update(theta, gradient, slots, step, rate(theta, slots, step), **others, **more)


def _update_blocks(
    updates: Sequence[Update], theta: Any, gradient: Any, slots: Mapping[str, Any], step: int, **more: Any
) -> None:
    """Update each block of replicas with its own learning rate.

    One call with a column of rates would give other bits: with a Python number an update combines constants in float64
    and rounds once, with a float32 array it rounds at every operation.
    """
    length = len(theta) // len(updates)
    for first, update in zip(range(0, len(theta), length), updates, strict=True):
        rows = slice(first, first + length)
        own = {name: partial(_of_block, objective, first) for name, objective in more.items()}
        update(theta[rows], gradient[rows], {name: slot[rows] for name, slot in slots.items()}, step, **own)


def _of_block(objective: Any, first: int, theta: Any, replica: int) -> Any:
    return objective(theta, first + replica)


def optimizer_for(
    experiment: Experiment, layout: Layout, steps: int, *, larger_is_better: bool = False
) -> BoundOptimizer:
    """The experiment's optimizer for a network with this layout and a training of so many steps.

    `larger_is_better` is about the monitored figure, which a plateau schedule follows.
    """
    choice, plateau = experiment.optimizer, None
    if choice.schedule is not None and choice.schedule.name == Plateau.name:
        values: dict[str, Any] = choice.schedule.values
        plateau = Plateau(**values, larger_is_better=larger_is_better)
    decayed = layout.decayed(dtype_of(experiment))
    return BoundOptimizer(choice.entry, choice, decayed, steps, plateau)
