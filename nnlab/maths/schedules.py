"""Learning-rate schedules: pure functions of the step, in one table, `SCHEDULES`.

A schedule gives the share of the base rate, in [0, 1], for each step; the base rate is the highest that is reached.
`step` counts updates from 1 to `steps`, the planned number. A plain number in an experiment is the schedule `constant`.

A `final` share would be reached in the step after the last, as in PyTorch with its period set to `steps`. A duration
below 1 is a share of all steps, any other a number of steps. Warm-up rises linearly and reaches the base rate in its
last step; the schedule then continues as if that were its first step.

A schedule may not fit a run: its warm-up may never end or leave it no step to fall in, its drop or its restarts may
never come, and its base rate may lie between two steps. `Schedule.misfits` says so before a run begins, of durations as
they are rounded to whole steps.

`Plateau` is the only schedule that depends on measurements; its state is a few arrays for checkpoints.
"""

from __future__ import annotations

import math
import sys
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from nnlab.maths.parameters import Parameter, by_name

Array = NDArray[Any]


@dataclass(frozen=True)
class Schedule:
    """A learning rate as a function of the step: `share(step, steps, **parameters)` of the base rate.

    With `falls` false the rate stays at the base after the warm-up.
    """

    name: str
    share: Callable[..., float]
    formula: str
    source: str
    parameters: tuple[Parameter, ...] = ()
    falls: bool = True

    def rate(self, base: float, step: int, steps: int, **parameters: float) -> float:
        """The learning rate of a step, in (0, base]; never below the smallest normal number."""
        return max(base * self.share(step, steps, **parameters), min(base, sys.float_info.min))

    def misfits(self, steps: int, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """The parameters that do not fit a run of so many steps, each with what is wrong and what was expected.

        A run without steps has no rate, and everything fits it.
        """
        for parameter, misfit in MISFITS.items():
            found = misfit(self, steps, values) if steps and parameter in values else ""
            if found:
                yield parameter, f"found {parameter}: {values[parameter]:g} in a run of {steps} steps, {found}"

    def telling_steps(self, last: int, steps: int, values: Mapping[str, Any]) -> Array:
        """Steps from 1 to `last` whose rates tell all others, (S,): between neighbours the rate rises or falls alone.

        They are all steps, or of many an even part, and the ones at which the rate turns or jumps.
        """
        if last <= _ALL:
            return np.arange(1, last + 1)
        turns = np.array([*_turns(steps, values)])
        turns = turns[:: -(-len(turns) // _ALL)]
        beside = [turns + offset for offset in (-1, 0, 1)]
        found = np.unique(np.concatenate([np.linspace(1, last, _ALL // 2).astype(int), *beside]))
        return found[(found >= 1) & (found <= last)]


_ALL = 10_000  # steps, or turns of a rate, up to which all are looked at


def _turns(steps: int, values: Mapping[str, Any]) -> Iterator[int]:
    """The steps at which a rate no longer rises or falls as before: where the warm-up ends, at drops and restarts."""
    first = max(1, _count(values.get("warmup", 0), steps))
    yield first
    if "every" in values:
        yield from range(first, steps + 1, max(1, _count(values["every"], steps)))
    if "cycles" in values:
        yield from (first + begin for begin in _cycles(max(1, steps - first + 1), values["cycles"], values["growth"]))
    if "rise" in values:
        yield _before_peak(steps, values["rise"]) + 1


def constant(step: int, steps: int, *, warmup: float) -> float:
    """The base rate in every step after the warm-up."""
    return _warmed(step, steps, warmup, lambda _t, _period: 1.0)


def linear(step: int, steps: int, *, warmup: float, final: float) -> float:
    """A straight line from the base rate to its final share: 1 - (1 - final) t / T."""
    return _warmed(step, steps, warmup, lambda t, period: 1 - (1 - final) * t / period)


def exponential(step: int, steps: int, *, warmup: float, final: float) -> float:
    """The same factor in every step, down to the final share: final^(t / T)."""
    return _warmed(step, steps, warmup, lambda t, period: float(final ** (t / period)))


def step_down(step: int, steps: int, *, warmup: float, factor: float, every: float) -> float:
    """A drop by `factor` every `every` steps: factor^⌊t / every⌋."""
    length = max(1, _count(every, steps))
    return _warmed(step, steps, warmup, lambda t, _period: float(factor ** (t // length)))


def cosine(step: int, steps: int, *, warmup: float, cycles: float, growth: float, final: float) -> float:
    """Half a cosine from the base rate to its final share, or several, each restarting at the base rate.

    final + (1 - final) (1 + cos(π T_cur / T_i)) / 2, equation 5 of the paper: T_cur counts the steps since the last
    restart, from 0, so that a restart is at the base rate exactly, and T_i is the length of the present cycle, each
    `growth` times as long as the one before. T_i is a whole number of steps: of 30 steps in 4 cycles of 7.5 each,
    8, 7, 8 and 7. A cycle's last step has T_cur = T_i - 1; the final share would come one step later, where the next
    cycle begins. A fraction of a cycle at the end breaks off.
    """

    def after(t: int, period: int) -> float:
        begins = _cycles(period, cycles, growth)
        cycle = bisect_right(begins, t) - 1
        return _half_cosine(1.0, final, (t - begins[cycle]) / (begins[cycle + 1] - begins[cycle]))

    return _warmed(step, steps, warmup, after)


@lru_cache(maxsize=16)
def _cycles(period: int, cycles: float, growth: float) -> tuple[int, ...]:
    """The steps at which the cycles of a cosine begin, counted from 0, and one at or behind the end of the last."""
    first = _first_cycle(period, cycles, growth)
    before = [i if growth == 1 else (growth**i - 1) / (growth - 1) for i in range(math.ceil(cycles) + 1)]
    return tuple(math.floor(first * share + 0.5) for share in before)


def _first_cycle(period: int, cycles: float, growth: float) -> float:
    """The length of the first cycle in steps: T / (1 + g + … + g^(cycles - 1)) = T (g - 1) / (g^cycles - 1)."""
    if growth == 1:
        return period / cycles
    return period * (growth - 1) / math.expm1(min(cycles * math.log(growth), 700.0))  # e^700 is as good as infinite


def inverse_sqrt(step: int, steps: int, *, warmup: float) -> float:
    """After a warm-up of w steps, √(w / step)."""
    peak = max(1, _count(warmup, steps))
    return min(step / peak, math.sqrt(peak / step))


def one_cycle(step: int, steps: int, *, rise: float, start: float, final: float) -> float:
    """Half a cosine up from a start share to the base rate, and a longer one down to a final share, at the last step.

    As PyTorch's two-phase form, whose peak is `rise` · steps - 1 steps after the first; momentum does not change.
    """
    t, last = step - 1, steps - 1
    peak = max(rise * steps - 1, 0.0)
    if t < peak:
        return _half_cosine(start, 1.0, t / peak)
    return _half_cosine(1.0, final, (t - peak) / (last - peak)) if last else 1.0


def _half_cosine(begin: float, end: float, p: float) -> float:
    """From `begin` at p = 0 to `end` at p = 1; (1 + cos πp) / 2 written as cos²(πp / 2), which is exact near 1."""
    return end + (begin - end) * math.cos(math.pi * p / 2) ** 2


def _warmed(step: int, steps: int, warmup: float, after: Callable[[int, int], float]) -> float:
    """Step / w up to the last step w of the warm-up, then `after(t, T)` with t = step - w and T = steps - w + 1."""
    peak = max(1, _count(warmup, steps))
    return step / peak if step < peak else after(step - peak, steps - peak + 1)


def _count(length: float, steps: int) -> int:
    """A duration as a number of steps; below 1 it is a share of `steps`."""
    return round(length if length >= 1 else length * steps)


# --- what does not fit a run ------------------------------------------------------------------------------------------


def _warmup_misfit(schedule: Schedule, steps: int, values: Mapping[str, Any]) -> str:
    """A warm-up must reach the base rate in the run, and leave a step in which the rate can fall."""
    warmup, most = _count(values["warmup"], steps), max(1, steps - schedule.falls)
    if warmup <= most:
        return ""
    found = "so that it never ends" if warmup > steps else "so that the rate never falls after it"
    return f"{found}; expected at most {most}, or a share of the run such as 0.1"


def _every_misfit(_schedule: Schedule, steps: int, values: Mapping[str, Any]) -> str:
    """The first drop comes `every` steps after the first at the base rate; a share of a single step never does."""
    most, every = steps - _peak(steps, values), values["every"]
    if max(1, _count(every, steps)) <= most or (steps == 1 and every < 1):
        return ""
    share = min(0.3, math.floor(100 * most / steps) / 100) if most else 0.3
    expected = [f"at most {most}"] * (most > 0) + [f"a share of the run such as {share:g}"] * (share > 0)
    after = " after the warm-up" if values["warmup"] else ""
    return f"so that the rate never drops{after}; expected {', or '.join(expected)}"


def _rise_misfit(_schedule: Schedule, steps: int, values: Mapping[str, Any]) -> str:
    """In a few steps the peak may lie so far from each of them that the base rate is not nearly reached."""
    highest = _highest(steps, values)
    if highest >= _REACHED:
        return ""
    least = next(more for more in count(steps + 1) if _reaches_from(more, values))
    return f"so that no rate is above {100 * highest:.2g} % of the base; expected {least} steps or more"


def _reaches_from(steps: int, values: Mapping[str, Any]) -> bool:
    """Whether the base is nearly reached in so many steps and in more: the peak wanders between two steps."""
    return all(_highest(more, values) >= _REACHED for more in range(steps, steps + 20))


_REACHED = 0.9  # share of the base rate that an update must have for the base to count as reached


def _highest(steps: int, values: Mapping[str, Any]) -> float:
    """The largest share of the base rate in one cycle: at one of the two steps beside its peak."""
    before = _before_peak(steps, values["rise"])
    return max(one_cycle(min(t, steps - 1) + 1, steps, **values) for t in (before, before + 1))


def _before_peak(steps: int, rise: float) -> int:
    """The last step, counted from 0, that is not behind the peak of one cycle."""
    return math.floor(max(rise * steps - 1, 0.0))


def _cycles_misfit(_schedule: Schedule, steps: int, values: Mapping[str, Any]) -> str:
    """A cycle of a single step is at the base rate alone, and never falls."""
    period = steps - _peak(steps, values) + 1
    shortest = _first_cycle(period, values["cycles"], values["growth"])
    if values["cycles"] == 1 or shortest >= 2:
        return ""
    at_most = f"at most {period // 2}" if values["growth"] == 1 and period >= 4 else "fewer"
    return f"so that one has {shortest:.2g} steps; expected cycles of 2 steps or more: {at_most}"


def _peak(steps: int, values: Mapping[str, Any]) -> int:
    """The first step at the base rate; as without a warm-up if that does not fit."""
    peak = max(1, _count(values["warmup"], steps))
    return peak if peak < steps else 1


MISFITS: dict[str, Callable[[Schedule, int, Mapping[str, Any]], str]] = {
    "warmup": _warmup_misfit,
    "every": _every_misfit,
    "rise": _rise_misfit,
    "cycles": _cycles_misfit,
}


# --- the table --------------------------------------------------------------------------------------------------------


def _warmup(default: float = 0.0) -> Parameter:
    return Parameter("warmup", default, "rising steps at the start: a count, or below 1 a share of all steps", low=0)


def _final(default: float, *excluded: float) -> Parameter:
    return Parameter("final", default, "share of the base rate at the end", low=0, high=1, open_=excluded)


SCHEDULES: dict[str, Schedule] = by_name(
    Schedule("constant", constant, "base", "Robbins, Monro 1951", (_warmup(),), falls=False),
    Schedule(
        "linear", linear, "base · (1 - (1 - final) t / T)", "Devlin et al. 2019, NAACL (BERT)",
        (_warmup(), _final(0.0)),
    ),
    Schedule(
        "exponential", exponential, "base · final^(t / T)", "torch.optim.lr_scheduler.ExponentialLR",
        (_warmup(), _final(0.01, 0)),
    ),
    Schedule(
        "step", step_down, "base · factor^⌊t / every⌋", "He et al. 2016, CVPR; torch.optim.lr_scheduler.StepLR",
        (
            _warmup(),
            Parameter("factor", 0.1, "what the rate is multiplied by at a drop", low=0, high=1, open_=(0,)),
            Parameter("every", 0.3, "steps between drops: a count, or below 1 a share of all", low=0, open_=(0,)),
        ),
    ),
    Schedule(
        "cosine", cosine, "base · (final + (1 - final) (1 + cos(π T_cur / T_i)) / 2)",
        "Loshchilov, Hutter 2017, ICLR (SGDR)",
        (
            _warmup(),
            Parameter("cycles", 1.0, "how often it falls, each time from the base rate", low=1),
            Parameter("growth", 1.0, "how many times as long as the one before a cycle is", low=1, high=100),
            _final(0.0),
        ),
    ),
    Schedule(
        "inverse_sqrt", inverse_sqrt, "base · min(step / warmup, √(warmup / step))",
        "Vaswani et al. 2017, NeurIPS: 4000 of 100 000 steps", (_warmup(0.04),),
    ),
    Schedule(
        "one_cycle", one_cycle, "up half a cosine to base, down another to final · base",
        "Smith, Topin 2018, arXiv:1708.07120; torch.optim.lr_scheduler.OneCycleLR",
        (
            Parameter("rise", 0.3, "share of the steps that rise", low=0, high=1, open_=(0, 1)),
            Parameter("start", 0.04, "share of the base rate at the first step", low=0, high=1, open_=(0,)),
            _final(4e-6, 0),
        ),
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Plateau:
    """Lowers a replica's rate by `factor` after `patience` observations in a row without improvement.

    `observe(values, state)` takes the monitored figure, (R,), changes `state` in place and returns the factor of the
    learning rate, (R,), in [min_scale, 1]. A value improves on the best so far if it is better by more than
    `min_delta`, or where `relative` by more than that share of the best's size; nan never does. After a drop,
    `cooldown` observations are not waited for: a better one among them is still the best. Early stopping counts in the
    same way; PyTorch's patience is one less, and its relative threshold has the wrong sign where the best is below 0.
    """

    factor: float = 0.1
    patience: float = 10
    min_delta: float = 0.0
    relative: bool = False
    cooldown: int = 0
    min_scale: float = 1e-4
    larger_is_better: bool = False

    name: ClassVar[str] = "plateau"
    formula: ClassVar[str] = "scale ← max(factor · scale, min_scale) after `patience` observations without improvement"
    source: ClassVar[str] = "torch.optim.lr_scheduler.ReduceLROnPlateau"
    parameters: ClassVar[tuple[Parameter, ...]] = (
        Parameter("factor", 0.1, "what the rate is multiplied by", low=0, high=1, open_=(0, 1)),
        Parameter("patience", 10, "observations without improvement that lower the rate", low=1),
        Parameter("min_delta", 0.0, "by how much a value must be better to be an improvement", low=0),
        Parameter("relative", default=False, description="whether min_delta is a share of the best value so far"),
        Parameter("cooldown", 0, "observations after a drop that are not waited for", low=0, whole=True),
        Parameter("min_scale", 1e-4, "share of the rate that is kept in any case", low=0, high=1, open_=(0,)),
    )

    def misfits(self, _steps: int, _values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """None: it may well be that the rate of a run is never lowered."""
        return iter(())

    def start(self, replicas: int) -> dict[str, Array]:
        """The state before the first observation: arrays (R,) for checkpoints."""
        counts, worst = np.zeros(replicas, np.int64), -np.inf if self.larger_is_better else np.inf
        best = np.full(replicas, worst)
        return {"best": best, "waited": counts, "cooldown": counts.copy(), "scale": np.ones(replicas)}

    def observe(self, values: Array, state: Mapping[str, Array]) -> Array:
        """Record each replica's figure; returns the factors of their rates."""
        best, waited, cooldown, scale = state["best"], state["waited"], state["cooldown"], state["scale"]
        margin = self._margin(best)
        # No subtraction: a loss may be infinite, as is the best value before the first observation.
        improved = values > best + margin if self.larger_is_better else values < best - margin
        best[improved] = values[improved]
        waited += 1
        waited[improved | (cooldown > 0)] = 0
        cooldown -= cooldown > 0
        spent = waited >= self.patience
        scale[spent] = np.maximum(scale[spent] * self.factor, self.min_scale)
        waited[spent], cooldown[spent] = 0, self.cooldown
        return scale.copy()

    def _margin(self, best: Array) -> Any:
        """By how much a value must be better than the best, (R,) where that is relative; nothing is infinite."""
        return self.min_delta * np.where(np.isfinite(best), np.abs(best), 0.0) if self.relative else self.min_delta


# The durations through which alone the length of a training enters a schedule; the others have a period.
_DURATIONS = {"constant": ("warmup",), "step": ("warmup", "every"), "inverse_sqrt": ("warmup",)}


def is_the_same(name: str, steps: int, others: int, parameters: Mapping[str, float]) -> bool:
    """Whether a schedule has the same rates in trainings of two lengths, as far as its durations alone say so."""
    durations = [parameters[duration] for duration in _DURATIONS.get(name, ())]
    return bool(durations) and all(_count(one, steps) == _count(one, others) for one in durations)
