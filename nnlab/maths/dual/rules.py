"""What NumPy's and SciPy's ufuncs do to dual arrays: a table of smooth ones with their slopes, and one of choices.

A slope is written so that it does not cancel: that of tanh is 1 / cosh², not 1 - tanh². Where a slope is a sum of terms
that may cancel, the rule gives the terms, and the rounding error is relative to the sum of their sizes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.maths import special
from nnlab.maths.dual.arrays import ROUNDING, DualArray, NotAnalyticError, as_dual, plain
from nnlab.maths.functions.exact import square

Array = NDArray[Any]

_TWO_OVER_ROOT_PI, _ROOT_TWO_PI, _ROOT_TWO = 2 / math.sqrt(math.pi), math.sqrt(2 * math.pi), math.sqrt(2)
# Veltkamp's split keeps the upper half of z's digits: s - (s - z) with s = (2**27 + 1) z. The rounding on the way makes
# it work, and counts as no error.
_SPLITTER = 2.0**27 + 1
# A slope's change under an operand's error is as small as the slope's own rounding: it is measured for an error so many
# times as large.
_ENLARGED = 2.0**20


def _bell(x: Any) -> Any:
    """exp(-x²) corrected for the square's rounding; beyond ±27 it is 0."""
    rounded, error = square(np.clip(np.asarray(x, np.float64), -60, 60))
    return np.exp(-rounded) * (1 - error)


def _logarithm(x: Any) -> Any:
    return np.log(np.where(x > 0, x, 1))


Slopes = Callable[..., tuple[Any, ...]]

# Each rule gets the value v = f(x, …) and the arguments, and gives ∂f/∂x for each; a tuple in it is a sum of terms.
SMOOTH: dict[np.ufunc, Slopes] = {
    np.add: lambda _v, _a, _b: (1.0, 1.0),
    np.subtract: lambda _v, _a, _b: (1.0, -1.0),
    np.multiply: lambda _v, a, b: (b, a),
    np.divide: lambda v, _a, b: (1 / b, -v / b),
    np.negative: lambda _v, _x: (-1.0,),
    np.positive: lambda _v, _x: (1.0,),
    np.reciprocal: lambda v, _x: (-v * v,),
    np.square: lambda _v, x: (2 * x,),
    np.sqrt: lambda v, _x: (0.5 / v,),
    np.cbrt: lambda v, _x: (1 / (3 * v * v),),
    np.power: lambda v, a, b: (b * np.power(a, b - 1.0), v * _logarithm(a)),
    np.float_power: lambda v, a, b: (b * np.float_power(a, b - 1.0), v * _logarithm(a)),
    np.hypot: lambda v, a, b: (a / v, b / v),
    np.exp: lambda v, _x: (v,),
    np.exp2: lambda v, _x: (v * math.log(2),),
    np.expm1: lambda _v, x: (np.exp(x),),
    np.log: lambda _v, x: (1 / x,),
    np.log2: lambda _v, x: (1 / (x * math.log(2)),),
    np.log10: lambda _v, x: (1 / (x * math.log(10)),),
    np.log1p: lambda _v, x: (1 / (1 + x),),
    np.logaddexp: lambda v, a, b: (np.exp(a - v), np.exp(b - v)),
    np.sin: lambda _v, x: (np.cos(x),),
    np.cos: lambda _v, x: (-np.sin(x),),
    np.tan: lambda _v, x: (1 / np.square(np.cos(x)),),
    np.sinh: lambda _v, x: (np.cosh(x),),
    np.cosh: lambda _v, x: (np.sinh(x),),
    np.tanh: lambda _v, x: (np.square(1 / np.cosh(x)),),
    np.arcsin: lambda _v, x: (1 / np.sqrt((1 - x) * (1 + x)),),
    np.arccos: lambda _v, x: (-1 / np.sqrt((1 - x) * (1 + x)),),
    np.arctan: lambda _v, x: (1 / (1 + x * x),),
    np.arctan2: lambda _v, a, b: (b / np.square(np.hypot(a, b)), -a / np.square(np.hypot(a, b))),
    np.arcsinh: lambda _v, x: (1 / np.hypot(x, 1),),
    np.arctanh: lambda _v, x: (1 / ((1 - x) * (1 + x)),),
}  # fmt: skip


