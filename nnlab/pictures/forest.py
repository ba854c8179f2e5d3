"""An arm against the baseline on each of several data sets, and what is to be expected on the next one."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon
from matplotlib.ticker import FixedLocator, FuncFormatter
from numpy.typing import NDArray

from nnlab.maths.statistics.across.pairs import SetPair
from nnlab.maths.statistics.arms import SIGNIFICANCE
from nnlab.maths.statistics.intervals import Interval
from nnlab.pictures.scales import drawable, relative_change
from nnlab.pictures.style import (
    BLACK,
    BLUE,
    FAINT,
    GRID,
    INK,
    ORANGE,
    SMALL,
    blank,
    count,
    dress,
    in_two_lines,
    letters_for,
    page_width,
    percent,
    say_below,
    shortened,
)

MOST_SETS = 40
_MOST_ROOM = 6  # times the range of the estimates; intervals beyond it are cut by the frame
_CHANGES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95)  # less, or more by them
_FACTORS = (2, 3, 5, 10, 20, 50, 100, 300, *(10**power for power in range(3, 12)))  # more or, of the large ones, less
_ROOMY = 7.5  # inches of a page
_SUMMARIES = ("mean of data sets like these", "the next such data set")


def forest(pair: SetPair, families: Sequence[str], *, equivalence: float, title: str, baseline: str = "") -> Figure:
    """A row for each data set with the difference of two arms and its interval; below, their mean and the prediction.

    The difference is that of the other arm's error from the `baseline`'s, by default of the better arm's from the worse
    one's, in percent on a logarithmic axis: left of 0 the arm has less error. A data set is in colour where its seeds
    tell the arms apart by the test too, corrected for all pairs, not by the interval alone. Intervals are those of the
    pair, of 95 %. `families` (F,) names the rows of `pair.differences`. Below them a diamond is the random-effects
    mean, and a bar the interval for the next data set. Differences within `equivalence`, relative as in `compare_sets`,
    count as none; this region is shaded. Of more than 40 data sets those with the largest differences are drawn.
    """
    is_turned = baseline == pair.better
    arm, other = (pair.worse, pair.better) if is_turned else (pair.better, pair.worse)
    mean, next_set = (_turned(one, is_turned) for one in (pair.effect.mean, pair.effect.next_set))
    told = [p <= SIGNIFICANCE for p in pair.seeds_p]
    turned = [_turned(one, is_turned) for one in pair.differences]
    found = [*zip(families, turned, told, strict=True)]
    largest = sorted(found, key=lambda row: -abs(row[1].estimate))[:MOST_SETS]
    names, intervals, told_apart = zip(*sorted(largest, key=lambda row: row[1].estimate), strict=True)
    labels = [in_two_lines(name, letters_for(30, 16)) for name in (*names, *_SUMMARIES)]
    row = 0.42 if any("\n" in label for label in labels) else 0.32
    narrow = 0.0 if page_width() >= _ROOMY else 0.5  # the sentences below have more lines there
    figure = blank(title, width=9.0, height=2.5 + narrow + row * len(labels))
    axes = figure.subplots()
    _frame(axes, [*intervals, mean, next_set], math.log1p(equivalence))
    are_cut = [
        _draw_set(axes, row, interval, told_apart=told)
        for row, (interval, told) in enumerate(zip(intervals, told_apart, strict=True))
    ]
    are_cut += [_draw_mean(axes, len(names), mean), _draw_next(axes, len(names) + 1, next_set)]
    _name_rows(axes, labels)
    side = f"left: {shortened(arm, letters_for(30, 16))} has less error"
    against = " against ".join(shortened(name, letters_for(36, 16)) for name in (arm, other))
    dress(axes, x=f"difference of errors (%, logarithmic); {side}", y="", sentence=f"Error of {against}")
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0, pad=7)
    say_below(figure, _how_to_read(len(found), equivalence, is_cut=any(are_cut)))
    return figure


def _turned(interval: Interval, is_turned: bool) -> Interval:  # noqa: FBT001 - the sign of a value
    """The interval of the opposite difference, if it is turned."""
    if not is_turned:
        return interval
    low, high = (None if end is None else -end for end in (interval.high, interval.low))
    return Interval(-interval.estimate, low, high)


def _ends(interval: Interval) -> NDArray[np.float64]:
    """Both ends, nan where they are unknown."""
    return np.array([interval.low, interval.high], float)


def _frame(axes: Axes, intervals: Sequence[Interval], within: float) -> None:
    """Let the x axis hold all estimates and 0, and the intervals unless these would take most of the room.

    Differences `within` it are shaded.
    """
    axes.axvspan(-within, within, color=GRID, linewidth=0, zorder=0)
    axes.axvline(0, color=INK, linewidth=1, zorder=1)
    kept = np.array([0.0, -within, within, *(one.estimate for one in intervals)])
    kept = kept[drawable(kept)]
    ends = np.concatenate([_ends(one) for one in intervals])
    ends = ends[drawable(ends)]
    room = (_MOST_ROOM - 1) / 2 * max(np.ptp(kept), 0.02)
    every = np.concatenate([kept, ends.clip(kept.min() - room, kept.max() + room)])
    air = 0.04 * max(np.ptp(every), 0.02)
    low, high = float(every.min() - air), float(every.max() + air)
    axes.set_xlim(low, high)
    axes.xaxis.set_major_locator(FixedLocator(_ticks(low, high)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _change(value)))


def _change(log_ratio: float) -> str:
    """A difference in percent, without the sign for it."""
    return relative_change(log_ratio).removesuffix(" %")


def _ticks(low: float, high: float) -> list[float]:
    """Logarithms of ratios that are round, from 0 outwards and far enough from each other."""
    gap = (high - low) / (7 if page_width() >= _ROOMY else 4.5)
    up = [*(math.log1p(change) for change in _CHANGES if change <= 0.5), *map(math.log, _FACTORS)]
    down = [*(math.log1p(-change) for change in _CHANGES), *(-math.log(factor) for factor in _FACTORS if factor >= 100)]
    ticks = [0.0]
    for side in (up, down):
        last = 0.0
        for place in side:
            if low <= place <= high and abs(place - last) >= gap:
                last = place
                ticks.append(place)
    return ticks


def _draw_set(axes: Axes, row: int, interval: Interval, *, told_apart: bool) -> bool:
    """A data set's estimate and interval, in colour where the arms are told apart and the interval does not hold 0."""
    low, high = _ends(interval)
    colour = INK if not told_apart else BLUE if high < 0 else ORANGE if low > 0 else INK
    axes.plot([interval.estimate], [row], color=colour, marker="s", markersize=6, zorder=4)
    _print(axes, row, interval)
    return _draw_line(axes, row, interval, colour, 2.0)


