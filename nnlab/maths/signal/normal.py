"""Expectations of functions of normal pre-activations, and what is kept of them: moments.

In a wide layer whose weights are drawn independently a pre-activation is a sum of many terms, and close to normal with
mean 0 (Neal 1996; Poole et al. 2016, arXiv:1606.05340). What the activation passes on is then known before any data is
seen: E[f(z)²] is what a gain has to make up for, E[f'(z)²] what a gradient is multiplied by on its way back.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.maths import special

Array = NDArray[Any]
Function = Callable[[Array], Array]

_REACH = 20.0  # standard deviations, beyond which a density of 5e-88 outweighs what grows no faster than exp(10 |u|)
_PANELS = 320  # of equal width, each with Gauss-Legendre nodes
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(12)
_CLOSER = np.array([0.5**k / 16 for k in range(2, 40)])  # ends of panels that narrow towards a kink
_NEGLIGIBLE = 1e-10  # share of the outermost panels, above which an integral is taken for infinite
_ROUNDING = 1e-15  # share of the terms' sizes, below which their sum is 0, as it is for odd functions


@dataclass(frozen=True)
class Moments:
    """E[f(z)], E[f(z)²], E[f'(z)²] and E[f(z)⁴] of z ~ N(0, q); inf where an integral diverges.

    `log_slope` is d log E[f²] / d log q, by how many percent E[f²] grows if q grows by one. `is_normal` says that f(z)
    is itself normal, as z is. What is not known, or has yet to be measured, is nan.
    """

    mean: float
    second: float
    slope: float = math.nan
    fourth: float = math.nan
    log_slope: float = math.nan
    is_normal: bool = False

    @property
    def variance(self) -> float:
        """Var f = E[f²] - E[f]²."""
        return self.second - self.mean**2

    @property
    def mean_share(self) -> float:
        """The share of the second moment that is the same for every input, E[f]² / E[f²]."""
        return self.mean**2 / self.second

    @property
    def kurtosis(self) -> float:
        """E[f⁴] / E[f²]², 3 for a linear unit: how much the second moment scatters in a layer of finite width."""
        return self.fourth / self.second / self.second

    @property
    def chi(self) -> float:
        """By what the mean squared gradient is multiplied from layer to layer under the forward gain, E[f'²] / E[f²].

        Schoenholz, Gilmer, Ganguli, Sohl-Dickstein 2017, arXiv:1611.01232, call σw² E[f'²] χ₁; here σw² = 1 / E[f²].
        """
        return self.slope / self.second


# What a layer of weights gets that is not an activation's output: inputs of mean 0 and variance 1, or a normal signal.
STANDARD = Moments(0.0, 1.0, 1.0, 3.0, 1.0, is_normal=True)
NOT_KNOWN = Moments(math.nan, math.nan)


def of_normal(q: float) -> Moments:
    """The moments of z ~ N(0, q) itself."""
    return Moments(0.0, q, 1.0, 3 * q * q, 1.0, is_normal=True)


def of_largest(pieces: float) -> Moments:
    """The largest of k independent standard normals, whose density is k φ(z) Φ(z)^(k - 1): the moments of maxout."""
    k = int(pieces)
    mean, second = (expectation(_of_largest(k, power)) for power in (1, 2))
    return Moments(mean, second)


def _of_largest(k: int, power: int) -> Function:
    return lambda z: z**power * k * special.ndtr(z) ** (k - 1)


def of_gate() -> Moments:
    """V sigmoid(g) with v and g independent: E[v] E[σ] = 0, E[v²] E[σ²] = E[σ²]: the moments of glu."""
    return Moments(0.0, expectation(lambda z: 1 / (1 + np.exp(-z)) ** 2))


def expectation(function: Function, q: float = 1.0, kinks: Iterable[float] = ()) -> float:
    """E[function(z)] for z ~ N(0, q), q > 0; inf or -inf where the integral diverges, nan where the function is nan.

    With z = √q u the integral of function(√q u) exp(-u²/2) / √(2π) over |u| <= 20, by Gauss-Legendre of twelve nodes in
    panels of an eighth of a standard deviation that end at the kinks and narrow towards them, and towards 0.
    Gauss-Hermite, which knows no ends, converges like 1/√n at a kink. To about 1e-13 for functions of ordinary
    steepness.
    """
    u, weights = rule(within(kinks, q))
    with np.errstate(all="ignore"):
        return total(np.asarray(function(math.sqrt(q) * u), float) * weights)


def within(kinks: Iterable[float], q: float) -> tuple[float, ...]:
    """The kinks that an integral under N(0, q) has to know of, in standard deviations."""
    return tuple(float(kink) / math.sqrt(q) for kink in kinks if abs(kink) < _REACH * math.sqrt(q))


def total(terms: Array) -> float:
    """The sum of an integral's terms, in order of u; infinite where the outermost panels still count."""
    if np.isnan(terms).any():
        return math.nan
    sizes, outer = np.abs(terms), np.concatenate([terms[: len(_NODES)], terms[-len(_NODES) :]])
    if not np.isfinite(terms).all() or np.abs(outer).sum() > _NEGLIGIBLE * sizes.sum():
        return math.copysign(math.inf, outer[np.abs(outer).argmax()])
    found = math.fsum(terms)
    return found if abs(found) > _ROUNDING * sizes.sum() else 0.0


@functools.lru_cache(maxsize=64)
def rule(kinks: tuple[float, ...]) -> tuple[Array, Array]:
    """Nodes u and their weights times the density of a standard normal."""
    u, weights = gauss_legendre(np.linspace(-_REACH, _REACH, _PANELS + 1), kinks, _CLOSER)
    return u, weights * np.exp(-u * u / 2) / math.sqrt(2 * math.pi)


def gauss_legendre(ends: Array, kinks: Iterable[float], closer: Array) -> tuple[Array, Array]:
    """Nodes and weights, (n,) each, of twelve nodes a panel, for a function that is smooth but at its kinks.

    Panels lie between these `ends` in ascending order, end at each kink and at 0, and narrow towards them: `closer` are
    the distances of further ends.
    """
    near = [np.concatenate([[kink], kink - closer, kink + closer]) for kink in {0.0, *kinks}]
    all_ends = np.sort(np.concatenate([ends, *near]))
    all_ends = all_ends[(ends[0] <= all_ends) & (all_ends <= ends[-1])]
    all_ends = all_ends[np.append(True, np.diff(all_ends) > 0)]  # np.unique would load a tenth of NumPy
    middle, half = (all_ends[1:] + all_ends[:-1]) / 2, np.diff(all_ends) / 2
    return (middle[:, None] + half[:, None] * _NODES).ravel(), (half[:, None] * _WEIGHTS).ravel()
