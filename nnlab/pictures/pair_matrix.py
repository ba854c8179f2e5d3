"""Every pair of arms over several data sets, in a square of cells."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from nnlab.maths.statistics.across.comparison import SetComparison
from nnlab.maths.statistics.across.pairs import SetPair
from nnlab.maths.statistics.across.profiles import WinTieLoss
from nnlab.maths.statistics.across.sentences import sets_of
from nnlab.pictures.scales import relative_change
from nnlab.pictures.style import (
    BLUE,
    INK,
    NORMAL,
    ORANGE,
    SMALL,
    blank,
    count,
    in_two_lines,
    letters_for,
    page_width,
    percent,
    say_below,
    shortened,
)

MOST_ARMS = 20
_FULL, _SMALL = (0.76, 0.6), (0.44, 0.36)  # width and height in inches of cells with three lines, and with one
_LETTER = 0.085  # inches
_STRONGEST, _WEAKEST = math.log(2), math.log(1.25)  # a difference above which colours do not grow; the least such one
_PALER = 0.75  # the strongest colour, from white at 0: dark type must be legible on it
_NO_PAIR = "#efefef"
_BETTER_TO_WORSE = LinearSegmentedColormap.from_list("better_to_worse", [BLUE, "white", ORANGE])


@dataclass(frozen=True)
class _Cell:
    """What a cell shows: the mean log ratio of the row's error to the column's, the record, the corrected p."""

    log_ratio: float
    record: WinTieLoss
    p: float
    is_bold: bool

    def words(self, *, whole: bool) -> str:
        """Three lines, or of a small cell the difference in percent alone."""
        change = relative_change(self.log_ratio)
        if not whole:
            return change.removesuffix(" %")
        return f"{change}\n{self.record.wins}/{self.record.ties}/{self.record.losses}\n{_p_value(self.p)}"


def pair_matrix(comparison: SetComparison, *, title: str) -> Figure:
    """A cell for each pair of arms: how the row's error differs from the column's, won/tied/lost sets, corrected p.

    The comparison is one of all pairs. A cell is blue where the row has less error and orange where it has more, the
    stronger the larger the difference, up to twice the error; it is bold where the two are told apart. The arms are in
    the order of their average ranks; of more than 20 the best 20 are drawn. On a narrow page small cells hold the
    difference alone, and as many arms are drawn as have room.
    """
    every = [in_two_lines(name, letters_for(20, 14)) for name in comparison.ranking[:MOST_ARMS]]
    beside = _LETTER * _longest(every) + 0.7
    whole = len(every) * _FULL[0] <= page_width() - beside
    wide, tall = _FULL if whole else _SMALL
    shown = max(2, math.floor(min(len(every), (page_width() - beside) / wide)))
    names = every[:shown] if whole else [shortened(name, 16) for name in comparison.ranking[:shown]]
    width = max(beside + wide * shown, 5.5)
    words = _how_to_read(comparison, shown, whole=whole)
    height = _LETTER * _longest(names) + tall * shown + 1.2 + 0.2 * len(words) / (12.2 * width)
    figure = blank(title, width=width, height=height)
    axes = figure.subplots()
    _draw_cells(axes, comparison.ranking[:shown], comparison.pairs, whole=whole)
    _name_both(axes, names)
    say_below(figure, words)
    return figure


def _longest(names: Sequence[str]) -> int:
    """The letters of the longest line."""
    return max(len(line) for name in names for line in name.split("\n"))


def _draw_cells(axes: Axes, arms: Sequence[str], pairs: Sequence[SetPair], *, whole: bool) -> None:
    ratios = np.full((len(arms), len(arms)), np.nan)
    for row, column, cell in _cells(arms, pairs):
        ratios[row, column] = cell.log_ratio
        weight = "bold" if cell.is_bold else "normal"
        words = cell.words(whole=whole)
        text = axes.text(column, row, words, ha="center", va="center", fontsize=SMALL, color=INK, fontweight=weight)
        text.set(linespacing=1.1, in_layout=False)  # hundreds of texts that are within the frame take long to lay out
    largest = min(max(float(np.nanmax(np.abs(ratios), initial=0)), _WEAKEST), _STRONGEST) / _PALER
    axes.imshow(ratios, cmap=_BETTER_TO_WORSE, vmin=-largest, vmax=largest, aspect="auto")


def _cells(arms: Sequence[str], pairs: Sequence[SetPair]) -> Iterator[tuple[int, int, _Cell]]:
    """Row, column and cell of each pair, once either way."""
    place = {name: index for index, name in enumerate(arms)}
    for pair in pairs:
        if {pair.better, pair.worse} <= place.keys():
            ratio, record = pair.effect.mean.estimate, pair.record
            mirrored = WinTieLoss(record.losses, record.ties, record.wins)
            better, worse = place[pair.better], place[pair.worse]
            yield better, worse, _Cell(ratio, record, pair.adjusted, pair.told_apart)
            yield worse, better, _Cell(-ratio, mirrored, pair.adjusted, pair.told_apart)


def _p_value(p: float) -> str:
    """A p-value to two digits, at most three behind the point."""
    return "p<0.001" if p < 0.001 else f"p {p:.{2 if p >= 0.1 else 3}f}" if p < 0.995 else "p 1"


def _name_both(axes: Axes, names: Sequence[str]) -> None:
    """Name the rows, and the columns above them, and part the cells by white lines."""
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    axes.set_xticks(range(len(names)), names, rotation=90, parse_math=False)
    axes.set_yticks(range(len(names)), names, parse_math=False)
    axes.set_xlabel("… against the error of this arm", fontsize=NORMAL, color=INK)
    axes.set_ylabel("error of this arm …", fontsize=NORMAL, color=INK)
    axes.tick_params(labelsize=SMALL, colors=INK, length=0)
    axes.spines[:].set_visible(False)
    axes.set_facecolor(_NO_PAIR)
    for edge in range(1, len(names)):
        axes.axhline(edge - 0.5, color="white", linewidth=2)
        axes.axvline(edge - 0.5, color="white", linewidth=2)


def _how_to_read(comparison: SetComparison, shown: int, *, whole: bool) -> str:
    """The sentences below the cells."""
    sets, arms = sets_of(len(comparison.families), sum(comparison.family_sizes)), len(comparison.ranking)
    cells = "how the error of the row differs from that of the column on average"
    if whole:
        tied = f" ({percent(comparison.equivalence)} apart at most)" if comparison.equivalence else ""
        cells += f", on how many of {sets} it wins/ties{tied}/loses, and p, corrected for all pairs"
    else:
        cells += f" over {sets}, in percent"
    part = f" The best {shown} of {count(arms)} arms are drawn." if shown < arms else ""
    return (
        f"Each cell: {cells}. Blue: the row has less error, orange: more; bold: told apart at 5 %. The arms with the "
        f"best average rank come first.{part}"
    )
