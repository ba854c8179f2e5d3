"""Losses of numbers: distances between outputs and targets, and likelihoods of counts and of normal values.

All average over the K targets of a sample. Values are (…, m); a slope or gradient writes (…, m, logits) into `out`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def _mean(values: Array) -> Array:
    result: Array = values.mean(axis=-1)
    return result


# --- distances, of outputs a and targets y ----------------------------------------------------------------------------


def mse(a: Array, y: Array) -> Array:
    """Mean squared error: mean over targets of (a - y)²."""
    difference = a - y
    return _mean(difference * difference)


def mse_slope(a: Array, y: Array, out: Array) -> None:
    """2 (a - y) / K."""
    np.subtract(a, y, out=out)
    np.multiply(out, 2 / a.shape[-1], out=out)


def mae(a: Array, y: Array) -> Array:
    """Mean absolute error: mean over targets of |a - y|; its minimum is the median (Laplace 1774)."""
    return _mean(np.abs(a - y))


def mae_slope(a: Array, y: Array, out: Array) -> None:
    """The sign of a - y over K; 0 at the kink a = y, between the slopes of both sides."""
    np.subtract(a, y, out=out)
    np.sign(out, out=out)
    np.divide(out, a.shape[-1], out=out)


def huber(a: Array, y: Array, delta: float) -> Array:
    """Mean over targets of r²/2 for |r| <= delta, else delta (|r| - delta/2), with r = a - y.

    With c = min(|r|, delta) both are c (|r| - c/2), and nothing is squared that could overflow.
    (Huber 1964, Annals of Mathematical Statistics 35.)
    """
    size = np.abs(a - y)
    near = np.minimum(size, delta)
    return _mean(near * (size - near / 2))


def huber_slope(a: Array, y: Array, out: Array, delta: float) -> None:
    """The difference a - y, cut at ±delta, over K; both pieces have slope delta where they meet."""
    np.subtract(a, y, out=out)
    np.clip(out, -delta, delta, out=out)
    np.divide(out, a.shape[-1], out=out)


def log_cosh(a: Array, y: Array) -> Array:
    """Mean over targets of log cosh r, r = a - y: r²/2 near 0, |r| - log 2 far away.

    With s = |r|, cosh s = exp(s) (1 + exp(-2s)) / 2 gives s + log(1 + exp(-2s)) - log 2, which never overflows. Its
    terms cancel near 0; there 1 / cosh² = 1 - tanh² gives -log(1 - tanh² s) / 2. (Green 1990, IEEE Trans. Med. Imag.)
    """
    size = np.abs(a - y)
    root = np.tanh(np.minimum(size, 1))
    near = -np.log1p(-(root * root)) / 2
    far = size + np.log1p(np.exp(-2 * size)) - math.log(2)
    return _mean(np.where(size < 1, near, far))


def log_cosh_slope(a: Array, y: Array, out: Array) -> None:
    """tanh(a - y) / K, as d log cosh r / dr = sinh r / cosh r."""
    np.subtract(a, y, out=out)
    np.tanh(out, out=out)
    np.divide(out, a.shape[-1], out=out)


# --- likelihoods, of logits z and targets y ---------------------------------------------------------------------------


def poisson(z: Array, y: Array) -> Array:
    """Mean over targets of -log of the chance of the count y at rate exp(z), less its part log y!: exp(z) - y z.

    A Poisson count has the chance exp(-λ) λ^y / y!, whose -log is λ - y log λ + log y!; z = log λ needs no logarithm,
    and log y! does not depend on the network. A rate too large for the precision costs inf.
    (McCullagh, Nelder 1989, Generalized Linear Models, chapter 6.)
    """
    with np.errstate(over="ignore"):
        rate = np.exp(z)
    return _mean(rate - y * z)


def poisson_gradient(_z: Array, a: Array, y: Array, out: Array) -> None:
    """dL/dz = (exp(z) - y) / K, and exp(z) is the output a."""
    np.subtract(a, y, out=out)
    np.divide(out, a.shape[-1], out=out)


def mean_of(z: Array, out: Array) -> None:
    """The outputs of `gaussian_nll`: the first half of the logits, the means."""
    np.copyto(out, z[..., : out.shape[-1]])


def gaussian_nll(z: Array, y: Array) -> Array:
    """Mean over targets of -log of a normal density at y, less its part log(2π)/2: (s + (y - μ)² exp(-s)) / 2.

    The logits are K means μ and then K logarithms s of variances. exp(-s) is squared from exp(-s/2), whose argument is
    exact and which overflows twice as late; what is too large then costs inf. (Nix, Weigend 1994, ICNN.)
    """
    deviation, log_variance = _standardised(z, y)
    with np.errstate(over="ignore"):
        return _mean((log_variance + deviation * deviation) / 2)


def gaussian_nll_gradient(z: Array, _a: Array, y: Array, out: Array) -> None:
    """dL/dμ = -(y - μ) exp(-s) / K and dL/ds = (1 - (y - μ)² exp(-s)) / 2K."""
    targets = y.shape[-1]
    deviation, log_variance = _standardised(z, y)
    with np.errstate(over="ignore", invalid="ignore"):
        by_mean = deviation * np.exp(-log_variance / 2)
        np.divide(np.where(deviation == 0, 0, -by_mean), targets, out=out[..., :targets])
        np.divide(1 - deviation * deviation, 2 * targets, out=out[..., targets:])


def _standardised(z: Array, y: Array) -> tuple[Array, Array]:
    """(y - μ) exp(-s/2), which is 0 where y = μ however small the variance, and s: both (…, m, K)."""
    targets = y.shape[-1]
    log_variance = z[..., targets:]
    difference = y - z[..., :targets]
    with np.errstate(over="ignore", invalid="ignore"):
        return np.where(difference == 0, 0, difference * np.exp(-log_variance / 2)), log_variance
