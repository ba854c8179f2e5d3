"""Gated units: x times a gate that opens from 0 to 1. Their slopes have a root, and keep all digits near it too.

Those whose gate is a sigmoid take the one to use as `logistic`, as in `sigmoids`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.maths import special
from nnlab.maths.functions.exact import near_root, product, square, total
from nnlab.maths.functions.sigmoids import Logistic, bell, hard_sigmoid, sigmoid

Array = NDArray[Any]

_ROOT_TWO, _ROOT_TWO_PI = 2.0**0.5, (2 * np.pi) ** 0.5
_FARTHEST = 40.0  # exp(-40²/2) is 0 in float64: beyond, a gate is open or shut

# Roots of the slopes and the series around them, from 60 digits (mpmath: findroot and taylor of the function).
_GELU_ROOT = (-0.7517915246935645, 1.4956759177009883e-17)
_GELU_SERIES = (
    0.4314939923140469, 0.388284982990552, -0.018199676398671087, -0.1140082332972217, -0.014771522148244337,
    0.019421679838189067, 0.004539228379125415, -0.002239538068073497, -0.0007448268386746817, 0.00018633974623233514,
    8.615947861116571e-05, -1.121438018842664e-05, -7.74846130700372e-06, 4.3284506257392273e-07,
    5.702764979242107e-07, -1.6044265494246427e-09, -3.5459866461783865e-08, -1.396942086426202e-09,
    1.90319840501314e-09, 1.4506418938779426e-10, -8.950037692726255e-11,
)  # fmt: skip
_GELU_TANH_ROOT = (-0.7524614220710163, 3.635560509207687e-17)
_GELU_TANH_SERIES = (
    0.4304000910248585, 0.38751844613578895, -0.01578285352184803, -0.11394448308095899, -0.01661932834305256,
    0.019682309459833118, 0.005261059254921912, -0.0024227318458750974, -0.0009274420230205449,
    0.00026392764052681053, 0.00012425227802639782, -3.4956171694436116e-05, -1.5950896871645105e-05,
    5.918611710894005e-06, 2.4335516344299543e-06, -9.898647747433667e-07, -4.3102482988029016e-07,
    1.4157556987729473e-07, 7.520740909289922e-08, -1.6978217459781023e-08, -1.196180847972441e-08,
    1.7637802707907564e-09, 1.744987137846621e-09,
)  # fmt: skip
_SILU_ROOT = (-1.2784645427610737, -1.0946994183093437e-16)
_SILU_SERIES = (
    0.2178117057198001, 0.1466487969969469, 0.018874814223782312, -0.015222655223188032, -0.006606589138356696,
    0.000126627410081122, 0.0007985218818397998, 0.00018570724361186496, -4.090534237428612e-05,
    -2.9733542213263917e-05, -2.942631888842464e-06, 2.346029682463866e-06, 8.599695028268575e-07,
    -3.051244750055421e-08, -9.266646309267441e-08, -1.8877622907727957e-08, 4.619379769031606e-09,
    2.9177603026903803e-09, 2.3648315053103244e-10, -2.251366201881081e-10, -7.50344609385287e-11,
)  # fmt: skip
_MISH_ROOT = (-1.1924312145154952, -4.8484829848031044e-17)
_MISH_SERIES = (
    0.2669479140495345, 0.20473126408010586, 0.04190782104360987, -0.020271822716684245, -0.01582112656173338,
    -0.0033606849270232685, 0.0010924055409445854, 0.0009898181021289196, 0.00025412936386191073,
    -4.1961496031696126e-05, -5.582891567360688e-05, -1.72992708103044e-05, 9.427361327376651e-07,
    2.9088199364912223e-06, 1.071676702702074e-06, 2.6879417855557728e-08, -1.4117255919499382e-07,
    -6.174424363104907e-08, -5.460186173028381e-09, 6.3895954615089855e-09, 3.3604012383661332e-09,
    4.817646300218697e-10, -2.6751871594311224e-10, -1.7442209713382678e-10, -3.3904729895707114e-11,
    1.0101727316036154e-11, 8.681382594457511e-12, 2.124385967466607e-12, -3.20344479568135e-13,
    -4.153673469447499e-13, -1.2348725029307754e-13, 6.337359322280651e-15, 1.9103418630556258e-14,
    6.79383226720695e-15, 1.6183924412509285e-16, -8.421603581894615e-16,
)  # fmt: skip


def gelu(z: Array, out: Array) -> None:
    """f(z) = z Φ(z), with Φ the standard normal distribution."""
    _normal_cdf(z, out)
    _times(z, out)


def gelu_slope(z: Array, _a: Array, out: Array) -> None:
    """f'(z) = Φ(z) + z φ(z), with φ(z) = exp(-z²/2) / √(2π)."""
    _normal_cdf(z, out)
    near = np.clip(z, -_FARTHEST, _FARTHEST)
    np.add(out, near * _gauss(near) / _ROOT_TWO_PI, out=out)
    near_root(z, out, _GELU_ROOT, _GELU_SERIES)


