"""What a function of one variable tends to: at -∞ and ∞, and how low and how high it gets.

By its values at points that grow by powers of two, so that a line or a limit is told from slower and faster growth by
the numbers alone; a function that bends beyond x = 10⁶ is taken for what it is before.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from nnlab.maths.bound_activation import Array, BoundActivation

Growth = Literal["line", "faster", "slower", "oscillates"]

_FAR = 2.0 ** np.arange(6, 21)  # 64 … 10⁶
_NEAR_1 = 1 + np.arange(16) / 17  # within a doubling, where a wave shows
_CLOSE = 1e-4


@dataclass(frozen=True)
class Asymptote:
    """How f behaves at one end: `line` if f(x) ~ slope x + offset, a limit if the slope is 0; else how it grows.

    `faster` and `slower` than a line, the former with the power of x where there is one, else inf; `oscillates` where
    it never settles, between `offset` and `high` where it is bounded.
    """

    growth: Growth
    slope: float = math.nan
    offset: float = math.nan
    power: float = math.nan
    high: float = math.nan


def asymptote(f: BoundActivation, sign: int) -> Asymptote:
    """The asymptote at sign · ∞."""
    x = sign * (_FAR[:, None] * _NEAR_1).astype(float)  # (powers of two, points within each doubling)
    value = f(x)
    if not np.isfinite(value).all():
        return Asymptote("faster", power=math.inf)
    ratio = value / x
    slope = _settled(ratio[-1].mean(), _spread(ratio[-4:]))
    if slope is None:
        return _beyond_a_line(value)
    rest = value - slope * x
    last, before = rest[-1], rest[-4]
    if _spread(last) < _CLOSE * (1 + np.abs(last).max()) and abs(last.mean() - before.mean()) < _CLOSE * (
        1 + abs(float(last.mean()))
    ):
        return Asymptote("line", slope, _plain(float(last.mean())))
    if np.abs(last).max() < 2 * np.abs(rest[-8]).max() and slope == 0:
        return Asymptote("oscillates", slope, float(rest.min()), high=float(rest.max()))
    return Asymptote("oscillates" if np.abs(last).max() < 2 * np.abs(rest[-8]).max() else "slower", slope)
