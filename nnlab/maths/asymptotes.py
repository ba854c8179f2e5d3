"""What a function of one variable tends to at -∞ and ∞, and how low and how high it gets.

By its values in blocks [2^k, 2^(k+1)] up to k = 24, or to where it overflows: a line, a limit, faster and slower growth
differ in how the values of one block follow those of another. What a function does beyond is not seen; further out,
differences of large terms would be nothing but rounding.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from nnlab.maths.bound_activation import Array, BoundActivation

Growth = Literal["line", "oscillates", "faster", "slower"]

_LAST = 24
_WITHIN = np.linspace(1, 2, 97)
_STEADY, _SLOW, _SAME = 0.05, 0.2, 1e-5  # below |x|^0.2 growth is that of a logarithm, or none


@dataclass(frozen=True)
class Asymptote:
    """How f behaves at one end, x → ∞ or x → -∞.

    `line`: f(x) - slope · x → offset; a limit where the slope is 0. `oscillates`: f(x) - slope · x does not settle.
    `faster` and `slower` than a line: |f| grows like |x|^power, by more than any power where that is inf, or in a way
    that is not known where it is nan.
    """

    growth: Growth
    slope: float = math.nan
    offset: float = math.nan
    power: float = math.nan


def asymptote(f: BoundActivation, side: int) -> Asymptote:
    """The behaviour at side · ∞; `side` is 1 or -1."""
    x = side * 2.0 ** np.arange(_LAST + 1)[:, None] * _WITHIN  # (blocks, points)
    y = f(x)
    last = int(np.append(np.isfinite(y).all(axis=1), False).argmin()) - 1  # the last block before f overflows
    if last < 8:
        return Asymptote("faster", power=math.inf)
    power, before = _power(y, last, last - 4), _power(y, last - 4, last - 8)
    if power < -_STEADY:
        return Asymptote("line", 0.0, 0.0)
    if np.ptp(np.sign(y[last])) == 2 and power > _STEADY:
        return Asymptote("oscillates")
    is_power = abs(power - before) < 0.01
    if power > 1 + _STEADY:
        return Asymptote("faster", power=round(power, 2) if is_power else math.inf if power > 2 else math.nan)
    if _SLOW < power < 1 - _STEADY:
        return Asymptote("slower", power=round(power, 2) if is_power else math.nan)
    return _along_a_line(x, y, last, has_slope=power > 0.5)


def _power(y: Array, high: int, low: int) -> float:
    """The p with which |f| grows like |x|^p between two blocks, 0 where it vanishes."""
    largest, earlier = (float(np.abs(y[k]).max()) for k in (high, low))
    return math.log2(largest / earlier) / (high - low) if min(largest, earlier) > 0 else 0.0


def _along_a_line(x: Array, y: Array, last: int, *, has_slope: bool) -> Asymptote:
    """A line, a limit, waves about one of them, or what departs from it slowly, like x + log(x)."""
    slope = float((y[last] - y[last - 1])[0] / (x[last] - x[last - 1])[0]) if has_slope else 0.0
    far = min(last, 20)
    rest, halfway, before = (y[k] - slope * x[k] for k in (far, far - 1, far - 8))
    if np.ptp(rest) < _SAME * (1 + np.abs(rest).max()):
        offset = float(2 * rest[0] - halfway[0])  # what decays like 1 / x is taken off
        return Asymptote("line", slope, round(offset, 9) + 0.0)
    growth: Growth = "oscillates" if abs(rest.mean() - before.mean()) < np.ptp(rest) else "slower"
    return Asymptote(growth, round(slope, 5))  # known no better


@dataclass(frozen=True)
class Extreme:
    """The least or the largest value of f, inf where there is none, and the x at which it is taken.

    `at` is None where f only comes near it, or has it along a whole stretch.
    """

    value: float
    at: float | None = None


def extremes(f: BoundActivation, left: Asymptote, right: Asymptote) -> tuple[Extreme, Extreme]:
    """The least and the largest value of f, searched for |x| up to 10⁶, and given by its asymptotes beyond."""
    limits = np.array([_limits(f, left, -1), _limits(f, right, 1)])  # (sides, least and largest)
    least = _largest(lambda x: -f(x), f.kinks, float(-limits[:, 0].min()))
    largest = _largest(f, f.kinks, float(limits[:, 1].max()))
    return Extreme(-least.value, least.at), largest


def _limits(f: BoundActivation, end: Asymptote, side: int) -> tuple[float, float]:
    """The least and the largest that f tends to at one end; (∞, -∞) for waves, which are found where they are."""
    if end.growth == "line" and end.slope == 0:
        return end.offset, end.offset
    if end.growth == "oscillates":
        return (math.inf, -math.inf) if end.slope == 0 else (-math.inf, math.inf)
    far = math.copysign(math.inf, float(f(np.array([side * _FARTHEST]))[0]))
    return far, far


_FARTHEST = 1e6
_GRID = np.sinh(np.linspace(-1, 1, 20001) * math.asinh(_FARTHEST))


def _largest(function: Callable[[Array], Array], kinks: Sequence[float], limit: float) -> Extreme:
    """The largest value, on a grid that is dense near 0 and twice refined around the best point; or `limit`."""
    x, best = np.union1d(_GRID, kinks), Extreme(-math.inf)
    for turn in range(3):
        y = function(x)
        at = int(np.nanargmax(y))
        around = [max(at - 1, 0), min(at + 1, len(x) - 1)]
        if turn == 0 and max(y[one] for one in around if one != at) == y[at]:
            return Extreme(max(float(y[at]), limit))  # a whole stretch has it
        best = max(best, Extreme(float(y[at]), float(x[at])), key=lambda extreme: extreme.value)
        x = np.linspace(x[around[0]], x[around[1]], 401)
    return Extreme(limit) if limit >= best.value - 1e-9 * (1 + abs(best.value)) else best
