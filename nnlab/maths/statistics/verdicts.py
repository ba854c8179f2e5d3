"""What a comparison says, in plain sentences: who beats whom, who can't be told apart, and what to be wary of.

Means are set against each other, or where seeds get stuck the shares of seeds that reached the target. Nothing is ever
marked with a star.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, count

from nnlab.errors import listed
from nnlab.maths.statistics.arms import (
    SIGNIFICANCE,
    Arms,
    D,
    Difference,
    Figure,
    Pair,
    compare_pairs,
    ranking,
    stretches,
    survivors,
)
from nnlab.maths.statistics.intervals import two_groups, unseen_share
from nnlab.maths.statistics.pairs import MOST_SEEDS, smallest_p
from nnlab.maths.statistics.samples import FEWEST
from nnlab.maths.statistics.sentences import (
    Statement,
    beats,
    fails_sentences,
    group_sentence,
    not_told_apart,
    reach_more,
    same_mean,
    seeds_of,
    shares_not_told_apart,
)
from nnlab.maths.statistics.shares import Reached, SharePair, compare_shares, is_told_by
from nnlab.maths.statistics.starts import Starts


@dataclass(frozen=True)
class Verdict:
    """The arms from the best mean to the worst, all pairs that could be made, and what there is to say.

    `shares` are the pairs by the share of seeds that reached the target. The sentences do not give the own figures of
    `rest_of_pairs` and `rest_of_shares`, so many of the pairs by means and by shares.
    """

    ranking: tuple[str, ...]
    pairs: tuple[Pair, ...]
    shares: tuple[SharePair, ...]
    sentences: tuple[str, ...]
    warnings: tuple[str, ...]
    rest_of_pairs: int
    rest_of_shares: int


def verdict(
    arms: Arms,
    figure: Figure,
    reached: Reached | None = None,
    *,
    idle: Collection[str] = frozenset(),
    starts: Starts | None = None,
) -> Verdict:
    """What the figures of the arms, seed by seed, say in plain sentences, each with its full stop.

    Every pair that was told apart comes first, one sentence for each arm that loses; then who fails the target, the
    arms next to each other in rank that can't be told apart, and groups of seeds. Where the seeds of an arm make two
    groups that the target tells apart, its pairs are told by the shares of seeds that `reached` the target, and by the
    means only where the shares leave a pair open that these do not; shares also speak where means leave a pair open. Of
    two `idle` arms, which answer every row alike, there is no sentence: that they tie is no finding. The warnings name
    what was left out and what no interval can know. With `starts`, the sentence on a pair that was told apart says
    whether its sign holds under all of them.

    Raises ValueError for no arm, and for a figure that is infinite.
    """
    if not arms:
        raise ValueError("no arms to compare")
    ranked = ranking(arms, larger_is_better=figure.larger_is_better)
    pairs = compare_pairs(arms, larger_is_better=figure.larger_is_better, within=figure.bounds)
    shares = compare_shares(reached) if reached else []
    groups = _groups(arms, figure, reached)
    means_of, shares_of = _worth(pairs, idle), _worth(shares, idle)
    alone = [label for label in ranked if label not in groups]
    by_share = {
        key: pair for key, pair in shares_of.items()
        if key & {*groups} or (pair.told_apart and not (key in means_of and means_of[key].told_apart))
    }  # fmt: skip
    by_mean = [pair for key, pair in means_of.items() if not (key in by_share and by_share[key].told_apart)]
    text = reached.text if reached else ""
    told = [
        *(_under_all(reach_more(lost, text), lost, starts) for lost in _by_loser([*by_share.values()])),
        *(_under_all(beats(lost, figure), lost, starts) for lost in _by_loser(by_mean)),
    ]
    by_reached = sorted(ranked, key=reached.share, reverse=True) if reached else []
    untold = [
        *(shares_not_told_apart(*run, text) for run in _runs(by_reached, shares, idle) if {*run[0]} & {*groups}),
        *_ties_and_others(alone, pairs, idle, figure),
    ]
    sentences = [
        *(one.sentence for one in told),
        *(fails_sentences(ranked, reached, groups, figure) if reached else ()),
        *(one.sentence for one in untold),
        *_group_sentences(arms, alone, figure),
    ]
    given = {id(pair) for one in (*told, *untold) for pair in one.pairs}  # equality of many pairs is slow
    warnings = [*_arm_warnings(arms), *_pair_warnings(arms, ranked, pairs, [p for p in pairs if id(p) in given])]
    rest = [pair for key, pair in means_of.items() if key not in by_share and id(pair) not in given]
    rest_of_shares = sum(id(pair) not in given for pair in by_share.values())
    return Verdict(
        tuple(ranked), tuple(pairs), tuple(shares), tuple(sentences), tuple(warnings), len(rest), rest_of_shares
    )


def _under_all(statement: Statement, pairs: Sequence[Difference], starts: Starts | None) -> Statement:
    """The statement on these pairs, and whether their signs hold under all starts."""
    if starts is None:
        return statement
    return replace(statement, sentence=f"{statement.sentence.removesuffix('.')}{starts.words(pairs)}.")


def _worth(pairs: Sequence[D], idle: Collection[str]) -> dict[frozenset[str], D]:
    """The pairs worth a sentence, not those of two idle arms."""
    return {_key(pair): pair for pair in pairs if not _key(pair) <= {*idle}}


def _key(pair: Difference) -> frozenset[str]:
    return frozenset((pair.better, pair.worse))


def _by_loser(pairs: Sequence[D]) -> list[list[D]]:
    """The pairs that were told apart, those that the same arm loses together."""
    lost: dict[str, list[D]] = {}
    for pair in pairs:
        if pair.told_apart:
            lost.setdefault(pair.worse, []).append(pair)
    return [*lost.values()]


def _ties_and_others(
    labels: Sequence[str], pairs: Sequence[Pair], idle: Collection[str], figure: Figure
) -> Iterator[Statement]:
    """The arms that can't be told apart by their means, and those of them that tie."""
    ties = [*_runs(labels, [pair for pair in pairs if pair.is_tie], idle)]
    yield from (not_told_apart(*run, figure) for run in _runs(labels, pairs, idle) if run not in ties)
    yield from (same_mean(*run, figure) for run in ties)


def _runs(labels: Sequence[str], found: Sequence[D], idle: Collection[str]) -> Iterator[tuple[list[str], list[D]]]:
    """The longest stretches of labels of which no two were told apart, with their pairs; not those of `idle` arms."""
    pairs = {_key(pair): pair for pair in found}
    for run in stretches(labels, lambda a, b: _is_open(pairs, a, b)):
        if not {*run} <= {*idle}:
            yield run, [pairs[frozenset(two)] for two in combinations(run, 2)]


def _is_open(pairs: Mapping[frozenset[str], D], a: str, b: str) -> bool:
    key = frozenset((a, b))
    return key in pairs and not pairs[key].told_apart


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
