"""What a formula may do: one table, each operation's value with its derivative rule and its arity beside it.

A rule gets the arguments and then their slopes: for a product, (a, b, da, db). Rules avoid cancellation: the slope of
tanh is 1 / cosh², not 1 - tanh², and that of sigmoid is sigmoid(u) sigmoid(-u), not s (1 - s). Both are functions of
the formula language, `tanh_slope` and `sigmoid_slope`, computed by the code of the built-in activations, so that a
formula that means the same as a built-in activation gives the same numbers to the last bit.

At a kink the slope is the one on the left, as of the built-in activations: relu(x) has 0 at 0, abs(x) has -1,
clip(x, -1, 1) has 0 at -1 and 1 at 1. Where the slopes that meet do not tell which one that is, as in relu(beta * x)
with a beta of unknown sign, the argument is taken to rise. `where` has the slope of the branch that it takes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial, reduce
from itertools import combinations
from typing import Any

import numpy as np

from nnlab.maths import special
from nnlab.maths.expressions.tree import OPERATIONS, ZERO, Binds, Call, Expression, Number, Operation, nowhere
from nnlab.maths.functions import float32, rectifiers, sigmoids

# --- Values that NumPy does not have ----------------------------------------------------------------------------------


def _returning(function: Callable[..., None]) -> Callable[[Any], Any]:
    """An activation's function of (z, out) as one that returns an array."""

    def value(z: Any) -> Any:
        out = np.empty_like(z)
        function(z, out)
        return out

    return value


