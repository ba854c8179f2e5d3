"""Where a formula jumps, bends or is not finite: the zeros of every branch condition are tried one by one.

A `Kink` is a point where the slopes from the left and from the right differ. A formula that jumps, that has a pole, or
that is not finite at some x in [-10, 10] cannot be trained with, and is refused with the x.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnlab.maths.expressions.errors import FormulaError
from nnlab.maths.expressions.slopes import Slope
from nnlab.maths.expressions.tree import Array, Call, Expression, Program

ORDINARY = np.arange(-1000, 1001) / 100  # where any formula has to be finite: every 0.01 in [-10, 10]
_HALVES = np.arange(21, 2001) / 2
WIDE = np.concatenate([-_HALVES[::-1], ORDINARY, _HALVES])  # where branches are looked for: every 0.5 beyond, to ±1000
STEP = 1e-6  # how near to a point its one-sided limits are taken, for |x| <= 1
TOLERANCE = 1e-6  # a jump of value or slope below this share of 1 + their size is rounding
SAME = 1e-12  # points closer than this share are one


@dataclass(frozen=True)
class Kink:
    """A point without a derivative: the slopes on its left and right, and the one that the derivative gives there."""

    x: float
    left: float
    right: float
    taken: float


def kinks(expression: Expression, parameters: Mapping[str, float]) -> tuple[Kink, ...]:
    """The kinks in x, in order, for these values of the parameters; FormulaError for jumps, poles and non-numbers.

    Branches that change where an affine function of x is 0 are found exactly, wherever they are; others by the sign on
    a grid over [-1000, 1000] and bisection.
    """
    check_finite(expression, parameters)
    return _Search(expression, parameters).kinks()


def check_finite(expression: Expression, parameters: Mapping[str, float]) -> None:
    """FormulaError, with the part that fails and the x nearest to 0, unless the expression is finite on [-10, 10]."""
    x = _first_not_finite(Program(expression), parameters)
    if x is not None:
        raise FormulaError(_complaint(expression, x, parameters), expression.text())


def check_parameter_slope(expression: Expression, name: str, parameters: Mapping[str, float]) -> None:
    """FormulaError unless the derivative with respect to a parameter is finite on [-10, 10]."""
    slope = Slope(expression, name)
    x = _first_not_finite(slope, parameters)
    if x is not None:
        complaint = _complaint(slope.derivative, x, parameters)
        raise FormulaError(f"in the derivative with respect to {name}, {complaint}", expression.text())


def _first_not_finite(program: Program | Slope, parameters: Mapping[str, float]) -> float | None:
    wrong = ORDINARY[~np.isfinite(_evaluated(program, ORDINARY, parameters))]
    return _nearest(wrong) if wrong.size else None


def _nearest(x: Array) -> float:
    """The x nearest to 0, where a reader looks first."""
    return float(x[np.argmin(np.abs(x))])


def _complaint(expression: Expression, x: float, parameters: Mapping[str, float]) -> str:
    values = {"x": np.float64(x), **parameters}
    part = _culprit(expression, values)
    state = "not a number" if np.isnan(part.evaluate(values)) else "infinite"
    return f"{part.text()} is {state} at x = {x:g}, expected a finite value for every x"


def _culprit(node: Expression, values: Mapping[str, Any]) -> Expression:
    """The smallest part that is not finite, among those that count."""
    parts = node.arguments
    if isinstance(node, Call) and node.function == "where":
        parts = (parts[1] if parts[0].evaluate(values) else parts[2],)
    for part in parts:
        if not np.isfinite(part.evaluate(values)):
            return _culprit(part, values)
    return node


def _evaluated(program: Program | Slope, x: Array, parameters: Mapping[str, float]) -> Array:
    return np.broadcast_to(program.evaluate({"x": x, **parameters}), x.shape)


class _Search:
    """One formula, its candidates and their one-sided limits."""

    def __init__(self, expression: Expression, parameters: Mapping[str, float]) -> None:
        self.expression, self.parameters = expression, parameters
        self.value, self.slope = Program(expression), Slope(expression, "x")

    def kinks(self) -> tuple[Kink, ...]:
        x = self._candidates()
        if not x.size:
            return ()
        step = STEP * np.maximum(1, np.abs(x))
        between = np.diff(x) / 8
        step = np.minimum(step, np.minimum(np.append(between, np.inf), np.insert(between, 0, np.inf)))
        left, right = self._limits(x, -step), self._limits(x, step)
        self._check_jumps(x, left[0], right[0])
        taken = _evaluated(self.slope, x, self.parameters)
        differ = np.abs(left[1] - right[1]) > TOLERANCE * (1 + np.abs(left[1]) + np.abs(right[1]))
        found = np.stack([x, left[1], right[1], taken], axis=-1)[differ]
        return tuple(Kink(*map(float, row)) for row in found)

    # --- Candidates

    def _candidates(self) -> Array:
        """The points to try, in order: zeros of all branch conditions and points where the derivative has no value."""
        exact, searched = [np.empty(0)], [np.empty(0)]
        for condition in sorted(_critical(self.expression), key=Expression.text):
            root = self._affine_root(condition)
            if root is None:
                searched.append(self._searched_roots(condition))
            else:
                exact.append(root)
        raw = _evaluated(Program(self.slope.derivative), ORDINARY, self.parameters)
        return _distinct(np.concatenate([*exact, ORDINARY[~np.isfinite(raw)], *searched]))

    def _affine_root(self, condition: Expression) -> Array | None:
        """The zero of a + b x as an array of at most one; None where the condition is not affine."""
        derivative = condition.derivative("x")
        if "x" in derivative.names():
            return None
        b = float(derivative.evaluate({"x": np.float64(0), **self.parameters}))
        a = float(condition.evaluate({"x": np.float64(0), **self.parameters}))
        return np.array([0.0 - a / b]) if b and np.isfinite(a / b) else np.empty(0)

    def _searched_roots(self, condition: Expression) -> Array:
        """Where the sign changes, by bisection between neighbours of the grid, all at once."""
        program = Program(condition)

        def sign(x: Array) -> Array:
            with np.errstate(invalid="ignore"):
                return np.nan_to_num(np.sign(_evaluated(program, x, self.parameters)), nan=2)

        signs = sign(WIDE)
        change = np.flatnonzero(np.diff(signs))
        low, high, low_sign = WIDE[change], WIDE[change + 1], signs[change]
        on_grid = np.concatenate([low[low_sign == 0], high[signs[change + 1] == 0]])
        for _ in range(64):  # down to neighbouring floating-point numbers
            middle = (low + high) / 2
            stays = sign(middle) == low_sign
            low, high = np.where(stays, middle, low), np.where(stays, high, middle)
        sizes = [np.nan_to_num(np.abs(_evaluated(program, x, self.parameters)), nan=np.inf) for x in (low, high)]
        return np.concatenate([on_grid, np.where(sizes[0] < sizes[1], low, high)])

    # --- Limits

    def _limits(self, x: Array, step: Array) -> tuple[Array, Array]:
        """Value and slope at x, coming from x + step: extrapolated from two points; FormulaError if they run away."""
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is not steady
            coarse, fine = self._slope_limit(x, step), self._slope_limit(x, step / 16)
            near = _evaluated(self.value, x + step / 16, self.parameters) - step / 16 * fine
            steady = np.abs(coarse - fine) <= 1e-3 * (1 + np.abs(fine))
            steady &= np.isfinite(near)
        if not steady.all():
            side = "left" if step[0] < 0 else "right"
            raise self._refused(f"runs away just {side} of x = {_nearest(x[~steady]):.6g}, in value or in slope")
        return near, fine

    def _slope_limit(self, x: Array, step: Array) -> Array:
        near, far = (_evaluated(self.slope, x + d, self.parameters) for d in (step, 2 * step))
        return np.asarray(2 * near - far)

    def _check_jumps(self, x: Array, left: Array, right: Array) -> None:
        value = _evaluated(self.value, x, self.parameters)
        finite = np.isfinite(value)
        if not finite.all():
            raise self._refused(f"is not finite at x = {_nearest(x[~finite]):.6g}")
        jump = np.maximum(np.abs(right - left), np.minimum(np.abs(value - left), np.abs(value - right)))
        jumps = np.flatnonzero(jump > TOLERANCE * (1 + np.abs(value)))
        if jumps.size:
            i = jumps[np.argmin(np.abs(x[jumps]))]
            raise self._refused(f"jumps by {jump[i]:.6g} at x = {x[i]:.6g}, from {left[i]:.6g} to {right[i]:.6g}")

    def _refused(self, what: str) -> FormulaError:
        text = self.expression.text()
        return FormulaError(f"the formula {what}; an activation has to be continuous and of finite slope", text)


def _critical(expression: Expression) -> set[Expression]:
    """Every expression of x at whose zeros a part of `expression` may jump, bend or have a pole."""
    return {condition for condition in _all_critical(expression) if "x" in condition.names()}


def _all_critical(node: Expression) -> Iterator[Expression]:
    if isinstance(node, Call):
        yield from node.operation.critical(*node.arguments)
    for argument in node.arguments:
        yield from _all_critical(argument)


def _distinct(points: Array) -> Array:
    """In order, without those that lie a rounding error from another; of such a group, the one that came first."""
    order = np.argsort(points, kind="stable")
    if not order.size:
        return points
    x = points[order]
    group = np.append(0, np.cumsum(np.diff(x) > SAME * np.maximum(1, np.abs(x[1:]))))
    firsts = [min(order[group == g]) for g in range(int(group[-1]) + 1)]
    return np.asarray(points[firsts])
