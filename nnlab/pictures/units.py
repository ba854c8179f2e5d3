"""The picture of a network's units: each layer's activation and slope over the pre-activations that occur."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from nnlab.pictures.functions import broken, limit_values, mark_portrait
from nnlab.pictures.style import (
    BLUE,
    FAINT,
    GREEN,
    INK,
    VERMILLION,
    blank,
    count,
    dress,
    joined,
    legend,
    panels_across,
    percent,
    shortened,
)
from nnlab.training.health import Portrait

MOST_LAYERS = 6
_ACROSS = 3
_BINS = 61  # edges of 60 bins
_TIED = "\N{NO-BREAK SPACE}"
_SATURATED = "saturated: the slope is at most 5 % of the steepest"
_PARTS = ("function f(z)", "slope f'(z)", "pre-activations z, share of all (%)")


def units(portraits: Sequence[Portrait], *, title: str, of: int = 0) -> Figure:
    """For each layer, in three panels: the function, its slope, and the histogram of pre-activations.

    Of more than six layers the first three and the last three are drawn: there are `of` in all where `portraits` are
    only some. Kinks are dotted, saturated ranges shaded.
    """
    count_of = max(of, len(portraits))
    shown = [*portraits] if len(portraits) <= MOST_LAYERS else [*portraits[:3], *portraits[-3:]]
    across = panels_across(len(shown), 2.6, most=_ACROSS)
    bands = -(-len(shown) // across)
    left_out = f"the first and the last three of {count(count_of)} layers" if len(shown) < count_of else ""
    figure = blank(joined([title, left_out]), width=max(8.0, 3.9 * across), height=0.6 + 5.4 * bands)
    grid = figure.subplots(3 * bands, across, squeeze=False, sharex=False, height_ratios=[1.0, 0.8, 0.8] * bands)
    for index, portrait in enumerate(shown):
        band, column = divmod(index, across)
        _draw([*grid[3 * band : 3 * band + 3, column]], portrait, is_first=column == 0, wide=across == 1)
    for axes in grid[3 * bands - 3 :, len(shown) - across * (bands - 1) :].ravel():
        axes.set_visible(False)
    _explain(figure, shown)
    return figure


def _draw(panels: Sequence[Axes], portrait: Portrait, *, is_first: bool, wide: bool) -> None:
    above, middle, below = panels
    for axes, values, colour, line in (
        (above, portrait.value, BLUE, "-"),
        (middle, portrait.slope, VERMILLION, "--"),
    ):
        axes.plot(
            portrait.grid, broken(portrait.grid, values, portrait.kinks), color=colour, linestyle=line, linewidth=2.2
        )
        axes.axhline(0, color=INK, linewidth=0.6, zorder=1)
        limit_values(axes, values)
    edges = np.linspace(portrait.grid[0], portrait.grid[-1], _BINS).tolist()
    shares = np.full(portrait.z.size, 1 / portrait.z.size)
    below.hist(portrait.z, bins=edges, weights=shares, color=GREEN)
    below.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:g}"))
    for axes in panels:
        mark_portrait(axes, portrait, 1.2)
        axes.set_xlim(portrait.grid[0], portrait.grid[-1])
        axes.xaxis.set_major_locator(MaxNLocator(nbins=8 if wide else 5, steps=[1, 2, 2.5, 5, 10]))
        axes.yaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 2.5, 5, 10]))
    labels = ("f(z)", "f'(z)", "share of all (%)") if is_first else ("", "", "")
    letters = 90 if wide else 42
    dress(above, x="", y=labels[0], sentence=_sentence(portrait, letters - 2), letters=letters)
    dress(middle, x="", y=labels[1])
    dress(below, x="pre-activation z", y=labels[2])
    for axes in (above, middle):
        axes.tick_params(labelbottom=False)


def _sentence(portrait: Portrait, letters: int) -> str:
    dead, saturated = (percent(share).replace(" ", _TIED) for share in (portrait.dead_share, portrait.saturated_share))
    of_channels = " of channels" if portrait.saturated_by_channel.size else ""
    drawn = f"curve: mean of the {'channels' if of_channels else 'units'}" if portrait.are_means else ""
    parameters = "".join(f"{words}; " for words in (portrait.parameters, drawn) if words)
    return f"{shortened(portrait.name, letters)}: {parameters}{dead}{of_channels} dead, {saturated} saturated"


def _explain(figure: Figure, shown: Sequence[Portrait]) -> None:
    handles: list[Any] = [
        Line2D([], [], color=BLUE, linewidth=2.2),
        Line2D([], [], color=VERMILLION, linewidth=2.2, linestyle="--"),
        Patch(color=GREEN),
    ]
    names = [*_PARTS]
    if any(portrait.kinks for portrait in shown):
        handles.append(Line2D([], [], color=INK, linewidth=1.2, linestyle=":"))
        names.append("kink")
    if any(portrait.saturated.any() for portrait in shown):
        handles.append(Patch(color=FAINT, alpha=0.3))
        names.append(_SATURATED)
    legend(figure, handles, names)
