"""Rectifiers: piecewise functions. Each slope function says what it takes at a kink: the slope on the left."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.maths.functions.sigmoids import keep_nan

Array = NDArray[Any]

# Klambauer, Unterthiner, Mayr, Hochreiter 2017: with α = 1.6732632423543772, the values that keep mean 0 and variance 1
# from layer to layer.
SELU_SCALE = 1.0507009873554805
_SELU_PRODUCT = 1.7580993408473768  # of scale and α, rounded once

_PLAIN = (0.0, np.inf, 0.0)  # negative_slope, max_value and threshold of plain relu
_NUMBER = (float, int)


def heaviside(z: Array, out: Array) -> None:
    """f(z) = 1 for z > 0, else 0."""
    np.copyto(out, z > 0)
    keep_nan(z, out)


def zero_slope(z: Array, _a: Array, out: Array) -> None:
    """f'(z) = 0 wherever it exists."""
    np.copyto(out, 0)
    keep_nan(z, out)


def relu(z: Array, out: Array, negative_slope: Any = 0.0, max_value: Any = np.inf, threshold: Any = 0.0) -> None:
    """f(z) = max_value for z >= max_value, z for z > threshold, negative_slope (z - threshold) below."""
    if _is_plain(negative_slope, max_value, threshold):
        np.copyto(out, 0)
        np.maximum(z, out, out=out)  # two arrays: several times quicker than an array and a number
        return
    _below(z, out, negative_slope, threshold)
    np.copyto(out, np.minimum(z, max_value), where=z > threshold)


def relu_slope(z: Array, _a: Array, out: Array, negative_slope: Any, max_value: Any, threshold: Any) -> None:
    """f'(z) = 0 for z > max_value, 1 for z > threshold, negative_slope below; at both kinks the left slope."""
    if _is_plain(negative_slope, max_value, threshold):
        np.copyto(out, z > 0)
    else:
        np.copyto(out, negative_slope)
        np.copyto(out, z <= max_value, where=z > threshold)
    keep_nan(z, out)


def relu_by_negative_slope(z: Array, _a: Array, out: Array, threshold: Any, **_others: Any) -> None:
    """df/d(negative_slope) = min(z - threshold, 0)."""
    np.minimum(z - threshold, 0, out=out)


def relu_by_max_value(z: Array, _a: Array, out: Array, max_value: Any, threshold: Any, **_others: Any) -> None:
    """df/d(max_value) = 1 for z > max_value where the unit is open, else 0."""
    np.copyto(out, (z > max_value) & (z > threshold))
    keep_nan(z, out)


def relu_by_threshold(z: Array, _a: Array, out: Array, negative_slope: Any, threshold: Any, **_others: Any) -> None:
    """df/d(threshold) = -negative_slope for z <= threshold, else 0; the jump at the threshold itself has none."""
    np.multiply(z <= threshold, -negative_slope, out=out)
    keep_nan(z, out)


def relu6(z: Array, out: Array) -> None:
    """f(z) = min(max(z, 0), 6)."""
    np.clip(z, 0, 6, out=out)


def relu6_slope(z: Array, _a: Array, out: Array) -> None:
    """f'(z) = 1 for 0 < z <= 6, else 0; at both kinks the left slope."""
    np.copyto(out, (z > 0) & (z <= 6))
    keep_nan(z, out)


def leaky_relu(z: Array, out: Array, negative_slope: Any) -> None:
    """f(z) = z for z > 0, negative_slope · z otherwise."""
    _below(z, out, negative_slope, 0.0)
    np.copyto(out, z, where=z > 0)


def leaky_relu_slope(z: Array, _a: Array, out: Array, negative_slope: Any) -> None:
    """f'(z) = 1 for z > 0, else negative_slope; at the kink the left slope."""
    np.copyto(out, negative_slope)
    np.copyto(out, 1, where=z > 0)
    keep_nan(z, out)


def leaky_relu_by_slope(z: Array, _a: Array, out: Array, **_parameters: Any) -> None:
    """df/d(negative_slope) = min(z, 0)."""
    np.minimum(z, 0, out=out)


def prelu(z: Array, out: Array, alpha: Any) -> None:
    """f(z) = z for z > 0, alpha · z otherwise, alpha learned with the weights."""
    leaky_relu(z, out, alpha)


def prelu_slope(z: Array, a: Array, out: Array, alpha: Any) -> None:
    """f'(z) = 1 for z > 0, else alpha; at the kink the left slope."""
    leaky_relu_slope(z, a, out, alpha)


def threshold(z: Array, out: Array, threshold: Any, value: Any) -> None:
    """f(z) = z for z > threshold, else value."""
    np.copyto(out, value)
    np.copyto(out, z, where=(z > threshold) | np.isnan(z))


def threshold_slope(z: Array, _a: Array, out: Array, threshold: Any, value: Any) -> None:  # noqa: ARG001 - one signature
    """f'(z) = 1 for z > threshold, else 0."""
    np.copyto(out, z > threshold)
    keep_nan(z, out)


def elu(z: Array, out: Array, alpha: Any) -> None:
    """f(z) = z for z > 0, alpha (exp(z) - 1) otherwise."""
    np.multiply(np.expm1(np.minimum(z, 0)), alpha, out=out)
    np.copyto(out, z, where=z > 0)


