"""What a comparison says, in plain sentences: who beats whom, who can't be told apart, and what to be wary of.

An arm's figures come as a mapping from seed to figure, nan where the run diverged, so that pairs are made by seed and
never by accident. One arm beats another if the permutation test says so at 5 % after Holm's correction over all pairs,
and the interval of the difference agrees. Nothing is ever marked with a star.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from nnlab.maths.statistics.intervals import Interval, mean_over_seeds, share_interval, two_groups, unseen_share
from nnlab.maths.statistics.pairs import (
    MOST_SEEDS,
    chance_to_beat,
    holm,
    paired_difference,
    permutation_test,
    seeds_needed,
    smallest_p,
)
from nnlab.maths.statistics.samples import FEWEST

SIGNIFICANCE = 0.05

Scores = Mapping[int, float]
Arms = Mapping[str, Scores]


@dataclass(frozen=True)
class Figure:
    """What the arms are compared by. A share, such as accuracy, is shown in per cent and its differences in points."""

    larger_is_better: bool
    share: bool = False


@dataclass(frozen=True)
class Pair:
    """Two arms on the seeds on which both have a figure; `better` is the one with the better mean on these.

    `margin` is by how much it is better, in the figure's unit and positive whichever way is better; `chance` that it
    beats the other on a seed; `p` that of the permutation test and `adjusted` that after Holm's correction; `needed`
    how many seeds would tell them apart, None if more than 10,000.
    """

    better: str
    worse: str
    seeds: int
    margin: Interval
    chance: Interval
    p: float
    adjusted: float
    needed: int | None

    @property
    def told_apart(self) -> bool:
        """Whether chance is ruled out as the reason for the difference."""
        return self.adjusted <= SIGNIFICANCE and self.margin.low is not None and self.margin.low > 0


@dataclass(frozen=True)
class Verdict:
    """The arms from the best mean to the worst, all pairs that could be made, and what there is to say."""

    ranking: tuple[str, ...]
    pairs: tuple[Pair, ...]
    sentences: tuple[str, ...]
    warnings: tuple[str, ...]


def compare_pairs(arms: Arms, *, larger_is_better: bool) -> list[Pair]:
    """Every pair of arms with at least two seeds in common on which neither diverged, in order of rank."""
    places = [
        (a, b) for a, b in combinations(ranking(arms, larger_is_better=larger_is_better), 2)
        if len(_common(arms[a], arms[b])) > 1
    ]  # fmt: skip
    pairs = [_pair(arms, a, b, len(places), larger_is_better=larger_is_better) for a, b in places]
    return [replace(pair, adjusted=p) for pair, p in zip(pairs, holm([pair.p for pair in pairs]), strict=True)]


def ranking(arms: Arms, *, larger_is_better: bool) -> list[str]:
    """The arms from the best mean to the worst; those without a figure, all of whose seeds diverged, come last."""
    sign = -1 if larger_is_better else 1

    def place(label: str) -> float:
        known = _survivors(arms[label])
        return sign * mean_over_seeds(known).estimate if known else math.inf

    return sorted(arms, key=place)


def verdict(arms: Arms, figure: Figure, reached: Mapping[str, tuple[int, int]] | None = None) -> Verdict:
    """What the figures of the arms, seed by seed, say in plain sentences, each with its full stop.

    The best arm is set against every other and each arm against the next one down; then arms whose seeds make two
    groups are spoken of by shares, for which `reached` gives the seeds that reached the target and all seeds. The
    warnings name what was left out and what no interval can know. Raises ValueError for no arm, and for a figure that
    is infinite.
    """
    if not arms:
        raise ValueError("no arms to compare")
    ranked = ranking(arms, larger_is_better=figure.larger_is_better)
    pairs = compare_pairs(arms, larger_is_better=figure.larger_is_better)
    told = [pair for pair in pairs if _is_told(ranked, pair)]
    sentences = [_pair_sentence(pair, figure) for pair in told]
    sentences += [s for label in ranked for s in _group_sentences(label, arms[label], figure, reached or {})]
    warnings = [*_arm_warnings(arms), *_pair_warnings(arms, ranked, pairs, told)]
    return Verdict(tuple(ranked), tuple(pairs), tuple(sentences), tuple(warnings))


def _pair(arms: Arms, a: str, b: str, family: int, *, larger_is_better: bool) -> Pair:
    """The pair before Holm's correction, over `family` tests, which `seeds_needed` takes at its strictest."""
    common = _common(arms[a], arms[b])
    first, second = ([arms[label][seed] for seed in common] for label in (a, b))
    margin = _margin(first, second, larger_is_better=larger_is_better)
    if margin.estimate < 0:  # ranked by means over other seeds than the common ones
        return _pair(arms, b, a, family, larger_is_better=larger_is_better)
    p, needed = permutation_test(first, second), seeds_needed(first, second, significance=SIGNIFICANCE / family)
    chance = chance_to_beat(first, second, larger_is_better=larger_is_better)
    return Pair(a, b, len(common), margin, chance, p, p, needed)


