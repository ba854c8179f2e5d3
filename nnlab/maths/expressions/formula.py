"""A formula that serves as an activation: value, slope and the parameters' slopes, written into `out`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from nnlab.maths.activations import Activation, Function
from nnlab.maths.expressions.built_in import built_in
from nnlab.maths.expressions.errors import FormulaError
from nnlab.maths.expressions.kinks import Kink, check_parameter_slope, kinks
from nnlab.maths.expressions.parser import parse
from nnlab.maths.expressions.slopes import Slope
from nnlab.maths.expressions.tree import Array, Expression, Program
from nnlab.maths.parameters import Parameter


@dataclass(frozen=True)
class Formula:
    """A formula of x and its named parameters, with functions like those of `nnlab.maths.activations`."""

    text: str
    expression: Expression
    parameters: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str, parameters: Iterable[str] = ()) -> Formula:
        """The formula that `text` says; FormulaError if it cannot be read or leaves x or a parameter out."""
        names = tuple(parameters)
        expression = parse(text, names)
        for name in ("x", *names):
            if name not in expression.names():
                raise FormulaError(f"found no {name} in the formula, expected it to depend on {name}", text)
        return cls(text, expression, names)

    @cached_property
    def _program(self) -> Program:
        return Program(self.expression)

    @cached_property
    def _slopes(self) -> dict[str, Slope]:
        return {name: Slope(self.expression, name) for name in ("x", *self.parameters)}

    def value(self, z: Array, out: Array, /, **parameters: Any) -> None:
        """f(z); nan where z is nan, whatever branch that takes."""
        out[...] = self._program.evaluate({"x": z, **parameters})
        np.copyto(out, z, where=np.isnan(z))

    def slope(self, z: Array, _a: Array, out: Array, /, **parameters: Any) -> None:
        """f'(z)."""
        self._write_slope("x", z, out, parameters)

    @property
    def parameter_slopes(self) -> Mapping[str, Function]:
        """For each parameter p a function like `slope` that writes df/dp."""
        return {name: self._parameter_slope(name) for name in self.parameters}

    def _parameter_slope(self, name: str) -> Function:
        def write(z: Array, _a: Array, out: Array, /, **parameters: Any) -> None:
            self._write_slope(name, z, out, parameters)

        return write

    def _write_slope(self, name: str, z: Array, out: Array, parameters: Mapping[str, Any]) -> None:
        out[...] = self._slopes[name].evaluate({"x": z, **parameters})
        np.copyto(out, z, where=np.isnan(z))

    def kinks(self, **parameters: float) -> tuple[float, ...]:
        """The points without a derivative, for these values of the parameters."""
        return tuple(kink.x for kink in kinks(self.expression, parameters))

    def to_activation(self, name: str, defaults: Mapping[str, float]) -> Activation:
        """The activation with these values of the parameters, all of them learnable, none learned by default.

        A formula that a built-in activation has computes with the functions of that one, and starts like it.
        FormulaError if the formula, for these values, jumps or is not finite, or its derivative with respect to a
        parameter is not.
        """
        values = {parameter: self._default(parameter, defaults) for parameter in self.parameters}
        bends = kinks(self.expression, values)
        for parameter in self.parameters:
            check_parameter_slope(self.expression, parameter, values)
        own = Activation(
            name,
            self.value,
            self.slope,
            formula=self.expression.text(),
            slope_formula=self._slopes["x"].derivative.text(),
            range="unknown",
            initializer="glorot_uniform",
            source="a formula of the user",
            parameters=tuple(Parameter(p, v, f"{p} of the formula", learnable=True) for p, v in values.items()),
            parameter_slopes=self.parameter_slopes,
            kinks=self.kinks,
            at_kink=_at_kink(bends),
        )
        same = None if self.parameters else built_in(self.expression)
        return own if same is None else replace(own, **{field: getattr(same, field) for field in _SHARED})

    def _default(self, parameter: str, defaults: Mapping[str, float]) -> float:
        value = defaults.get(parameter)
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < math.inf:
            found = "no value" if value is None else value
            raise FormulaError(f"found {found} for parameter '{parameter}', expected a finite number", self.text)
        return float(value)


# What a formula takes from the built-in activation that it says.
_SHARED = ("value", "slope", "value_float32", "slope_float32", "kinks", "at_kink", "increasing", "initializer")


def _at_kink(bends: tuple[Kink, ...]) -> str:
    if not bends:
        return ""
    for side in ("left", "right"):
        if all(np.isclose(kink.taken, getattr(kink, side), rtol=1e-6, atol=1e-6) for kink in bends):
            return f"the {side} slope"
    return "the slope of the branch that is taken"
