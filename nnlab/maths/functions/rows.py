"""Functions of a whole row of units. Their derivative is a matrix, so each comes with its product with dL/da instead.

z is (…, inputs), a is (…, units); `backward(z, a, da, out)` writes dL/dz, shaped like z, from da = dL/da.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.maths.functions.exact import total
from nnlab.maths.functions.sigmoids import Logistic, bell, keep_nan, sigmoid

Array = NDArray[Any]


def softmax(z: Array, out: Array) -> None:
    """a_k = exp(z_k) / sum_j exp(z_j); the largest z is subtracted first, so that nothing overflows."""
    exponentials(z, out)
    np.divide(out, out.sum(axis=-1, keepdims=True), out=out)


def exponentials(z: Array, out: Array) -> None:
    """exp(z_k - max z). In float64 corrected for the rounding of the difference, which exp magnifies."""
    largest = -z.max(axis=-1, keepdims=True)
    if z.dtype == np.float64:
        with np.errstate(over="ignore", invalid="ignore"):  # an infinite difference has no error, and exp(-∞) is 0
            difference, error = total(z, largest)
        np.exp(difference, out=out)
        np.multiply(out, 1 + np.where(np.isfinite(error), error, 0), out=out)
    else:
        np.exp(np.add(z, largest, out=out), out=out)


def log_sum_of_rest(z: Array) -> tuple[Array, Array]:
    """The log of sum_j exp(z_j - max z), (…, 1), and z - max z.

    The largest term is 1, so that log1p of the sum of the others keeps their digits.
    """
    e = np.empty_like(z)
    exponentials(z, e)
    np.put_along_axis(e, z.argmax(axis=-1, keepdims=True), 0, axis=-1)
    return np.log1p(e.sum(axis=-1, keepdims=True)), z - z.max(axis=-1, keepdims=True)


def softmax_backward(_z: Array, a: Array, da: Array, out: Array) -> None:
    """da_j/dz_k = a_j (δ_jk - a_k), so dL/dz_k = a_k (da_k - sum_j a_j da_j)."""
    np.subtract(da, (a * da).sum(axis=-1, keepdims=True), out=out)
    np.multiply(out, a, out=out)


def softmin(z: Array, out: Array) -> None:
    """a_k = exp(-z_k) / sum_j exp(-z_j)."""
    softmax(-z, out)


def softmin_backward(z: Array, a: Array, da: Array, out: Array) -> None:
    """The derivative of softmax at -z, with the other sign."""
    softmax_backward(z, a, da, out)
    np.negative(out, out=out)


def log_softmax(z: Array, out: Array) -> None:
    """a_k = z_k - log sum_j exp(z_j), with the largest z subtracted first."""
    log_sum, shifted = log_sum_of_rest(z)
    np.subtract(shifted, log_sum, out=out)


def log_softmax_backward(_z: Array, a: Array, da: Array, out: Array) -> None:
    """da_j/dz_k = δ_jk - p_k with p = exp(a), so dL/dz_k = da_k - p_k sum_j da_j."""
    np.multiply(np.exp(a), da.sum(axis=-1, keepdims=True), out=out)
    np.subtract(da, out, out=out)


def sparsemax(z: Array, out: Array) -> None:
    """The point of the probability simplex nearest to z: a_k = max(z_k - τ, 0) with τ such that they sum to 1.

    With z sorted downwards, the support is the largest k for which 1 + k z_(k) > sum of the first k.
    (Martins, Astudillo 2016, ICML, algorithm 1.)
    """
    shifted = z - z.max(axis=-1, keepdims=True)
    ordered = -np.sort(-shifted, axis=-1)
    sums = np.cumsum(ordered, axis=-1) - 1
    ranks = np.arange(1, z.shape[-1] + 1, dtype=z.dtype)
    support = (ranks * ordered > sums).sum(axis=-1, keepdims=True)
    tau = np.take_along_axis(sums, np.maximum(support, 1) - 1, axis=-1) / np.maximum(support, 1)
    np.maximum(shifted - tau, 0, out=out)


def sparsemax_backward(_z: Array, a: Array, da: Array, out: Array) -> None:
    """dL/dz_k = da_k - mean of da over the support for k in it, else 0 (Martins, Astudillo 2016, equation 9)."""
    inside = a > 0
    mean = (da * inside).sum(axis=-1, keepdims=True) / np.maximum(inside.sum(axis=-1, keepdims=True), 1)
    np.multiply(da - mean, inside, out=out)
    keep_nan(a, out)


def maxout(z: Array, out: Array, pieces: int) -> None:
    """a_k = the largest of the `pieces` neighbours z_(k · pieces) …; there are units · pieces inputs."""
    np.copyto(out, _grouped(z, pieces).max(axis=-1))


def maxout_backward(z: Array, _a: Array, da: Array, out: Array, pieces: int) -> None:
    """dL/dz is da at the largest piece, at the first of equals, and 0 at the others."""
    groups = _grouped(z, pieces)
    first = groups.argmax(axis=-1)
    chosen = np.arange(pieces) == first[..., None]
    np.multiply(chosen.reshape(z.shape), np.repeat(da, pieces, axis=-1), out=out)


def glu(z: Array, out: Array, *, logistic: Logistic = sigmoid) -> None:
    """a_k = z_k σ(z_(k + n)) for n units out of 2 n inputs (Dauphin, Fan, Auli, Grangier 2017, ICML)."""
    value, gate = np.split(z, 2, axis=-1)
    opened = np.empty_like(out)
    logistic(gate, opened)
    np.multiply(value, opened, out=out)


def glu_backward(z: Array, a: Array, da: Array, out: Array, *, logistic: Logistic = sigmoid) -> None:
    """By the value da σ(gate), by the gate da · value · σ'(gate)."""
    value, gate = np.split(z, 2, axis=-1)
    n = value.shape[-1]
    opened = np.empty_like(a)
    logistic(gate, opened)
    np.multiply(da, opened, out=out[..., :n])
    bell(gate, opened)
    np.multiply(da * value, opened, out=out[..., n:])


def _grouped(z: Array, pieces: int) -> Array:
    return z.reshape(*z.shape[:-1], z.shape[-1] // pieces, pieces)
