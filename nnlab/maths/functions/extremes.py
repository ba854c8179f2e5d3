"""The least and the largest number of an array, to ask whether a rare case occurs in it.

argmin is six times faster than min on small arrays. It goes over them in the order of memory, `ravel("K")`: where
replicas lie innermost, the order of the axes would cost a copy.
"""

from __future__ import annotations

import math
from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]


def least(z: Array) -> float:
    """The least number of z; nan if there is one, ∞ if z is empty."""
    flat = z.ravel("K")
    return flat.item(flat.argmin()) if z.size else math.inf


def largest(z: Array) -> float:
    """The largest number of z; nan if there is one, -∞ if z is empty."""
    flat = z.ravel("K")
    return flat.item(flat.argmax()) if z.size else -math.inf
