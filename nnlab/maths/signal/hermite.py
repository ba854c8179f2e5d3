"""An activation as a sum of Hermite polynomials: how much of it is a mean, how much linear, how much neither.

The normalised Hermite polynomials h_k, with E[h_j(u) h_k(u)] = 1 if j = k, else 0, for u ~ N(0, 1), span all functions
of finite E[f²]. With a_k = E[f(√q u) h_k(u)] therefore f(√q u) = Σ a_k h_k(u) and E[f²] = Σ a_k² (Parseval).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from nnlab.maths.bound_activation import Array, BoundActivation
from nnlab.maths.signal.normal import rule, within

ORDERS = 64


def coefficients(f: BoundActivation, q: float = 1.0, orders: int = ORDERS) -> Array:
    """a_0 … a_(orders-1), (orders,), of f under N(0, q).

    By the recurrence √(k+1) h_(k+1)(u) = u h_k(u) - √k h_(k-1)(u), which is stable, from h_0 = 1 and h_(-1) = 0.
    """
    u, weights = rule(within(f.kinks, q))
    weighted = f(math.sqrt(q) * u) * weights
    before, now, found = np.zeros_like(u), np.ones_like(u), np.empty(orders)
    for k in range(orders):
        found[k] = weighted @ now
        before, now = now, (u * now - math.sqrt(k) * before) / math.sqrt(k + 1)
    found[np.abs(found) < 1e-14 * np.linalg.norm(found)] = 0.0
    return found


@dataclass(frozen=True)
class HermiteShares:
    """Shares of E[f²], which add up to 1: of the mean (the same for every input), the linear part, and the rest."""

    mean: float
    linear: float
    rest: float


def shares(found: Array, second: float) -> HermiteShares:
    """The shares of `second` = E[f²] from the coefficients a_k."""
    mean, linear = (float(a * a) / second for a in found[:2])
    return HermiteShares(mean, linear, max(0.0, 1 - mean - linear))