def _margin(better: Sequence[float], worse: Sequence[float], *, larger_is_better: bool) -> Interval:
    return paired_difference(better, worse) if larger_is_better else paired_difference(worse, better)


def _survivors(scores: Scores) -> list[float]:
    return [value for value in scores.values() if not math.isnan(value)]


def _common(a: Scores, b: Scores) -> list[int]:
    """The seeds on which both have a figure."""
    return [seed for seed, value in a.items() if not (math.isnan(value) or math.isnan(b.get(seed, math.nan)))]


def _is_told(ranked: Sequence[str], pair: Pair) -> bool:
    """Whether the pair is worth a sentence: with many arms, a sentence for each pair is more than anyone reads."""
    first, second = sorted((ranked.index(pair.better), ranked.index(pair.worse)))
    return first == 0 or second == first + 1


# --- Sentences --------------------------------------------------------------------------------------------------------


def _pair_sentence(pair: Pair, figure: Figure) -> str:
    both = f"{pair.better} and {pair.worse}"
    if pair.told_apart:
        return f"{pair.better} beats {pair.worse} by {_with_bounds(pair.margin, figure)}."
    if pair.margin.low == pair.margin.high == 0:
        return f"{both} gave the same on all {pair.seeds} seeds."
    needed = f"about {_rounded_up(max(pair.needed, pair.seeds + 1))}" if pair.needed else f"more than {MOST_SEEDS:,}"
    return f"{both} can't be told apart with {pair.seeds} seeds, {needed} would be needed."


def _with_bounds(margin: Interval, figure: Figure) -> str:
    """`2.1 points, 95 % 1.8 to 2.4`, with as many digits as the interval's width makes meaningful."""
    scale, unit = (100, " points") if figure.share else (1, "")
    assert margin.low is not None
    assert margin.high is not None
    estimate, low, high = (scale * bound for bound in (margin.estimate, margin.low, margin.high))
    if low == high:
        return f"{estimate:.3g}{unit} on every seed"
    decimals = _decimals(high - low)
    while float(f"{low:.{decimals}f}") == 0:  # a difference that was told apart is not shown as one that may be 0
        decimals += 1
    shown = [f"{x:.{decimals}f}" if decimals < 7 else f"{x:.2g}" for x in (estimate, low, high)]
    return f"{shown[0]}{unit}, 95 % {shown[1]} to {shown[2]}"


def _decimals(width: float) -> int:
    return max(0, -math.floor(math.log10(width / 4)))


def _rounded_up(count: int) -> str:
    """A number of seeds no more exact than it can be known: 7, 40, 150, 2,500."""
    step = 5 * 10 ** (len(str(count)) - 2) if count >= 10 else 1
    return f"{math.ceil(count / step) * step:,}"


