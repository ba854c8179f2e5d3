"""Every pair of arms, or a baseline against each other arm, over data sets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnlab.maths.statistics.across.pairs import SetPair, SetTest, compare_set_pairs
from nnlab.maths.statistics.across.ranks import Friedman, average_ranks, cliques, friedman
from nnlab.maths.statistics.across.sentences import findings, limits
from nnlab.maths.statistics.across.sets import SetErrors, log_errors

EQUIVALENCE = 0.05  # errors of which neither is more than 5 % larger than the other are the same, unless told otherwise


@dataclass(frozen=True)
class SetComparison:
    """The arms over data sets: `ranking` by average rank, best first, with these ranks; pairs; what there is to say.

    Of arms of the same rank, the one with the smaller mean logarithm of errors comes first. `family_sizes` is how many
    sets each of the families has.

    `baseline` is the arm that the others are compared with, empty if all pairs were. `friedman` is None for fewer than
    two families. `cliques` are the groups of arms next to each other in rank that are not told apart; none with a
    baseline. `warnings` are what the figures cannot say.
    """

    families: tuple[str, ...]
    family_sizes: tuple[int, ...]
    ranking: tuple[str, ...]
    average_ranks: tuple[float, ...]
    friedman: Friedman | None
    pairs: tuple[SetPair, ...]
    cliques: tuple[tuple[str, ...], ...]
    baseline: str
    equivalence: float
    sentences: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def family_labels(self) -> tuple[str, ...]:
        """The families by their names, those of several sets with their number: `digits (2 sets)`."""
        named = zip(self.families, self.family_sizes, strict=True)
        return tuple(name if size == 1 else f"{name} ({size:,} sets)" for name, size in named)


def compare_sets(
    errors: SetErrors, *, baseline: str = "", equivalence: float = EQUIVALENCE, test: SetTest = "signed rank"
) -> SetComparison:
    """Compare every pair of arms, or the baseline with each other arm, over data sets.

    `equivalence` is relative: 0.05 calls errors the same of which neither is more than 5 % larger than the other.
    Raises ValueError for a baseline that is no arm and an equivalence that is negative.
    """
    if baseline and baseline not in errors.arms:
        raise ValueError(f"the baseline {baseline} is none of the arms {', '.join(errors.arms)}")
    if not equivalence >= 0:
        raise ValueError(f"a region of equivalence is not negative, got {equivalence}")
    families, logs = errors.families, log_errors(errors)
    ranks = average_ranks(logs) if families else np.full(len(errors.arms), (len(errors.arms) + 1) / 2)
    order = np.lexsort((logs.sum(axis=0), ranks))
    ranking = tuple(errors.arms[k] for k in order)
    pairs = compare_set_pairs(errors, baseline=baseline, equivalence=equivalence, test=test)
    told = {frozenset((pair.better, pair.worse)) for pair in pairs if pair.told_apart}
    groups = () if baseline or not pairs else tuple(cliques(ranking, told))
    return SetComparison(
        families,
        tuple(errors.family_sizes.values()),
        ranking,
        tuple(float(ranks[k]) for k in order),
        friedman(logs) if len(families) > 1 else None,
        tuple(pairs),
        groups,
        baseline,
        equivalence,
        tuple(findings(pairs, groups, errors, equivalence)),
        tuple(limits(errors, baseline=bool(baseline))),
    )
