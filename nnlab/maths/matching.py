"""Which known function a function is: a · g(b x) + c with the g of another entry, found by its values.

Any b is found where f bends as g does; without bends, as in relu or x², a scale of x is one of y.

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

    `error` is the largest difference for |x| <= 12 and at some points up to 100; for an f whose first bend is over 8
    times nearer or further than that of tanh, x is scaled by as much. Differences count as they are where |f| <= 1,
    relative to |f| where it is larger, and to the largest |f| of an f that is smaller everywhere.
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
        if not found.exact and not _SCALES[1] < abs(found.b) * target.unit < _SCALES[-1]:
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


_AWAY = np.geomspace(1e-5, 1e5, 601)
_BENT, _STRAIGHT = 0.1, 0.05  # share of f' and difference of a power, above which they are no more the same
_TANH_BENDS = math.atanh(math.sqrt(_BENT))  # tanh' = 1 - tanh²


def bends(f: BoundActivation) -> Array:
    """How far f bends from 0, (2,), on the right and on the left: nan where it does not, or its start is no power.

    Near 0, f' is like a power of |x|. The distance is where it first differs from that by a tenth. That of a g(b x) + c
    is b times smaller than that of g, whatever a and c are.
    """
    return np.array([_bend(np.abs(f.slope(side * _AWAY))) for side in (1, -1)])


def _bend(slope: Array) -> float:
    """The same from |f'| at `_AWAY`, with linear interpolation over log x."""
    with np.errstate(all="ignore"):
        logs, x = np.log(slope), np.log(_AWAY)
        power = (logs[1] - logs[0]) / (x[1] - x[0])
        off = np.abs(np.expm1(logs - logs[0] - np.round(power) * (x - x[0])))
    if not abs(power - np.round(power)) < _STRAIGHT:
        return math.nan
    beyond = np.flatnonzero(~(off <= _BENT))
    if not beyond.size or beyond[0] == 0 or not math.isfinite(off[beyond[0]]):
        return math.nan
    at = beyond[0] - 1
    return math.exp(x[at] + (x[at + 1] - x[at]) * (_BENT - off[at]) / (off[at + 1] - off[at]))


def _unit(found: Array) -> float:
    """The scale of x on which f is compared: 1, or where its nearest bend is as that of tanh if it is far from that."""
    unit = float(np.nanmin(found, initial=math.inf)) / _TANH_BENDS
    return 1.0 if not math.isfinite(unit) or _SCALES[1] < unit < _SCALES[-1] else unit


def _together(ours: Array, theirs: Array) -> Array:
    """The scales that bring the bends of g onto those of f, on either side; none where one does not bend."""
    scales = theirs / ours
    return scales[np.isfinite(scales)]


# Which of a, b and c may be free, the fewest first, and a before c before b.
_FREE = sorted(itertools.product((False, True), repeat=3), key=lambda free: (sum(free), free[1], free[2]))


class _Target:
    """A function f, with the weight that each of its values has."""

    def __init__(self, f: BoundActivation) -> None:
        self.f, self.bends = f, bends(f)
        self.unit = _unit(self.bends)
        self.x, self.fine_x = self.unit * _X, self.unit * _FINE
        self.y, self.weights = self._values(self.x)
        self.fine, self.fine_weights = self._values(self.fine_x)

    def _values(self, x: Array) -> tuple[Array, Array]:
        y = self.f(x)
        return y, 1 / np.maximum(np.abs(y), min(1.0, float(np.nanmax(np.abs(y)))) or 1.0)

    def start(self, g: BoundActivation, sign: int) -> tuple[float, float]:
        """The share of f that a g(b x) + c leaves unexplained at the best b of this sign, and that b.

        The b are those of a grid, and those that bring bends of f and g together. Weighted regression for all b at
        once: the share is 1 - correlation².
        """
        b = sign * np.append(_SCALES / self.unit, _together(self.bends, bends(g)[::sign]))
        squares = self.weights**2 / (self.weights**2).sum()
        with np.errstate(all="ignore"):
            G, y = g(b[:, None] * self.x), self.y - squares @ self.y
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
        columns = np.stack([g(b * self.x), np.ones_like(self.x)], axis=-1)
        (a, c), *_ = np.linalg.lstsq(columns * self.weights[:, None], self.y * self.weights)
        return np.array([a, b, c])

    def _fitted(self, name: str, g: BoundActivation, start: Array, free: tuple[bool, ...]) -> Match:
        """Gauss-Newton on the free ones of a, b and c, from a start (3,): the derivatives are g, a x g' and 1."""
        at, chosen = start.copy(), np.array(free)
        best = self._match(name, g, at)
        for _ in range(12 if chosen.any() else 0):
            value, slope = g.both(at[1] * self.x)
            columns = np.stack([value, at[0] * self.x * slope, np.ones_like(self.x)], axis=-1)
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
            error = (np.abs(a * g(b * self.fine_x) + c - self.fine) * self.fine_weights)[np.isfinite(self.fine)]
        return Match(name, a, b, c, float(error.max()) if np.isfinite(error).all() else np.inf)