def gelu_tanh(z: Array, out: Array, *, logistic: Logistic = sigmoid) -> None:
    """f(z) = z/2 (1 + tanh(√(2/π) (z + 0.044715 z³))) = z σ(v) with v = 2 √(2/π) (z + 0.044715 z³)."""
    v, error = _cubic(np.clip(z, -_FARTHEST, _FARTHEST))
    _gate(v, error, out, logistic)
    _times(z, out)


def gelu_tanh_slope(z: Array, _a: Array, out: Array, *, logistic: Logistic = sigmoid) -> None:
    """f'(z) = σ(v) (1 + z v' σ(-v)) with v' = 2 √(2/π) (1 + 3 · 0.044715 z²)."""
    near = np.clip(z, -_FARTHEST, _FARTHEST)
    v, error = _cubic(near)
    _gate(v, error, out, logistic)
    shut = np.empty_like(out)
    _gate(-v, -error, shut, logistic)
    by_z = 2 * (2 / np.pi) ** 0.5 * (1 + 3 * 0.044715 * near * near)
    np.multiply(out, 1 + near * by_z * shut, out=out)
    near_root(z, out, _GELU_TANH_ROOT, _GELU_TANH_SERIES)


def silu(z: Array, out: Array, *, logistic: Logistic = sigmoid) -> None:
    """f(z) = z σ(z)."""
    logistic(z, out)
    _times(z, out)


def silu_slope(z: Array, _a: Array, out: Array, *, logistic: Logistic = sigmoid) -> None:
    """f'(z) = σ(z) (1 + z σ(-z))."""
    logistic(z, out)
    shut = np.empty_like(out)
    logistic(-z, shut)
    _times(z, shut)  # 0 where z σ(-z) would be ∞ · 0
    np.multiply(out, 1 + shut, out=out, where=~np.isneginf(z))
    near_root(z, out, _SILU_ROOT, _SILU_SERIES)


def swish(z: Array, out: Array, beta: Any, *, logistic: Logistic = sigmoid) -> None:
    """f(z) = z σ(beta z)."""
    logistic(_scaled(z, beta), out)
    _times(z, out)


def swish_slope(z: Array, a: Array, out: Array, beta: Any, *, logistic: Logistic = sigmoid) -> None:
    """f'(z) = σ(u) (1 + u σ(-u)) with u = beta z: the slope of silu at u."""
    silu_slope(_scaled(z, beta), a, out, logistic=logistic)


def swish_by_beta(z: Array, _a: Array, out: Array, beta: Any) -> None:
    """df/d(beta) = z² σ'(beta z)."""
    bell(_scaled(z, beta), out)
    _times(z, out)
    _times(z, out)


def hard_silu(z: Array, out: Array) -> None:
    """f(z) = z min(max(z/6 + 1/2, 0), 1)."""
    hard_sigmoid(z, out)
    _times(z, out)


def hard_silu_slope(z: Array, _a: Array, out: Array) -> None:
    """f'(z) = z/3 + 1/2 for -3 < z <= 3, 0 below, 1 above; at both kinks the left slope."""
    np.divide(np.clip(z, -3, 3), 3, out=out)
    np.add(out, 0.5, out=out)
    np.copyto(out, 0, where=z <= -3)
    np.copyto(out, 1, where=z > 3)


