"""The edge of chaos: starts from which gradients neither vanish nor explode.

On its way back through a layer the mean squared gradient by the pre-activations is multiplied by

    χ₁ = σw² D(q),   D(q) = E[f'(z)²],  z ~ N(0, q)

since δ = f'(z) ⊙ Wᵀ δ' is a sum of n independent terms, each of variance (σw² / n) f'(z)² (Schoenholz, Gilmer, Ganguli,
Sohl-Dickstein 2017, arXiv:1611.01232). χ₁ is also the factor by which the distance of two close inputs
grows. Starts with χ₁ = 1 at a fixed point q of the variance map form the critical curve, with q as its parameter:

    σw² = 1 / D(q),   σb² = q - V(q) / D(q)

On it one point may be critical twice: the variance, too, keeps its errors as they are, σw² V'(q) = 1. With
V' = D + E[f f''] that is E[f f''] = 0. Roberts, Yaida, Hanin 2022, The Principles of Deep Learning Theory, chapter 5,
write χ∥ = χ⊥ = 1 for it, and call the points of gelu and silu half-stable, that of tanh the class K* = 0 (the curve:
Hayou, Doucet, Rousseau 2019, arXiv:1902.06853).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from nnlab.maths.bound_activation import Array
from nnlab.maths.signal.variance import GRID, SAME, VarianceMap, brackets, root


@dataclass(frozen=True)
class CriticalPoint:
    """A start on the critical curve: σw², σb² and the variance q that it keeps."""

    q: float
    weights: float
    bias: float


def on_the_curve(variance: VarianceMap, q: float) -> CriticalPoint | None:
    """The critical start that keeps the variance q, or None where σb² would be negative or D is 0 or infinite."""
    slopes = variance.slope_moment(q)
    if not 0 < slopes < math.inf:
        return None
    bias = q - variance.value(q) / slopes
    bias = 0.0 if abs(bias) < SAME * q else bias
    return CriticalPoint(q, 1 / slopes, bias) if bias >= 0 else None


def critical_curve(variance: VarianceMap) -> list[CriticalPoint]:
    """The critical starts for the variances of `GRID`."""
    return [point for q in GRID if (point := on_the_curve(variance, float(q)))]


def is_twice_critical_everywhere(variance: VarianceMap) -> bool:
    """Whether V' = D for every q, so that each critical start keeps errors of the variance too: E[f f''] = 0."""
    known = _surplus(variance)[variance.slope_moments > 1e-9]  # where the gradient is more than rounding
    return bool(known.size and np.all(np.abs(known) < 1e-6))


def twice_critical(variance: VarianceMap) -> list[CriticalPoint]:
    """The starts with χ₁ = 1 and σw² V'(q) = 1, q ascending; none where all of the curve is that.

    q = 0, to which the variance falls like 1 / depth, stands for functions with f(0) = 0 that have no other and whose
    V' is below D near 0, such as tanh: σw² = 1 / f'(0)², σb² = 0.
    """
    if is_twice_critical_everywhere(variance):
        return []
    ratio = lambda q: variance.derivative(q) / variance.slope_moment(q) - 1  # noqa: E731 - one formula
    found = [on_the_curve(variance, root(ratio, *ends)) for ends in brackets(GRID, _surplus(variance))]
    return [point for point in found if point] or _at_zero(variance)


def _at_zero(variance: VarianceMap) -> list[CriticalPoint]:
    zero = np.zeros(1)
    value, slope = float(variance.f(zero)[0]), float(variance.f.slope(zero)[0])
    falls = _surplus(variance)[np.flatnonzero(GRID >= 1e-2)[0]] < -SAME
    return [CriticalPoint(0.0, 1 / slope**2, 0.0)] if value == 0 and slope and falls else []


def _surplus(variance: VarianceMap) -> Array:
    """V' / D - 1 on `GRID`."""
    with np.errstate(all="ignore"):
        surplus: Array = variance.log_slopes * variance.values / GRID / variance.slope_moments - 1
    return surplus


def chi(variance: VarianceMap, weights: float, bias: float, q: float) -> float:
    """χ₁ = σw² D(q) of the start (σw², σb²), at the fixed point that the variance reaches from q on.

    0 where D is 0; nan where the variance grows without limit.
    """
    reached = variance.reached(weights, bias, q)
    return weights * variance.slope_moment(max(reached, float(GRID[0]))) if math.isfinite(reached) else math.nan


_LAYERS = 200


def chi_field(variance: VarianceMap, weights: Array, bias: Array) -> Array:
    """χ₁ after many layers for σw² (n, m) and σb² (n, m), from the variance 1 on, with V and D between `GRID` by lines.

    Of a variance that leaves the grid, χ₁ at its end.
    """
    at = np.log(GRID)
    log_value, log_slopes = (np.log(np.maximum(y, 1e-300)) for y in (variance.values, variance.slope_moments))
    known = np.isfinite(log_value) & np.isfinite(log_slopes)
    log_q = np.zeros(np.broadcast_shapes(weights.shape, bias.shape))
    for _ in range(_LAYERS):
        value = np.exp(np.interp(log_q, at[known], log_value[known]))
        log_q = np.clip(np.log(weights * value + bias), at[known][0], at[known][-1])
    return weights * np.exp(np.interp(log_q, at[known], log_slopes[known]))
