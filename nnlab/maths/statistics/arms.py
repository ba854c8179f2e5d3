"""Arms against each other on the same seeds: every pair of them, or the best against each other one.

An arm's figures come as a mapping from seed to figure, nan where the run diverged, so that pairs are made by seed and
never by accident. One arm beats another if the permutation test says so at 5 % after Holm's correction, and the
interval of the difference agrees.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TypeVar

from nnlab.maths.statistics.intervals import UNBOUNDED, Interval
from nnlab.maths.statistics.pairs import chance_to_beat, holm, paired_difference, permutation_test, seeds_needed
from nnlab.maths.statistics.samples import finite_numbers, mean

SIGNIFICANCE = 0.05

Scores = Mapping[int, float]
Arms = Mapping[str, Scores]

D = TypeVar("D", bound="Difference")


@dataclass(frozen=True)
class Figure:
    """What the arms are compared by, and the smallest and largest that it can be.

    A share, such as accuracy, is shown in per cent and its differences in points. `name`, such as `test accuracy`, is
    the one that sentences give it; without a name they leave it out.
    """

    larger_is_better: bool
    share: bool = False
    bounds: tuple[float, float] = UNBOUNDED
    name: str = ""

    @property
    def heading(self) -> str:
        """The beginning of a sentence on it: `test accuracy: `."""
        return f"{self.name}: " if self.name else ""


@dataclass(frozen=True)
class Difference:
    """Two arms on the seeds of both, and by how much the `better` one is better: `margin`, positive whatever is better.

    `p` is that of a test of no difference, `adjusted` that after Holm's correction, and `needed` how many seeds would
    tell the arms apart, None if more than 10,000.
    """

    better: str
    worse: str
    seeds: int
    margin: Interval
    p: float
    adjusted: float
    needed: int | None

    @property
    def told_apart(self) -> bool:
        """Whether chance is ruled out as the reason for the difference."""
        return self.adjusted <= SIGNIFICANCE and self.margin.low is not None and self.margin.low > 0

    @property
    def is_tie(self) -> bool:
        """Whether neither is better, so that no number of seeds like these would tell them apart."""
        return self.margin.estimate == 0


def corrected(pairs: Sequence[D]) -> list[D]:
    """The pairs with Holm's correction over all of them."""
    return [replace(pair, adjusted=p) for pair, p in zip(pairs, holm([pair.p for pair in pairs]), strict=True)]


@dataclass(frozen=True)
class Pair(Difference):
    """The arms by their means on the seeds on which both have a figure; the margin is in the figure's unit.

    `chance` is that the better one beats the other on a seed; `p` that of the permutation test.
    """

    chance: Interval


def compare_pairs(arms: Arms, *, larger_is_better: bool, within: tuple[float, float] = UNBOUNDED) -> list[Pair]:
    """Every pair of arms with at least two seeds in common on which neither diverged, in order of rank.

    Figures lie `within` some bounds, and their differences within the distance of these.
    """
    places = [
        (a, b) for a, b in combinations(ranking(arms, larger_is_better=larger_is_better), 2)
        if len(common_seeds(arms[a], arms[b])) > 1
    ]  # fmt: skip
    return corrected([_pair(arms, a, b, len(places), within, larger_is_better=larger_is_better) for a, b in places])


def ranking(arms: Arms, *, larger_is_better: bool) -> list[str]:
    """The arms from the best mean to the worst; those without a figure, all of whose seeds diverged, come last.

    Arms whose means are the same but for rounding stay in the order given.
    """
    sign = -1 if larger_is_better else 1

    def place(label: str) -> float:
        known = survivors(arms[label])
        return sign * float(f"{mean(finite_numbers(known)):.14g}") if known else math.inf

    return sorted(arms, key=place)


def compare_with_best(
    arms: Arms, best: str, *, larger_is_better: bool, within: tuple[float, float] = UNBOUNDED
) -> dict[str, Pair]:
    """The best arm against each other one, by its label in order of rank, with Holm's correction over these pairs.

    That the best of k was picked because it came out best makes some of these differences look larger than they are:
    of 12 equal points, some are told apart from it in 9 to 16 % of simulations. What holds is what is asked of a
    search: the truly best is told apart from it, and so ruled out as the best, in at most 2 % of them
    (`benchmarks/coverage.py`), since for that it must lose to one of only k - 1 others. Source: Hsu 1984, Annals of
    Statistics 12.
    """
    order = [label for label in ranking(arms, larger_is_better=larger_is_better) if label != best]
    places = [label for label in order if len(common_seeds(arms[best], arms[label])) > 1]
    pairs = [_pair(arms, best, other, len(places), within, larger_is_better=larger_is_better) for other in places]
    return dict(zip(places, corrected(pairs), strict=True))


def _pair(arms: Arms, a: str, b: str, family: int, within: tuple[float, float], *, larger_is_better: bool) -> Pair:
    """The pair before Holm's correction, over `family` tests, which `seeds_needed` takes at its strictest."""
    common = common_seeds(arms[a], arms[b])
    first, second = ([arms[label][seed] for seed in common] for label in (a, b))
    margin = paired_difference(*((first, second) if larger_is_better else (second, first)), within=within)
    if margin.estimate < 0:  # ranked by means over other seeds than the common ones
        return _pair(arms, b, a, family, within, larger_is_better=larger_is_better)
    p, needed = permutation_test(first, second), seeds_needed(first, second, significance=SIGNIFICANCE / family)
    chance = chance_to_beat(first, second, larger_is_better=larger_is_better)
    return Pair(a, b, len(common), margin, p, p, needed, chance)


def survivors(scores: Scores) -> list[float]:
    """The figures of the seeds that did not diverge."""
    return [value for value in scores.values() if not math.isnan(value)]


def common_seeds(a: Scores, b: Scores) -> list[int]:
    """The seeds on which both have a figure."""
    return [seed for seed, value in a.items() if not (math.isnan(value) or math.isnan(b.get(seed, math.nan)))]


def stretches(ranked: Sequence[str], is_open: Callable[[str, str], bool]) -> Iterator[list[str]]:
    """The longest stretches of two arms or more, next to each other in rank, all pairs of which are open."""
    end = 0
    for first in range(len(ranked)):
        last, end = end, max(end, first + 1)
        while end < len(ranked) and all(is_open(label, ranked[end]) for label in ranked[first:end]):
            end += 1
        if end > max(last, first + 1):
            yield [*ranked[first:end]]
