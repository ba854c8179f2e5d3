"""Every pair of arms over several data sets, in a square of cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure
from numpy.typing import NDArray


def pair_matrix(
    arms: Sequence[str],
    log_ratios: NDArray[Any],
    wins: NDArray[Any],
    ties: NDArray[Any],
    p: NDArray[Any],
    *,
    data_sets: int,
    title: str,
    significance: float = 0.05,
) -> Figure:
    """A cell for each pair of arms: the row's error against the column's, wins/ties/losses, and the corrected p.

    All arrays are (K, K) for K `arms` in any order, row against column. `log_ratios` holds means over the data sets of
    ln(error of the row / error of the column), so that below 0 the row is better; `wins` and `ties` count data sets;
    losses are the wins of the column, `wins.T`. `p` is corrected for all pairs; nan where there is none. The diagonals
    are not read. The cells of pairs with p below `significance` are bold. The best arms by the mean of their row are
    at the top and at the left; of more than 20 the best 20 are drawn, and on a narrow page as many as fit.
    """
    raise NotImplementedError