def _draw_mean(axes: Axes, row: int, interval: Interval) -> bool:
    """The diamond from end to end of the mean's interval; a mark where these are unknown."""
    ends = _ends(interval)
    _print(axes, row, interval)
    if not drawable(ends).all():
        axes.plot([interval.estimate], [row], color=BLACK, marker="D", markersize=8, zorder=4)
        return False
    left, right = ends.clip(*axes.get_xlim())
    corners = [(left, row), (interval.estimate, row - 0.3), (right, row), (interval.estimate, row + 0.3)]
    axes.add_patch(Polygon(corners, facecolor=BLACK, edgecolor=BLACK, zorder=4))
    return _draw_line(axes, row, interval, BLACK, 0.0)


def _draw_next(axes: Axes, row: int, interval: Interval) -> bool:
    """The bar of the interval for the next data set."""
    _print(axes, row, interval)
    return _draw_line(axes, row, interval, BLACK, 5.0)


def _draw_line(axes: Axes, row: int, interval: Interval, colour: str, width: float) -> bool:
    """A line from end to end of an interval, with an arrow where it goes on beyond the frame; whether there is one."""
    ends = _ends(interval)
    if not drawable(ends).all():
        return False
    left, right = axes.get_xlim()
    axes.plot(ends.clip(left, right), [row, row], color=colour, linewidth=width, solid_capstyle="butt", zorder=3)
    beyond = [one for one, is_cut in (((left, "<"), ends[0] < left), ((right, ">"), ends[1] > right)) if is_cut]
    for edge, mark in beyond:
        axes.plot([edge], [row], color=colour, marker=mark, markersize=8, clip_on=False, zorder=5)
    return bool(beyond)


def _print(axes: Axes, row: int, interval: Interval) -> None:
    """The numbers of a row at the right of the frame."""
    ends = _ends(interval)
    words = relative_change(interval.estimate)
    if drawable(ends).all():
        words += f" [{_change(ends[0])}, {_change(ends[1])}]"
    axes.text(1.015, row, words, transform=axes.get_yaxis_transform(), va="center", fontsize=SMALL, color=INK)


def _name_rows(axes: Axes, labels: Sequence[str]) -> None:
    """Name the data sets, best for the arm on top, and what is below them, under a line."""
    axes.set_yticks(range(len(labels)), labels, parse_math=False)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.axhline(len(labels) - len(_SUMMARIES) - 0.5, color=FAINT, linewidth=1)


def _how_to_read(sets: int, equivalence: float, *, is_cut: bool) -> str:
    """The sentences below the axis."""
    sentences = [
        f"Of {count(sets)} data sets those with the {MOST_SETS} largest differences." if sets > MOST_SETS else "",
        "Lines and brackets: 95 % intervals, of a data set over its seeds.",
        "In colour where the test over its seeds, corrected for all pairs, tells the arms apart.",
        "Blue: less error, orange: more. An interval can miss 0 without being in colour.",
        "Diamond: the mean. Thick bar: where the difference is expected on one more such data set.",
        f"Shaded: at most {percent(equivalence)} apart, which counts as the same." if equivalence else "",
        "An arrow: it goes on beyond the frame." if is_cut else "",
    ]
    return " ".join(filter(None, sentences))
