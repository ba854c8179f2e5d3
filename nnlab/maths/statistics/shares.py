"""Arms whose seeds get stuck or do not: on which share of its seeds each reaches a target, and whose share is larger.

Where seeds make two groups, their mean lies where no seed is, and no interval for it holds; the share does both jobs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

from nnlab.maths.statistics.arms import SIGNIFICANCE, Difference, corrected
from nnlab.maths.statistics.intervals import two_groups
from nnlab.maths.statistics.pairs import seeds_needed_for_shares, share_difference, sign_test

# A target tells two groups of seeds apart if it misplaces at most this share of the smaller group.
_MISPLACED = 0.1


@dataclass(frozen=True)
class Reached:
    """Whether each seed of each arm reached the target, which `text` states: `val/accuracy >= 0.95`."""

    text: str
    seeds: Mapping[str, Mapping[int, bool]]

    def counts(self, label: str) -> tuple[int, int]:
        """How many seeds of an arm reached the target, and how many there are."""
        own = self.seeds.get(label, {})
        return sum(own.values()), len(own)

    def share(self, label: str) -> float:
        """The share of an arm's seeds that reached the target."""
        hits, seeds = self.counts(label)
        return hits / max(seeds, 1)


@dataclass(frozen=True)
class SharePair(Difference):
    """The arms by the share of their common seeds that reach the target: `shares`, the better one's first.

    `only_better` and `only_worse` count the seeds on which one of them alone got there; `p` is that of McNemar's exact
    test on these.
    """

    shares: tuple[float, float]
    only_better: int
    only_worse: int


def compare_shares(reached: Reached) -> list[SharePair]:
    """Every pair of arms with seeds in common, the arm that reaches the target more often named first."""
    labels = sorted(reached.seeds, key=reached.share, reverse=True)
    places = [(a, b) for a, b in combinations(labels, 2) if reached.seeds[a].keys() & reached.seeds[b].keys()]
    return corrected([_pair(reached, a, b, len(places)) for a, b in places])


def _pair(reached: Reached, a: str, b: str, family: int) -> SharePair:
    """The pair before Holm's correction, over `family` tests, which the seeds needed take at its strictest."""
    first, second = reached.seeds[a], reached.seeds[b]
    common = [seed for seed in first if seed in second]
    only_a = sum(first[seed] and not second[seed] for seed in common)
    only_b = sum(second[seed] and not first[seed] for seed in common)
    if only_a < only_b:  # in order of shares over other seeds than the common ones
        return _pair(reached, b, a, family)
    total = len(common)
    shares = (sum(first[seed] for seed in common) / total, sum(second[seed] for seed in common) / total)
    margin, p = share_difference(only_a, only_b, total), sign_test(only_a, only_b)
    needed = seeds_needed_for_shares(only_a, only_b, total, significance=SIGNIFICANCE / family)
    return SharePair(a, b, total, margin, p, p, needed, shares, only_a, only_b)


def is_told_by(
    reached: Reached, label: str, scores: Mapping[int, float], *, larger_is_better: bool
) -> tuple[float, float] | None:
    """The means of the worse and the better of an arm's two groups of seeds, where the target tells these apart.

    `scores` are the final figures of the seeds that did not diverge. None where they do not make two groups,
    or where the target misplaces more seeds than a tenth of the smaller group.
    """
    groups = two_groups(list(scores.values())) if scores else None
    own = reached.seeds.get(label, {})
    if groups is None or not scores.keys() <= own.keys():
        return None
    lower, higher = groups
    edge = (lower[-1] + higher[0]) / 2
    misplaced = sum(own[seed] != ((value > edge) == larger_is_better) for seed, value in scores.items())
    if misplaced > _MISPLACED * min(map(len, groups)):
        return None
    low, high = (sum(group) / len(group) for group in groups)
    return (low, high) if larger_is_better else (high, low)
