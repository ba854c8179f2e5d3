"""The correlation map: how alike two inputs are after a layer, given how alike they were before.

Of two inputs whose pre-activations have the variance q and the correlation c, a layer without biases gives pre-
activations of the correlation

    C(c) = E[f(u) f(v)] / E[f(u)²] = Σ a_k² c^k / Σ a_k²,    u, v ~ N(0, q) of correlation c

since E[h_j(u) h_k(v)] = c^k if j = k, else 0 (Poole et al. 2016, arXiv:1606.05340; Daniely, Frostig, Singer
2016, arXiv:1602.05897, for the series). C(1) = 1 always, and C'(1) = χ₁: where χ₁ > 1, close inputs are driven apart.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from nnlab.maths.bound_activation import Array

_ROUNDING = 1e-24  # squares of Hermite coefficients, relative to E[f²], are not known better
SHORTEST = -1 / math.log(_ROUNDING)  # layers, the least depth that can be told from 0
_FINE = 1 - np.geomspace(1.0, 1e-6, 400)  # from 0 towards 1


@dataclass(frozen=True)
class CorrelationMap:
    """C(c) from a_k² / E[f²] for the first orders k, (orders,), and χ₁ = C'(1).

    What is left of the sum is a power c^p, with the p for which C(1) = 1 and C'(1) = χ₁ hold.
    """

    shares: Array
    chi: float

    @cached_property
    def _rest(self) -> tuple[float, float]:
        """What is left, and p."""
        rest = max(0.0, 1 - float(self.shares.sum()))
        left = self.chi - float(np.arange(len(self.shares)) @ self.shares)
        return rest, max(len(self.shares), left / rest) if rest > 0 and math.isfinite(left) else len(self.shares)

    def __call__(self, c: Array) -> Array:
        """C(c) for correlations c in [0, 1], of any shape."""
        rest, power = self._rest
        value: Array = np.polynomial.polynomial.polyval(c, self.shares) + rest * np.power(c, power)
        return value

    def slope(self, c: float) -> float:
        """C'(c)."""
        rest, power = self._rest
        derivative = np.polynomial.polynomial.polyder(self.shares)
        return float(np.polynomial.polynomial.polyval(c, derivative) + rest * power * c ** (power - 1))

    def fixed_point(self) -> float:
        """The correlation that any two inputs of positive correlation end up with: the least c with C(c) = c.

        1 unless χ₁ > 1: C is convex on [0, 1], as all its coefficients are positive, and so crosses c at most once
        before 1.
        """
        falls = np.flatnonzero(self(_FINE) - _FINE <= 1e-12)  # where C(c) is below c
        if self.chi <= 1 or not falls.size:
            return 1.0
        if falls[0] == 0:
            return 0.0
        low, high = (float(end) for end in _FINE[falls[0] - 1 : falls[0] + 1])
        while high - low > 1e-12:
            middle = (low + high) / 2
            low, high = (middle, high) if self(np.array(middle)) > middle else (low, middle)
        return high

    def depth(self) -> float:
        """ξ, the number of layers after which a difference to the fixed point has shrunk to 1 / e; inf at χ₁ = 1.

        0 stands for any below `SHORTEST`. Near c* the difference is multiplied by C'(c*) a layer, so that
        ξ = -1 / log C'(c*) (Schoenholz et al. 2017, arXiv:1611.01232).
        """
        slope = self.slope(self.fixed_point())
        return math.inf if slope >= 1 - 1e-9 else -1 / math.log(slope) if slope > _ROUNDING else 0.0
