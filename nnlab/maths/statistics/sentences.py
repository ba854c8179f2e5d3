"""The sentences of a verdict: plain statements, each with its figures to as many digits as they are worth."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from nnlab.errors import listed
from nnlab.maths.statistics.arms import D, Difference, Figure, Pair
from nnlab.maths.statistics.intervals import Interval, share_interval, two_groups
from nnlab.maths.statistics.pairs import MOST_SEEDS
from nnlab.maths.statistics.shares import Reached, SharePair

Groups = Mapping[str, tuple[float, float]]

_MOST_DETAILS = 3  # pairs whose differences a sentence gives one by one


@dataclass(frozen=True)
class Statement:
    """A sentence about pairs of arms, and those of them whose own figures it gives."""

    sentence: str
    pairs: Sequence[Difference]


def beats(pairs: Sequence[Pair], figure: Figure) -> Statement:
    """By how much each of some arms beats the same other one."""
    texts = [f"by {with_bounds(pair.margin, figure)}" for pair in pairs]
    if len(pairs) == 1:
        return Statement(f"{figure.heading}{pairs[0].better} beats {pairs[0].worse} {texts[0]}.", pairs)
    found, shown = _details(pairs, texts)
    better = listed([pair.better for pair in pairs])
    return Statement(f"{figure.heading}{better} each beat {pairs[0].worse}: {found}.", shown)


def reach_more(pairs: Sequence[SharePair], target: str) -> Statement:
    """On how many more seeds each of some arms reaches the target than the same other one."""
    points = Figure(larger_is_better=True, share=True)
    texts = [
        f"{_percent(pair.shares[0])} against {_percent(pair.shares[1])}, "
        f"{with_bounds(pair.margin, points, 'points more', least=1)}"
        for pair in pairs
    ]
    found, shown = _details(pairs, texts)
    verb = "reaches" if len(pairs) == 1 else "each reach"
    better = listed([pair.better for pair in pairs])
    return Statement(f"{better} {verb} {target} on more seeds than {pairs[0].worse}: {found}.", shown)


def _details(pairs: Sequence[D], texts: Sequence[str]) -> tuple[str, Sequence[D]]:
    """The text of each pair, once where all are alike; of many pairs only that of the smallest difference."""
    if len({*texts}) == 1:
        return texts[0], pairs
    if len(pairs) > _MOST_DETAILS:
        closest, text = min(zip(pairs, texts, strict=True), key=lambda found: found[0].margin.estimate)
        return f"the closest, {closest.better}, {text}", [closest]
    return "; ".join(f"{pair.better} {text}" for pair, text in zip(pairs, texts, strict=True)), pairs


def same_mean(labels: Sequence[str], pairs: Sequence[Pair], figure: Figure) -> Statement:
    """That arms tie on their mean, or on every seed."""
    both, seeds = f"{figure.heading}{listed(labels)}", _seeds_of_all(pairs)
    if all(pair.margin.low == pair.margin.high == 0 for pair in pairs):
        return Statement(f"{both} gave the same on all {seeds}.", pairs)
    return Statement(f"{both} have the same mean over {seeds}.", pairs)


def not_told_apart(labels: Sequence[str], pairs: Sequence[Pair], figure: Figure) -> Statement:
    """That no two of these arms can be told apart by their means, and how many seeds that would take."""
    found = f"{figure.heading}{listed(labels)} can't be told apart with {_seeds_of_all(pairs)}"
    return Statement(f"{found}, {_needed(pairs)} would be needed.", pairs if len(pairs) == 1 else ())


def shares_not_told_apart(labels: Sequence[str], pairs: Sequence[SharePair], target: str) -> Statement:
    """The same by the share of seeds that reach the target."""
    shown, both = pairs if len(pairs) == 1 else (), listed(labels)
    if all(pair.only_better == pair.only_worse == 0 for pair in pairs):
        share, seeds = _percent(pairs[0].shares[0]), pairs[0].seeds
        return Statement(f"{both} reach {target} on the same seeds, {share} of {seeds:,}.", pairs)
    shares = [share for pair in pairs for share in pair.shares]
    span = f"{_percent(max(shares))} {'and' if len(pairs) == 1 else 'to'} {_percent(min(shares))}"
    found = f"{both} can't be told apart by the share of seeds that reach {target}, {span}, with {_seeds_of_all(pairs)}"
    needed = "" if all(pair.is_tie for pair in pairs) else f"; {_needed(pairs)} would be needed"
    return Statement(f"{found}{needed}.", shown)


def fails_sentences(ranked: Sequence[str], reached: Reached, groups: Groups, figure: Figure) -> Iterator[str]:
    """The share of seeds with which each arm fails the target, the worst first.

    `groups` has the means of the two groups of seeds that the target makes of an arm.
    """
    for label in sorted(ranked, key=reached.share):
        hits, seeds = reached.counts(label)
        if hits < seeds:
            share = share_interval(seeds - hits, seeds)
            told = f"{label} fails {reached.text} on {_share(share)} ({seeds - hits:,} of {seeds:,})"
            near = [_value(mean, figure) for mean in groups.get(label, ())]
            ends = f"its seeds end {f'with a {figure.name} ' if figure.name else ''}near"
            yield f"{told}; {ends} {near[0]} or near {near[1]}." if near else f"{told}."


def group_sentence(label: str, known: Sequence[float], figure: Figure) -> str:
    """That the seeds of an arm, with these figures, make two groups."""
    lower, higher = two_groups(known) or ([], [])
    upper = _share(share_interval(len(higher), len(known)))
    low, high = (_value(math.fsum(group) / len(group), figure) for group in (lower, higher))
    return f"{figure.heading}{label} falls into two groups of seeds: near {high} on {upper}, near {low} on the others."


def with_bounds(margin: Interval, figure: Figure, points: str = "points", *, least: int = 0) -> str:
    """`2.1 points, 95 % 1.8 to 2.4`, with as many digits as the interval's width makes meaningful, but `least` ones."""
    scale, unit = (100, f" {points}") if figure.share else (1, "")
    assert margin.low is not None
    assert margin.high is not None
    estimate, low, high = (scale * bound for bound in (margin.estimate, margin.low, margin.high))
    if low == high:
        return f"{estimate:.3g}{unit} on every seed"
    decimals = max(least, _decimals(high - low))
    while float(f"{low:.{decimals}f}") == 0:  # a difference that was told apart is not shown as one that may be 0
        decimals += 1
    shown = [f"{x:.{decimals}f}" if decimals < 7 else f"{x:.2g}" for x in (estimate, low, high)]
    return f"{shown[0]}{unit}, {_between(shown[1], shown[2])}"


