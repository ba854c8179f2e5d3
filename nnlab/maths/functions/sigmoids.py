"""Bounded functions and those built on exp(-|z|), which never overflows.

Functions that are built on the sigmoid take the one to use as `logistic`, so that their float32 form is the same code
with `float32.sigmoid`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.maths.functions.extremes import least

Array = NDArray[Any]
Logistic = Callable[[Any, Any], None]


def sigmoid(z: Array, out: Array) -> None:
    """f(z) = 1 / (1 + exp(-z)), written with e = exp(-|z|) <= 1 so that nothing overflows.

    For z >= 0 that is 1 / (1 + e), for z < 0 it is e / (1 + e): min(exp(z), 1) is the numerator of both.
    """
    e = np.exp(-np.abs(z))
    np.exp(np.minimum(z, 0), out=out)
    _over_one_plus(e, out)


def sigmoid_slope(z: Array, _a: Array, out: Array) -> None:
    """f'(z) = f(z) f(-z): no cancellation, unlike f (1 - f)."""
    bell(z, out)


def bell(z: Array, out: Array) -> None:
    """σ(z) σ(-z) = e / (1 + e)² with e = exp(-|z|)."""
    e = np.exp(-np.abs(z))
    np.copyto(out, e)
    _over_one_plus(e, out)
    _over_one_plus(e, out)


def _over_one_plus(e: Array, out: Array) -> None:
    """Divide `out` by 1 + e; in float64 corrected for what the sum rounds away, e - ((1 + e) - 1)."""
    total = e + 1
    np.divide(out, total, out=out)
    if out.dtype == np.float64:
        lost = e - (total - 1)
        np.subtract(out, out * (lost / total), out=out)


def log_sigmoid(z: Array, out: Array) -> None:
    """f(z) = log(1 / (1 + exp(-z))) = min(z, 0) - log(1 + exp(-|z|))."""
    np.log1p(np.exp(-np.abs(z)), out=out)
    np.subtract(np.minimum(z, 0), out, out=out)


def log_sigmoid_slope(z: Array, _a: Array, out: Array, *, logistic: Logistic = sigmoid) -> None:
    """f'(z) = σ(-z)."""
    logistic(-z, out)


def softplus(z: Array, out: Array, beta: Any = 1.0) -> None:
    """f(z) = log(1 + exp(beta z)) / beta = max(z, 0) + log(1 + exp(-|beta z|)) / beta."""
    np.log1p(np.exp(-np.abs(_scaled(z, beta))), out=out)
    if not _is_one(beta):
        np.divide(out, beta, out=out)
    np.add(out, np.maximum(z, 0), out=out)


def softplus_slope(z: Array, _a: Array, out: Array, beta: Any, *, logistic: Logistic = sigmoid) -> None:
    """f'(z) = σ(beta z)."""
    logistic(_scaled(z, beta), out)


def softplus_by_beta(z: Array, _a: Array, out: Array, beta: Any) -> None:
    """df/d(beta) = (z σ(beta z) - f(z)) / beta = -(log(1 + e) + |beta z| e / (1 + e)) / beta², e = exp(-|beta z|).

    For z > 0 the z's of both terms cancel, which the second form has done already.
    """
    size = np.abs(_scaled(z, beta))
    e = np.exp(-size)
    np.multiply(size, e / (1 + e), out=out, where=e != 0)
    np.copyto(out, 0, where=e == 0)
    np.divide(-(np.log1p(e) + out), np.square(beta), out=out)


def tanh(z: Array, out: Array) -> None:
    """f(z) = (exp(z) - exp(-z)) / (exp(z) + exp(-z))."""
    np.tanh(z, out)


def tanh_slope(z: Array, _a: Array, out: Array) -> None:
    """f'(z) = 1 / cosh²(z) = 4 e / (1 + e)² with e = exp(-2|z|): no cancellation, unlike 1 - tanh²."""
    bell(2 * np.minimum(np.abs(z), 1e3), out)
    np.multiply(out, 4, out=out)


def tanh_shrink(z: Array, out: Array) -> None:
    """f(z) = z - tanh(z)."""
    np.subtract(z, np.tanh(z), out=out)


def tanh_shrink_slope(z: Array, _a: Array, out: Array) -> None:
    """f'(z) = tanh²(z)."""
    np.square(np.tanh(z), out=out)


def hard_sigmoid(z: Array, out: Array) -> None:
    """f(z) = min(max(z/6 + 1/2, 0), 1)."""
    np.divide(np.clip(z, -3, 3), 6, out=out)
    np.add(out, 0.5, out=out)


def hard_sigmoid_slope(z: Array, _a: Array, out: Array) -> None:
    """f'(z) = 1/6 for -3 < z <= 3, else 0; at both kinks the left slope."""
    np.multiply((z > -3) & (z <= 3), z.dtype.type(1 / 6), out=out)
    keep_nan(z, out)


def hard_tanh(z: Array, out: Array) -> None:
    """f(z) = min(max(z, -1), 1)."""
    np.clip(z, -1, 1, out=out)


def hard_tanh_slope(z: Array, _a: Array, out: Array) -> None:
    """f'(z) = 1 for -1 < z <= 1, else 0; at both kinks the left slope."""
    np.copyto(out, (z > -1) & (z <= 1))
    keep_nan(z, out)


def softsign(z: Array, out: Array) -> None:
    """f(z) = z / (1 + |z|), which is ±1 at ±∞."""
    with np.errstate(invalid="ignore"):
        np.divide(z, 1 + np.abs(z), out=out)
    np.copyto(out, np.sign(z), where=np.isinf(z))


def softsign_slope(z: Array, _a: Array, out: Array) -> None:
    """f'(z) = 1 / (1 + |z|)²; the reciprocal is squared, since the square could overflow."""
    np.reciprocal(1 + np.abs(z), out=out)
    np.multiply(out, out, out=out)


def sparse_sigmoid(z: Array, out: Array) -> None:
    """f(z) = min(max((z + 1)/2, 0), 1), the slope of sparse_plus."""
    np.add(np.clip(z, -1, 1), 1, out=out)
    np.multiply(out, 0.5, out=out)


def sparse_sigmoid_slope(z: Array, _a: Array, out: Array) -> None:
    """f'(z) = 1/2 for -1 < z <= 1, else 0; at both kinks the left slope."""
    np.multiply((z > -1) & (z <= 1), z.dtype.type(0.5), out=out)
    keep_nan(z, out)


def keep_nan(z: Array, out: Array) -> None:
    """Write nan where z is nan, of which a comparison has made False.

    That is rare, and to look for a nan takes less time than a masked copy. A dual array of a gradient check is copied.
    """
    if not isinstance(z, np.ndarray) or math.isnan(least(z)):
        np.copyto(out, z, where=np.isnan(z))


def _is_one(beta: Any) -> bool:
    return isinstance(beta, float) and beta == 1.0


def _scaled(z: Array, beta: Any) -> Array:
    """The product of z and beta; z itself where beta is the plain number 1."""
    if _is_one(beta):
        return z
    with np.errstate(over="ignore"):
        scaled: Array = z * beta
    return scaled