def _built_in(function: Callable[..., None], for_complex: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The same, with another function for complex numbers."""
    for_real = _returning(function)
    return lambda z: for_complex(z) if np.iscomplexobj(z) else for_real(z)


def _erf(z: Any) -> Any:
    return special.erf(z)


def _relu(z: Any) -> Any:
    return _larger(z, np.zeros_like(z))


def _sigmoid(z: Any) -> Any:
    e = np.exp(-_absolute(z))
    return np.where(z.real < 0, e, 1) / (1 + e)


def _softplus(z: Any) -> Any:
    return _relu(z) + np.log1p(np.exp(-_absolute(z)))


def _sigmoid_slope(z: Any) -> Any:
    e = np.exp(-_absolute(z))
    return e / (1 + e) ** 2


def _write_float32_sigmoid_slope(z: Any, out: Any) -> None:
    a = np.empty_like(out)
    float32.sigmoid(z, a)
    float32.sigmoid_slope(z, a, out)


def _absolute(z: Any) -> Any:
    return np.where(z.real < 0, -z, z) if np.iscomplexobj(z) else np.abs(z)


def _larger(a: Any, b: Any) -> Any:
    return np.where(a.real > b.real, a, b) if np.iscomplexobj(a) else np.maximum(a, b)


def _smaller(a: Any, b: Any) -> Any:
    return np.where(a.real < b.real, a, b) if np.iscomplexobj(a) else np.minimum(a, b)


def _raised(a: Any, b: Any) -> Any:
    return np.square(a) if np.ndim(b) == 0 and b == 2 else np.power(a, b)


def _compared(compare: Callable[..., Any]) -> Callable[[Any, Any], Any]:
    return lambda a, b: compare(np.real(a), np.real(b))


# --- Derivative rules that take more than a line ----------------------------------------------------------------------


def _quotient_slope(a: Expression, b: Expression, da: Expression, db: Expression) -> Expression:
    """(a' b - a b') / b / b: b² would overflow where the slope of 1 / (1 + exp(-x)) is still a number."""
    return da / b if db == ZERO else (da * b - a * db) / b / b


def _power_slope(a: Expression, b: Expression, da: Expression, db: Expression) -> Expression:
    """(a^b)' = b a^(b-1) a' + a^b log(a) b'.

    With a constant exponent the base may be negative, as in x ** 2. An exponent that is derived by, such as a learned
    one, needs a base that is nowhere negative; at the base 0, a^b log(a) is its limit 0.
    """
    by_base = b * a ** (b - 1) * da
    by_exponent = a**b * log(a)
    if a.names():
        by_exponent = where(call("or", call("<", a, ZERO), call(">", a, ZERO)), by_exponent, ZERO)
    return by_base + by_exponent * db


def _where_slope(condition: Expression, *others: Expression) -> Expression:
    """The slope of the branch that is taken."""
    return where(condition, *others[-2:])


def _max_slope(*both: Expression) -> Expression:
    """That of the larger, pair by pair: where(a > b, a', b')."""

    def joined(a: Expression, b: Expression, da: Expression, db: Expression) -> tuple[Expression, Expression]:
        return call("max", a, b), where(_beats(">", a, b, at_tie=not _rises(da, db)), da, db)

    return _pairwise(both, joined)


def _min_slope(*both: Expression) -> Expression:
    """That of the smaller, pair by pair: where(a < b, a', b')."""

    def joined(a: Expression, b: Expression, da: Expression, db: Expression) -> tuple[Expression, Expression]:
        return call("min", a, b), where(_beats("<", a, b, at_tie=_rises(da, db)), da, db)

    return _pairwise(both, joined)


def _relu_slope(u: Expression, du: Expression) -> Expression:
    """relu(u) = max(u, 0)."""
    return _max_slope(u, ZERO, du, ZERO)


def _abs_slope(u: Expression, du: Expression) -> Expression:
    """abs(u) = max(u, -u)."""
    return where(_beats(">", u, ZERO, at_tie=not _rises(du, ZERO)), du, -du)


def _clip_slope(u: Expression, low: Expression, high: Expression, *slopes: Expression) -> Expression:
    """clip(u, low, high) = min(max(u, low), high)."""
    du, dlow, dhigh = slopes
    ordered = isinstance(low, Number) and isinstance(high, Number) and low.value <= high.value
    middle = u if ordered else call("max", u, low)
    falls = not _rises(du, ZERO)
    return where(_beats(">", middle, high, at_tie=falls), dhigh, where(_beats(">", u, low, at_tie=falls), du, dlow))


def _pairwise(both: tuple[Expression, ...], joined: Callable[..., tuple[Expression, Expression]]) -> Expression:
    """The slope of f(f(a, b), c), where `joined` gives f(a, b) and its slope."""
    half = len(both) // 2
    pairs = zip(both[:half], both[half:], strict=True)
    return reduce(lambda one, other: joined(one[0], other[0], one[1], other[1]), pairs)[1]


def _beats(sign: str, a: Expression, b: Expression, *, at_tie: bool) -> Expression:
    return call(f"{sign}=" if at_tie else sign, a, b)


def _rises(da: Expression, db: Expression) -> bool:
    """Whether a - b is taken to rise with x: by the slopes if they tell, otherwise yes, unless only b moves."""
    (low_a, high_a), (low_b, high_b) = _range(da), _range(db)
    if low_a >= high_b or high_a <= low_b:
        return low_a >= high_b
    return da != ZERO


def _range(slope: Expression) -> tuple[float, float]:
    """Bounds of a slope that is a number, or one of several by `where`."""
    match slope:
        case Number(value):
            return value, value
        case Call("where", (_, a, b)):
            (low_a, high_a), (low_b, high_b) = _range(a), _range(b)
            return min(low_a, low_b), max(high_a, high_b)
    return -math.inf, math.inf


def _no_slope(*_arguments: Expression) -> Expression:
    return ZERO


# --- Building calls ---------------------------------------------------------------------------------------------------


def call(function: str, *arguments: Expression) -> Expression:
    """The call of a function or an operator of the table."""
    return Call(function, arguments)


def where(condition: Expression, a: Expression, b: Expression) -> Expression:
    """The call of `where`, or a if the branches are equal."""
    return a if a == b else call("where", condition, a, b)


exp, log, sqrt, cos, sin, sinh, cosh, tanh, sigmoid = (
    partial(call, name) for name in ("exp", "log", "sqrt", "cos", "sin", "sinh", "cosh", "tanh", "sigmoid")
)
sigmoid_slope, tanh_slope = partial(call, "sigmoid_slope"), partial(call, "tanh_slope")


# --- The table --------------------------------------------------------------------------------------------------------


def _only(u: Expression) -> tuple[Expression, ...]:
    return (u,)


def _differences(*arguments: Expression) -> tuple[Expression, ...]:
    return tuple(a - b for a, b in combinations(arguments, 2))


_TWO = (2, 2)
_sigmoid_value = _built_in(sigmoids.sigmoid, _sigmoid)
_tanh_slope_value = _built_in(lambda z, out: sigmoids.tanh_slope(z, z, out), lambda z: 4 * _sigmoid_slope(2 * z))
_sigmoid_slope_value = _built_in(sigmoids.bell, _sigmoid_slope)
_softplus_value = _built_in(sigmoids.softplus, _softplus)
_log_sigmoid_value = _built_in(sigmoids.log_sigmoid, lambda z: -_softplus(-z))

FUNCTIONS: dict[str, Operation] = {
    "exp": Operation(np.exp, lambda u, du: du * exp(u)),
    "expm1": Operation(np.expm1, lambda u, du: du * exp(u)),
    "log": Operation(np.log, lambda u, du: du / u, critical=_only),
    "log1p": Operation(np.log1p, lambda u, du: du / (1 + u), critical=lambda u: (1 + u,)),
    "sqrt": Operation(np.sqrt, lambda u, du: du / (2 * sqrt(u)), critical=_only),
    "sin": Operation(np.sin, lambda u, du: du * cos(u)),
    "cos": Operation(np.cos, lambda u, du: -(du * sin(u))),
    "tan": Operation(np.tan, lambda u, du: du / cos(u) ** 2, critical=lambda u: (cos(u),)),
    "sinh": Operation(np.sinh, lambda u, du: du * cosh(u)),
    "cosh": Operation(np.cosh, lambda u, du: du * sinh(u)),
    "tanh": Operation(np.tanh, lambda u, du: du * tanh_slope(u)),
    "tanh_slope": Operation(
        _tanh_slope_value, lambda u, du: -2 * du * tanh(u) * tanh_slope(u),
        value_float32=_returning(lambda z, out: float32.tanh_slope(z, np.tanh(z), out)),
    ),
    "arctan": Operation(np.arctan, lambda u, du: du / (1 + u**2)),
    "erf": Operation(_erf, lambda u, du: 2 / math.sqrt(math.pi) * du * exp(-(u**2))),
    "sigmoid": Operation(
        _sigmoid_value, lambda u, du: du * sigmoid_slope(u), value_float32=_returning(float32.sigmoid),
    ),
    "sigmoid_slope": Operation(
        _sigmoid_slope_value, lambda u, du: -(du * tanh(u / 2) * sigmoid_slope(u)),
        value_float32=_returning(_write_float32_sigmoid_slope),
    ),
    "softplus": Operation(_softplus_value, lambda u, du: du * sigmoid(u)),
    "log_sigmoid": Operation(_log_sigmoid_value, lambda u, du: du * sigmoid(-u)),
    "relu": Operation(_built_in(rectifiers.relu, _relu), _relu_slope, critical=_only),
    "abs": Operation(_absolute, _abs_slope, critical=_only),
    "sign": Operation(lambda z: np.sign(z.real).astype(z.dtype), _no_slope, critical=_only),
    "max": Operation(lambda *z: reduce(_larger, z), _max_slope, (2, math.inf), critical=_differences),
    "min": Operation(lambda *z: reduce(_smaller, z), _min_slope, (2, math.inf), critical=_differences),
    "clip": Operation(
        lambda z, low, high: _smaller(_larger(z, low), high), _clip_slope, (3, 3), lambda u, a, b: (u - a, u - b)
    ),
    "where": Operation(np.where, _where_slope, (3, 3)),
}  # fmt: skip


def _left(value: Any, slope: Any, level: Binds, critical: Any = nowhere) -> Operation:
    """An operator that groups from the left: a - b - c is (a - b) - c."""
    return Operation(value, slope, _TWO, critical, level, inner=(level, Binds(level + 1)))


def _comparison(compare: Callable[..., Any]) -> Operation:
    return Operation(_compared(compare), _no_slope, _TWO, _differences, level=Binds.COMPARISON, inner=(Binds.SUM,))


def _joining(join: Callable[..., Any], level: Binds) -> Operation:
    return Operation(lambda *z: reduce(join, z), _no_slope, (2, math.inf), level=level, inner=(Binds(level + 1),))


ARITHMETIC: dict[str, Operation] = {
    "+": _left(np.add, lambda _a, _b, da, db: da + db, Binds.SUM),
    "-": _left(np.subtract, lambda _a, _b, da, db: da - db, Binds.SUM),
    "*": _left(np.multiply, lambda a, b, da, db: da * b + a * db, Binds.PRODUCT),
    "/": _left(np.divide, _quotient_slope, Binds.PRODUCT, lambda _a, b: (b,)),
    "**": Operation(
        _raised, _power_slope, _TWO, lambda a, _b: (a,), level=Binds.POWER, inner=(Binds.ATOM, Binds.MINUS)
    ),
    "negative": Operation(np.negative, lambda _u, du: -du, level=Binds.MINUS, inner=(Binds.MINUS,), symbol="-"),
}

CONDITIONS: dict[str, Operation] = {
    "<": _comparison(np.less),
    "<=": _comparison(np.less_equal),
    ">": _comparison(np.greater),
    ">=": _comparison(np.greater_equal),
    "not": Operation(np.logical_not, _no_slope, level=Binds.NOT, inner=(Binds.NOT,)),
    "and": _joining(np.logical_and, Binds.AND),
    "or": _joining(np.logical_or, Binds.OR),
}

OPERATIONS.update(FUNCTIONS | ARITHMETIC | CONDITIONS)
