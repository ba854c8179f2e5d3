"""The variance map: how the variance of pre-activations changes from one layer to the next.

A layer with weights W of variance σw² / n and biases of variance σb² gives pre-activations z' = W f(z) + b. In a wide
layer they are normal with the variance q' = σw² V(q) + σb², where V(q) = E[f(z)²] for z ~ N(0, q) (Poole, Lahiri,
Raghu, Sohl-Dickstein, Ganguli 2016, arXiv:1606.05340). Where q' = q the scale of the signal stays.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from nnlab.maths.bound_activation import Array, BoundActivation
from nnlab.maths.signal.normal import gauss_legendre

# Variances between which fixed points and critical points are looked for, 8 a decade.
GRID = 10.0 ** (np.arange(-32, 33) / 8)
SAME = 1e-9  # relative to 1, what is below is rounding

_REACH = 20.0  # standard deviations
_NEGLIGIBLE = 1e-12  # share of the outermost terms, above which an integral is taken for infinite
_CLOSER = 2.0 ** (np.arange(-24, -6) / 2)  # ends of panels that narrow towards 0 and kinks
_OUTSIDE = np.concatenate([np.arange(1, 64) / 8, 8 * 1.1 ** np.arange(59)])
_ENDS = np.concatenate([-_OUTSIDE[::-1], _OUTSIDE])


@dataclass(frozen=True)
class FixedPoint:
    """A variance that a layer leaves as it is, and the slope of the map there: errors shrink if it is below 1."""

    q: float
    slope: float

    @property
    def stable(self) -> bool:
        """Whether a variance that is slightly off comes nearer with each layer."""
        return self.slope < 1 - SAME


@dataclass(frozen=True)
class VarianceMap:
    """V(q) = E[f(z)²] of an activation, with its derivative, and D(q) = E[f'(z)²], each for z ~ N(0, q).

    f is evaluated once, at points x that serve all q: Gauss-Legendre nodes in panels of an eighth, which grow with
    |x| beyond 8, end at the kinks, and narrow towards them and 0. Only their densities depend on q. Beyond 20 standard
    deviations nothing is counted; if what is just within still counts, the integral is infinite.
    """

    f: BoundActivation

    def value(self, q: float) -> float:
        """V(q)."""
        return self._mean(self._log_square, q)

    def slope_moment(self, q: float) -> float:
        """D(q) = E[f'(z)²], which σw² multiplies to χ₁: see `nnlab.maths.signal.criticality`."""
        return self._mean(self._log_slope_square, q)

    def log_slope(self, q: float) -> float:
        """The derivative d log V / d log q: by how many percent V changes if q changes by one.

        The density of N(0, q) has the derivative (z² - q) / (2 q²) times itself by q, so that

            V'(q) = E[f(z)² (z² - q)] / (2 q²)

        which needs no derivative of f, and so holds at kinks and jumps.
        """
        x, _ = self._rule
        total = self.value(q)
        moved = self._mean(self._log_square, q, x * x / q - 1)
        return moved / (2 * total) if 0 < total < math.inf else math.nan

    def derivative(self, q: float) -> float:
        """V'(q)."""
        return self.log_slope(q) * self.value(q) / q

    def _mean(self, logs: Array, q: float, factor: Array | float = 1.0) -> float:
        """The mean of exp(logs) times a factor over N(0, q), computed by logarithms, which do not overflow."""
        x, log_weights = self._rule
        inside = np.abs(x) <= _REACH * math.sqrt(q)
        with np.errstate(all="ignore"):
            terms = (np.exp(logs + log_weights - x * x / (2 * q)) * factor)[inside] / math.sqrt(2 * math.pi * q)
        if not np.isfinite(terms).all() or np.abs(terms[[0, -1]]).max() > _NEGLIGIBLE * np.abs(terms).sum():
            return math.inf
        return float(terms.sum())

    @cached_property
    def _rule(self) -> tuple[Array, Array]:
        x, weights = gauss_legendre(_ENDS, self.f.kinks, _CLOSER)
        return x, np.log(weights)

    @cached_property
    def _log_square(self) -> Array:
        with np.errstate(divide="ignore"):
            return 2 * np.log(np.abs(self.f(self._rule[0])))

    @cached_property
    def _log_slope_square(self) -> Array:
        with np.errstate(divide="ignore"):
            return 2 * np.log(np.abs(self.f.slope(self._rule[0])))

    def next(self, q: float, weights: float, bias: float) -> float:
        """The next variance q' = σw² V(q) + σb², `weights` being σw² and `bias` σb²."""
        return weights * self.value(q) + bias

    @cached_property
    def values(self) -> Array:
        """V on `GRID`."""
        return np.array([self.value(float(q)) for q in GRID])

    @cached_property
    def slope_moments(self) -> Array:
        """D on `GRID`."""
        return np.array([self.slope_moment(float(q)) for q in GRID])

    @cached_property
    def log_slopes(self) -> Array:
        """The derivative d log V / d log q on `GRID`."""
        return np.array([self.log_slope(float(q)) for q in GRID])

    @property
    def ignores_scale(self) -> bool:
        """Whether V(q) / q is the same for every q, as it is of relu and the identity."""
        return bool(np.all(np.abs(self.log_slopes - 1) < SAME))

    def fixed_points(self, weights: float, bias: float = 0.0) -> list[FixedPoint]:
        """The variances with q' = q in ascending order, 0 among them where it is one; none where every q is one.

        Found where q' - q changes its sign between neighbours of `GRID`, to 1e-9 of their size.
        """
        if bias == 0 and self.ignores_scale:
            return []
        found = [FixedPoint(0.0, weights * float(self.values[0] / GRID[0]))] if self._stays_at_zero(bias) else []
        with np.errstate(divide="ignore"):
            excess = np.log((weights * self.values + bias) / GRID)
        for low, high in brackets(GRID, excess):
            q = root(lambda q: math.log(self.next(q, weights, bias) / q), low, high)
            found.append(FixedPoint(q, weights * self.derivative(q)))
        return found

    def _stays_at_zero(self, bias: float) -> bool:
        return bias == 0 and float(self.f(np.zeros(1))[0]) == 0

    def reached(self, weights: float, bias: float, start: float = 1.0) -> float:
        """The variance after many layers, from that of the inputs on: the next fixed point in the map's direction.

        0 where the signal dies out, inf where it grows without limit; `start` itself for an f that ignores scale.
        """
        step = math.log(self.next(start, weights, bias) / start)
        if abs(step) < SAME:
            return start
        points = [point.q for point in self.fixed_points(weights, bias)]
        return (
            min((q for q in points if q > start), default=math.inf)
            if step > 0
            else max((q for q in points if q < start), default=0.0)
        )


def brackets(x: Array, y: Array) -> list[tuple[float, float]]:
    """Pairs of neighbours in x (n,) between which y (n,) changes its sign by more than rounding."""
    with np.errstate(invalid="ignore"):
        clear = np.isfinite(y) & (np.abs(y) > SAME)
        x, y = x[clear], y[clear]
        at = np.flatnonzero(np.sign(y[1:]) != np.sign(y[:-1]))
    return [(float(x[i]), float(x[i + 1])) for i in at]


def root(function: Callable[[float], float], low: float, high: float) -> float:
    """The zero of a function of q > 0 between `low` and `high`, where its signs differ.

    Regula falsi in log q that halves the weight of an end which stays (Illinois; Dowell, Jarratt 1971, BIT 11).
    """
    a, b = math.log(low), math.log(high)
    at_a, at_b = function(low), function(high)
    for _ in range(60):
        c = b - at_b * (b - a) / (at_b - at_a)
        at_c = function(math.exp(c))
        if at_c * at_b < 0:
            a, at_a = b, at_b
        else:
            at_a /= 2
        if abs(c - b) < SAME or at_c == 0:
            return math.exp(c)
        b, at_b = c, at_c
    return math.exp(b)
