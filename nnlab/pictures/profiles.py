"""Arms over several data sets: how often each is close to the best, and what tuning is worth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure
from numpy.typing import NDArray

from nnlab.pictures.arms import Styles


def performance_profiles(errors: Mapping[str, NDArray[Any]], *, title: str, styles: Styles | None = None) -> Figure:
    """The share of data sets on which each arm's error is at most τ times the least of all arms, over τ.

    Each arm's errors are (N,), one for each data set, above 0, as shares of the error of chance, of who knows nothing
    of the inputs. An arm with 1 or more, or nan, learned nothing: it counts as never close to the best there, whatever
    τ is. A grey line is chance's own profile. Of more than ten arms the seven with the largest area under their curves
    are in colour. `styles` come from `arm_style`; by default that of the drawn arms.

    Source: Dolan and Moré, Benchmarking optimization software with performance profiles, Math. Program. 91 (2002), who
    give a solver that fails an infinite ratio, as is done here.
    """
    raise NotImplementedError


def budget_curves(
    arms: Mapping[str, NDArray[Any]],
    *,
    label: str,
    band: str,
    title: str,
    styles: Styles | None = None,
) -> Figure:
    """Each arm's expected error with the best of b drawn settings over the budget b, averaged over data sets.

    Each arm is (3, B): the mean and both ends of its band for b = 1 … B, nan where unknown. `label` is what the y axis
    shows, such as "error, share of chance's"; `band` says what the band is, such as "95 % interval of the mean". Names
    stand at the ends of the curves. Of more than five arms no bands are drawn, of more than ten the best seven at the
    largest budget are in colour, of more than 20 the best 20 are drawn. `styles` come from `arm_style`; by default that
    of the drawn arms.
    """
    raise NotImplementedError
