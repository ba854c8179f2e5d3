"""Dual arrays: values with their derivative along one direction and a bound of the rounding error in both.

arrays.py      the array, and how NumPy's calls reach the rules
rules.py       ufuncs: derivatives of smooth ones, choices such as maximum and comparisons
functions.py   the other functions of NumPy: sums, sorting, shapes
"""

from __future__ import annotations

from nnlab.maths.dual import functions, rules
from nnlab.maths.dual.arrays import (
    FLOOR,
    FUNCTIONS,
    METHODS,
    ROUNDING,
    STEP,
    DualArray,
    NotAnalyticError,
    along,
    as_dual,
    plain,
)

__all__ = ["FLOOR", "ROUNDING", "STEP", "DualArray", "NotAnalyticError", "along", "as_dual", "plain"]

METHODS.update({"__call__": rules.applied, "reduce": functions.reduced})
FUNCTIONS.update(functions.RULES)
