"""Which known function a function is: a · g(b x) + c with the g of another entry, found by its values.

Two activations that differ only so are the same network with other weights: b belongs to the weights before, a and c to
weights and biases after. What differs is where training starts and how far a step goes.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from nnlab.maths.activations import Activation, AnyActivation
from nnlab.maths.bound_activation import Array, BoundActivation
from nnlab.maths.parameters import resolved

EXACT = 1e-12
_X = np.linspace(-10, 10, 201)
_FINE = np.concatenate([np.linspace(-12, 12, 1201), np.outer([-1, 1], [20.0, 50.0, 100.0]).ravel()])
_SCALES = np.concatenate([[1.0], np.geomspace(1 / 8, 8, 49)])
_CLOSEST, _LIKE = 4, 0.1  # how many are looked at closely, of those that leave at most this share unexplained


@dataclass(frozen=True)
class Match:
    """f(x) ≈ a g(b x) + c with the g of `name`.

    `error` is the largest difference for |x| <= 12 and at some points up to 100. Differences count as they are where
    |f| <= 1, relative to |f| where it is larger, and to the largest |f| of an f that is smaller everywhere.
    """

    name: str
    a: float
    b: float
    c: float
    error: float

    @property
    def exact(self) -> bool:
        """Whether the difference is rounding."""
        return self.error <= EXACT

    @property
    def numbers(self) -> int:
        """How many of a, b and c there are to tell."""
        return (self.a != 1) + (self.b != 1) + (self.c != 0)


def matches(f: BoundActivation, known: Mapping[str, BoundActivation]) -> list[Match]:
    """The known functions nearest to f, at most four: exact and simple ones first; f's own entry is none of them."""
    target = _Target(f)
    others = [(name, g) for name, g in known.items() if g.entry.name != f.entry.name]
    starts = [(*target.start(g, sign), name, g) for name, g in others for sign in (1, -1)]
    best: dict[str, Match] = {}
    for share, b, name, g in sorted(starts, key=lambda start: round(start[0], 9)):  # of equals those of b > 0 first
        if share > _LIKE or len(best) == _CLOSEST:
            break
        found = target.simplest(name, g, b)
        if not found.exact and not _SCALES[1] < abs(found.b) < _SCALES[-1]:
            continue  # any smooth bend is near a kink if it is made steep
        if name not in best or found.error < best[name].error / 2:
            best[name] = found
    return sorted(best.values(), key=lambda match: (max(match.error, EXACT), match.numbers))


def with_defaults(table: Mapping[str, AnyActivation]) -> dict[str, BoundActivation]:
    """The functions of single units in a table by name, with the defaults of their parameters."""
    return {
        name: BoundActivation(entry, resolved(entry, {}))
        for name, entry in table.items()
        if isinstance(entry, Activation) and all(parameter.default is not None for parameter in entry.parameters)
    }


# Which of a, b and c may be free, the fewest first, and a before c before b.
_FREE = sorted(itertools.product((False, True), repeat=3), key=lambda free: (sum(free), free[1], free[2]))


class _Target:
    """A function f, with the weight that each of its values has."""

    def __init__(self, f: BoundActivation) -> None:
        self.f = f
        self.y, self.weights = self._values(_X)
        self.fine, self.fine_weights = self._values(_FINE)

    def _values(self, x: Array) -> tuple[Array, Array]:
        y = self.f(x)
        return y, 1 / np.maximum(np.abs(y), min(1.0, float(np.nanmax(np.abs(y)))) or 1.0)

    def start(self, g: BoundActivation, sign: int) -> tuple[float, float]:
        """The share of f that a g(b x) + c leaves unexplained at the best b of this sign on a grid, and that b.

        Weighted regression for all b at once: the share is 1 - correlation².
        """
        b = sign * _SCALES
        squares = self.weights**2 / (self.weights**2).sum()
        with np.errstate(all="ignore"):
            G, y = g(b[:, None] * _X), self.y - squares @ self.y
            G = G - (G @ squares)[:, None]
            left = 1 - (G @ (squares * y)) ** 2 / ((G * G) @ squares * (squares @ (y * y)))
        left = np.where(np.isfinite(left), left, np.inf)
        best = int(np.argmin(left))
        return float(left[best]), float(b[best])

    def simplest(self, name: str, g: BoundActivation, b: float) -> Match:
        """The match with the fewest free numbers among a, b and c that is as good, to a factor of two, as with all."""
        full = self._fitted(name, g, self._line(g, b), (True, True, True))
        plain = (math.copysign(1, full.a), math.copysign(1, full.b), 0.0)
        for free in _FREE:
            found = self._fitted(name, g, np.where(free, (full.a, full.b, full.c), plain), free)
            if found.error <= max(2 * full.error, EXACT):
                return found
        return full

    def _line(self, g: BoundActivation, b: float) -> Array:
        """(a, b, c) by weighted regression at this b."""
        columns = np.stack([g(b * _X), np.ones_like(_X)], axis=-1)
        (a, c), *_ = np.linalg.lstsq(columns * self.weights[:, None], self.y * self.weights)
        return np.array([a, b, c])

    def _fitted(self, name: str, g: BoundActivation, start: Array, free: tuple[bool, ...]) -> Match:
        """Gauss-Newton on the free ones of a, b and c, from a start (3,): the derivatives are g, a x g' and 1."""
        at, chosen = start.copy(), np.array(free)
        best = self._match(name, g, at)
        for _ in range(12 if chosen.any() else 0):
            columns = np.stack([g(at[1] * _X), at[0] * _X * g.slope(at[1] * _X), np.ones_like(_X)], axis=-1)
            if not np.isfinite(columns).all():
                break
            rest = (self.y - at[0] * columns[:, 0] - at[2]) * self.weights
            step, *_ = np.linalg.lstsq(columns[:, chosen] * self.weights[:, None], rest)
            at[chosen] += step
            found = self._match(name, g, at)
            if not found.error < best.error:
                break
            best = found
        return best

    def _match(self, name: str, g: BoundActivation, at: Array) -> Match:
        a, b, c = (float(number) for number in at)
        with np.errstate(all="ignore"):
            error = (np.abs(a * g(b * _FINE) + c - self.fine) * self.fine_weights)[np.isfinite(self.fine)]
        return Match(name, a, b, c, float(error.max()) if np.isfinite(error).all() else np.inf)
