"""Every pair of arms over several data sets, in a square of cells."""

from __future__ import annotations

from matplotlib.figure import Figure

from nnlab.maths.statistics.across.comparison import SetComparison


def pair_matrix(comparison: SetComparison, *, title: str) -> Figure:
    """A cell for each pair of arms: how the row's error differs from the column's, won/tied/lost sets, corrected p.

    The comparison is one of all pairs. A cell is blue where the row has less error and orange where it has more, the
    stronger the larger the difference, up to twice the error; it is bold where the two are told apart. The arms are in
    the order of their average ranks; of more than 20 the best 20 are drawn. On a narrow page small cells hold the
    difference alone, and as many arms are drawn as have room.
    """
    raise NotImplementedError
