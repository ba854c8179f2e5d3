"""float32 forms of the functions that most steps of most trainings spend their time in: as few passes as possible.

Where the general forms keep the last digits of float64 with corrections, float32 needs none: what exp and the divisions
round away stays within the places that a test allows. Each pass over a small array costs a call, so each call counts;
constants are arrays without dimensions, which NumPy need not convert, and what a pass writes to stands in the third or
second place, since a keyword costs a small array a fifth of the pass. Where the smallest entry is costs it a sixth of
what the smallest entry costs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_ONE, _MINUS_TWO, _FOUR, _SIXTY = (np.array(number, np.float32) for number in (1, -2, 4, 60))

# exp overflows beyond 88.7; from here on, 1 + exp(-|z|) has long been 1.
_FAR = 87.0


def sigmoid(z: Array, out: Array) -> None:
    """f(z) = 1 / (1 + exp(-z)); far below 0, where that overflows, it is exp(z)."""
    if z.size and not z.item(z.argmin()) >= -_FAR:  # nan too
        _sigmoid_far(z, out)
    else:
        _sigmoid_near(z, out)


def _sigmoid_near(z: Array, out: Array) -> None:
    np.negative(z, out)
    np.exp(out, out)
    np.add(out, _ONE, out)
    np.divide(_ONE, out, out)  # half the time of `reciprocal`, and its bits


def _sigmoid_far(z: Array, out: Array) -> None:
    """The same numbers, with the far ones set apart."""
    far = z < -_FAR
    _sigmoid_near(np.where(far, _ONE, z), out)
    np.copyto(out, np.exp(np.where(far, z, _ONE)), where=far)


def sigmoid_slope(z: Array, a: Array, out: Array) -> None:
    """f'(z) = f(z) f(-z) = a / (1 + exp(z)); far above 0, where that overflows, it is exp(-z)."""
    if z.size and not z.item(z.argmax()) <= _FAR:  # nan too
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


def tanh_slope(z: Array, out: Array) -> None:
    """f'(z) = 4 e / (1 + e)² with e = exp(-2|z|), which beyond 60 is 0 whatever z."""
    e = np.empty_like(out)
    np.abs(z, e)
    np.minimum(e, _SIXTY, out=e)
    np.multiply(e, _MINUS_TWO, e)
    np.exp(e, e)
    np.multiply(e, _FOUR, out)
    np.add(e, _ONE, e)
    np.divide(out, e, out)
    np.divide(out, e, out)


def softmax(z: Array, out: Array) -> None:
    """a_k = exp(z_k - max z) / sum_j exp(z_j - max z).

    The classes are few and the samples many: with the samples last in memory each pass runs along them.
    """
    turned = np.ascontiguousarray(z.mT)
    np.subtract(turned, turned.max(axis=-2, keepdims=True), out=turned)
    np.exp(turned, turned)
    np.divide(turned, turned.sum(axis=-2, keepdims=True), out=turned)
    np.copyto(out, turned.mT)
