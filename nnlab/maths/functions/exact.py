"""Arithmetic with an error term, where one rounding would be multiplied by a large factor.

exp(u) turns an absolute error of u into a relative one of the result: at u = -20 half a unit in u's last place costs
ten units in that of the result. So u is kept as a sum of two numbers. (Dekker 1971, Numerische Mathematik 18.)
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_SPLITTER = {np.dtype(np.float64): 2.0**27 + 1, np.dtype(np.float32): 2.0**12 + 1}


def square(x: Array) -> tuple[Array, Array]:
    """x² as a rounded square and its error; exact while |x| < 1e140 (float64) or 1e15 (float32)."""
    high = _high(x)
    low = x - high
    rounded = x * x
    return rounded, ((high * high - rounded) + 2 * high * low) + low * low


def product(x: Array, y: Array) -> tuple[Array, Array]:
    """The product x y, rounded, and its error, in the same range as `square`."""
    x_high, y_high = _high(x), _high(y)
    x_low, y_low = x - x_high, y - y_high
    rounded = x * y
    return rounded, ((x_high * y_high - rounded) + x_high * y_low + x_low * y_high) + x_low * y_low


def total(x: Array, y: Array) -> tuple[Array, Array]:
    """The sum x + y, rounded, and its error."""
    rounded = x + y
    shown = rounded - x
    return rounded, (x - (rounded - shown)) + (y - shown)


def _high(x: Array) -> Array:
    """The upper half of x's digits (Veltkamp's split)."""
    scaled: Array = x * x.dtype.type(_SPLITTER[x.dtype])
    high: Array = scaled - (scaled - x)
    return high


def near_root(z: Array, out: Array, root: tuple[float, float], series: tuple[float, ...], radius: float = 0.45) -> None:
    """Overwrite `out` where z is near a root of a function with its Taylor series there, in float64.

    A difference of two terms that cancel keeps few digits near the root; (z - root) times a series keeps them all.
    `root` is the root as a sum of two numbers. float32 is left as it is: rounding z itself moves the value by more.
    """
    if z.dtype != np.float64:
        return
    near = np.abs(z - root[0]) < radius
    if near.any():
        distance = (z[near] - root[0]) - root[1]
        out[near] = distance * np.polynomial.polynomial.polyval(distance, series)
