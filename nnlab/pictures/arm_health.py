"""The health of each arm's units over the updates, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from nnlab.pictures.arms import BAND, Styles, style_of
from nnlab.pictures.health import LEAST_SHARE, SHARES
from nnlab.pictures.scales import drawable, mark_logarithm, sampled, scale_metric, scale_steps
from nnlab.pictures.style import INK, LEGEND, NORMAL, blank, dress, legend, shortened

QUANTITIES = {
    "dead": "dead {units} (%)",
    "saturated": "saturated (%)",
    "gradient_norm": "norm of the gradient",
}
_MOST_LAYERS = 3

# The steps (T,) of an arm and its seeds' curves (R, T) by name.
Measured = tuple[NDArray[Any], Mapping[str, NDArray[Any]]]


def arm_health(
    arms: Mapping[str, Measured], *, title: str, styles: Styles, has_channels: bool = False
) -> Figure | None:
    """A row for each quantity, a column for each layer (at most first, middle and last), a line for each arm.

    Lines are medians of the seeds; a single arm has a band of their 10th to 90th percentiles, and those of several
    would hide each other. An axis whose scale is logarithmic says so. Curves are named `health/<layer>/<quantity>`, in
    the order of the layers. In some layers, units may be channels of images.
    None if nothing was measured.
    """
    rows = {quantity: columns for quantity in QUANTITIES if (columns := _layers(arms, quantity))}
    if not rows:
        return None
    across = max(map(len, rows.values()))
    figure = blank(title, width=max(6.5, 3.4 * across), height=0.8 + 2.5 * len(rows))
    grid = figure.subplots(len(rows), across, squeeze=False, sharex=True, sharey="row")
    for line, (quantity, layers) in zip(grid, rows.items(), strict=True):
        for place, axes in enumerate(line):
            if place < len(layers):
                draw_arms(axes, arms, f"health/{layers[place]}/{quantity}", styles)
                label = QUANTITIES[quantity].format(units="channels or units" if has_channels else "units")
                dress(axes, x="", y=label if place == 0 else "", sentence=layers[place], letters=40)
            else:
                axes.set_visible(False)
        _scale(line[0], arms, quantity, layers)
        mark_logarithm(line[0])
    for axes in grid[-1]:
        axes.set_xlabel("step (updates)", fontsize=NORMAL, color=INK)
        scale_steps(axes, ticks=5)
    handles = [style_of(*styles[name]) for name in arms]
    legend(figure, handles, [shortened(name, LEGEND) for name in arms])
    return figure


def _layers(arms: Mapping[str, Measured], quantity: str) -> list[str]:
    """The layers that have a quantity in any arm; of more than three the first, a middle one and the last."""
    places: dict[str, int] = {}
    for _, curves in arms.values():
        own = [name.split("/")[1] for name in curves if name.endswith(f"/{quantity}")]
        places = {layer: place for place, layer in enumerate(own)} | places
    layers = sorted(places, key=lambda layer: places[layer])
    return [layers[index] for index in sampled(len(layers), _MOST_LAYERS)] if layers else []


def draw_arms(axes: Axes, arms: Mapping[str, Measured], name: str, styles: Styles) -> None:
    """Draw one curve of each arm that has it: the median of the seeds, with a band where there is one arm alone."""
    for label, (steps, curves) in arms.items():
        runs = curves.get(name)
        if runs is None or not drawable(runs).any():
            continue
        known = np.flatnonzero(drawable(runs).any(axis=0))
        found = np.where(drawable(runs[:, known]), runs[:, known], np.nan)
        colour, line, marker = styles[label]
        if len(arms) == 1:
            axes.fill_between(
                steps[known], *np.nanpercentile(found, BAND, axis=0), color=colour, alpha=0.13, linewidth=0
            )
        axes.plot(steps[known], np.nanmedian(found, axis=0), color=colour, linestyle=line, linewidth=2.0, marker=marker,
                  markersize=5, markevery=max(1, known.size // 6))  # fmt: skip


def _scale(axes: Axes, arms: Mapping[str, Measured], quantity: str, layers: list[str]) -> None:
    """Scale the y axis, shared by all layers of a quantity, to what is drawn."""
    names = [f"health/{layer}/{quantity}" for layer in layers]
    parts = [
        _drawn(curves[name], banded=len(arms) == 1) for _, curves in arms.values() for name in names if name in curves
    ]
    together = np.concatenate(parts)
    if quantity in SHARES:
        scale_metric(axes, "y", np.append(together, [0, LEAST_SHARE]), quantity)
        axes.set_ylim(bottom=-0.04 * axes.get_ylim()[1])
    else:
        scale_metric(axes, "y", together[together > 0], quantity)


def _drawn(runs: NDArray[Any], *, banded: bool) -> NDArray[Any]:
    known = drawable(runs).any(axis=0)
    if not known.any():
        return np.empty(0)
    found = np.where(drawable(runs[:, known]), runs[:, known], np.nan)
    return np.concatenate([np.nanmedian(found, axis=0), *(np.nanpercentile(found, BAND, axis=0) if banded else [])])
