"""Two arms over data sets: all that is known of their difference."""

from __future__ import annotations

import math
import statistics as exact
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

import numpy as np

from nnlab.maths import special
from nnlab.maths.statistics.across.bayes import Beliefs, bayesian_signed_rank
from nnlab.maths.statistics.across.conjunction import better_on_at_least
from nnlab.maths.statistics.across.effects import RandomEffects, random_effects
from nnlab.maths.statistics.across.profiles import WinTieLoss, win_tie_loss
from nnlab.maths.statistics.across.sets import Array, SetErrors, log_errors, over_families, seed_noise
from nnlab.maths.statistics.across.signed_rank import sign_flip_test, signed_rank_test
from nnlab.maths.statistics.arms import SIGNIFICANCE
from nnlab.maths.statistics.intervals import Interval
from nnlab.maths.statistics.pairs import holm, permutation_test

SetTest = Literal["signed rank", "sign flips"]

_TESTS = {"signed rank": signed_rank_test, "sign flips": sign_flip_test}


@dataclass(frozen=True)
class SetPair:
    """Two arms over the F families, `better` the one with the smaller mean logarithm of its errors.

    `differences` has, for each family, log(error of better / error of worse) with its 95 % interval over the seeds,
    without bounds for one seed; it is negative where the better one is better. `effect` is in the same unit: exp(x) - 1
    is the relative difference of errors. `seeds_p` is, for each family, the p-value of the test over its seeds, after
    Holm's correction for all pairs there. `record` and `beliefs` are those of the better arm. `p` is that of the test
    over families, `adjusted` that after Holm's correction; `at_least` is on how many families, with confidence, the
    better one is better.
    """

    better: str
    worse: str
    differences: tuple[Interval, ...]
    seeds_p: tuple[float, ...]
    effect: RandomEffects
    record: WinTieLoss
    beliefs: Beliefs
    p: float
    adjusted: float
    at_least: int

    @property
    def told_apart(self) -> bool:
        """Whether chance is ruled out as the reason for the difference, and mean and median agree on its sign."""
        median = exact.median(one.estimate for one in self.differences)
        return self.adjusted <= SIGNIFICANCE and self.effect.mean.estimate < 0 and median < 0


def compare_set_pairs(
    errors: SetErrors, *, baseline: str = "", equivalence: float, test: SetTest = "signed rank"
) -> list[SetPair]:
    """Every pair of arms, or the baseline with each other arm, in the order of the arms, with Holm's correction.

    `equivalence` is relative, as in `compare_sets`. Empty where no family is left to compare.
    """
    if not errors.families:
        return []
    others = [arm for arm in errors.arms if arm != baseline]
    places = [(baseline, arm) for arm in others] if baseline else [*combinations(errors.arms, 2)]
    logs, noise, region = log_errors(errors), seed_noise(errors), math.log1p(equivalence)
    pairs = []
    for labels in places:
        a, b = sorted(map(errors.arms.index, labels), key=lambda k: math.fsum(logs[:, k]))
        differences, standard_errors = logs[:, a] - logs[:, b], _standard_errors(noise[:, :, a] - noise[:, :, b])
        p, seed_tests = _TESTS[test](differences), _seed_tests(errors, a, b)
        pairs.append(
            SetPair(
                better=errors.arms[a],
                worse=errors.arms[b],
                differences=_with_bounds(differences, standard_errors, errors.seeds),
                seeds_p=tuple(found for _, found in seed_tests),
                effect=random_effects(differences, standard_errors),
                record=win_tie_loss(differences, region),
                beliefs=bayesian_signed_rank(differences, region),
                p=p,
                adjusted=p,
                at_least=better_on_at_least(
                    [found if is_better else 1.0 for is_better, found in seed_tests], SIGNIFICANCE / len(places)
                ),
            )
        )
    return _with_holm(pairs)


def _with_holm(pairs: Sequence[SetPair]) -> list[SetPair]:
    """The pairs with Holm's correction over all of them, of the test over families and of those on each."""
    adjusted = holm([pair.p for pair in pairs])
    on_each = zip(*(holm(found) for found in zip(*(pair.seeds_p for pair in pairs), strict=True)), strict=True)
    return [replace(pair, adjusted=p, seeds_p=own) for pair, p, own in zip(pairs, adjusted, on_each, strict=True)]


def _standard_errors(noise: Array) -> Array | None:
    """Of differences of log errors (F,), from the seeds' noise (F, R) in them; None for a single seed."""
    seeds = noise.shape[1]
    return None if seeds == 1 else noise.std(axis=1, ddof=1) / math.sqrt(seeds)


def _with_bounds(differences: Array, standard_errors: Array | None, seeds: int) -> tuple[Interval, ...]:
    """Each difference with Student's interval over the seeds."""
    if standard_errors is None:
        return tuple(Interval(float(d), None, None) for d in differences)
    halves = float(special.stdtrit(seeds - 1, 0.975)) * standard_errors
    return tuple(Interval(float(d), float(d - h), float(d + h)) for d, h in zip(differences, halves, strict=True))


def _seed_tests(errors: SetErrors, a: int, b: int) -> list[tuple[bool, float]]:
    """For each family whether arm a is better than b there, and the two-sided p-value of that, from the seeds.

    The paired permutation test of relative differences, (e_a - e_b)/(ē_a + ē_b), averaged over the family's sets: the
    divisor does not change if a and b change places on a seed. Both arms could have been the better one, so that the
    p-value stays two-sided.
    """
    sums = errors.means[:, a] + errors.means[:, b]
    relative = over_families(errors, (errors.errors[:, :, a] - errors.errors[:, :, b]) / sums[:, None])
    zeros = np.zeros(errors.seeds)
    return [(math.fsum(row) < 0, permutation_test(row, zeros)) for row in relative]
