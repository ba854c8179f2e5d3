"""What the statistics accept: short lists of figures, one per seed, without a nan."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

FEWEST = 5  # seeds below which no interval for a mean is trusted, and no group of seeds told from another


def numbers(values: ArrayLike) -> list[float]:
    """Values (n,) as Python floats, n >= 1, none of them nan; infinities may be among them."""
    sample = np.asarray(values, dtype=np.float64)
    if sample.ndim != 1 or sample.size == 0:
        raise ValueError(f"expected a list of at least one value, got shape {sample.shape}")
    if np.isnan(sample).any():
        raise ValueError("nan among the values: leave out the runs that diverged")
    return [float(value) for value in sample]


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