@cache
def smooth_special() -> dict[np.ufunc, Slopes]:
    """The same for SciPy's, which is loaded only when a ufunc arrives that is none of NumPy's."""
    return {
        special.erf: lambda _v, x: (_TWO_OVER_ROOT_PI * _bell(x),),
        special.erfc: lambda _v, x: (-_TWO_OVER_ROOT_PI * _bell(x),),
        special.erfcx: lambda v, x: ((2 * x * v, -_TWO_OVER_ROOT_PI),),
        special.expit: lambda v, x: (v * special.expit(-x),),
        special.log_expit: lambda _v, x: (special.expit(-x),),
        special.logit: lambda _v, x: (1 / (x * (1 - x)),),
        special.ndtr: lambda _v, x: (np.sqrt(_bell(x)) / _ROOT_TWO_PI,),
        special.log_ndtr: lambda _v, x: (2 / (_ROOT_TWO_PI * special.erfcx(-x / _ROOT_TWO)),),
        special.xlogy: lambda _v, a, b: (_logarithm(b), a / b),
        special.xlog1py: lambda _v, a, b: (np.log1p(b), a / (1 + b)),
    }  # fmt: skip


def applied(ufunc: np.ufunc, *inputs: Any, out: Any = (), where: Any = True, **options: Any) -> Any:
    """A ufunc on dual arrays, with `out` and `where` as NumPy has them."""
    if unknown := options.keys() - {"casting", "order", "subok"}:
        raise NotAnalyticError(f"found numpy.{ufunc.__name__} with {min(unknown)}, which has no rule")
    result = _result(ufunc, inputs)
    return result if not out else written(result, out[0], where)


def _result(ufunc: np.ufunc, inputs: Sequence[Any]) -> Any:
    if ufunc in _CHOICES:
        return _CHOICES[ufunc](ufunc, *(as_dual(x) for x in inputs))
    if ufunc in _BY_VALUE:
        return ufunc(*(plain(x) for x in inputs))
    rule = SMOOTH.get(ufunc) or smooth_special().get(ufunc)
    if rule is None:
        raise NotAnalyticError(f"found {ufunc.__name__}, which has no rule")
    return _smooth(ufunc, rule, inputs)


def written(result: Any, out: Any, where: Any) -> Any:
    """`out`, with `result` in it where `where` holds; NotAnalyticError if a derivative would be lost."""
    if isinstance(out, DualArray):
        out.write(result, where)
    elif isinstance(result, DualArray):
        raise NotAnalyticError(
            "found a plain array as out of an operation on a dual one, which would lose its derivative"
        )
    else:
        np.copyto(out, result, where=where)
    return out


def _smooth(ufunc: np.ufunc, rule: Slopes, inputs: Sequence[Any]) -> DualArray:
    """f, Σ ∂f/∂x · x', and what rounding may have done to both.

    The error of f is Σ |∂f/∂x| times that of x, and its own rounding. The error of a product ∂f/∂x · x' comes from that
    of x', from the rounding of the slope, and from the slope's change under the errors of its arguments.
    """
    values = [plain(x) for x in inputs]
    value = ufunc(*values)
    made = DualArray(value)
    rounding = 0.0 if any(isinstance(x, DualArray) and x.splits for x in inputs) else ROUNDING
    slopes, sizes = _slopes(rule(value, *values))
    for index, x in enumerate(inputs):
        if isinstance(x, DualArray):
            size = np.abs(sizes[index])
            made.error += _times(size, x.error)
            if x.tangent.any() or x.tangent_error.any():
                made.tangent += _times(slopes[index], x.tangent)
                made.tangent_error += _times(size, x.tangent_error + rounding * np.abs(x.tangent))
                made.tangent_error += _times(_changes(ufunc, rule, inputs, index, slopes), np.abs(x.tangent))
    made.error += rounding * np.where(np.isfinite(value), np.abs(value), 0)
    made.tangent_error += rounding * np.abs(made.tangent)
    return _split(made, inputs) if ufunc is np.multiply else made


def _split(made: DualArray, inputs: Sequence[Any]) -> DualArray:
    """A product, whose own rounding is no error where a factor is Veltkamp's splitter."""
    x, factor = inputs if isinstance(inputs[0], DualArray) else (inputs[1], inputs[0])
    if not isinstance(factor, DualArray) and np.ndim(factor) == 0 and factor == _SPLITTER:
        made.error, made.tangent_error, made.splits = x.error, x.tangent_error, True
    return made


