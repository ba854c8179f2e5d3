"""The slope of an expression at numbers: its derivative, or a difference quotient where its terms overflow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nnlab.maths.expressions.tree import Array, Expression, Program
from nnlab.maths.parameters import of_type


class Slope:
    """The derivative of an expression with respect to one of its names, ready to be computed.

    Where the derivative's own terms overflow on the way, as exp(800) / exp(800) in the slope of 1 / (1 + exp(-x)) at
    x = -800, though the expression is finite there, its symmetric difference quotient in float64 takes their place.
    """

    def __init__(self, expression: Expression, name: str) -> None:
        self.name = name
        self.derivative = expression.derivative(name)
        self._value, self._slope = Program(expression), Program(self.derivative)

    def evaluate(self, values: Mapping[str, Any]) -> Array:
        """The slope; see `Program.evaluate`."""
        slope = self._slope.evaluate(values)
        broken = ~np.isfinite(slope)
        if not broken.any() or slope.dtype.kind == "c":
            return slope
        quotient = self._quotient(values)
        with np.errstate(over="ignore"):
            return np.where(broken & np.isfinite(quotient), quotient, slope).astype(slope.dtype)

    def _quotient(self, values: Mapping[str, Any]) -> Array:
        """(f(v + h) - f(v - h)) / 2h with h = ε^(1/3) max(|v|, 1), where truncation and rounding balance."""
        wide = {name: of_type(value, np.dtype(np.float64)) for name, value in values.items()}
        with np.errstate(all="ignore"):
            v = wide[self.name]
            h = np.cbrt(np.finfo(np.float64).eps) * np.maximum(np.abs(v), 1)
            right, left = (self._value.evaluate({**wide, self.name: shifted}) for shifted in (v + h, v - h))
            quotient: Array = (right - left) / (2 * h)
            return quotient
