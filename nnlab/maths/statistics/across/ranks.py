"""Arms by their ranks on data sets: average ranks, Friedman's test, and the groups that no test splits."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from numpy.typing import ArrayLike

from nnlab.maths.statistics.across.sets import Array


@dataclass(frozen=True)
class Friedman:
    """Friedman's test of N sets and K arms: χ² and Iman and Davenport's F with their p-values. For information only."""

    chi_squared: float
    chi_squared_p: float
    f: float
    f_degrees: tuple[int, int]
    p: float


def average_ranks(errors: ArrayLike) -> Array:
    """The mean rank (K,) of arms by errors (N, K): 1 is the smallest error, equal errors share their ranks."""
    raise NotImplementedError


def friedman(errors: ArrayLike) -> Friedman:
    """Friedman's test that K arms have the same ranks on N sets, from errors (N, K); with ties."""
    raise NotImplementedError


def cliques(ranking: Sequence[str], told_apart: Collection[frozenset[str]]) -> list[tuple[str, ...]]:
    """The longest stretches of two arms or more, next to each other in rank, no two of which were told apart."""
    raise NotImplementedError
