"""The way of a network's parameters over the updates: weights and biases, and what activations learn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from nnlab.pictures.scales import drawable, sampled, thinned
from nnlab.pictures.style import (
    BLUE,
    COLOURS,
    INK,
    LINES,
    NORMAL,
    add_note,
    blank,
    count,
    dress,
    ends_of,
    joined,
    label_ends,
    legend,
    number,
    panels_across,
    shortened,
)

MOST_LAYERS = 8
MOST_LABELLED = 12  # lines of a panel with their indices at their ends
MOST_NAMED = 12  # units in the legend
_WIDTH, _HEIGHT = 5.0, 2.5  # inches of a panel
_BAND = 0.22  # opacity


# --- weights and biases -----------------------------------------------------------------------------------------------


def parameters(
    steps: NDArray[Any],
    tensors: Mapping[str, NDArray[Any]],
    *,
    are_norms: bool,
    epoch_steps: float,
    title: str,
) -> Figure:
    """A panel for each tensor, a row of them for each layer: its entries (T, *shape) over `steps` (T,), or its norm.

    In a layer a colour stands for the unit, which the last index counts. Of more than eight layers the first and the
    last four are drawn. Weights and biases of a layer share a scale, norms do not, nor do panels below each other on a
    narrow page.
    """
    layers = [[*names] for _, names in groupby(tensors, key=lambda name: name.partition("/")[0])]
    shown = layers if len(layers) <= MOST_LAYERS else [*layers[: MOST_LAYERS // 2], *layers[-MOST_LAYERS // 2 :]]
    left_out = f"the first and the last {MOST_LAYERS // 2} of {count(len(layers))} layers"
    across = max(map(len, shown))
    is_narrow = panels_across(across, 0.7 * _WIDTH, most=across) < across
    rows = [[name] for names in shown for name in names] if is_narrow else shown
    figure = blank(
        joined([title, left_out if len(shown) < len(layers) else ""]),
        width=max(8.0, _WIDTH * max(map(len, rows))),
        height=0.9 + _HEIGHT * len(rows),
    )
    shared = not (are_norms or is_narrow)
    grid = figure.subplots(
        len(rows), max(map(len, rows)), squeeze=False, sharex=True, sharey="row" if shared else "none"
    )
    units = max(tensors[name].shape[-1] for names in shown for name in names)
    for names, row in zip(rows, grid, strict=True):
        for name, axes in zip(names, row, strict=False):
            _draw_tensor(axes, steps, tensors[name], name, units, are_norms=are_norms)
        for axes in row[len(names) :]:
            axes.set_visible(False)
    _name_steps(figure, grid[-1], epoch_steps)
    if not are_norms and units > MOST_LABELLED:  # else the biases have their indices beside them, in the same colours
        _explain_units(figure, units)
    add_note(figure, _NORMS if are_norms else _ENTRIES)
    return figure


_ENTRIES = (
    "A line is one number: weights[i,j] leads from input i to unit j, bias[j] is added in unit j. Colours tell the "
    "units of a layer apart, line styles its inputs. Where lines are flat, the training has settled, or its gradient "
    "has vanished: the cost tells which."
)
_NORMS = (
    "The norm of a tensor is the root of the sum of all its squares: it grows as the weights grow. Where a line is "
    "flat, they have settled; one that keeps rising may call for weight decay."
)


def _size(values: NDArray[Any]) -> int:
    """The number of lines of a tensor, (T, *shape)."""
    return int(np.prod(values.shape[1:]))


def _draw_tensor(
    axes: Axes, steps: NDArray[Any], values: NDArray[Any], name: str, units: int, *, are_norms: bool
) -> None:
    """Draw each entry of a tensor; where there are few, their indices stand at the ends of the lines."""
    ends = dict[str, tuple[float, str]]()
    for place in np.ndindex(values.shape[1:]):
        curve = values[(slice(None), *place)]
        unit, others = (place[-1], place[:-1]) if place else (0, ())
        own = values.shape[-1] if place else 1
        colour, style = _colour(unit, own if own <= len(COLOURS) else units), LINES[sum(others) % len(LINES)]
        good = drawable(curve)
        kept = thinned(curve[good])
        marker = "o" if good.sum() <= 2 else ""
        axes.plot(steps[good][kept], curve[good][kept], color=colour, linestyle=style, linewidth=1.6, marker=marker)
        if good.any():
            ends[f"[{','.join(map(str, place))}]"] = float(curve[good][-1]), colour
    axes.axhline(0, color=INK, linewidth=0.6, zorder=1)
    axes.margins(x=0)
    dress(axes, x="", y="norm" if are_norms else "value", sentence=_about(name, values, are_norms=are_norms))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number(round(value, 10))))
    if not are_norms and len(ends) <= MOST_LABELLED:
        axes.autoscale_view()
        label_ends(axes, [(name, *end) for name, end in ends.items()], height=0.62 * _HEIGHT)


def _about(name: str, values: NDArray[Any], *, are_norms: bool) -> str:
    """The tensor and its size; of a norm its first and its last value."""
    if not are_norms:
        return f"{shortened(name, 30)}: {count(_size(values))} number{'' if _size(values) == 1 else 's'}"
    good = values[drawable(values)]
    return f"{shortened(name, 30)}: {number(good[0])} → {number(good[-1])}" if good.size else shortened(name, 30)


def _colour(unit: int, units: int) -> str:
    """A colour for each unit; of more than there are colours, from dark to a green that is still readable."""
    if units <= len(COLOURS):
        return COLOURS[unit]
    return to_hex(colormaps["viridis"](0.82 * unit / (units - 1)))


def _name_steps(figure: Figure, lowest: Sequence[Axes], epoch_steps: float) -> None:
    """Label the axes of the lowest panels, with the length of an epoch."""
    epoch = f"; an epoch is {count(epoch_steps)} step{'' if epoch_steps == 1 else 's'}" if epoch_steps >= 1 else ""
    for axes in figure.axes:
        axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True, steps=[1, 2, 5, 10]))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: count(value)))
    for axes in lowest:
        axes.set_xlabel(f"step (updates{epoch})", fontsize=NORMAL, color=INK)


def _explain_units(figure: Figure, units: int) -> None:
    """Add a legend of the units."""
    named = sampled(units, MOST_NAMED).tolist()
    handles = [Line2D([], [], color=_colour(unit, units), linewidth=2.2) for unit in named]
    legend(figure, handles, [f"unit {unit}" for unit in named])


# --- what activations learn -------------------------------------------------------------------------------------------

_STATISTICS = ("min", "mean", "max")
_ACROSS = 3
_LEAST_SPAN = 0.02  # of the value: less would show rounding


def learned_parameters(
    steps: NDArray[Any], curves: Mapping[str, NDArray[Any]], *, epoch_steps: float, title: str
) -> Figure:
    """A panel for each learned parameter: a line, or of one for each unit the mean and a band from least to largest.

    `curves` (T,), nan where not measured, are named `parameters/swish1.beta` or `parameters/prelu1.alpha/min`, `/mean`
    and `/max`. Of more than twelve parameters the first and the last six are drawn.
    """
    names = list(dict.fromkeys("/".join(name.split("/")[:2]) for name in curves))
    shown, left_out = ends_of(names)
    across = panels_across(len(shown), 2.6, most=_ACROSS)
    rows = -(-len(shown) // across)
    figure = blank(joined([title, left_out]), width=max(8.0, 4.2 * across), height=1.1 + 2.8 * rows)
    grid = figure.subplots(rows, across, squeeze=False, sharex=True).ravel()
    for axes, name in zip(grid, shown, strict=False):
        _draw_learned(axes, steps, _of(curves, name), name.partition("/")[2], letters=90 if across == 1 else 46)
    for axes in grid[len(shown) :]:
        axes.set_visible(False)
    for axes in grid[max(0, len(shown) - across) : len(shown)]:
        axes.tick_params(labelbottom=True)
    _name_steps(figure, grid[max(0, len(shown) - across) : len(shown)].tolist(), epoch_steps)
    _explain_learned(figure, over_units=any(f"{name}/mean" in curves for name in shown))
    return figure


def _of(curves: Mapping[str, NDArray[Any]], name: str) -> dict[str, NDArray[Any]]:
    """The curves of one parameter: the value as `mean` where there is a single one."""
    found = {statistic: curves[f"{name}/{statistic}"] for statistic in _STATISTICS if f"{name}/{statistic}" in curves}
    return found or {"mean": curves[name]}


def _draw_learned(
    axes: Axes, steps: NDArray[Any], curves: Mapping[str, NDArray[Any]], name: str, *, letters: int
) -> None:
    good = np.all([drawable(values) for values in curves.values()], axis=0)
    at, found = steps[good], {statistic: values[good] for statistic, values in curves.items()}
    kept = np.unique(np.concatenate([thinned(values) for values in found.values()]))
    axes.plot(at[kept], found["mean"][kept], color=BLUE, linewidth=2.2, marker="o" if at.size <= 12 else "", zorder=3)
    if {"min", "max"} <= found.keys():
        axes.fill_between(at[kept], found["min"][kept], found["max"][kept], color=BLUE, alpha=_BAND, linewidth=0)
    dress(axes, x="", y="value", sentence=_sentence(name, found), letters=letters)
    if not at.size:
        return
    axes.axhline(float(found["mean"][0]), color=INK, linewidth=1.0, linestyle=":")
    low, high = axes.get_ylim()
    least = _LEAST_SPAN * max(abs(low), abs(high))
    if high - low < least:
        axes.set_ylim((low + high - least) / 2, (low + high + least) / 2)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number(round(value, 10))))


def _sentence(name: str, found: Mapping[str, NDArray[Any]]) -> str:
    """First and last value in words; of one for each unit their means, and how far the last ones are apart."""
    if not found["mean"].size:
        return f"{shortened(name, 24)}: no finite value was recorded"
    way = f"{_three(found['mean'][0])} → {_three(found['mean'][-1])}"
    if "min" not in found:
        return f"{shortened(name, 24)}: {way}"
    ends = f"in the end from {_three(found['min'][-1])} to {_three(found['max'][-1])}"
    return f"{shortened(name, 24)}: mean {way}; {ends}"


def _three(value: float) -> str:
    return number(float(f"{value:.3g}"))


def _explain_learned(figure: Figure, *, over_units: bool) -> None:
    handles: list[Any] = [Line2D([], [], color=BLUE, linewidth=2.2)]
    names = ["the parameter, or its mean over the units" if over_units else "the parameter"]
    if over_units:
        handles.append(Patch(color=BLUE, alpha=_BAND, linewidth=0))
        names.append("from the least to the largest over the units")
    handles.append(Line2D([], [], color=INK, linewidth=1.0, linestyle=":"))
    legend(figure, handles, [*names, "where it started"])
