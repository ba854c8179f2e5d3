"""On how many data sets at least an arm is better: partial conjunction."""

from __future__ import annotations

from numpy.typing import ArrayLike

from nnlab.maths.statistics.arms import SIGNIFICANCE


def conjunction_p(p_values: ArrayLike, least: int) -> float:
    """The p-value that fewer than `least` of the N hypotheses with these p-values (N,) are false."""
    raise NotImplementedError


def better_on_at_least(p_values: ArrayLike, significance: float = SIGNIFICANCE) -> int:
    """The largest u for which "better on at least u of N sets" holds with this confidence; 0 for none."""
    raise NotImplementedError
