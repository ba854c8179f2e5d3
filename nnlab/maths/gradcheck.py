"""The gradient check: a derivative worked out by hand against one measured on the function itself.

This module takes functions and arrays and knows no network. `objective` maps parameter vectors, stacked as (K, P), to
their K values, so that many perturbed copies are evaluated at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