def _group_sentences(
    label: str, scores: Scores, figure: Figure, reached: Mapping[str, tuple[int, int]]
) -> Iterator[str]:
    groups = two_groups(known) if (known := _survivors(scores)) else None
    if groups is None:
        return
    if label in reached:
        yield f"{label} reaches the target on {_share(*reached[label])}."
        return
    upper = _share(len(groups[1]), len(known))
    low, high = (_value(math.fsum(group) / len(group), figure) for group in groups)
    yield f"{label} falls into two groups of seeds: near {high} on {upper}, near {low} on the others."


def _share(successes: int, total: int) -> str:
    share = share_interval(successes, total)
    assert share.low is not None
    assert share.high is not None
    return f"{100 * share.estimate:.0f} % of seeds, 95 % {100 * share.low:.0f} % to {100 * share.high:.0f} %"


def _value(value: float, figure: Figure) -> str:
    return f"{100 * value:.1f} %" if figure.share else f"{value:.3g}"


# --- Warnings ---------------------------------------------------------------------------------------------------------


def _arm_warnings(arms: Arms) -> Iterator[str]:
    """What is wrong with single arms: seeds that diverged, too few that did not."""
    known = {label: len(_survivors(scores)) for label, scores in arms.items()}
    for label, scores in arms.items():
        lost = len(scores) - known[label]
        if lost == len(scores):
            yield f"{label} is not compared: all of its {_seeds(lost)} diverged"
        elif lost:
            yield (
                f"{lost} of {_seeds(len(scores))} of {label} diverged and {'is' if lost == 1 else 'are'} left out: "
                "its figures are those of the others"
            )
    few = [label for label, count in known.items() if 0 < count < FEWEST]
    if few:
        yield f"fewer than {FEWEST} seeds of {_listed(few)}: intervals hold only for figures without skew"
    least = min((count for count in known.values() if count), default=2 * FEWEST)
    if least < 2 * FEWEST:
        yield f"a group of {100 * unseen_share(least):.0f} % of all seeds is missed by {_seeds(least)} one time in 20"


def _pair_warnings(arms: Arms, ranked: Sequence[str], pairs: Sequence[Pair], told: Sequence[Pair]) -> Iterator[str]:
    """What is wrong with pairs: other seeds, too few to tell anything apart, intervals that do not hold."""
    compared = {frozenset((pair.better, pair.worse)): pair.seeds for pair in pairs}
    for a, b in combinations((label for label in ranked if _survivors(arms[label])), 2):
        seeds = compared.get(frozenset((a, b)))
        if seeds is None:
            yield f"{a} and {b} are not compared: they are not paired by at least two seeds"
        elif set(arms[a]) != set(arms[b]):
            yield f"{a} and {b} ran on different seeds: they are compared on the {seeds} that they share"
    yield from _power_warning(pairs)
    for pair in told:
        if pair.margin.note and pair.seeds >= FEWEST and not pair.margin.low == pair.margin.high == 0:
            yield f"{pair.better} against {pair.worse}, their differences: {pair.margin.note}"


def _power_warning(pairs: Sequence[Pair]) -> Iterator[str]:
    seeds = min((pair.seeds for pair in pairs), default=0)
    if seeds and smallest_p(seeds) * len(pairs) > SIGNIFICANCE:
        enough = next(n for n in range(seeds, MOST_SEEDS) if smallest_p(n) * len(pairs) <= SIGNIFICANCE)
        counted = "1 pair" if len(pairs) == 1 else f"{len(pairs)} pairs"
        yield f"{_seeds(seeds)} cannot tell any difference in {counted} from chance: at least {enough} are needed"


def _seeds(count: int) -> str:
    return "1 seed" if count == 1 else f"{count} seeds"


def _listed(labels: Sequence[str]) -> str:
    return labels[0] if len(labels) == 1 else f"{', '.join(labels[:-1])} and {labels[-1]}"
