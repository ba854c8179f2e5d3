"""The mean difference of two arms over data sets, and the difference to expect on the next one."""

from __future__ import annotations

from dataclasses import dataclass

from numpy.typing import ArrayLike

from nnlab.maths.statistics.intervals import Interval


@dataclass(frozen=True)
class RandomEffects:
    """The mean difference over all data sets like these, and the one on the next of them, with intervals of 95 %.

    `between` is the standard deviation of the true differences between sets, without what seeds add.
    """

    mean: Interval
    next_set: Interval
    between: float


def random_effects(differences: ArrayLike, standard_errors: ArrayLike, confidence: float = 0.95) -> RandomEffects:
    """The random-effects mean of differences (N,), whose seeds give them these standard errors (N,)."""
    raise NotImplementedError
