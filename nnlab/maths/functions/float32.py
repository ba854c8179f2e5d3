"""float32 forms of the functions in which most trainings spend most of their time: as few passes as possible.

The general forms correct the last digits of float64. float32 needs no corrections: what exp and the divisions round
away stays within the error that a test allows. A pass over a small array costs little more than its call, so calls are
saved: constants are arrays without dimensions, which NumPy need not convert, and `out` is a positional argument, since
a keyword takes a fifth of the time of a pass.

Tables of activations and heads name these forms beside the general ones, in fields that end in `_float32`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.maths.functions import rows
from nnlab.maths.functions.extremes import largest
from nnlab.maths.one_hot import MOST_DENSE

Array = NDArray[Any]

_ONE, _MINUS_TWO = (np.array(number, np.float32) for number in (1, -2))

# exp overflows beyond 88.7; from here on, 1 + exp(-|z|) has long been 1.
_FAR = 87.0


def sigmoid(z: Array, out: Array) -> None:
    """f(z) = e / (1 + e) with e = exp(z); where that overflows f has long been 1, as it is at 87."""
    if not largest(z) <= _FAR:  # nan too
        z = np.minimum(z, _FAR)
    np.exp(z, out)
    np.divide(out, out + _ONE, out)


def sigmoid_slope(z: Array, a: Array, out: Array) -> None:
    """f'(z) = f(z) f(-z) = a / (1 + exp(z)); far above 0, where that overflows, it is exp(-z)."""
    if not largest(z) <= _FAR:  # nan too
        _sigmoid_slope_far(z, a, out)
    else:
        _sigmoid_slope_near(z, a, out)


def _sigmoid_slope_near(z: Array, a: Array, out: Array) -> None:
    np.exp(z, out)
    np.add(out, _ONE, out)
    np.divide(a, out, out)


def _sigmoid_slope_far(z: Array, a: Array, out: Array) -> None:
    far = z > _FAR
    _sigmoid_slope_near(np.where(far, _ONE, z), a, out)
    np.copyto(out, np.exp(np.where(far, -z, _ONE)), where=far)


@np.errstate(over="ignore")  # where 2|z| overflows e is 0; to bound |z| first would be one more pass
def tanh_slope(z: Array, a: Array, out: Array) -> None:
    """f'(z) = 4 e / (1 + e)² with e = exp(-2|z|); since 1 + |a| = 2 / (1 + e), it is e (1 + |a|)²."""
    np.abs(z, out)
    np.multiply(out, _MINUS_TWO, out)
    e = np.exp(out)
    np.abs(a, out)
    np.add(out, _ONE, out)
    np.square(out, out)
    np.multiply(out, e, out)


def softmax(z: Array, out: Array) -> None:
    """a_k = exp(z_k - max z) / sum_j exp(z_j - max z).

    Where the classes are few and the samples many, with the samples last in memory each pass runs along them. Where
    replicas lie last already, passes run along these.
    """
    if z.shape[-1] > MOST_DENSE or _has_replicas_innermost(z):
        rows.softmax(z, out)
        return
    turned = (z.mT if z.ndim > 1 else z[:, np.newaxis]).copy()  # in C order, and never z itself
    np.subtract(turned, turned.max(axis=-2, keepdims=True), out=turned)
    np.exp(turned, turned)
    np.divide(turned, turned.sum(axis=-2, keepdims=True), out=turned)
    np.copyto(out, turned.mT)


def _has_replicas_innermost(z: Array) -> bool:
    return z.ndim == 3 and len(z) > 1 and z.strides[0] == z.itemsize


def softmin(z: Array, out: Array) -> None:
    """a_k = exp(-z_k) / sum_j exp(-z_j)."""
    softmax(-z, out)


def built_on_sigmoid(function: Callable[..., None]) -> Callable[..., None]:
    """The float32 form of a function that takes the sigmoid it is built on as `logistic`."""
    return partial(function, logistic=sigmoid)
