"""What those functions of NumPy that are no ufuncs do to dual arrays: sums, sorting, joining, shapes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.maths.dual.arrays import ROUNDING, DualArray, NotAnalyticError, as_dual, plain
from nnlab.maths.dual.rules import larger, smaller, written

Array = NDArray[Any]


def _by_value(function: Any) -> Callable[..., Any]:
    """A function that looks at values alone and whose result does not move."""

    def call(*arguments: Any, **options: Any) -> Any:
        return function(*map(plain, arguments), **{key: plain(value) for key, value in options.items()})

    return call


def _by_plane(function: Any) -> Callable[..., DualArray]:
    """A function that moves entries and changes none: each plane in the same way."""

    def call(x: DualArray, *arguments: Any, **options: Any) -> DualArray:
        return x.mapped(lambda plane: function(plane, *arguments, **options))

    return call


def _where(condition: Any, a: Any, b: Any) -> Any:
    condition = plain(condition)
    pairs = zip(as_dual(a).planes, as_dual(b).planes, strict=True)
    return DualArray.of([np.where(condition, one, other) for one, other in pairs])


def _copyto(target: Any, source: Any, where: Any = np.True_, **_: Any) -> None:
    written(source, target, where)


def _clip(x: Any, low: Any = None, high: Any = None, out: Any = None) -> Any:
    """min(max(x, low), high), with the value that clip itself gives."""
    clipped = as_dual(x)
    if low is not None:
        clipped = larger(np.maximum, clipped, as_dual(low))
    if high is not None:
        clipped = smaller(np.minimum, clipped, as_dual(high))
    clipped.value = np.clip(plain(x), plain(low), plain(high))
    return clipped if out is None else written(clipped, out, np.True_)


def _sum(x: DualArray, axis: Any = None, keepdims: Any = None, **_: Any) -> DualArray:
    def total(plane: Array) -> Array:
        return np.asarray(plane.sum(axis=axis, keepdims=bool(keepdims)))

    rounding = ROUNDING * (1 + math.log2(max(2, x.size)))
    error = total(x.error) + rounding * total(np.abs(x.value))
    return DualArray.of(
        [total(x.value), total(x.tangent), error, total(x.tangent_error) + rounding * total(np.abs(x.tangent))]
    )


def _mean(x: DualArray, axis: Any = None, keepdims: Any = None, **_: Any) -> DualArray:
    mean: DualArray = _sum(x, axis, keepdims) / (x.size / max(1, np.size(x.value.sum(axis=axis))))
    mean.value = np.asarray(x.value.mean(axis=axis, keepdims=bool(keepdims)))
    return mean


def _cumsum(x: DualArray, axis: Any = None, **_: Any) -> DualArray:
    sums = x.mapped(lambda plane: plane.cumsum(axis=axis))
    sums.error = sums.error + ROUNDING * np.abs(x.value).cumsum(axis=axis)
    sums.tangent_error = sums.tangent_error + ROUNDING * np.abs(x.tangent).cumsum(axis=axis)
    return sums


def _maximum(x: DualArray, axis: Any = None, keepdims: Any = None, **_: Any) -> DualArray:
    largest = x.value.max(axis=axis, keepdims=True)
    first = x.value == largest
    at = {"axis": axis, "keepdims": bool(keepdims)}
    tangent = np.where(first, x.tangent, -np.inf).max(**at)
    return DualArray.of(
        [np.asarray(x.value.max(**at)), np.asarray(np.where(np.isneginf(tangent), 0, tangent)),
         *(np.asarray(np.where(first, plane, 0).max(**at)) for plane in (x.error, x.tangent_error))]
    )  # fmt: skip


def _minimum(x: DualArray, **options: Any) -> DualArray:
    lowest: DualArray = -_maximum(-x, **options)
    return lowest


def _argmax(x: DualArray, axis: Any = None, keepdims: Any = None, **_: Any) -> Array:
    beside = np.where(x.value == x.value.max(axis=axis, keepdims=True), x.tangent, -np.inf)
    return np.asarray(beside.argmax(axis=axis, keepdims=bool(keepdims)))


def _sort(x: DualArray, axis: int = -1, **_: Any) -> DualArray:
    order = np.lexsort((x.tangent, x.value), axis=axis)
    return x.mapped(lambda plane: np.take_along_axis(plane, order, axis))


def _put_along_axis(target: DualArray, indices: Any, source: Any, axis: Any) -> None:
    for plane, values in zip(target.planes, as_dual(source).planes, strict=True):
        np.put_along_axis(plane, indices, values, axis)


def _joined(function: Any) -> Callable[..., DualArray]:
    def join(arrays: Sequence[Any], *arguments: Any, **options: Any) -> DualArray:
        planes = zip(*(as_dual(array).planes for array in arrays), strict=True)
        return DualArray.of([function(list(plane), *arguments, **options) for plane in planes])

    return join


def _split_up(x: DualArray, *arguments: Any, **options: Any) -> list[DualArray]:
    return [DualArray.of(parts) for parts in zip(*(np.split(p, *arguments, **options) for p in x.planes), strict=True)]


def _filled(value: float) -> Callable[..., DualArray]:
    return lambda x, *_arguments, **_options: DualArray(np.full(x.shape, value))


_REDUCED: dict[np.ufunc, Callable[..., DualArray]] = {np.add: _sum, np.maximum: _maximum, np.minimum: _minimum}


def reduced(ufunc: np.ufunc, x: DualArray, axis: Any = 0, keepdims: Any = None, **_: Any) -> DualArray:
    """A ufunc along an axis, as `np.add.reduce` is called."""
    if ufunc not in _REDUCED:
        raise NotAnalyticError(f"found numpy.{ufunc.__name__}.reduce, which has no rule")
    return _REDUCED[ufunc](x, axis=axis, keepdims=keepdims)


_VALUES_ONLY = (np.shape, np.ndim, np.size, np.isneginf, np.isposinf, np.iscomplexobj, np.isrealobj, np.allclose)
_SHAPES = (
    np.reshape, np.ravel, np.squeeze, np.expand_dims, np.swapaxes, np.moveaxis, np.transpose, np.repeat, np.tile,
    np.flip, np.roll, np.take, np.broadcast_to, np.copy, np.matrix_transpose,
)  # fmt: skip

RULES: dict[Any, Callable[..., Any]] = {
    **{function: _by_value(function) for function in _VALUES_ONLY},
    **{function: _by_plane(function) for function in _SHAPES},
    np.where: _where,
    np.copyto: _copyto,
    np.clip: _clip,
    np.sum: _sum,
    np.mean: _mean,
    np.cumsum: _cumsum,
    np.max: _maximum,
    np.min: _minimum,
    np.argmax: _argmax,
    np.sort: _sort,
    np.take_along_axis: lambda x, indices, axis=-1: x.mapped(lambda plane: np.take_along_axis(plane, indices, axis)),
    np.put_along_axis: _put_along_axis,
    np.split: _split_up,
    np.concatenate: _joined(np.concatenate),
    np.stack: _joined(np.stack),
    np.empty_like: _filled(0.0),
    np.zeros_like: _filled(0.0),
    np.ones_like: _filled(1.0),
    np.full_like: lambda x, value, **_: as_dual(value) + np.zeros(x.shape),
    np.nan_to_num: lambda x, **options: DualArray.of([np.nan_to_num(plane, **options) for plane in x.planes]),
    np.real: lambda x: x,
    np.result_type: lambda *_: np.dtype(np.float64),
    np.any: lambda x, **_: bool(np.any(x.value)),
}
