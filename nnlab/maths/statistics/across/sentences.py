"""What a comparison over data sets says in plain sentences, and what it cannot say."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import count

import numpy as np

from nnlab.errors import few, listed
from nnlab.maths.statistics.across.pairs import SetPair
from nnlab.maths.statistics.across.sets import Flags, SetErrors
from nnlab.maths.statistics.arms import SIGNIFICANCE
from nnlab.maths.statistics.intervals import Interval
from nnlab.maths.statistics.pairs import MOST_SEEDS, smallest_p
from nnlab.maths.statistics.sentences import seeds_of

_MOST_GROUPS = 5  # groups that are named one by one, where they share an arm
FEWEST_SETS = 12  # data sets below which the choice of them decides too much


def least_sets(arms: int, *, baseline: bool = False) -> int:
    """How many sets it takes until any two of so many arms can be told apart at 5 % with Holm's correction.

    The smallest p-value of N sets is 2 · 2^-N, all of them on one side, and the smallest of m tests is multiplied by m:
    the smallest N with m 2^(1-N) <= 0.05. m = K (K - 1)/2 pairs, or K - 1 with a baseline. For 2, 3, 5, 10 arms: 6, 7,
    9, 11.
    """
    return least_sets_for(_tests(arms, baseline=baseline))


def least_sets_for(tests: int) -> int:
    """How many sets it takes until any of so many pairs can be told apart: see `least_sets`."""
    return next(n for n in count(1) if tests * 2.0 ** (1 - n) <= SIGNIFICANCE)


def _tests(arms: int, *, baseline: bool) -> int:
    return arms - 1 if baseline else math.comb(arms, 2)


def limits(errors: SetErrors, *, baseline: bool = False) -> list[str]:
    """What these data sets cannot show, each in a sentence without its full stop."""
    return [
        *_left_out(errors),
        *_families(errors),
        *_too_few(errors, baseline=baseline),
        *_runs(errors),
        *_too_few_seeds(errors.seeds, _tests(len(errors.arms), baseline=baseline)),
    ]


def findings(
    pairs: Sequence[SetPair], cliques: Sequence[Sequence[str]], errors: SetErrors, equivalence: float
) -> list[str]:
    """Who beats whom over data sets, by how much and how surely, and who can't be told apart; with full stops.

    Without `cliques`, as with a baseline, the pairs that can't be told apart are named one by one, or together with the
    arm that they share where they are many. Of pairs that are the same within the relative `equivalence` with a
    probability of 95 % there is a sentence as well, but not of fewer families than can tell a pair apart: two sets that
    agree make that probability 99.9 %.
    """
    over, families = _sets_that_count(errors), len(errors.families)
    told = [pair for pair in pairs if pair.told_apart]
    same = [pair for pair in pairs if _is_same(pair)] if families >= least_sets_for(len(pairs)) else []
    groups = cliques or [(pair.better, pair.worse) for pair in pairs if not pair.told_apart]
    shared = set.intersection(*map(set, groups)) if not cliques and len(groups) > _MOST_GROUPS else set()
    return [
        *(_beats(pair, over) for pair in told),
        *([_many(shared.pop(), groups, over)] if shared else [_not_told(group, over) for group in groups]),
        *(
            f"{pair.better} and {pair.worse}: errors are most often the same within {100 * equivalence:.3g} % "
            f"(probability {_certainty(pair.beliefs.same)})."
            for pair in same
        ),
    ]


def _not_told(group: Sequence[str], over: str) -> str:
    return f"{listed([*group])} can't be told apart over {over}."


def _many(arm: str, groups: Sequence[Sequence[str]], over: str) -> str:
    """That an arm can't be told apart from any of many others, in one sentence."""
    others = [name for group in groups for name in group if name != arm]
    return f"{arm} can't be told apart from {listed(few(others, _MOST_GROUPS), 'or')} over {over}."


def sets_of(families: int, sets: int) -> str:
    """`1 data set`, `12 data sets`; `2 families of data sets` of more sets than families."""
    if sets > families:
        return "1 family of data sets" if families == 1 else f"{families:,} families of data sets"
    return "1 data set" if families == 1 else f"{families:,} data sets"


def _sets_that_count(errors: SetErrors) -> str:
    return sets_of(len(errors.families), int(np.sum(_counted(errors))))


def _counted(errors: SetErrors) -> Flags:
    """The sets on which arms can differ, (N,)."""
    return ~(errors.at_floor | errors.at_chance)


def _is_same(pair: SetPair) -> bool:
    return pair.beliefs.same >= 1 - SIGNIFICANCE


