"""Decision regions of networks with two inputs: a panel for each arm, and a film strip over its training."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from nnlab.pictures.regions import (
    MOST_CLASSES,
    UNKNOWN,
    alike,
    class_names,
    extent_of,
    grid_points,
    probability_keys,
    scatter_classes,
    shade_classes,
    shade_probability,
    too_many_classes,
)
from nnlab.pictures.scales import sampled
from nnlab.pictures.style import INK, NORMAL, SMALL, blank, count, in_two_lines, legend, look, say, shortened

Predict = Callable[[NDArray[Any]], NDArray[Any]]

_ALONG, _ALONG_FILM = 160, 100
_POINTS_FILM = 200
_ACROSS = 4


@dataclass(frozen=True)
class Plane:
    """The data in the plane: `x` (N, 2), class indices `labels` (N,), and names."""

    x: NDArray[Any]
    labels: NDArray[np.intp]
    names: tuple[str, str]
    classes: Sequence[str]
    is_binary: bool


def boundaries(plane: Plane, networks: Mapping[str, tuple[str, Predict]], *, title: str) -> Figure:
    """A panel for each arm with its decision regions below a line about its network; all panels share one scale.

    For more than 30 classes the figure only says that there are too many.
    """
    if len(plane.classes) > MOST_CLASSES:
        return too_many_classes(plane.classes, title)
    rows = -(-len(networks) // _ACROSS)
    across = -(-len(networks) // rows)
    figure = blank(title, width=max(6.5, 3.0 * across), height=1.0 + rows * (0.7 + 2.5 * _slenderness(plane)))
    grid = figure.subplots(rows, across, squeeze=False, sharex=True, sharey=True)
    flat = []
    for axes, (name, (about, predict)) in zip(grid.ravel(), networks.items(), strict=False):
        flat.append(_panel(axes, plane, predict, _ALONG, shrunk=0.75))
        axes.set_title(f"{in_two_lines(name, 26)}\n{about}", loc="left", fontsize=NORMAL, color=INK, parse_math=False)
        axes.tick_params(labelsize=SMALL, colors=INK, labelbottom=True)
        axes.locator_params(nbins=5)
    for axes in grid.ravel()[len(networks) :]:
        axes.set_visible(False)
    for axes in grid[:, 0]:
        axes.set_ylabel(shortened(plane.names[1], 24), fontsize=NORMAL, color=INK, parse_math=False)
    for axes in grid.ravel()[max(0, len(networks) - across) : len(networks)]:
        axes.set_xlabel(shortened(plane.names[0], 24), fontsize=NORMAL, color=INK, parse_math=False)
    _explain(figure, plane, is_flat=any(flat))
    return figure


def film(
    plane: Plane,
    strips: Mapping[str, Mapping[int, Predict]],
    ends: Mapping[str, int] = MappingProxyType({}),
    *,
    title: str,
) -> Figure:
    """Decision regions in a row for each arm and a column for each step; as `boundaries` for many classes.

    A network that was not trained up to a step says there at which of its steps it ended.
    """
    if len(plane.classes) > MOST_CLASSES:
        return too_many_classes(plane.classes, title)
    steps, rows = sorted({step for frames in strips.values() for step in frames}), sampled(len(plane.x), _POINTS_FILM)
    thin = replace(plane, x=plane.x[rows], labels=plane.labels[rows])
    thinned = f"; {len(rows):,} of {len(plane.x):,} points" if len(rows) < len(plane.x) else ""
    figure = blank(
        title + thinned, width=1.75 * len(steps) + 0.6, height=0.9 + len(strips) * (0.12 + 1.7 * _slenderness(plane))
    )
    grid = figure.subplots(len(strips), len(steps), squeeze=False, sharex=True, sharey=True)
    flat = []
    for row, (name, frames) in zip(grid, strips.items(), strict=True):
        for axes, step in zip(row, steps, strict=True):
            if step in frames:
                flat.append(_panel(axes, thin, frames[step], _ALONG_FILM, shrunk=0.5))
            else:
                axes.spines[:].set_visible(False)
                _limit(axes, thin)
                say(axes, f"ended at\nstep {count(ends[name])}")
            axes.set(xticks=[], yticks=[])
            if axes in grid[0]:
                words = "at the start" if step == 0 else f"step {count(step)}"
                axes.set_title(words, fontsize=NORMAL, color=INK)
        row[0].set_ylabel(in_two_lines(name, 22), rotation=0, ha="right", va="center", fontsize=NORMAL, color=INK,
                          parse_math=False)  # fmt: skip
    _explain(figure, plane, is_flat=any(flat))
    return figure


def _slenderness(plane: Plane) -> float:
    """Height over width of a panel: to scale if both inputs can share one scale, else 1."""
    left, right, bottom, top = extent = extent_of(plane.x)
    return (top - bottom) / (right - left) if alike(extent) else 1.0


def _panel(axes: Axes, plane: Plane, predict: Predict, along: int, *, shrunk: float) -> bool:
    """Draw the regions of one network and the data; whether the probability is flat at 50 % somewhere."""
    extent = extent_of(plane.x)
    outputs = predict(grid_points(extent, along)).reshape(along, along, -1)
    is_flat = False
    if plane.is_binary:
        _, is_flat = shade_probability(axes, outputs, extent)
    else:
        shade_classes(axes, outputs, extent, len(plane.classes))
    scatter_classes(axes, plane.x, plane.labels, plane.classes, shrunk=shrunk)
    axes.set_facecolor(UNKNOWN)
    _limit(axes, plane)
    return is_flat


def _limit(axes: Axes, plane: Plane) -> None:
    """Limit a panel to the data, to scale if both inputs can share one."""
    extent = extent_of(plane.x)
    axes.set(xlim=extent[:2], ylim=extent[2:], aspect="equal" if alike(extent) else "auto")


def _explain(figure: Figure, plane: Plane, *, is_flat: bool) -> None:
    """One legend for all panels."""
    classes = [f"true {name}" for name in class_names(plane.classes)]
    handles = [
        Line2D([], [], color=colour, linestyle="", marker=marker, markersize=7)
        for colour, _, marker in map(look, range(len(classes)))
    ]
    extra = probability_keys(is_flat=is_flat) if plane.is_binary else {}
    legend(figure, [*handles, *extra.values()], [*classes, *extra])
