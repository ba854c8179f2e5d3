"""The arms' activations: function and slope over the pre-activations of a trained network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from nnlab.pictures.arms import Styles, style_of
from nnlab.pictures.functions import broken, mark_portrait
from nnlab.pictures.style import (
    BLACK,
    FAINT,
    INK,
    LINES,
    NORMAL,
    blank,
    dress,
    in_two_lines,
    legend,
    percent,
    shortened,
)
from nnlab.training.health import Portrait

_ACROSS = 4
_BINS = 51
_MOST_LAYERS = len(LINES)
_MOST_VALUE, _MOST_SLOPE = 4.0, 2.5  # an unbounded function is cut, or bounded ones would look flat
_BENDS = 3.0  # how far from 0 most activations bend
_OUTSIDE = 0.5  # per cent of the pre-activations outside the frame, on either side


def arm_units(arms: Mapping[str, Sequence[Portrait]], *, title: str, styles: Styles) -> Figure:
    """A column for each arm: function, slope, and histograms of the pre-activations of its layers.

    All arms share the same axes. Of more than four layers the first four are drawn.
    """
    bands = -(-len(arms) // _ACROSS)
    across = -(-len(arms) // bands)
    figure = blank(title, width=max(7.0, 2.9 * across + 0.6), height=0.7 + 5.2 * bands)
    grid = figure.subplots(
        3 * bands, across, squeeze=False, sharex=True, sharey="row", height_ratios=[1, 0.8, 0.8] * bands
    )
    limits = _limits(arms)
    for index, (name, portraits) in enumerate(arms.items()):
        band, column = divmod(index, across)
        _draw([*grid[3 * band : 3 * band + 3, column]], portraits[:_MOST_LAYERS], limits, styles[name][0])
        for axes, label in zip(grid[3 * band : 3 * band + 3, column], ("f(z)", "f'(z)", "share (%)"), strict=True):
            dress(axes, x="pre-activation z" if label.startswith("share") else "", y=label if column == 0 else "")
            axes.tick_params(labelbottom=label.startswith("share"))
        above = _sentence(name, portraits)
        grid[3 * band, column].set_title(above, loc="left", fontsize=NORMAL, color=INK, parse_math=False)
    for axes in grid[3 * bands - 3 :, len(arms) - across * (bands - 1) :].ravel():
        axes.set_visible(False)
    for part, most in enumerate((_MOST_VALUE, _MOST_SLOPE, np.inf)):
        _share_scale([*grid[part::3, 0]], most)
    _explain(figure, max(min(len(portraits), _MOST_LAYERS) for portraits in arms.values()))
    return figure


def _limits(arms: Mapping[str, Sequence[Portrait]]) -> tuple[float, float]:
    """The common range of pre-activations of all arms, which also holds the bends and kinks around 0."""
    ends = [np.percentile(one.z, [_OUTSIDE, 100 - _OUTSIDE]) for portraits in arms.values() for one in portraits]
    low, high = min(-_BENDS, *(end[0] for end in ends)), max(_BENDS, *(end[1] for end in ends))
    margin = max(0.04 * (high - low), 0.1)
    return float(low - margin), float(high + margin)


def _share_scale(rows: Sequence[Axes], most: float) -> None:
    """Give these axes the same y limits, cut at `most` on either side of 0."""
    ends = np.array([axes.get_ylim() for axes in rows])
    for axes in rows:
        axes.set_ylim(max(ends.min(), -most), min(ends.max(), most))


def _sentence(name: str, portraits: Sequence[Portrait]) -> str:
    dead = float(np.mean([portrait.dead_share for portrait in portraits]))
    saturated = float(np.mean([portrait.saturated_share for portrait in portraits]))
    above = [in_two_lines(name, 26), *_parameters(name, portraits)]
    return "\n".join([*above, f"{percent(dead)} dead, {percent(saturated)} saturated"])


def _parameters(name: str, portraits: Sequence[Portrait]) -> list[str]:
    """The parameters of the layers in a line, or one for each layer if they differ; without those that the name has."""
    words = {index: portrait.parameters for index, portrait in enumerate(portraits[:_MOST_LAYERS], 1)}
    told = {index: each for index, each in words.items() if each.replace(" = ", "=") not in name}
    if len({*told.values()}) <= 1:
        return [shortened(each, 30) for each in {*told.values()} if each]
    return [shortened(f"layer {index}: {each}", 32) for index, each in told.items()]


def _draw(panels: Sequence[Axes], portraits: Sequence[Portrait], limits: tuple[float, float], colour: str) -> None:
    above, middle, below = panels
    edges = np.linspace(*limits, _BINS)
    for portrait, line in zip(portraits, LINES, strict=False):
        for axes, values in ((above, portrait.value), (middle, portrait.slope)):
            axes.plot(portrait.grid, broken(portrait.grid, values, portrait.kinks), color=colour, linewidth=2.2,
                      linestyle=line)  # fmt: skip
        shares = np.histogram(portrait.z, edges)[0] / portrait.z.size
        below.stairs(shares, edges, color=colour, linestyle=line, linewidth=1.6)
        below.stairs(shares, edges, color=colour, alpha=0.18, fill=True)
    widest = max(portraits, key=lambda portrait: float(np.ptp(portrait.grid)))
    for axes in panels:
        mark_portrait(axes, widest, 1.0)
        axes.set_xlim(limits)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]))
        axes.yaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 2.5, 5, 10]))
    for axes in (above, middle):
        axes.axhline(0, color=INK, linewidth=0.6)
    below.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:g}"))


def _explain(figure: Figure, layers: int) -> None:
    names: dict[str, Any] = {}
    if layers > 1:
        looks = zip(range(layers), LINES, strict=False)
        names = {f"layer {index + 1}": style_of(BLACK, line) for index, line in looks}
    names["kink"] = style_of(INK, ":")
    names["saturated: the slope is at most 5 % of the steepest"] = Patch(color=FAINT, alpha=0.3)
    legend(figure, [*names.values()], [*names])
