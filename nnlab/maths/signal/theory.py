"""All that the theory of wide networks says of one activation: `SignalTheory`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from nnlab.maths.bound_activation import Array, BoundActivation
from nnlab.maths.signal import criticality, hermite
from nnlab.maths.signal.correlation import CorrelationMap
from nnlab.maths.signal.criticality import CriticalPoint
from nnlab.maths.signal.hermite import HermiteShares
from nnlab.maths.signal.moments import moments
from nnlab.maths.signal.normal import Moments
from nnlab.maths.signal.variance import FixedPoint, VarianceMap


@dataclass(frozen=True)
class Gains:
    """By what weights N(0, gain² / fan_in) keep something from layer to layer; None where nothing does.

    `forward` the signal's variance, `gradient` that of gradients, `centred` the signal's without its mean, where each
    unit's weights add up to 0.
    """

    forward: float | None
    gradient: float | None
    centred: float | None


def gains(found: Moments) -> Gains:
    """1 / √E[f²], 1 / √E[f'²] and 1 / √Var f."""
    return Gains(*(_gain(moment) for moment in (found.second, found.slope, found.variance)))


def _gain(moment: float) -> float | None:
    return 1 / math.sqrt(moment) if 0 < moment < math.inf else None


@dataclass(frozen=True)
class SignalTheory:
    """The theory of an activation f with 0 < E[f²] < ∞, for normal pre-activations of variance 1.

    Where a start is meant, it is the forward gain without biases, unless it is named: σw² = 1 / E[f²], σb² = 0.
    """

    f: BoundActivation
    moments: Moments

    @property
    def gains(self) -> Gains:
        """The gains of the aims forward, gradient and centred."""
        return gains(self.moments)

    @cached_property
    def variance(self) -> VarianceMap:
        """The variance map."""
        return VarianceMap(self.f)

    @property
    def log_slope(self) -> float:
        """By how many percent the variance of a layer is off if that of the layer before is off by one."""
        return self.moments.log_slope

    @cached_property
    def fixed_points(self) -> list[FixedPoint]:
        """The variances that this start keeps, 1 among them; none where it keeps all."""
        return self.variance.fixed_points(1 / self.variance.value(1.0))

    @cached_property
    def critical(self) -> CriticalPoint | None:
        """The critical start that keeps the variance 1, if there is one."""
        return criticality.on_the_curve(self.variance, 1.0)

    @cached_property
    def twice_critical(self) -> list[CriticalPoint]:
        """The starts that keep errors of the variance, too."""
        return criticality.twice_critical(self.variance)

    @cached_property
    def coefficients(self) -> Array:
        """The Hermite coefficients a_k, (orders,)."""
        return hermite.coefficients(self.f)

    @property
    def shares(self) -> HermiteShares:
        """The shares of mean, linear part and rest in E[f²]."""
        return hermite.shares(self.coefficients, self.moments.second)

    @cached_property
    def correlation(self) -> CorrelationMap:
        """The correlation map; where f jumps, it leaves 1 with an infinite slope."""
        chi = math.inf if self.f.jumps else self.moments.chi
        return CorrelationMap(self.coefficients**2 / self.moments.second, chi)


def correlation_under(f: BoundActivation, weights: float, bias: float) -> CorrelationMap:
    """The correlation map of weights N(0, σw² / fan-in) and biases N(0, σb²), `weights` being σw² and `bias` σb².

    At the variance q that many layers lead to, C(c) = (σw² Σ a_k² c^k + σb²) / q, with a_k of f under N(0, q)
    (Schoenholz et al. 2017, arXiv:1611.01232). ValueError where the signal dies out or grows without limit.
    """
    variance = VarianceMap(f)
    q = variance.reached(weights, bias)
    if not 0 < q < math.inf:
        raise ValueError(f"the variance tends to {q:g}")
    shares = weights * hermite.coefficients(f, q) ** 2 / q
    shares[0] += bias / q
    return CorrelationMap(shares, weights * variance.slope_moment(q))


def theory_of(f: BoundActivation) -> SignalTheory | None:
    """The theory of an activation; None if E[f²] is 0, infinite or nan."""
    found = moments(f.entry, f.chosen)
    return SignalTheory(f, found) if 0 < found.second < math.inf else None
