"""Average ranks of arms over several data sets, joined where they cannot be told apart."""

from __future__ import annotations

from matplotlib.figure import Figure

from nnlab.maths.statistics.across.comparison import SetComparison


def critical_difference(comparison: SetComparison, *, title: str) -> Figure:
    """The average rank of each arm over the data sets on an axis, and a bar over each clique: arms not told apart.

    The comparison is one of all pairs, whose cliques come from pairwise tests with Holm's correction, not from a
    difference of ranks that would be critical for all. Of more than 20 arms the best 20 are drawn. A sentence below
    warns that ranks depend on the arms that take part.
    """
    raise NotImplementedError
