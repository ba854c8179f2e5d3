"""Statistics over seeds: what a handful of runs says about all the runs that could have been made.

Runs that diverged have no figure. They must be left out by whoever knows of them, and reported as a share of their
own: a nan that reaches this module is refused, unless a docstring says what it means there.
"""

from __future__ import annotations

import math
import statistics as exact  # Python's own: rational arithmetic, so that equal values have a spread of exactly 0
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Interval:
    """An estimate and the bounds that hold the true value with some confidence; no bounds where they are unknown."""

    estimate: float
    low: float | None
    high: float | None


def mean_interval(values: ArrayLike, confidence: float = 0.95) -> Interval:
    """The mean of values (n,) with its Student t interval, mean ± t s/√n with n - 1 degrees of freedom.

    The bounds are None for a single value, whose spread is unknown. Raises ValueError for no value, for a value that
    is not finite, for a confidence outside (0, 1). Source: Student 1908.
    """
    _check_confidence(confidence)
    sample = _finite_sample(values)
    mean, count = exact.mean(sample), len(sample)
    if count == 1:
        return Interval(mean, None, None)
    t = float(special.stdtrit(count - 1, (1 + confidence) / 2))
    half = t * exact.stdev(sample) / math.sqrt(count)
    return Interval(mean, mean - half, mean + half)


def paired_difference(a: ArrayLike, b: ArrayLike, confidence: float = 0.95) -> Interval:
    """The mean of a - b with its Student t interval, where a[i] and b[i] come from the same seed.

    Pairing takes out what the seed does to both, so that a small difference shows with few seeds. Only seeds that both
    have may be given. Raises ValueError for lengths that differ, and as `mean_interval` does.
    """
    first, second = _finite_sample(a), _finite_sample(b)
    if len(first) != len(second):
        raise ValueError(f"pairs need one value per seed on both sides, got {len(first)} and {len(second)}")
    return mean_interval([x - y for x, y in zip(first, second, strict=True)], confidence)


def share_interval(successes: int, total: int, confidence: float = 0.95) -> Interval:
    """The share successes/total with its exact binomial interval (Clopper and Pearson 1934).

        low  : the share p at which `successes` or more have the chance (1 - confidence)/2; 0 for no success
        high : the share p at which `successes` or fewer have that chance; 1 for nothing but successes

    Exact because seeds are few: this interval covers the true share with at least the stated confidence for every
    total and every share, where Wilson's, shorter, falls below it (at 95 % and ten runs to 83.5 % for shares near 2 %).

    Raises ValueError for no runs at all, for counts that cannot be, for a confidence outside (0, 1).
    """
    _check_confidence(confidence)
    if not 0 <= successes <= total or total == 0:
        raise ValueError(f"no share of {successes} in {total}")
    tail, failures = (1 - confidence) / 2, total - successes
    low = special.betaincinv(successes, failures + 1, tail) if successes else 0.0
    high = special.betaincinv(successes + 1, failures, 1 - tail) if failures else 1.0
    return Interval(successes / total, float(low), float(high))


def median(values: ArrayLike) -> float:
    """The middle of values (n,), or the mean of the two in the middle.

    inf is allowed, and stands for what was not reached: the median of censored steps is `median(np.nan_to_num(steps,
    nan=np.inf))`, finite as long as more than half of the runs reached the target. Raises ValueError for no value and
    for nan.
    """
    return exact.median(_sample(values))


def steps_to_target(
    steps: ArrayLike, values: ArrayLike, target: float, *, larger_is_better: bool
) -> NDArray[np.float64]:
    """The first step at which each run's values reach `target`: are at least it, or at most it if smaller is better.

    Shapes: steps (T,), values (..., T) -> (...), (R,) for R runs. nan where the target was never reached (censored).
    A nan among the values was not measured, or comes after a run diverged: it is as good as nothing. Raises ValueError
    for a target that is nan and for steps that do not match the values.
    """
    steps, values = np.asarray(steps, dtype=np.float64), np.asarray(values)
    if steps.shape != values.shape[-1:]:
        raise ValueError(f"steps {steps.shape} do not match values {values.shape}")
    if math.isnan(target):
        raise ValueError("the target must be a number, not nan")
    reached = values >= target if larger_is_better else values <= target
    first = np.min(np.where(reached, steps, np.inf), axis=-1, initial=np.inf)
    return np.where(np.isinf(first), np.nan, first)


def _sample(values: ArrayLike) -> list[float]:
    """Values (n,) as Python floats, n >= 1, none of them nan."""
    sample = np.asarray(values, dtype=np.float64)
    if sample.ndim != 1 or sample.size == 0:
        raise ValueError(f"expected a list of at least one value, got shape {sample.shape}")
    if np.isnan(sample).any():
        raise ValueError("nan among the values: leave out the runs that diverged")
    return [float(value) for value in sample]


def _finite_sample(values: ArrayLike) -> list[float]:
    """The same, with no infinity among them either."""
    sample = _sample(values)
    if not all(map(math.isfinite, sample)):
        raise ValueError("a mean needs finite values: leave out the runs that diverged")
    return sample


def _check_confidence(confidence: float) -> None:
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence lies between 0 and 1, got {confidence}")
