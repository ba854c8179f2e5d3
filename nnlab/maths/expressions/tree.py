"""Expressions: immutable trees of numbers, names and calls, with the arithmetic and its derivatives.

Three kinds of node are enough: an operator is an `Operation` like any function, so `x + 1` is a call of `+`. An
operation carries its value, its derivative rule and its place in the grammar (see `functions`). Rules are written with
Python's operators, which simplify lightly as they build: 0·a, 1·a, a + 0, --a and sums, differences and products of
numbers. The parser builds calls directly, so that a formula is computed as it was written.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.maths.parameters import of_type

Array = NDArray[Any]

CONSTANTS = {"pi": math.pi, "e": math.e}
_LARGEST_FOLDED = 1e15


class Binds(IntEnum):
    """How tightly an operator binds its arguments, from loose to tight."""

    OR = 1
    AND = 2
    NOT = 3
    COMPARISON = 4
    SUM = 5
    PRODUCT = 6
    MINUS = 7
    POWER = 8
    ATOM = 9


class Expression:
    """What `Number`, `Name` and `Call` have in common."""

    arguments: tuple[Expression, ...] = ()

    @property
    def level(self) -> Binds:
        """How tightly the node binds; see `Operation`."""
        return Binds.ATOM

    def compute(self, values: Mapping[str, Any], dtype: np.dtype[Any], arguments: Sequence[Any]) -> Any:
        """The value of this node from the values of its arguments."""
        raise NotImplementedError

    def derivative(self, name: str) -> Expression:
        """The derivative with respect to `name`."""
        raise NotImplementedError

    def written(self) -> str:
        """The node as text, without parentheses around it."""
        raise NotImplementedError

    def names(self) -> frozenset[str]:
        """The free names: x and the parameters that occur, but not pi and e."""
        return frozenset[str]().union(*(argument.names() for argument in self.arguments))

    def text(self, least: int = 0) -> str:
        """A formula that `parse` reads as an equal expression; in parentheses if it binds less tightly than `least`."""
        return self.written() if self.level >= least else f"({self.written()})"

    def evaluate(self, values: Mapping[str, Any]) -> Array:
        """The value where each free name has its value: numbers or arrays that broadcast; see `Program`."""
        return Program(self).evaluate(values)

    def __add__(self, other: Operand) -> Expression:
        return _sum(self, _node(other))

    def __radd__(self, other: Operand) -> Expression:
        return _sum(_node(other), self)

    def __sub__(self, other: Operand) -> Expression:
        return _difference(self, _node(other))

    def __rsub__(self, other: Operand) -> Expression:
        return _difference(_node(other), self)

    def __mul__(self, other: Operand) -> Expression:
        return _product(self, _node(other))

    def __rmul__(self, other: Operand) -> Expression:
        return _product(_node(other), self)

    def __truediv__(self, other: Operand) -> Expression:
        return _quotient(self, _node(other))

    def __rtruediv__(self, other: Operand) -> Expression:
        return _quotient(_node(other), self)

    def __pow__(self, other: Operand) -> Expression:
        return _power(self, _node(other))

    def __neg__(self) -> Expression:
        return _negative(self)


Operand = Expression | float


@dataclass(frozen=True)
class Number(Expression):
    """A finite number."""

    value: float

    @property
    def level(self) -> Binds:
        """A negative number is written with a minus, and binds like one."""
        return Binds.MINUS if self.value < 0 else Binds.ATOM

    def compute(self, _values: Mapping[str, Any], dtype: np.dtype[Any], _arguments: Sequence[Any]) -> Any:
        """The number in the precision of the computation."""
        return dtype.type(self.value)

    def derivative(self, _name: str) -> Expression:
        """0."""
        return ZERO

    def written(self) -> str:
        """`2`, `0.5`, `1e-07`: the shortest text that gives the same number."""
        whole = self.value.is_integer() and abs(self.value) < _LARGEST_FOLDED
        return str(int(self.value)) if whole else repr(self.value)


@dataclass(frozen=True)
class Name(Expression):
    """x, a parameter, or one of the constants pi and e."""

    name: str

    def compute(self, values: Mapping[str, Any], dtype: np.dtype[Any], _arguments: Sequence[Any]) -> Any:
        """What the name stands for, in the precision of the computation."""
        return dtype.type(CONSTANTS[self.name]) if self.name in CONSTANTS else of_type(values[self.name], dtype)

    def derivative(self, name: str) -> Expression:
        """dx/dx = 1; anything else is constant."""
        return ONE if self.name == name else ZERO

    def written(self) -> str:
        """The name."""
        return self.name

    def names(self) -> frozenset[str]:
        """The name, unless it is a constant's."""
        return frozenset({self.name} - CONSTANTS.keys())