def seeds_of(count: int) -> str:
    """`1 seed`, `1,000 seeds`."""
    return "1 seed" if count == 1 else f"{count:,} seeds"


def _seeds_of_all(pairs: Sequence[Difference]) -> str:
    """`20 seeds`; `18 to 20 seeds` where pairs have lost some."""
    fewest, most = (pick(pair.seeds for pair in pairs) for pick in (min, max))
    return seeds_of(most) if fewest == most else f"{fewest:,} to {seeds_of(most)}"


def _needed(pairs: Sequence[Difference]) -> str:
    """How many seeds would tell the first of these pairs apart."""
    known = [max(pair.needed, pair.seeds + 1) for pair in pairs if pair.needed]
    if not known:
        return f"more than {MOST_SEEDS:,}"
    return f"{'about' if len(pairs) == 1 else 'at least about'} {_rounded_up(min(known))}"


def _decimals(width: float) -> int:
    return max(0, -math.floor(math.log10(width / 4)))


def _rounded_up(count: int) -> str:
    """A number of seeds no more exact than it can be known: 7, 40, 150, 2,500."""
    step = 5 * 10 ** (len(str(count)) - 2) if count >= 10 else 1
    return f"{math.ceil(count / step) * step:,}"


def _share(share: Interval) -> str:
    """`73.5 % of seeds, 95 % 70.6 % to 76.2 %`."""
    assert share.low is not None
    assert share.high is not None
    return f"{_percent(share.estimate)} of seeds, {_between(_percent(share.low), _percent(share.high))}"


def _between(low: str, high: str) -> str:
    return f"95 % {low} to {high}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}".removesuffix(".0") + " %"


def _value(value: float, figure: Figure) -> str:
    return f"{100 * value:.1f} %" if figure.share else f"{value:.3g}"
