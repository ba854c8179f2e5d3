"""How soon runs reach a target, with those that never did counted as censored, and how good they were on the way.

A seed that did not reach the target is *censored*: all that is known is how long it was watched. Runs that diverged or
were stopped early had their chance: the experiment as it stands ended without the target, so watch them to the end of
the training they were given. Counting them only up to the step at which they broke off would call them merely slow.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nnlab.maths import special
from nnlab.maths.statistics.intervals import Interval, median, median_interval
from nnlab.maths.statistics.pairs import chance_to_beat, sign_test
from nnlab.maths.statistics.samples import check_confidence

Array = NDArray[np.float64]


def steps_to_target(steps: ArrayLike, values: ArrayLike, target: float, *, larger_is_better: bool) -> Array:
    """The first step at which each run's values reach `target`: are at least it, or at most it if smaller is better.

    Shapes: steps (T,), values (..., T) -> (...), (R,) for R runs. nan where the target was never reached (censored).
    A nan among the values was not measured, or comes after a run diverged: it is as good as nothing. Raises ValueError
    for a target that is nan and for steps that do not match the values.
    """
    steps, values = _curve(steps, values)
    if math.isnan(target):
        raise ValueError("the target must be a number, not nan")
    reached = values >= target if larger_is_better else values <= target
    first = np.min(np.where(reached, steps, np.inf), axis=-1, initial=np.inf)
    return np.where(np.isinf(first), np.nan, first)


def area_under_curve(steps: ArrayLike, values: ArrayLike) -> Array:
    """The mean height of each curve over its steps, by trapezoids: the area divided by the range, in the figure's unit.

    Shapes: steps (T,) that increase, values (..., T) -> (...). A nan was not measured, and the trapezoid spans it; a
    curve that ends early counts up to its end; one with a single point has that point's height, one with none has nan.
    Of two runs that end alike, the better area learnt faster. Raises ValueError for steps that do not match the values
    or do not increase.
    """
    steps, values = _curve(steps, values)
    if np.any(np.diff(steps) <= 0):
        raise ValueError("the steps of a curve must increase")
    curves = values.reshape(math.prod(values.shape[:-1]), len(steps)).astype(np.float64)
    measured = ~np.isnan(curves)
    heights = np.full(len(curves), np.nan)
    alike = np.zeros(len(curves), bool)
    if len(curves) and measured[0].any():  # most runs are measured at the same steps
        alike = (measured == measured[0]).all(axis=1)
        heights[alike] = _mean_heights(steps[measured[0]], np.ascontiguousarray(curves[alike][:, measured[0]]))
    for run in np.flatnonzero(~alike & measured.any(axis=1)).tolist():
        heights[run] = _mean_heights(steps[measured[run]], curves[run, measured[run]])
    return heights.reshape(values.shape[:-1])


@dataclass(frozen=True)
class Survival:
    """The share of seeds still short of the target after each step at which one reached it, (K,) each.

    Between the steps it stays as it is, before the first it is 1. `low` and `high` are bounds at each step.
    """

    steps: Array
    share: Array
    low: Array
    high: Array


def survival(steps: ArrayLike, watched: ArrayLike, confidence: float = 0.95) -> Survival:
    """The Kaplan-Meier curve of steps to the target (R,), nan where it was not reached within `watched` (R,) or ().

    share = Π (1 - d/n) over the steps so far, d of the n seeds still watched having reached the target there. Bounds
    on the scale of log(-log), from Greenwood's variance Σ d/(n (n - d)); at a share of 0, where that has none, the
    upper bound stays what it was. Raises ValueError for no seed, for lengths that differ, for a seed that reached the
    target after it was watched. Sources: Kaplan and Meier 1958; Kalbfleisch and Prentice 1980.
    """
    check_confidence(confidence)
    reached, ends = _watched(steps, watched)
    times, hits = np.unique(reached[np.isfinite(reached)], return_counts=True)
    at_risk = np.sum(ends >= times[:, None], axis=1)
    share = np.cumprod(1 - hits / at_risk)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = np.cumsum(hits / (at_risk * (at_risk - hits)))
        width = special.ndtri((1 + confidence) / 2) * np.sqrt(variance) / np.log(share)
        low, high = share ** np.exp(-width), share ** np.exp(width)
    if len(share) and share[-1] == 0:
        low[-1], high[-1] = 0.0, high[-2] if len(high) > 1 else 1.0
    return Survival(times, share, low, high)


def median_steps(steps: ArrayLike, watched: ArrayLike, confidence: float = 0.95) -> Interval:
    """The median of steps to the target with its interval; inf where it lies beyond what was watched.

    As long as every censored seed was watched until the last of the others had reached the target, the ranks of all
    seeds are known and the interval is the exact one of `median_interval`. Otherwise it holds the steps at which the
    bounds of `survival` cross one half (Brookmeyer and Crowley 1982), which the note says is approximate.

    Shapes and errors as in `survival`.
    """
    reached, ends = _watched(steps, watched)
    known = reached[np.isfinite(reached)]
    if len(known) == 0 or np.all(ends[np.isinf(reached)] >= known.max()):
        return median_interval(reached, confidence)
    curve = survival(steps, watched, confidence)
    low, high = (_first(curve.steps, bound <= 0.5) for bound in (curve.low, curve.high))
    note = "seeds were watched for different lengths: the interval is approximate"
    return Interval(_middle(curve), low, high, note)


@dataclass(frozen=True)
class Race:
    """Who is first at the target on a seed: the chance that a is, ties counting half, and the sign test's p-value."""

    chance: Interval
    p: float


