"""What the statistics accept, lists of figures, one per seed, without a nan; and the moments of such samples.

Up to 500 values, `MANY`, moments are computed in rational arithmetic, and permutation tests try or draw patterns of
signs. Beyond it both would take longer than a training: moments are then computed in floating point, correct to a few
units of the last place, and permutation tests take the normal limit where that is nearer than drawn patterns.
"""

from __future__ import annotations

import math
import statistics as exact  # Python's own: rational arithmetic
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

FEWEST = 5  # seeds below which no interval for a mean is trusted, and no group of seeds told from another
MANY = 500  # values up to which statistics are exact


def numbers(values: ArrayLike) -> list[float]:
    """Values (n,) as Python floats, n >= 1, none of them nan; infinities may be among them."""
    sample = np.asarray(values, dtype=np.float64)
    if sample.ndim != 1 or sample.size == 0:
        raise ValueError(f"expected a list of at least one value, got shape {sample.shape}")
    if np.isnan(sample).any():
        raise ValueError("nan among the values: leave out the runs that diverged")
    found: list[float] = sample.tolist()
    return found


def finite_numbers(values: ArrayLike) -> list[float]:
    """The same, with no infinity among them either."""
    sample = numbers(values)
    if not all(map(math.isfinite, sample)):
        raise ValueError("a mean needs finite values: leave out the runs that diverged")
    return sample


def check_pairs(a: list[float], b: list[float]) -> None:
    """Refuse lists that cannot be paired."""
    if len(a) != len(b):
        raise ValueError(f"pairs need one value per seed on both sides, got {len(a)} and {len(b)}")


def check_confidence(confidence: float) -> None:
    """Refuse a confidence that is no chance between 0 and 1: 95 instead of 0.95."""
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence lies between 0 and 1, got {confidence}")


def mean(sample: Sequence[float]) -> float:
    """The mean of finite values (n,), n >= 1; of equal values this value itself."""
    if len(sample) <= MANY:
        return exact.mean(sample)
    return sample[0] if min(sample) == max(sample) else math.fsum(sample) / len(sample)


def deviation(sample: Sequence[float]) -> float:
    """The standard deviation of finite values (n,), n >= 2, with the divisor n - 1; of equal values exactly 0."""
    if len(sample) <= MANY:
        return exact.stdev(sample)
    return _spread(sample) / math.sqrt(len(sample) - 1)


def root_of_squares(sample: Sequence[float]) -> float:
    """The root of the sum of the squared distances from the mean of finite values (n,), n >= 1."""
    return exact.pstdev(sample) * math.sqrt(len(sample)) if len(sample) <= MANY else _spread(sample)


def _spread(sample: Sequence[float]) -> float:
    middle = mean(sample)
    return math.hypot(*(value - middle for value in sample))
