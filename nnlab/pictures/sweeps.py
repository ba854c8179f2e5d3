"""A figure over the keys that a sweep varied, one small frame for each key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from numpy.typing import NDArray

from nnlab.pictures.scales import drawable, metric_and_loss, opacity, scale_metric, wants_logarithm
from nnlab.pictures.style import (
    BLACK,
    BLUE,
    INK,
    SMALL,
    VERMILLION,
    blank,
    dress,
    legend,
    number,
    panels_across,
    say,
    shortened,
)

_COLUMNS = 3
_MOST_TICKS = 8  # values of a key that each get a tick
_FEW_DECADES = 30  # the ratio of the ends of an axis below which powers of ten are too few ticks
_FEW_MARKS = 100  # of more, the white edges would hide other marks
_SPREAD = 0.16  # offset of the seeds of a word, whose neighbours are 1 apart, so that they do not overlap


@dataclass(frozen=True)
class Key:
    """A key of a sweep with its value at each point; from a grid, or drawn uniformly or log-uniformly."""

    name: str
    values: Sequence[float] | Sequence[str]
    source: Literal["grid", "even", "log"] = "grid"

    @property
    def is_number(self) -> bool:
        """Whether the values are numbers."""
        return not any(isinstance(value, str) for value in self.values)

    @property
    def is_log(self) -> bool:
        """Whether the axis is logarithmic: for log-uniform draws, or if it spreads the values of a grid more evenly."""
        found = np.unique(np.array(self.values, float)) if self.is_number else np.empty(0)
        if found.size < 2 or found[0] <= 0 or self.source != "grid":
            return self.source == "log" and found.size > 0
        even, even_log = (np.ptp(np.diff(x)) / np.ptp(x) for x in (found, np.log(found)))
        return bool(wants_logarithm(found) or (found.size > 2 and even_log < even / 2))


def sweep_keys(
    keys: Sequence[Key],
    finals: NDArray[Any],
    *,
    best: int,
    metric_name: str,
    larger_is_better: bool,
    title: str,
    loss: str = "",
    scaled_targets: bool = False,
) -> Figure:
    """The final figure of every point and seed over each key, whatever the values of the other keys.

    `finals` is (points, R), a row for each point, nan where a seed diverged. If several points share a value of a
    grid, a line joins the means over these points. The point with index `best` is marked.
    """
    columns = panels_across(len(keys), 2.7, most=_COLUMNS)
    rows = -(-len(keys) // columns)
    width = {1: 7.5, 2: 10.0}.get(columns, 13.0)
    figure = blank(title, width=width, height=0.9 + 3.8 * rows)
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
    better = "more is better" if larger_is_better else "less is better"
    handles: dict[str, Line2D] = {}
    for index, (axes, key) in enumerate(zip(grid, keys, strict=False)):
        handles |= _draw(axes, key, finals, best)
        label = f"{metric_and_loss(metric_name, loss, scaled=scaled_targets)}, {better}" if index % columns == 0 else ""
        dress(axes, x=f"{key.name}{' (logarithmic)' if key.is_log else ''}", y=label, letters=60)
        _scale_key(axes, key)
    for axes in grid[len(keys) :]:
        axes.set_visible(False)
    scale_metric(grid[0], "y", finals, metric_name)
    if not drawable(finals).any():
        say(grid[0], "no seed has a finite value")
    legend(figure, list(handles.values()), list(handles))
    return figure


def _draw(axes: Axes, key: Key, finals: NDArray[Any], best: int) -> dict[str, Line2D]:
    """Draw seeds, points, the best point, and means over points that share a value; return the legend handles."""
    places = _places(key)
    values = np.where(drawable(finals), finals, np.nan).astype(float)
    known = np.isfinite(values).any(axis=1)
    means = np.full(len(values), np.nan)
    means[known] = np.nanmean(values[known], axis=1)
    handles = {}
    if values.shape[1] > 1:
        aside = np.zeros(values.shape[1]) if key.is_number else np.linspace(-_SPREAD, _SPREAD, values.shape[1])
        at = places[:, None] + aside
        seed: dict[str, Any] = {"marker": "o", "markersize": 6, "color": INK, "alpha": 0.25, "markeredgewidth": 0}
        axes.plot(at.ravel(), values.ravel(), linestyle="", zorder=2, **(seed | _crowded(values.size)))
        handles["single seeds, darker where several are alike"] = Line2D([], [], linestyle="", **seed)
    shared = _shared(places, means) if key.source == "grid" else np.empty((0, 2))
    if len(shared):
        look: dict[str, Any] = {} if key.is_number else {"linestyle": "", "marker": "_", "markersize": 34}
        axes.plot(*shared.T, color=BLUE, linewidth=1.8, markeredgewidth=1.8, zorder=3, **look)
        handles["mean of all points with the value"] = Line2D([], [], color=BLUE, linewidth=1.8)
    point = {"marker": "o", "markersize": 6, "color": BLUE, "markeredgecolor": "white", **_crowded(len(places))}
    axes.plot(places, means, linestyle="", zorder=4, **point)
    handles["mean of a point"] = Line2D([], [], linestyle="", marker="o", markersize=6, color=BLUE)
    handles["best point"] = axes.plot(places[best], means[best], linestyle="", marker="D", markersize=10,
                                      color=VERMILLION, markeredgecolor=BLACK, zorder=5)[0]  # fmt: skip
    return handles


def _crowded(marks: int) -> dict[str, Any]:
    """The look of marks that lie over each other: small, without edges, transparent; that of few is left as it is."""
    return {"markersize": 3.5, "markeredgewidth": 0, "alpha": opacity(marks)} if marks > _FEW_MARKS else {}


def _places(key: Key) -> NDArray[np.float64]:
    """Positions of the points on the axis: their values, of words the numbers of these."""
    words = list(dict.fromkeys(key.values))
    return np.array([float(words.index(value)) if isinstance(value, str) else value for value in key.values], float)


def _shared(places: NDArray[np.float64], means: NDArray[Any]) -> NDArray[Any]:
    """Values of the key and the mean over the points with each, (values, 2); empty if no two points share a value."""
    found = np.unique(places)
    if len(found) == len(places):
        return np.empty((0, 2))
    groups = [means[places == value] for value in found]
    return np.array([
        (value, np.nanmean(group)) for value, group in zip(found, groups, strict=True) if np.isfinite(group).any()
    ])  # fmt: skip


def _scale_key(axes: Axes, key: Key) -> None:
    """Put ticks at the values if they are few, and names if they are words."""
    if key.is_log:
        axes.set_xscale("log")
    words = list(dict.fromkeys(key.values))
    if not key.is_number:
        axes.set_xticks(range(len(words)), [shortened(str(word), 16) for word in words], parse_math=False)
        axes.set_xlim(-0.5, len(words) - 0.5)
        if len(words) > 4 or max(len(str(word)) for word in words) > 9:
            axes.tick_params(axis="x", rotation=30)
        return
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
    found = np.unique(np.array(words, float))
    if len(words) <= _MOST_TICKS:
        axes.set_xticks(found)
    elif key.is_log and found[-1] < _FEW_DECADES * found[0]:
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.tick_params(axis="x", labelsize=SMALL)
