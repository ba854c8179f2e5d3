"""Ridders' derivative: central differences at shrinking steps, extrapolated to the step 0, with an error of its own.

A central difference is f' + c₂ h² + c₄ h⁴ …. Two of them, at h and h/2, rid each other of c₂; three of c₄ as well. Each
column of the tableau does one such elimination; neighbours in it differ by about the error, and the entry that differs
least from those it came from is taken. (Ridders 1982, Advances in Engineering Software 4(2), 75-76.)
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Objective = Callable[[Array], Array]

_LEVELS = 3  # steps h, h/2, h/4: with a smooth function the error is of order h⁶
_LONGEST, _SHORTER, _STARTS = 2.0**-8, 2.0**-4, 6
_OTHERS = 2.0**-7.4 * 5.3 ** -np.arange(17.0)  # down to 2**-46, and none of them is half of another
_UNIT = 2.0**-53


def extrapolated(
    objective: Objective, theta: Array, columns: Array, at_once: int, noise: float = 0.0
) -> tuple[Array, Array]:
    """The derivative of `objective` by some entries of theta, (P,), and an error for each; inf where there is none.

    `objective` maps copies of theta, (K, P), to values (K,), and gives nan for a copy that lies across a kink: then the
    first step is shortened, as it is where the error is not yet small. At most `at_once` copies are made at a time.
    `noise` is what rounding may have done to a value, where that is more than a few units in its last place.
    """
    derivative, error = np.full(len(columns), np.nan), np.full(len(columns), np.inf)
    step = _LONGEST * np.maximum(1.0, np.abs(theta[columns]))
    waiting, hopeless = np.arange(len(columns)), np.zeros(len(columns), bool)
    for _ in range(_STARTS):
        found, doubt, rounding = _in_portions(objective, theta, columns[waiting], step[waiting], at_once, noise)
        better = doubt < error[waiting]
        derivative[waiting] = np.where(better, found, derivative[waiting])
        error[waiting] = np.where(better, doubt, error[waiting])
        size = np.abs(derivative)
        enough = 1e-8 * size + 1e-11 * np.nanmax(size, initial=0.0)
        hopeless[waiting] = rounding / _SHORTER > error[waiting]  # what it alone would do with a shorter step
        waiting = np.flatnonzero(~(error <= enough) & ~hopeless)
        if not len(waiting):
            break
        step = step * _SHORTER
    return derivative, error


def confirmed(
    objective: Objective, theta: Array, columns: Array, at_once: int, noise: float, found: tuple[Array, Array]
) -> tuple[Array, Array]:
    """`found` by `extrapolated`, with what other steps find as its error where they contradict it.

    Where a function turns or flattens within the steps, neighbours in a tableau may agree by chance, but hardly at
    every length: the sine of a number near 1e12 is followed only by steps that move it by less than 1.
    """
    derivative, error = found
    spread = error
    for longest in _OTHERS:
        step = longest * np.maximum(1.0, np.abs(theta[columns]))
        again, doubt, _ = _in_portions(objective, theta, columns, step, at_once, noise)
        with np.errstate(invalid="ignore"):
            apart = np.abs(again - derivative)
            spread = np.where(apart > doubt + error, np.maximum(spread, apart), spread)
    return derivative, spread


def _in_portions(
    objective: Objective, theta: Array, columns: Array, step: Array, at_once: int, noise: float
) -> tuple[Array, Array, Array]:
    found = np.empty((3, len(columns)))
    most = max(1, at_once // (2 * _LEVELS))
    for begin in range(0, len(columns), most):
        part = slice(begin, begin + most)
        found[:, part] = _tableau(objective, theta, columns[part], step[part], noise)
    derivative, error, rounding = found
    return derivative, error, rounding


def _tableau(
    objective: Objective, theta: Array, columns: Array, step: Array, noise: float
) -> tuple[Array, Array, Array]:
    """The best entry of the tableau of each column, its error, and how much of this is due to rounding."""
    steps = step * 0.5 ** np.arange(_LEVELS)[:, None]  # (levels, columns)
    above, below = theta[columns] + steps, theta[columns] - steps
    copies = np.repeat(theta[None], 2 * steps.size, axis=0)
    copies[np.arange(len(copies)), np.tile(columns, 2 * _LEVELS)] = np.concatenate([above.ravel(), below.ravel()])
    values = objective(copies).reshape(2, *steps.shape)
    differences = (values[0] - values[1]) / (above - below)
    # What rounding of the two values may have done to the last difference, which every extrapolation rests on.
    rounding = np.maximum(4 * _UNIT * np.abs(values).max(axis=(0, 1)), noise) / steps[-1]
    derivative, error = differences[-1], np.abs(differences[-1] - differences[-2])
    column = differences
    for order in range(1, _LEVELS):
        shrunk = 4.0**order
        following = (shrunk * column[1:] - column[:-1]) / (shrunk - 1)
        doubts = np.maximum(np.abs(following - column[1:]), np.abs(following - column[:-1]))
        for entry, doubt in zip(following, doubts, strict=True):
            better = doubt < error
            derivative, error = np.where(better, entry, derivative), np.where(better, doubt, error)
        column = following
    complete = np.isfinite(values).all(axis=(0, 1))
    error, rounding = np.where(complete, [error + rounding, rounding], [[np.inf], [0.0]])
    return np.where(complete, derivative, np.nan), error, rounding
