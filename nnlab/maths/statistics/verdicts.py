"""What a comparison says, in plain sentences: who beats whom, who can't be told apart, and what to be wary of.

Means are set against each other, or where seeds get stuck the shares of seeds that reached the target. Nothing is ever
marked with a star.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, count

from nnlab.errors import listed
from nnlab.maths.statistics.arms import SIGNIFICANCE, Arms, Figure, Pair, compare_pairs, ranking, survivors
from nnlab.maths.statistics.intervals import two_groups, unseen_share
from nnlab.maths.statistics.pairs import MOST_SEEDS, smallest_p
from nnlab.maths.statistics.samples import FEWEST
from nnlab.maths.statistics.sentences import fails_sentences, group_sentence, pair_sentence, seeds_of, share_sentence
from nnlab.maths.statistics.shares import Reached, SharePair, compare_shares, is_told_by


@dataclass(frozen=True)
class Verdict:
    """The arms from the best mean to the worst, all pairs that could be made, and what there is to say.

    `shares` are the pairs by the share of seeds that reached the target. Of `untold` pairs there is no sentence.
    """

    ranking: tuple[str, ...]
    pairs: tuple[Pair, ...]
    shares: tuple[SharePair, ...]
    sentences: tuple[str, ...]
    warnings: tuple[str, ...]
    untold: int


def verdict(
    arms: Arms, figure: Figure, reached: Reached | None = None, *, idle: Collection[str] = frozenset()
) -> Verdict:
    """What the figures of the arms, seed by seed, say in plain sentences, each with its full stop.

    The best arm is set against every other and each arm against the next one down; `untold` pairs have no sentence.
    Where the seeds of an arm make two groups that the target tells apart, its pairs are those of the shares of seeds
    that `reached` the target, for the means say nothing there. What was told apart comes first, then who fails the
    target, what can't be told apart, and groups of seeds. Of two `idle` arms, which answer every row alike, there is no
    sentence: that they tie is no finding. The warnings name what was left out and what no interval can know.
    Raises ValueError for no arm, and for a figure that is infinite.
    """
    if not arms:
        raise ValueError("no arms to compare")
    ranked = ranking(arms, larger_is_better=figure.larger_is_better)
    pairs = compare_pairs(arms, larger_is_better=figure.larger_is_better, within=figure.bounds)
    worth = [pair for pair in pairs if not {pair.better, pair.worse} <= {*idle}]
    told = [pair for pair in worth if _is_told(ranked, pair)]
    shares = compare_shares(reached) if reached else []
    groups = _groups(arms, figure, reached)
    by_share = {frozenset((pair.better, pair.worse)): pair for pair in shares if {pair.better, pair.worse} & {*groups}}
    by_mean = [pair for pair in told if frozenset((pair.better, pair.worse)) not in by_share]
    in_shares = [p for p in by_share.values() if _is_told(ranked, p) and not {p.better, p.worse} <= {*idle}]
    sentences = [
        *_pair_sentences(in_shares, by_mean, figure, reached, told_apart=True),
        *(fails_sentences(ranked, reached, groups, figure) if reached else ()),
        *_pair_sentences(in_shares, by_mean, figure, reached, told_apart=False),
        *_group_sentences(arms, [label for label in ranked if label not in groups], figure),
    ]
    warnings = [*_arm_warnings(arms), *_pair_warnings(arms, ranked, pairs, by_mean)]
    untold = len(worth) - len(told)
    return Verdict(tuple(ranked), tuple(pairs), tuple(shares), tuple(sentences), tuple(warnings), untold)


def _pair_sentences(
    shares: Sequence[SharePair], means: Sequence[Pair], figure: Figure, reached: Reached | None, *, told_apart: bool
) -> Iterator[str]:
    """The sentences of pairs that were told apart, or of those that were not; shares come first."""
    if reached:
        yield from (share_sentence(pair, reached.text) for pair in shares if pair.told_apart == told_apart)
    yield from (pair_sentence(pair, figure) for pair in means if pair.told_apart == told_apart)


def _group_sentences(arms: Arms, labels: Sequence[str], figure: Figure) -> Iterator[str]:
    for label in labels:
        known = survivors(arms[label])
        if known and two_groups(known):
            yield group_sentence(label, known, figure)


def _groups(arms: Arms, figure: Figure, reached: Reached | None) -> dict[str, tuple[float, float]]:
    """The means of the two groups of seeds of each arm in which the target tells them apart."""
    if reached is None:
        return {}
    known = {
        label: {s: value for s, value in scores.items() if not math.isnan(value)} for label, scores in arms.items()
    }
    found = {
        label: is_told_by(reached, label, scores, larger_is_better=figure.larger_is_better)
        for label, scores in known.items()
    }
    return {label: means for label, means in found.items() if means is not None}


def _is_told(ranked: Sequence[str], pair: Pair | SharePair) -> bool:
    """Whether the pair is worth a sentence: with many arms, a sentence for each pair is more than anyone reads."""
    first, second = sorted((ranked.index(pair.better), ranked.index(pair.worse)))
    return first == 0 or second == first + 1


# --- Warnings ---------------------------------------------------------------------------------------------------------


def _arm_warnings(arms: Arms) -> Iterator[str]:
    """What is wrong with single arms: seeds that diverged, too few that did not."""
    known = {label: len(survivors(scores)) for label, scores in arms.items()}
    for label, scores in arms.items():
        lost = len(scores) - known[label]
        if lost == len(scores):
            yield f"{label} is not compared: all of its {seeds_of(lost)} diverged"
        elif lost:
            yield (
                f"{lost:,} of {seeds_of(len(scores))} of {label} diverged and {'is' if lost == 1 else 'are'} left out: "
                "its figures are those of the others"
            )
    few = [label for label, count in known.items() if 0 < count < FEWEST]
    if few:
        yield f"fewer than {FEWEST} seeds of {listed(few)}: intervals hold only for figures without skew"
    least = min((count for count in known.values() if count), default=2 * FEWEST)
    if least < 2 * FEWEST:
        yield f"a group of {100 * unseen_share(least):.0f} % of all seeds is missed by {seeds_of(least)} one time in 20"


def _pair_warnings(arms: Arms, ranked: Sequence[str], pairs: Sequence[Pair], told: Sequence[Pair]) -> Iterator[str]:
    """What is wrong with pairs: other seeds, too few to tell anything apart, intervals that do not hold."""
    compared = {frozenset((pair.better, pair.worse)): pair.seeds for pair in pairs}
    for a, b in combinations((label for label in ranked if survivors(arms[label])), 2):
        seeds = compared.get(frozenset((a, b)))
        if seeds is None:
            yield f"{a} and {b} are not compared: they are not paired by at least two seeds"
        elif set(arms[a]) != set(arms[b]):
            yield f"{a} and {b} ran on different seeds: they are compared on the {seeds:,} that they share"
    yield from power_warnings(pairs)
    for pair in told:
        if pair.margin.note and pair.seeds >= FEWEST and not pair.margin.low == pair.margin.high == 0:
            yield f"{pair.better} against {pair.worse}, their differences: {pair.margin.note}"


def power_warnings(pairs: Sequence[Pair]) -> Iterator[str]:
    """That the seeds are too few to tell any of these pairs apart, and how many would do."""
    seeds = min((pair.seeds for pair in pairs), default=0)
    if seeds and smallest_p(seeds) * len(pairs) > SIGNIFICANCE:
        counted = "1 pair" if len(pairs) == 1 else f"{len(pairs):,} pairs"
        yield f"{seeds_of(seeds)} cannot tell any difference in {counted} from chance: {_cure(seeds, len(pairs))}"


def _cure(seeds: int, pairs: int) -> str:
    """What would let a difference in so many pairs be told from chance."""
    most = int(SIGNIFICANCE / smallest_p(MOST_SEEDS))
    if pairs > most:
        return f"compare fewer arms, for more than {most:,} pairs need more than any number of seeds can show"
    return f"at least {next(n for n in count(seeds) if smallest_p(n) * pairs <= SIGNIFICANCE)} are needed"
