"""Cross-entropies, and the focal loss built on them: on probabilities, and on logits, where nothing is lost.

All sum over the outputs of a sample. Values are (…, m); a slope or gradient writes (…, m, K) into `out`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.maths import special
from nnlab.maths.functions.rows import log_sum_of_rest
from nnlab.maths.functions.sigmoids import Logistic, sigmoid, softplus

Array = NDArray[Any]


def row_sum(values: Array) -> Array:
    """The sum over the outputs, (…, m); a single output is its own sum, and summing it takes as long as four passes."""
    result: Array = values[..., 0] if values.shape[-1] == 1 else values.sum(axis=-1)
    return result


# --- on probabilities a -----------------------------------------------------------------------------------------------


def binary_cross_entropy(a: Array, y: Array) -> Array:
    """Sum over outputs of -(y log a + (1 - y) log(1 - a)); 0 log 0 counts as 0."""
    return -row_sum(special.xlogy(y, a) + special.xlog1py(1 - y, -a))


def binary_cross_entropy_slope(a: Array, y: Array, out: Array) -> None:
    """(a - y) / (a (1 - a))."""
    with np.errstate(divide="ignore", invalid="ignore"):
        np.divide(a - y, a * (1 - a), out=out)


def cross_entropy(a: Array, y: Array) -> Array:
    """-sum over classes of y log a; 0 log 0 counts as 0."""
    return -row_sum(special.xlogy(y, a))


def cross_entropy_slope(a: Array, y: Array, out: Array) -> None:
    """-y / a."""
    with np.errstate(divide="ignore", invalid="ignore"):
        np.divide(-y, a, out=out)


# --- on logits z ------------------------------------------------------------------------------------------------------


def chosen(y: Array) -> Array:
    """Where the target says yes: above 0.5, which also holds for smoothed targets."""
    there: Array = y > 0.5
    return there


def sigmoid_cross_entropy(z: Array, y: Array) -> Array:
    """Binary cross-entropy on logits, per sample.

    With a = sigmoid(z): -log a = softplus(-z) and -log(1 - a) = softplus(z) = softplus(-z) + z, so that
    -(y log a + (1 - y) log(1 - a)) = max(z, 0) - z y + log(1 + exp(-|z|)), and max(z, 0) - z y is z (1 - y) for z > 0,
    else z (0 - y). To choose between the two entry by entry takes ten times as long as to subtract y from 1 or 0.
    """
    return row_sum(z * ((z > 0) - y) + np.log1p(np.exp(-np.abs(z))))


def softmax_cross_entropy(z: Array, y: Array) -> Array:
    """Cross-entropy on logits, per sample: sum_k y_k (logsumexp(z) - z_k), with the largest z subtracted first."""
    log_sum, shifted = log_sum_of_rest(z)
    return row_sum(np.where(y == 0, 0, y * (log_sum - shifted)))


def residual(_z: Array, a: Array, y: Array, out: Array) -> None:
    """dL/dz = a - y, for sigmoid with binary cross-entropy and for softmax with cross-entropy.

    Sigmoid: dL/da = (a - y) / (a (1 - a)) and da/dz = a (1 - a). Softmax: dL/da_j = -y_j / a_j and
    da_j/dz_k = a_j (δ_jk - a_k), which sum to a_k sum_j y_j - y_k, and sum_j y_j = 1. (Bishop 2006, section 4.3.6.)
    """
    np.subtract(a, y, out)


def softmin_cross_entropy(z: Array, y: Array) -> Array:
    """Cross-entropy of softmin, which is softmax at -z."""
    return softmax_cross_entropy(-z, y)


def softmin_residual(_z: Array, a: Array, y: Array, out: Array) -> None:
    """dL/dz = y - a: that of softmax at -z, with the other sign."""
    np.subtract(y, a, out=out)


# --- the focal loss ---------------------------------------------------------------------------------------------------


def sigmoid_focal(z: Array, y: Array, gamma: float) -> Array:
    """Sum over outputs of -(1 - p)^gamma log p, p the probability that sigmoid(z) gives what is true: y is 0 or 1.

    p is sigmoid(u) for u = ±z, the logit of what is true. (Lin, Goyal, Girshick, He, Dollár 2017, ICCV, equation 4.)
    """
    return row_sum(_focal(np.where(chosen(y), z, -z), gamma))


def sigmoid_focal_gradient(
    z: Array, _a: Array, y: Array, out: Array, gamma: float, *, logistic: Logistic = sigmoid
) -> None:
    """dL/dz = ±dL/du."""
    slope = _focal_slope(np.where(chosen(y), z, -z), gamma, logistic)
    np.copyto(out, np.where(chosen(y), slope, -slope))


def softmax_focal(z: Array, y: Array, gamma: float) -> Array:
    """-(1 - p)^gamma log p, p the probability that softmax(z) gives the true class; y is one-hot.

    p = exp(z_t) / sum_j exp(z_j) is the sigmoid of the true class's log-odds u = z_t - log sum_{j≠t} exp(z_j).
    """
    log_odds, _ = _log_odds(z, y)
    return _focal(log_odds, gamma)


def softmax_focal_gradient(
    z: Array, _a: Array, y: Array, out: Array, gamma: float, *, logistic: Logistic = sigmoid
) -> None:
    """du/dz_t = 1 and du/dz_j = -exp(z_j) / sum_{i≠t} exp(z_i), each times dL/du."""
    log_odds, shares = _log_odds(z, y)
    slope = _focal_slope(log_odds, gamma, logistic)
    np.multiply(slope[..., np.newaxis], np.where(chosen(y), 1, -shares), out=out)


def _focal(u: Array, gamma: float) -> Array:
    """(1 - p)^gamma (-log p) for p = sigmoid(u): -log p = softplus(-u), and log(1 - p) = -softplus(u)."""
    return np.exp(-gamma * _softplus(u)) * _softplus(-u)


def _focal_slope(u: Array, gamma: float, logistic: Logistic) -> Array:
    """Its derivative by u: with q = 1 - p, dq/du = -q p and d(-log p)/du = -q give -q^gamma (q - gamma p log p)."""
    p, q = np.empty_like(u), np.empty_like(u)
    logistic(u, p)
    logistic(-u, q)
    slope: Array = -np.exp(-gamma * _softplus(u)) * (q + gamma * p * _softplus(-u))
    return slope


def _softplus(u: Array) -> Array:
    out = np.empty_like(u)
    softplus(u, out)
    return out


def _log_odds(z: Array, y: Array) -> tuple[Array, Array]:
    """The log-odds of the true class, (…, m), and how the others share the rest, (…, m, K), 0 at the true one."""
    others = np.where(chosen(y), -np.inf, z)
    largest = others.max(axis=-1, keepdims=True)
    e = np.exp(others - largest)
    total = e.sum(axis=-1, keepdims=True)
    own = np.where(chosen(y), z, 0).sum(axis=-1)
    return own - largest[..., 0] - np.log(total[..., 0]), e / total


# --- from probabilities, as textbooks do ------------------------------------------------------------------------------


def textbook_residual(_z: Array, a: Array, y: Array, out: Array) -> None:
    """dL/dz of sigmoid and binary cross-entropy as the chain rule gives it: (-y/a + (1 - y)/(1 - a)) a (1 - a)."""
    np.copyto(out, (-(y / a) + (1 - y) / (1 - a)) * a * (1 - a))


def textbook_sigmoid(z: Array, out: Array) -> None:
    """1 / (1 + exp(-z)), by scipy, whose rounding does not depend on the processor's vector units."""
    special.expit(z, out=out)


def textbook_cross_entropy(z: Array, y: Array) -> Array:
    """Binary cross-entropy from the probability a = sigmoid(z), per sample; infinite where a rounds to 0 or 1."""
    a = special.expit(z)
    return row_sum(-(y * np.log(a) + (1 - y) * np.log(1 - a)))
