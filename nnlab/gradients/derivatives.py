"""The gradient check: a derivative worked out by hand against others measured on the function itself.

This module takes functions and arrays and knows no network. `ExactCheck` holds the verdict of the strong check, which
needs no tolerance; `Check` that of plain central differences, as they are taught. `objective` maps parameter vectors,
stacked as (K, P), to their K values, so that many perturbed copies are evaluated at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.maths.dual import FLOOR

Array = NDArray[Any]
Objective = Callable[[Array], Array]

# Perturbed copies of theta are evaluated together, up to about this many numbers in theta or in buffers (32 MB).
_NUMBERS_AT_ONCE = 4_000_000


@dataclass(frozen=True)
class Check:
    """Both derivatives of every parameter, (P,), and the largest absolute difference that still passes."""

    analytic: Array
    numeric: Array
    threshold: float

    @property
    def errors(self) -> Array:
        """|numeric - analytic|, (P,)."""
        errors: Array = np.abs(self.numeric - self.analytic)
        return errors

    @property
    def passed(self) -> bool:
        """Whether every error is a number and within the threshold."""
        return bool(np.all(self.errors <= self.threshold))


class CheckVerdict(IntEnum):
    """What is known of an entry of a gradient, from harmless to bad."""

    UNTESTED = 0
    PASS = 1
    INCONCLUSIVE = 2
    FAIL = 3


# A difference counts when it exceeds so many times B; the second oracle's own error is an estimate, and is given more.
_TIMES_BOUND, _TIMES_ESTIMATE, _LEAST_ESTIMATE = 4.0, 100.0, 1e-7
# Where B is large beside the gradient, the function itself turns within its own rounding, as the sine of a huge number
# does, and differences see another function.
_TIMES_CONDITION = 1e4


@dataclass(frozen=True)
class ExactCheck:
    """A gradient (P,) against the exact derivative and against a second oracle.

    `bound` is B, what rounding may have done to analytic and numeric. `second` is the derivative by extrapolated
    differences with the error these estimate; both are nan where an entry was not looked at. `numeric` is nan where the
    derivative could not be followed: there the second oracle decides alone.
    """

    analytic: Array
    numeric: Array
    bound: Array
    second: Array
    second_error: Array

    @property
    def errors(self) -> Array:
        """|analytic - numeric|, (P,), by the second oracle where there is no other."""
        with np.errstate(invalid="ignore"):
            errors: Array = np.abs(self.analytic - np.where(self.alone, self.second, self.numeric))
        return errors

    @property
    def alone(self) -> Array:
        """Where the second oracle decides alone."""
        return np.isnan(self.numeric) & np.isnan(self.bound)

    @property
    def allowed(self) -> Array:
        """The largest error that passes: 4 B + 5e-162, or what the second oracle can tell."""
        with np.errstate(over="ignore"):
            return np.where(self.alone, self.slack, _TIMES_BOUND * self.bound + FLOOR)

    @property
    def slack(self) -> Array:
        """How far the second oracle may be off."""
        sizes = np.fmax(np.abs(self.analytic), np.abs(self.second))
        slack: Array = _TIMES_ESTIMATE * self.second_error + _LEAST_ESTIMATE * sizes
        return slack

    @property
    def overflowed(self) -> Array:
        """Where nothing can be said: the exact derivative is no number, or B is none though both derivatives are.

        Rounding may then have done anything to them: the last digit of a number near 1e294 is worth many turns of its
        sine. An analytic derivative that is no number where the exact one is a number is wrong whatever B.
        """
        unbounded = np.isfinite(self.analytic) & ~np.isfinite(self.bound)
        result: Array = ~self.alone & (~np.isfinite(self.numeric) | unbounded)
        return result

    @property
    def apart(self) -> Array:
        """Where the two oracles differ by more than the error of either, and the second one knows a digit."""
        size = np.abs(np.nan_to_num(self.second))
        with np.errstate(invalid="ignore", over="ignore"):
            # Beside large derivatives small ones drown in what is left of a bend that a step has crossed.
            least = self.slack + _LEAST_ESTIMATE * size.max(initial=0.0) + _TIMES_CONDITION * self.bound
            apart = np.abs(self.second - self.numeric) > least
            knows = self.second_error <= np.maximum(1e-2 * size, 1e-9 * size.max(initial=0.0))
        result: Array = apart & knows
        return result

    @cached_property
    def verdicts(self) -> Array:
        """A `CheckVerdict` for each entry.

        INCONCLUSIVE is an entry on which the two oracles differ, or whose only oracle cannot tell a wrong digit.
        UNTESTED is one of which nothing can be said: see `overflowed`.
        """
        right = np.isfinite(self.errors) & (self.errors <= self.allowed)
        with np.errstate(invalid="ignore"):
            vague = self.alone & ~(self.second_error <= 1e-3 * np.abs(self.second) + 1e-10)
        verdicts = np.where(right, CheckVerdict.PASS, CheckVerdict.FAIL)
        verdicts = np.where(self.apart | vague, CheckVerdict.INCONCLUSIVE, verdicts)
        # Nothing against nothing shows nothing: a unit that is off, a weight that no loss depends on.
        nothing = (self.analytic == 0) & (np.where(self.alone, 0, self.numeric) == 0)
        nothing &= ~self.apart
        unseen = self.alone & np.isnan(self.second)
        return np.where(nothing | unseen | self.overflowed, CheckVerdict.UNTESTED, verdicts)

    @property
    def verdict(self) -> CheckVerdict:
        """The worst of all."""
        return CheckVerdict(int(self.verdicts.max(initial=CheckVerdict.UNTESTED)))


def central_differences(objective: Objective, theta: Array, epsilon: float, numbers_per_copy: int = 0) -> Array:
    """The derivative of `objective` by each entry of theta, (P,), as (f(θ + ε) - f(θ - ε)) / 2ε.

    Truncation costs ε²/6 times the third derivative, rounding about 1e-16 |f| / ε; near a kink neither bound holds.
    Theta is float64; `numbers_per_copy` is what `objective` needs in buffers for one copy. (Dennis, Schnabel 1983,
    Numerical Methods for Unconstrained Optimization, section 5.4.)
    """
    parameters = len(theta)
    at_once = max(1, min(parameters, _NUMBERS_AT_ONCE // (2 * max(1, parameters, numbers_per_copy))))
    gradient = np.empty(parameters)
    for begin in range(0, parameters, at_once):
        columns = np.arange(begin, min(begin + at_once, parameters))
        gradient[columns] = _differences(objective, theta, epsilon, columns)
    return gradient


def _differences(objective: Objective, theta: Array, epsilon: float, columns: Array) -> Array:
    count = len(columns)
    copies = np.repeat(theta[None], 2 * count, axis=0)
    copies[np.arange(count), columns] += epsilon
    copies[np.arange(count, 2 * count), columns] -= epsilon
    values = objective(copies)
    difference: Array = (values[:count] - values[count:]) / (2 * epsilon)
    return difference