def _slopes(partials: tuple[Any, ...]) -> tuple[list[Any], list[Any]]:
    """Each slope, and the size of its largest terms."""
    slopes = [sum(p) if isinstance(p, tuple) else p for p in partials]
    sizes = [sum(np.abs(term) for term in p) if isinstance(p, tuple) else p for p in partials]
    return slopes, sizes


def _changes(ufunc: np.ufunc, rule: Slopes, inputs: Sequence[Any], index: int, slopes: Sequence[Any]) -> Any:
    """How much slope number `index` changes by the errors of the arguments."""
    total: Any = 0.0
    if ufunc in _STRAIGHT:
        return total
    for other, x in enumerate(inputs):
        if isinstance(x, DualArray) and x.error.any():
            moved = [plain(y) for y in inputs]
            moved[other] = x.value + _ENLARGED * x.error
            there = _slopes(rule(ufunc(*moved), *moved))[0][index]
            change = np.abs(there - slopes[index]) / _ENLARGED
            total = total + np.where(np.isfinite(change), change, 0)
    return total


_STRAIGHT = {np.add, np.subtract, np.negative, np.positive}


def _times(slope: Any, tangent: Array) -> Array:
    """The product, 0 where the tangent is 0, whatever the slope."""
    product: Array = np.where(tangent == 0, 0.0, slope * tangent)
    return product


# --- Choices: by value, and at a tie by tangent -----------------------------------------------------------------------


def _above(a: DualArray, b: DualArray, *, or_equal: bool) -> Array:
    """Whether a + iha' > b + ihb': by value, then by tangent."""
    beside = a.tangent >= b.tangent if or_equal else a.tangent > b.tangent
    above: Array = (a.value > b.value) | ((a.value == b.value) & beside)
    return above


def _chosen(a: DualArray, b: DualArray, first: Array, value: Array) -> DualArray:
    planes = (np.where(first, one, other) for one, other in zip(a.planes, b.planes, strict=True))
    return DualArray.of([value, *list(planes)[1:]])


def larger(ufunc: np.ufunc, a: DualArray, b: DualArray) -> DualArray:
    """max(a, b) and the tangent of the larger."""
    return _chosen(a, b, _above(a, b, or_equal=True), ufunc(a.value, b.value))


def smaller(ufunc: np.ufunc, a: DualArray, b: DualArray) -> DualArray:
    """min(a, b) and the tangent of the smaller."""
    return _chosen(a, b, ~_above(a, b, or_equal=True), ufunc(a.value, b.value))


def _absolute(ufunc: np.ufunc, x: DualArray) -> DualArray:
    return DualArray.of([ufunc(x.value), np.where(_is_positive(x), x.tangent, -x.tangent), x.error, x.tangent_error])


def _is_positive(x: DualArray) -> Array:
    return _above(x, DualArray(np.zeros(x.shape)), or_equal=True)


def _copysign(ufunc: np.ufunc, a: DualArray, b: DualArray) -> DualArray:
    value = ufunc(a.value, b.value)
    turned = np.signbit(value) != ~_is_positive(a)
    return DualArray(value, np.where(turned, -a.tangent, a.tangent), a.error, a.tangent_error)


def _sign(ufunc: np.ufunc, x: DualArray) -> DualArray:
    """At 0 the sign of the tangent: the limit from that side, as at every jump."""
    return DualArray(np.where(x.value == 0, ufunc(x.tangent), ufunc(x.value)))


def _equal(_ufunc: np.ufunc, a: DualArray, b: DualArray) -> Array:
    """Equal in value and in tangent: beside the point, numbers of different tangents differ."""
    equal: Array = (a.value == b.value) & (a.tangent == b.tangent)
    return equal


_CHOICES: dict[np.ufunc, Callable[..., Any]] = {
    np.maximum: larger,
    np.fmax: larger,
    np.minimum: smaller,
    np.fmin: smaller,
    np.absolute: _absolute,
    np.fabs: _absolute,
    np.copysign: _copysign,
    np.sign: _sign,
    np.greater: lambda _u, a, b: _above(a, b, or_equal=False),
    np.greater_equal: lambda _u, a, b: _above(a, b, or_equal=True),
    np.less: lambda _u, a, b: _above(b, a, or_equal=False),
    np.less_equal: lambda _u, a, b: _above(b, a, or_equal=True),
    np.equal: _equal,
    np.not_equal: lambda u, a, b: ~_equal(u, a, b),
}
_BY_VALUE = {np.isfinite, np.isinf, np.isnan, np.signbit}
