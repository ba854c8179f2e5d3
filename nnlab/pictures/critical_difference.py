"""Average ranks of arms over several data sets, joined where they cannot be told apart."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from matplotlib.figure import Figure


def critical_difference(
    ranks: Mapping[str, float],
    cliques: Sequence[Collection[str]],
    *,
    data_sets: int,
    title: str,
    level: float = 0.95,
) -> Figure:
    """The average rank of each arm over the data sets on an axis, and bars over arms that cannot be told apart.

    Rank 1 is best. Each of `cliques` holds the names of arms of which no two differ by a Wilcoxon signed-rank test with
    Holm's correction at `level`; those of a single arm are not drawn. A dot on a bar marks each arm of the clique, for
    the bar may pass others. Of more than 20 arms the best 20 are drawn. A sentence below warns that ranks depend on the
    arms that take part.
    """
    raise NotImplementedError
