"""Average ranks of arms over several data sets, with a bar over neighbours of which no two are told apart."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from nnlab.maths.statistics.across.comparison import SetComparison
from nnlab.maths.statistics.across.pairs import SetPair
from nnlab.maths.statistics.across.sentences import sets_of
from nnlab.pictures.style import (
    BLACK,
    BLUE,
    FAINT,
    INK,
    NORMAL,
    SMALL,
    blank,
    count,
    in_two_lines,
    letters_for,
    say_below,
    shortened,
)

MOST_ARMS = 20
_MOST_PAIRS = 5  # told apart, that are named one by one
_DASH = "\N{THIN SPACE}–\N{THIN SPACE}"  # at which no line breaks
_ROW, _BAR = 0.3, 0.13  # inches between names, and between bars
_CAVEAT = (
    "Ranks depend on the arms that take part: an arm more or less can change the order of two others. They do not tell "
    "by how much an arm is better."
)


def critical_difference(comparison: SetComparison, *, title: str) -> Figure:
    """The average rank of each arm over the data sets on an axis, and a bar over each clique of neighbours in rank.

    No two arms of a clique are told apart. The comparison is one of all pairs, whose cliques come from pairwise tests
    with Holm's correction, not from a difference of ranks that would be critical for all: two arms without a common bar
    need not be told apart, since an arm between them may be told apart from one. Sentences below say so, name the pairs
    that are told apart where they are few, and warn that ranks depend on the arms that take part. Of more than 20 arms
    the best 20 are drawn.

    Source of the form: Demšar, Statistical comparisons of classifiers over multiple data sets, JMLR 7 (2006); of the
    tests: Benavoli, Corani and Mangili, Should we really use post-hoc tests based on mean-ranks?, JMLR 17 (2016).
    """
    names = comparison.ranking[:MOST_ARMS]
    ranks = comparison.average_ranks[:MOST_ARMS]
    bars = _bars(names, comparison.cliques)
    rows = math.ceil(len(names) / 2)
    labels = [in_two_lines(name, letters_for(24, 14)) for name in names]
    row = _ROW + 0.2 * any("\n" in label for label in labels)
    top = (len(bars) + 1) * _BAR / row  # of the first row, in rows
    words = _about(comparison, shown=len(names), joined=bool(bars))
    figure = blank(title, width=9.0, height=(rows + top) * row + 1.7 + 0.2 * len(words) / 100)
    axes = figure.subplots()
    _draw_scale(axes, comparison, bottom=top + rows - 0.5)
    for index, clique in enumerate(bars):
        ends = [ranks[clique[0]], ranks[clique[1]]]
        axes.plot(ends, [(index + 1) * _BAR / row] * 2, color=BLUE, linewidth=4, solid_capstyle="projecting", zorder=4)
    _draw_arms(axes, labels, ranks, top)
    say_below(figure, words)
    return figure


def _bars(names: Sequence[str], cliques: Sequence[Sequence[str]]) -> list[tuple[int, int]]:
    """The first and the last arm of each clique that is drawn, by their places in the order."""
    places = [[index for index, name in enumerate(names) if name in clique] for clique in cliques]
    return [(min(found), max(found)) for found in places if len(found) > 1]


def _draw_scale(axes: Axes, comparison: SetComparison, *, bottom: float) -> None:
    """The axis at the top, over all possible ranks, so that close ones look close; up to the last arm that is drawn."""
    ranks = comparison.average_ranks[:MOST_ARMS]
    sets = sets_of(len(comparison.families), sum(comparison.family_sizes))
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    axes.set_xlabel(f"average rank over {sets} (1 is best)", fontsize=NORMAL, color=INK)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=10, steps=[1, 2, 5, 10]))
    worst = len(ranks) if len(ranks) == len(comparison.ranking) else max(ranks)
    air = 0.03 * (worst - 1)
    axes.set(xlim=(1 - air, worst + air), ylim=(bottom, 0))
    axes.tick_params(labelsize=SMALL, colors=INK)
    axes.spines[["left", "right", "bottom"]].set_visible(False)
    axes.spines["top"].set_color(INK)


def _draw_arms(axes: Axes, labels: Sequence[str], ranks: Sequence[float], top: float) -> None:
    """A line from each arm's rank down to its row and out to its name: the better half at the left, the best on top.

    At the right the worst is on top, so that no two lines cross.
    """
    left = math.ceil(len(labels) / 2)
    right = axes.twinx()
    right.set_ylim(axes.get_ylim())
    for index, rank in enumerate(ranks):
        is_left = index < left
        row = top + (index if is_left else len(labels) - 1 - index)
        end = axes.get_xlim()[0 if is_left else 1]
        axes.plot([rank, rank, end], [0, row, row], color=FAINT, linewidth=1.2, zorder=2)
        axes.plot([rank], [0], color=BLACK, marker="o", markersize=6, clip_on=False, zorder=5)
    rows = [top + index for index in range(left)]
    axes.set_yticks(rows, _with_ranks(labels[:left], ranks[:left]), parse_math=False)
    right.set_yticks(rows[: len(labels) - left], _with_ranks(labels[left:], ranks[left:])[::-1], parse_math=False)
    for one in (axes, right):
        one.tick_params(axis="y", length=0, labelsize=SMALL, colors=INK)
    right.spines[:].set_visible(False)


def _with_ranks(labels: Sequence[str], ranks: Sequence[float]) -> list[str]:
    return [f"{label}  {rank:.2f}" for label, rank in zip(labels, ranks, strict=True)]


def _about(comparison: SetComparison, *, shown: int, joined: bool) -> str:
    """The sentences below the axis."""
    arms = len(comparison.ranking)
    tests = "pairwise tests at 5 %, with Holm's correction"
    bars = f"A bar joins neighbours in rank of which no two are told apart ({tests}); they need not be equal."
    if comparison.pairs and not joined:
        bars = f"Neighbours in rank are all told apart by {tests}."
    part = f" The best {shown} of {count(arms)} arms are drawn." if shown < arms else ""
    told = [pair for pair in comparison.pairs if pair.told_apart]
    if told and joined:
        bars += " Two arms without a common bar need not be told apart."
    return f"{bars} {_told_apart(told, len(comparison.pairs))}{part} {_CAVEAT}"


def _told_apart(told: Sequence[SetPair], pairs: int) -> str:
    """Which pairs are told apart, or how many of all `pairs` if they are more than a few."""
    if not told:
        return "No two are told apart."
    if len(told) > _MOST_PAIRS:
        return f"{count(len(told))} of all {count(pairs)} pairs are told apart."
    room = letters_for(30, 16)
    names = (f"{shortened(pair.better, room)}{_DASH}{shortened(pair.worse, room)}" for pair in told)
    return f"Told apart: {', '.join(names)}."