def _beats(pair: SetPair, over: str) -> str:
    """By how much, on the mean and on the next set; on how many sets, and at least on how many."""
    mean, record = pair.effect.mean, pair.record
    said = (
        f"{pair.better} beats {pair.worse} over {over}: errors {_change(mean.estimate)}, "
        f"95 % {_span(mean)}, and on the next data set {_span(pair.effect.next_set)}; "
        f"{record.wins} won, {record.ties} the same, {record.losses} lost"
    )
    at_least = f"; with 95 % confidence better on at least {pair.at_least}" if pair.at_least else ""
    return f"{said}{at_least}."


def _certainty(probability: float) -> str:
    """`97.2 %`; never 100 %, which no number of draws shows."""
    return f"{100 * probability:.1f} %" if probability < 0.9995 else "more than 99.9 %"


def _span(interval: Interval) -> str:
    """`8.1 % to 14 % smaller`, `11 % smaller to 4.2 % larger`; `14 % smaller` where both ends are."""
    assert interval.low is not None
    assert interval.high is not None
    ends = sorted((interval.low, interval.high), key=lambda x: (x > 0, abs(x)))
    small, large = map(_change, ends)
    if small == large:
        return large
    if small.endswith("smaller") and large.endswith("smaller"):
        small = small.removesuffix(" smaller")
    return f"{small} to {large}"


def _change(log_ratio: float) -> str:
    """A logarithm of a ratio of errors as `12 % smaller` or `1.4 % larger`."""
    share = 100 * math.expm1(log_ratio)
    size = f"{abs(share):.{0 if abs(share) >= 9.95 else 1}f}"
    return f"{size} % {'smaller' if share < 0 else 'larger'}"


def _left_out(errors: SetErrors) -> Iterator[str]:
    """Sets on which all arms do the same, because it is all that can be done or nothing."""
    for flags, why in (
        (errors.at_floor, "no arm makes an error there with any seed"),
        (errors.at_chance, "no arm is better than chance there with any seed"),
    ):
        names = _named(errors, flags)
        if names:
            yield f"{listed(names)} {_verb(names)} left out: {why}"


def _families(errors: SetErrors) -> Iterator[str]:
    for family in errors.families:
        names = _named(errors, _counted(errors) & (np.array(errors.family_of) == family))
        if len(names) > 1:
            yield f"{listed(names)} are of one family, {family}, and count as one data set"


def _too_few(errors: SetErrors, *, baseline: bool) -> Iterator[str]:
    families, arms = len(errors.families), len(errors.arms)
    yield from too_few_sets(families, arms, _sets_that_count(errors), baseline=baseline)


def too_few_sets(families: int, arms: int, sets: str, *, baseline: bool) -> Iterator[str]:
    """What so few families cannot show of so many arms; `sets` is their number in words, as of `sets_of`."""
    least = least_sets(arms, baseline=baseline)
    if families < least:
        tests = _tests(arms, baseline=baseline)
        counted = "the pair" if tests == 1 else f"any of {tests:,} pairs"
        yield f"{sets} cannot tell {counted} apart: at least {least} are needed"
    if families < FEWEST_SETS:
        yield f"fewer than {FEWEST_SETS} data sets: another choice of them may well give another order"


def _runs(errors: SetErrors) -> Iterator[str]:
    """Runs whose error is not their own: diverged ones, and those that made no error."""
    total = errors.errors.shape[0] * errors.seeds
    for arm, lost in zip(errors.arms, errors.diverged.sum(axis=0), strict=True):
        if lost:
            yield f"{lost:,} of {total:,} runs of {arm} diverged and count as chance"
    without = np.any(errors.errors == errors.floors[:, None, None], axis=(1, 2)) & ~errors.at_floor
    if without.any():
        names = listed(_named(errors, without))
        yield f"on {names} some runs make no error and count as half a row there"


def _too_few_seeds(seeds: int, tests: int) -> Iterator[str]:
    """That no set of so few seeds can be among those on which an arm is better for certain."""
    if seeds == 1:
        yield "with 1 seed, what a seed does cannot be told from what a data set does"
    least = next((n for n in range(1, MOST_SEEDS) if smallest_p(n) * tests <= SIGNIFICANCE), None)
    if least is None:
        yield "with so many pairs no number of seeds shows on how many data sets an arm is better: name a baseline"
    elif seeds < least:
        yield f"{seeds_of(seeds)} cannot show on how many data sets an arm is better: at least {least} are needed"


def _named(errors: SetErrors, flags: Flags) -> list[str]:
    return [name for name, flag in zip(errors.sets, flags, strict=True) if flag]


def _verb(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"
