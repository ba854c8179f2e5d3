"""How likely one arm is better, the same or worse on the next data set: the Bayesian signed rank test."""

from __future__ import annotations

from dataclasses import dataclass

from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Beliefs:
    """The posterior probabilities that an arm is better, the same within the region of equivalence, or worse."""

    better: float
    same: float
    worse: float


def bayesian_signed_rank(differences: ArrayLike, equivalence: float, *, draws: int = 20_000) -> Beliefs:
    """The beliefs about an arm whose log ratios of errors (N,) to another are given: negative where it is better.

    Differences up to `equivalence`, in the same unit, are no difference.
    """
    raise NotImplementedError