def nowhere(*_arguments: Expression) -> tuple[Expression, ...]:
    """No critical points."""
    return ()


@dataclass(frozen=True)
class Operation:
    """One thing that a formula can do with its arguments.

    `value` computes with arrays; where it branches it goes by the real part, so that a complex step gives derivatives.
    `slope(*arguments, *their slopes)` is the derivative. `critical(*arguments)` are the expressions at whose zeros the
    operation may jump, bend or have a pole. For an operator, `level` is how tightly it binds and `inner` how tightly
    each argument has to, to stand without parentheses (the last for all that follow); `symbol` is how it is written,
    if not by its name. `value_float32` is a quicker form for float32, if there is one: `form` gives the one to call.
    """

    value: Callable[..., Any]
    slope: Callable[..., Expression]
    arity: tuple[int, float] = (1, 1)
    critical: Callable[..., tuple[Expression, ...]] = nowhere
    level: Binds = Binds.ATOM
    inner: tuple[Binds, ...] = ()
    symbol: str = ""
    value_float32: Callable[..., Any] | None = None

    def form(self, dtype: np.dtype[Any]) -> Callable[..., Any]:
        """The `value` to call for arrays of this dtype."""
        return self.value_float32 if self.value_float32 and dtype == np.float32 else self.value


OPERATIONS: dict[str, Operation] = {}  # filled by nnlab.maths.expressions.functions


@dataclass(frozen=True)
class Call(Expression):
    """The operation of that name applied to arguments."""

    function: str
    arguments: tuple[Expression, ...]
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash((self.function, self.arguments)))  # once: trees are keys

    def __hash__(self) -> int:
        return self._hash

    @property
    def operation(self) -> Operation:
        """The entry of the table."""
        return OPERATIONS[self.function]

    @property
    def level(self) -> Binds:
        """That of the operator; a function call is an atom."""
        return self.operation.level

    def compute(self, _values: Mapping[str, Any], dtype: np.dtype[Any], arguments: Sequence[Any]) -> Any:
        """The operation on the arguments' values."""
        return self.operation.form(dtype)(*arguments)

    def derivative(self, name: str) -> Expression:
        """By the operation's rule; 0 where no argument depends on `name`."""
        slopes = [argument.derivative(name) for argument in self.arguments]
        if all(slope == ZERO for slope in slopes):
            return ZERO
        return self.operation.slope(*self.arguments, *slopes)

    def written(self) -> str:
        """`f(a, b)`, `a + b`, `-a`."""
        name, inner = self.operation.symbol or self.function, self.operation.inner
        if not inner:
            return f"{name}({', '.join(argument.text() for argument in self.arguments)})"
        words = [a.text(inner[min(i, len(inner) - 1)]) for i, a in enumerate(self.arguments)]
        if len(words) == 1:
            return f"{name} {words[0]}" if name.isalpha() else f"{name}{words[0]}"
        return f" {name} ".join(words)