def elu_slope(z: Array, _a: Array, out: Array, alpha: Any) -> None:
    """f'(z) = 1 for z > 0, else alpha exp(z); at z = 0 the left slope, alpha."""
    np.multiply(np.exp(np.minimum(z, 0)), alpha, out=out)
    np.copyto(out, 1, where=z > 0)


def elu_by_alpha(z: Array, _a: Array, out: Array, **_parameters: Any) -> None:
    """df/d(alpha) = exp(z) - 1 for z <= 0, else 0."""
    np.expm1(np.minimum(z, 0), out=out)


def selu(z: Array, out: Array) -> None:
    """f(z) = λ z for z > 0, λ α (exp(z) - 1) otherwise, λ = 1.0507…, α = 1.6732…."""
    np.multiply(np.expm1(np.minimum(z, 0)), _SELU_PRODUCT, out=out)
    with np.errstate(over="ignore"):
        np.multiply(z, SELU_SCALE, out=out, where=z > 0)


def selu_slope(z: Array, _a: Array, out: Array) -> None:
    """f'(z) = λ for z > 0, else λ α exp(z); at the kink the left slope, λ α."""
    np.multiply(np.exp(np.minimum(z, 0)), _SELU_PRODUCT, out=out)
    np.copyto(out, SELU_SCALE, where=z > 0)


def celu(z: Array, out: Array, alpha: Any) -> None:
    """f(z) = z for z > 0, alpha (exp(z/alpha) - 1) otherwise: an elu without a kink."""
    with np.errstate(over="ignore"):
        np.multiply(np.expm1(np.minimum(z, 0) / alpha), alpha, out=out)
    np.copyto(out, z, where=z > 0)


def celu_slope(z: Array, _a: Array, out: Array, alpha: Any) -> None:
    """f'(z) = 1 for z > 0, else exp(z/alpha)."""
    with np.errstate(over="ignore"):
        np.exp(np.minimum(z, 0) / alpha, out=out)


def celu_by_alpha(z: Array, _a: Array, out: Array, alpha: Any) -> None:
    """df/d(alpha) = exp(u) - 1 - u exp(u) with u = z/alpha for z <= 0, else 0."""
    with np.errstate(over="ignore"):
        u = np.maximum(np.minimum(z, 0) / alpha, -1e4)
    np.subtract(np.expm1(u), u * np.exp(u), out=out)


def soft_shrink(z: Array, out: Array, threshold: Any) -> None:
    """f(z) = z - threshold for z > threshold, z + threshold for z < -threshold, 0 between."""
    np.subtract(z, np.clip(z, -threshold, threshold), out=out, where=np.isfinite(z))
    np.copyto(out, z, where=~np.isfinite(z))


def soft_shrink_slope(z: Array, _a: Array, out: Array, threshold: Any) -> None:
    """f'(z) = 0 for -threshold < z <= threshold, else 1; at both kinks the left slope."""
    np.copyto(out, (z <= -threshold) | (z > threshold))
    keep_nan(z, out)


def soft_shrink_by_threshold(z: Array, _a: Array, out: Array, threshold: Any) -> None:
    """df/d(threshold) = -1 for z > threshold, 1 for z < -threshold, 0 between."""
    np.copyto(out, np.where(np.abs(z) > threshold, -np.sign(z), 0))
    keep_nan(z, out)


def hard_shrink(z: Array, out: Array, threshold: Any) -> None:
    """f(z) = z for |z| > threshold, else 0; it jumps at both ends."""
    np.copyto(out, z)
    np.copyto(out, 0, where=np.abs(z) <= threshold)


def hard_shrink_slope(z: Array, _a: Array, out: Array, threshold: Any) -> None:
    """f'(z) = 1 for |z| > threshold, else 0."""
    np.copyto(out, np.abs(z) > threshold)
    keep_nan(z, out)


def sparse_plus(z: Array, out: Array) -> None:
    """f(z) = 0 for z <= -1, (z + 1)²/4 for -1 < z < 1, z for z >= 1."""
    np.square((np.clip(z, -1, 1) + 1) / 2, out=out)
    np.copyto(out, z, where=z >= 1)


def sparse_plus_slope(z: Array, _a: Array, out: Array) -> None:
    """f'(z) = min(max((z + 1)/2, 0), 1)."""
    np.divide(np.clip(z, -1, 1) + 1, 2, out=out)


def _is_plain(negative_slope: Any, max_value: Any, threshold: Any) -> bool:
    """Whether the parameters are those of plain relu, as numbers."""
    if not (isinstance(negative_slope, _NUMBER) and isinstance(max_value, _NUMBER) and isinstance(threshold, _NUMBER)):
        return False  # an array, learned; `all` of them would take as long as a pass over a small array
    return (negative_slope, max_value, threshold) == _PLAIN


def _below(z: Array, out: Array, slope: Any, from_: Any) -> None:
    """Slope (z - from) for every z; 0 where slope is 0, even at -∞."""
    with np.errstate(invalid="ignore", over="ignore"):
        np.multiply(z - from_, slope, out=out)
    np.copyto(out, 0, where=np.isinf(z) & (slope == 0))
