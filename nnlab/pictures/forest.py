"""An arm against the baseline on each of several data sets, and what is to be expected on the next one."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from nnlab.maths.statistics.across.comparison import SetPair


def forest(pair: SetPair, families: Sequence[str], *, equivalence: float, title: str, baseline: str = "") -> Figure:
    """A row for each data set with the difference of two arms and its interval; below, their mean and the prediction.

    The difference is that of the other arm's error from the `baseline`'s, by default of the better arm's from the worse
    one's, in percent on a logarithmic axis: left of 0 the arm has less error. Intervals are those of the pair, of 95 %.
    `families` (F,) names the rows of `pair.differences`. Below them a diamond is the random-effects mean, and a bar the
    interval for the next data set. Differences within `equivalence`, relative as in `compare_sets`, count as none; this
    region is shaded. Of more than 40 data sets those with the largest differences are drawn.
    """
    raise NotImplementedError
