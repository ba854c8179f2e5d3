"""Arms over several data sets: how often each is close to the best, and what tuning is worth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure
from numpy.typing import NDArray

from nnlab.pictures.arms import Styles


def performance_profiles(
    errors: Mapping[str, NDArray[Any]],
    *,
    chance: NDArray[Any],
    title: str,
    styles: Styles | None = None,
) -> Figure:
    """The share of data sets on which each arm's error is at most τ times the least of all arms, over τ.

    Each arm's errors are (N,), one for each data set, averaged over seeds; nan where it has none. `chance` (N,) is the
    error of the best constant answer (of classes: of the most frequent one). An arm that is not better than it, or has
    no error, fails there, whatever τ is; a grey line is chance's own profile. Where the least error is 0, only arms
    without an error come close. The legend is ordered by the area under the curves. Of more than ten arms the best
    seven are in colour. Source: Dolan and Moré, Benchmarking optimization software with performance profiles,
    Mathematical Programming 91 (2002). `styles` come from `arm_style`; by default that of the drawn arms.
    """
    raise NotImplementedError


def budget_curves(
    budgets: NDArray[Any],
    arms: Mapping[str, NDArray[Any]],
    *,
    label: str,
    band: str,
    larger_is_better: bool,
    title: str,
    styles: Styles | None = None,
) -> Figure:
    """Each arm's expected best figure of b tuning trials over the budget b, averaged over data sets.

    `budgets` (B,) are numbers of trials, ascending; each arm is (3, B): mean, low and high end of its band. `label` is
    what the y axis shows, such as "error / chance's error"; `band` says in words what the band is, such as "95 % interval
    of the mean over 12 data sets". Names stand at the ends of the curves. Of more than five arms no bands are drawn, of
    more than ten the best seven at the largest budget are in colour, of more than 20 the best 20 are drawn. `styles`
    come from `arm_style`; by default that of the drawn arms.
    """
    raise NotImplementedError
