"""An activation with values of its parameters as a function of arrays, for mathematics about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.maths.activations import Activation

Array = NDArray[Any]


@dataclass(frozen=True)
class BoundActivation:
    """f of an entry and its parameters' values: `f(x)` and `f.slope(x)` are f(x) and f'(x), of the shape of x."""

    entry: Activation
    chosen: Mapping[str, Any]

    def __call__(self, x: Array) -> Array:
        """f(x); infinite or nan where it overflows, without a warning."""
        out = np.empty_like(x)
        with np.errstate(all="ignore"):
            self.entry.value(x, out, **self.chosen)
        return out

    def slope(self, x: Array) -> Array:
        """f'(x)."""
        return self.both(x)[1]

    def both(self, x: Array) -> tuple[Array, Array]:
        """f(x) and f'(x)."""
        value, slope = self(x), np.empty_like(x)
        with np.errstate(all="ignore"):
            self.entry.slope(x, value, slope, **self.chosen)
        return value, slope

    def forms(self, dtype: np.dtype[Any]) -> BoundActivation:
        """The same with the functions that a network of this precision calls."""
        return BoundActivation(self.entry.forms(dtype), self.chosen)

    @property
    def kinks(self) -> tuple[float, ...]:
        """The points without a derivative."""
        return self.entry.kinks(**self.chosen)

    @property
    def jumps(self) -> bool:
        """Whether the value, too, differs on the two sides of a kink."""
        sides = np.nextafter(np.array(self.kinks), [[-np.inf], [np.inf]])
        left, right = self(sides)
        return bool(np.any(np.abs(right - left) > 1e-9 * (1 + np.abs(left))))
