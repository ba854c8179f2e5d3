"""Every pair of arms, or a baseline against each other arm, over data sets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from nnlab.maths.statistics.across.bayes import Beliefs
from nnlab.maths.statistics.across.effects import RandomEffects
from nnlab.maths.statistics.across.profiles import WinTieLoss
from nnlab.maths.statistics.across.ranks import Friedman
from nnlab.maths.statistics.across.sets import SetErrors
from nnlab.maths.statistics.intervals import Interval

Test = Literal["signed rank", "sign flips"]

EQUIVALENCE = 0.05  # errors that differ by less than 5 % are the same, unless said otherwise


@dataclass(frozen=True)
class SetPair:
    """Two arms over the F families: the `better` one by mean log ratio first.

    `differences` has, for each family, log(error of better / error of worse) with its 95 % interval over the seeds: no
    bounds with one seed; negative where the better one is better. `effect` is in the same unit: exp(x) - 1 is the
    relative difference of errors. `p` is that of the test over families, `adjusted` that after Holm's correction;
    `at_least` on how many families, with confidence, the better one is better.
    """

    better: str
    worse: str
    differences: tuple[Interval, ...]
    effect: RandomEffects
    record: WinTieLoss
    beliefs: Beliefs
    p: float
    adjusted: float
    at_least: int

    @property
    def told_apart(self) -> bool:
        """Whether chance is ruled out as the reason for the difference."""
        raise NotImplementedError


@dataclass(frozen=True)
class SetComparison:
    """The arms over data sets: `ranking` by average rank, best first, with the ranks; the pairs; what there is to say.

    `baseline` is the arm that the others are compared with, empty if all pairs were. `cliques` are the groups of arms
    next to each other in rank that are not told apart; empty with a baseline. `warnings` say what the figures cannot.
    """

    families: tuple[str, ...]
    ranking: tuple[str, ...]
    average_ranks: tuple[float, ...]
    friedman: Friedman | None
    pairs: tuple[SetPair, ...]
    cliques: tuple[tuple[str, ...], ...]
    baseline: str
    equivalence: float
    sentences: tuple[str, ...]
    warnings: tuple[str, ...]


def compare_sets(
    errors: SetErrors, *, baseline: str = "", equivalence: float = EQUIVALENCE, test: Test = "signed rank"
) -> SetComparison:
    """Compare every pair of arms, or each with the baseline, over data sets.

    `equivalence` is relative: 0.05 calls errors the same of which neither is more than 5 % larger than the other.
    Raises ValueError for a baseline that is no arm and an equivalence that is negative.
    """
    raise NotImplementedError
