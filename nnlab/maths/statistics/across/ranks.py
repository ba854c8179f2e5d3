"""Arms by their ranks on data sets: average ranks, Friedman's test, and the groups that no test splits."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from nnlab.maths import special
from nnlab.maths.statistics.across.sets import Array, Flags
from nnlab.maths.statistics.arms import stretches

_ROUNDING = 1e-12  # values that differ by less, as a share of the largest, are equal


@dataclass(frozen=True)
class Friedman:
    """Friedman's test: χ² with K - 1 degrees of freedom, Iman and Davenport's F, and the p-value of each."""

    chi_squared: float
    chi_squared_p: float
    f: float
    f_degrees: tuple[int, int]
    f_p: float


def midranks(values: ArrayLike) -> Array:
    """The ranks of values (..., K) along the last axis, from 1 for the smallest; equal ones share their mean rank."""
    sample = np.asarray(values, dtype=np.float64)
    tolerance = _ROUNDING * np.max(np.abs(sample), axis=-1, initial=0)[..., None, None]
    above = sample[..., :, None] - sample[..., None, :]
    smaller, equal = above > tolerance, np.abs(above) <= tolerance
    ranks: Array = smaller.sum(axis=-1) + (equal.sum(axis=-1) + 1) / 2
    return ranks


def is_least(errors: ArrayLike) -> Flags:
    """Which of the errors (..., K), none of them negative, are the smallest along the last axis, but for rounding."""
    sample = np.asarray(errors, dtype=np.float64)
    flags: Flags = sample <= (1 + _ROUNDING) * sample.min(axis=-1, keepdims=True)
    return flags


def average_ranks(errors: ArrayLike) -> Array:
    """The mean rank (K,) of arms by errors (N, K): 1 is the smallest error, equal errors share their ranks."""
    means: Array = midranks(errors).mean(axis=0)
    return means


def friedman(errors: ArrayLike) -> Friedman:
    """Friedman's test that K arms do equally well on N sets, from errors (N, K), with Iman and Davenport's F.

        χ² = (K - 1) N² Σ_k (R_k - (K + 1)/2)² / Σ_nk (r_nk - (K + 1)/2)²      R_k the average rank
        F  = (N - 1) χ² / (N (K - 1) - χ²)                                     K - 1, (K - 1)(N - 1) degrees

    The denominator of χ² is N K (K² - 1)/12 without ties and corrects for them. F keeps 5 % better than χ², which is
    conservative. Arms that tie everywhere have p = 1; F is infinite where all sets agree on the order.

    For information only: nothing here waits for it, and no Nemenyi test follows it. That test compares two arms by
    their average ranks, which move with the other arms: whether a and b are told apart depends on what else was in the
    pool, and adding weak arms can make any difference significant or hide it. Tests of pairs have no such fault.

    Raises ValueError for fewer than two sets or arms. Sources: Friedman 1940; Iman and Davenport 1980; Benavoli,
    Corani, Mangili 2016, "Should we really use post-hoc tests based on mean-ranks?", JMLR 17.
    """
    ranks = midranks(errors)
    if ranks.ndim != 2 or min(ranks.shape) < 2:
        raise ValueError(f"Friedman's test needs at least two sets and two arms, got shape {ranks.shape}")
    sets, arms = ranks.shape
    degrees = (arms - 1, (arms - 1) * (sets - 1))
    centred = ranks - (arms + 1) / 2
    spread = float(np.sum(centred**2))
    if spread == 0:
        return Friedman(0.0, 1.0, 0.0, degrees, 1.0)
    chi_squared = (arms - 1) * float(np.sum(centred.sum(axis=0) ** 2)) / spread
    rest = sets * (arms - 1) - chi_squared
    f = (sets - 1) * chi_squared / rest if rest > _ROUNDING * chi_squared else np.inf
    chi_squared_p, f_p = special.chdtrc(arms - 1, chi_squared), special.fdtrc(*degrees, f) if f < np.inf else 0.0
    return Friedman(chi_squared, float(chi_squared_p), float(f), degrees, float(f_p))


def cliques(ranking: Sequence[str], told_apart: Collection[frozenset[str]]) -> list[tuple[str, ...]]:
    """The longest stretches of two arms or more, next to each other in rank, no two of which were told apart.

    They are the bars of a critical-difference diagram whose pairs were tested one by one, with Wilcoxon's test and
    Holm's correction. An arm between two that were not told apart may be told apart from one of them: then no bar
    covers the two, though no test tells them apart. Source: Benavoli, Corani, Mangili 2016, JMLR 17.
    """
    found = stretches(ranking, lambda a, b: frozenset((a, b)) not in told_apart)
    return [tuple(run) for run in found]
