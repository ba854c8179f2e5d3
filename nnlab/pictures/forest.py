"""An arm against the baseline on each of several data sets, and what is to be expected on the next one."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure

Estimate = tuple[float, float, float]


def forest(
    data_sets: Mapping[str, Estimate],
    mean: Estimate | None,
    prediction: tuple[float, float] | None,
    *,
    arm: str,
    baseline: str,
    equivalence: tuple[float, float] | None,
    title: str,
    level: float = 0.95,
) -> Figure:
    """A row for each data set with the difference of two arms and its interval; below, their mean and the prediction.

    All numbers are natural logarithms of error ratios, ln(error of `arm` / error of `baseline`), below 0 where the arm
    is better; the axis shows them in percent of the baseline's error. Each data set has (estimate, low, high), the ends
    of its interval at `level`; nan where there is no figure. `mean` is that of the random-effects model with its
    interval, drawn as a diamond; `prediction` are the ends of the interval for the next data set, drawn as a bar; None
    where the data sets are too few. `equivalence` is the region that counts as no difference, shaded.
    """
    raise NotImplementedError