def race(a: ArrayLike, b: ArrayLike, confidence: float = 0.95) -> Race:
    """Compare steps to the target (R,) of two arms on the same seeds; nan where it was never reached.

    Both were watched for equally long, so that a seed which only one of them brought to the target is a win for it,
    and one that neither did is a tie. Raises ValueError for lengths that differ and for no seed.
    """
    first, second = (np.nan_to_num(np.asarray(steps, dtype=np.float64), nan=np.inf) for steps in (a, b))
    chance = chance_to_beat(first, second, larger_is_better=False, confidence=confidence)
    return Race(chance, sign_test(int(np.sum(first < second)), int(np.sum(second < first))))


def logrank_test(a: ArrayLike, watched_a: ArrayLike, b: ArrayLike, watched_b: ArrayLike) -> float:
    """The p-value of the log-rank test that two arms, on whatever seeds, take equally long to the target.

    At each step at which a seed of either reached it, the number of a's among them is compared with the one expected
    from how many of both were still on their way:

        z = Σ (d_a - d n_a/n) / √(Σ d (n_a/n) (n_b/n) (n - d)/(n - 1))

    Its normal distribution is approximate, and good from about ten hits on each side. 1 where nobody reached the
    target. Arms on the same seeds are told apart better by `race`. Arguments as in `survival`. Source: Mantel 1966.
    """
    (reached_a, ends_a), (reached_b, ends_b) = _watched(a, watched_a), _watched(b, watched_b)
    reached = np.concatenate([reached_a, reached_b])
    times, hits = np.unique(reached[np.isfinite(reached)], return_counts=True)
    hits_a = np.sum(reached_a == times[:, None], axis=1)
    at_risk_a, at_risk_b = (np.sum(ends >= times[:, None], axis=1) for ends in (ends_a, ends_b))
    total = at_risk_a + at_risk_b
    share = at_risk_a / total
    variance = np.sum(hits * share * (1 - share) * (total - hits) / np.maximum(total - 1, 1))
    if variance == 0:
        return 1.0
    return float(2 * special.ndtr(-abs(np.sum(hits_a - hits * share)) / math.sqrt(variance)))


def _curve(steps: ArrayLike, values: ArrayLike) -> tuple[Array, NDArray[np.float64]]:
    steps, values = np.asarray(steps, dtype=np.float64), np.asarray(values)
    if steps.shape != values.shape[-1:]:
        raise ValueError(f"steps {steps.shape} do not match values {values.shape}")
    return steps, values


def _mean_heights(steps: Array, heights: Array) -> Array:
    """The mean height of curves (..., T) that are measured at all these steps (T,), T >= 1."""
    if len(steps) == 1:
        return heights[..., 0]
    return np.asarray(np.trapezoid(heights, steps) / (steps[-1] - steps[0]))


def _watched(steps: ArrayLike, watched: ArrayLike) -> tuple[Array, Array]:
    """Steps to the target with inf for nan, and the step up to which each seed is known, (R,) each."""
    steps = np.asarray(steps, dtype=np.float64)
    if steps.ndim != 1 or steps.size == 0:
        raise ValueError(f"expected a list of steps, one per seed, got shape {steps.shape}")
    watched = np.asarray(watched, dtype=np.float64)
    if watched.shape not in {(), steps.shape}:
        raise ValueError(f"{watched.size} lengths of watching do not match {steps.size} seeds")
    if np.isnan(watched).any() or np.any(steps > watched):
        raise ValueError("a seed cannot reach the target after it was watched")
    reached = np.nan_to_num(steps, nan=np.inf, posinf=np.inf)
    return reached, np.where(np.isinf(reached), watched, reached)


def _first(steps: Array, below: NDArray[np.bool_]) -> float:
    return float(steps[below][0]) if below.any() else math.inf


def _middle(curve: Survival) -> float:
    """The step at which half of the seeds have reached the target; between two steps where it is exactly half."""
    half = np.isclose(curve.share, 0.5, rtol=1e-12, atol=0)
    if half.any():
        return median([_first(curve.steps, half), _first(curve.steps, (curve.share < 0.5) & ~half)])
    return _first(curve.steps, curve.share < 0.5)
