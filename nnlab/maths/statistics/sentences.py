"""The sentences of a verdict: plain statements, each with its figures to as many digits as they are worth."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from nnlab.maths.statistics.arms import Figure, Pair
from nnlab.maths.statistics.intervals import Interval, share_interval, two_groups
from nnlab.maths.statistics.pairs import MOST_SEEDS
from nnlab.maths.statistics.shares import Reached, SharePair

Groups = Mapping[str, tuple[float, float]]


def pair_sentence(pair: Pair, figure: Figure) -> str:
    """By how much one arm beats another, or that they can't be told apart and how many seeds it would take."""
    both = f"{figure.heading}{pair.better} and {pair.worse}"
    if pair.told_apart:
        return f"{figure.heading}{pair.better} beats {pair.worse} by {with_bounds(pair.margin, figure)}."
    if pair.margin.low == pair.margin.high == 0:
        return f"{both} gave the same on all {seeds_of(pair.seeds)}."
    return f"{both} can't be told apart with {seeds_of(pair.seeds)}, {_needed(pair)} would be needed."


def share_sentence(pair: SharePair, target: str) -> str:
    """On how many more seeds one arm reaches the target, or that this can't be told."""
    better, worse = (_percent(share) for share in pair.shares)
    if pair.told_apart:
        more = with_bounds(pair.margin, Figure(larger_is_better=True, share=True), "points more", least=1)
        return f"{pair.better} reaches {target} on more seeds than {pair.worse}: {better} against {worse}, {more}."
    if pair.only_better == pair.only_worse == 0:
        return f"{pair.better} and {pair.worse} reach {target} on the same seeds, {better} of {pair.seeds:,}."
    return (
        f"{pair.better} and {pair.worse} can't be told apart by the share of seeds that reach {target}, {better} and "
        f"{worse}, with {seeds_of(pair.seeds)}; {_needed(pair)} would be needed."
    )


def fails_sentences(ranked: Sequence[str], reached: Reached, groups: Groups, figure: Figure) -> Iterator[str]:
    """Which share of its seeds each arm fails the target with; `groups` has the means of the two that this makes."""
    for label in ranked:
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


def _needed(pair: Pair | SharePair) -> str:
    return f"about {_rounded_up(max(pair.needed, pair.seeds + 1))}" if pair.needed else f"more than {MOST_SEEDS:,}"


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