def mish(z: Array, out: Array) -> None:
    """f(z) = z tanh(softplus(z))."""
    _mish_gate(z, out)
    _times(z, out)


def mish_slope(z: Array, _a: Array, out: Array, *, logistic: Logistic = sigmoid) -> None:
    """f'(z) = g + z σ(z) (1 - g) (1 + g) with g = tanh(softplus(z)); 1 - g is worked out without cancellation."""
    _mish_gate(z, out)
    opened = np.empty_like(out)
    logistic(z, opened)
    _times(z, opened)
    shut = _mish_shut(z)
    np.multiply(opened, shut, out=opened, where=shut != 0)
    np.copyto(opened, 0, where=shut == 0)
    np.add(out, opened * (1 + out), out=out)
    near_root(z, out, _MISH_ROOT, _MISH_SERIES, radius=0.85)


def _mish_gate(z: Array, out: Array) -> None:
    """tanh(softplus(z)): with e = exp(z), e (e + 2) / (e (e + 2) + 2); for z > 0 the same in 1/e."""
    e = np.exp(-np.abs(z))
    np.copyto(out, np.where(z > 0, (1 + 2 * e) / (1 + 2 * e + 2 * e * e), e * (e + 2) / (e * (e + 2) + 2)))


def _mish_shut(z: Array) -> Array:
    """1 - tanh(softplus(z)) = 2 / (e² + 2e + 2) with e = exp(z); for z > 0 the same in 1/e."""
    e = np.exp(-np.abs(z))
    shut: Array = np.where(z > 0, 2 * e * e / (1 + 2 * e + 2 * e * e), 2 / (e * (e + 2) + 2))
    return shut


def _normal_cdf(z: Array, out: Array) -> None:
    """Φ(z) = erfc(-z/√2) / 2; below -1.2 as erfcx(|z|/√2) exp(-z²/2) / 2, so that rounding z/√2 does no harm."""
    below = np.clip(z, -_FARTHEST, -1.2)
    tail = special.erfcx(-below / _ROOT_TWO) * _gauss(below) / 2
    np.copyto(out, np.where(z < -1.2, tail, special.erfc(-np.maximum(z, -1.2) / _ROOT_TWO) / 2))
    np.copyto(out, 0, where=z < -_FARTHEST)


def _gauss(z: Array) -> Array:
    """exp(-z²/2), corrected for the square's rounding."""
    rounded, error = square(z)
    value: Array = np.exp(-rounded / 2) * (1 - error / 2)
    return value


# 2 √(2/π) and 0.044715, each as a sum of two numbers.
_SLOPE = (1.5957691216057308, -9.96930880911092e-17)
_CUBE = (0.044715, 2.1960211427085595e-18)


def _cubic(z: Array) -> tuple[Array, Array]:
    """The argument v = 2 √(2/π) (z + 0.044715 z³) as a rounded value and its error."""
    squared, squared_error = square(z)
    inner, inner_error = product(np.full_like(z, _CUBE[0]), squared)
    one, one_error = total(np.ones_like(z), inner)
    factor_error = one_error + inner_error + _CUBE[0] * squared_error + _CUBE[1] * squared
    first, first_error = product(z, one)
    first_error = first_error + z * factor_error
    v, error = product(np.full_like(z, _SLOPE[0]), first)
    return v, error + _SLOPE[0] * first_error + _SLOPE[1] * first


def _gate(v: Array, error: Array, out: Array, logistic: Logistic) -> None:
    """σ(v + error), for an error much smaller than v: σ(v) (1 + error σ(-v))."""
    logistic(v, out)
    shut = np.empty_like(out)
    logistic(-v, shut)
    np.multiply(out, 1 + error * shut, out=out)


def _scaled(z: Array, factor: Any) -> Array:
    """The product of z and `factor` in z's dtype, where 0 · ∞ is 0."""
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = (z * factor).astype(z.dtype, copy=False)
    return np.where(np.isinf(z) & (factor == 0), 0, scaled).astype(z.dtype, copy=False)


def _times(z: Array, out: Array) -> None:
    """Multiply `out` by z; a gate that is exactly 0 stays 0 for an infinite z."""
    np.multiply(z, out, out=out, where=(out != 0) | np.isnan(z))