class Program:
    """An expression laid out as a list of steps, in which a subexpression that occurs twice is computed once."""

    def __init__(self, expression: Expression) -> None:
        self.places: dict[Expression, int] = {}
        self.steps: list[tuple[Expression, tuple[int, ...]]] = []
        self._add(expression)

    def _add(self, node: Expression) -> int:
        if node not in self.places:
            arguments = tuple(self._add(argument) for argument in node.arguments)
            self.places[node] = len(self.steps)
            self.steps.append((node, arguments))
        return self.places[node]

    def evaluate(self, values: Mapping[str, Any]) -> Array:
        """The value, of the shape that the values broadcast to (or fewer dimensions where it is constant).

        float32 stays float32, and a Python number takes the precision of the arrays beside it. Both branches of a
        `where` are computed, silently, and the branch that is not taken never reaches the result.
        """
        common = np.result_type(*values.values()) if values else np.dtype(np.float64)
        dtype = common if common.kind in "fc" else np.dtype(np.float64)
        results: list[Any] = []
        with np.errstate(all="ignore"):
            for node, places in self.steps:
                results.append(node.compute(values, dtype, [results[i] for i in places]))
        value: Array = results[-1][...]  # of a NumPy number an array without dimensions
        return value


# --- Arithmetic that simplifies as it builds --------------------------------------------------------------------------


def _node(operand: Operand) -> Expression:
    return operand if isinstance(operand, Expression) else Number(float(operand))


def _folded(value: float) -> Expression | None:
    """The number, unless it is beyond what is worth folding: powers and quotients are never computed here."""
    return Number(value + 0.0) if abs(value) <= _LARGEST_FOLDED else None


def _sum(a: Expression, b: Expression) -> Expression:
    match a, b:
        case Number(v), Number(w) if folded := _folded(v + w):
            return folded
        case (Number(0), other) | (other, Number(0)):
            return other
        case _, Number(w) if w < 0:
            return Call("-", (a, Number(-w)))
        case _, Call("negative", (c,)):
            return a - c
    return Call("+", (a, b))


def _difference(a: Expression, b: Expression) -> Expression:
    match a, b:
        case Number(v), Number(w) if folded := _folded(v - w):
            return folded
        case _, Number(0):
            return a
        case Number(0), _:
            return -b
        case _, Number(w) if w < 0:
            return Call("+", (a, Number(-w)))
        case _, Call("negative", (c,)):
            return a + c
    return Call("-", (a, b))


def _product(a: Expression, b: Expression) -> Expression:
    match a, b:
        case Number(v), Number(w) if folded := _folded(v * w):
            return folded
        case Number(v), other:
            return _scaled(v, other)
        case other, Number(v):
            return _scaled(v, other)
        case Call("negative", (c,)), other:
            return -(c * other)
        case other, Call("negative", (c,)):
            return -(other * c)
    return _times_reciprocal(a, b) or _times_reciprocal(b, a) or Call("*", (a, b))


def _scaled(factor: float, a: Expression) -> Expression:
    if factor in {0, 1, -1}:
        return {0: ZERO, 1: a, -1: -a}[int(factor)]
    match a:
        case Call("negative", (c,)):
            return Number(-factor) * c
        case Call("*", (Number(v), c)) if folded := _folded(factor * v):
            return folded * c
    return Call("*", (Number(factor), a))


def _times_reciprocal(a: Expression, b: Expression) -> Expression | None:
    match b:
        case Call("/", (Number(1), c)):
            return a / c
    return None


def _quotient(a: Expression, b: Expression) -> Expression:
    match a, b:
        case Number(0), _:
            return ZERO
        case _, Number(1):
            return a
        case Call("negative", (c,)), _:
            return -(c / b)
    return Call("/", (a, b))


def _power(a: Expression, b: Expression) -> Expression:
    match b:
        case Number(0):
            return ONE
        case Number(1):
            return a
    return Call("**", (a, b))


def _negative(a: Expression) -> Expression:
    match a:
        case Number(v):
            return Number(0.0 - v)
        case Call("negative", (c,)):
            return c
        case Call("*", (Number(v), c)):
            return Number(-v) * c
    return Call("negative", (a,))


ZERO, ONE = Number(0.0), Number(1.0)
