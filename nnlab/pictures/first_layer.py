"""What the first layer looks for: the weights of its strongest units, as images or as a table of colours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from nnlab.pictures.convolutions import SIGNED
from nnlab.pictures.images import RGB, frame
from nnlab.pictures.scales import drawable
from nnlab.pictures.style import (
    INK,
    NORMAL,
    SMALL,
    blank,
    count,
    number,
    page_width,
    panels_across,
    say_below,
    shortened,
)

MOST_IMAGES, MOST_UNITS, MOST_INPUTS = 25, 25, 40
_ACROSS = 5  # images side by side, or six where a unit has one for each of three channels
_MOST_PRINTED = 15  # units and inputs whose weights are printed
_LETTER = 0.085  # inches of a letter of a name
_LEAST_CELL, _PRINTED_CELL = 0.32, 0.38  # inches of a unit's column, and of one whose weights are printed


def first_layer_of_images(weights: NDArray[Any], shape: tuple[int, int, int], *, layer: str, title: str) -> Figure:
    """The weights (inputs, units) of the strongest units, up to 25 images: one for each unit and channel.

    `shape` is rows, columns and channels of the inputs, which are flat, plane by plane.
    """
    height, width, channels = shape
    strongest = _strongest(weights)[: max(1, MOST_IMAGES // channels)]
    tiles = np.asarray(weights, float).T[strongest].reshape(-1, height, width)[:MOST_IMAGES]
    heads = [f"unit {unit}{colour}" for unit in strongest for colour in _channel_names(channels)]
    across = min(len(tiles), _ACROSS if channels != RGB else RGB * panels_across(2, 3.0, most=2))
    tall, rows = height / width, -(-len(tiles) // across)
    pitch = tall + 0.22
    inch = min((min(page_width(), 9.0) - 1.3) / (1.1 * across), 2.2)  # of an image's width
    figure = blank(title, width=9.0, height=1.6 + inch * pitch * rows)
    axes = figure.subplots()
    axes.axis("off")
    norm = _symmetric(tiles)
    for index, (tile, head) in enumerate(zip(tiles, heads, strict=False)):
        left, top = 1.1 * (index % across), pitch * (index // across)
        axes.imshow(tile, cmap=SIGNED, norm=norm, interpolation="nearest", extent=(left, left + 1, top + tall, top))
        frame(axes, left, top, 1, tall)
        axes.text(left + 0.5, top - 0.03, head, ha="center", va="bottom", fontsize=SMALL, color=INK)
    axes.set(xlim=(-0.02, 1.1 * across - 0.08), ylim=(pitch * rows - 0.17, -0.2), anchor="NW")
    _add_scale(figure, norm)
    say_below(figure, f"{_which(weights, layer, len(tiles) // channels or 1)} {_OF_IMAGES}")
    return figure


_OF_IMAGES = (
    "Purple: a bright pixel there drives the unit up, orange: down, no colour: it does not matter. Strokes and edges "
    "have been learned; even noise, as at the start, has not."
)


def _channel_names(channels: int) -> list[str]:
    if channels == 1:
        return [""]
    return [", red", ", green", ", blue"] if channels == RGB else [f", channel {index}" for index in range(channels)]


def first_layer(weights: NDArray[Any], inputs: Sequence[str], *, layer: str, scaled: bool, title: str) -> Figure:
    """The weights (inputs, units) as colours: a row for each input, a column for each of the 25 strongest units.

    Of more than forty inputs those with the largest weights are drawn, in their order. `scaled` says that the weights
    are by scaled inputs, which may be compared with each other.
    """
    fitting = (page_width() - _LETTER * min(max(map(len, inputs)), 28) - 1.6) / _LEAST_CELL
    strongest = _strongest(weights)[: max(1, math.floor(min(fitting, MOST_UNITS)))]
    of_strongest = np.asarray(weights, float)[:, strongest]
    rows = np.sort(_strongest(of_strongest.T)[:MOST_INPUTS])
    shown = of_strongest[rows]
    names = [shortened(inputs[row], 28) for row in rows]
    beside = _LETTER * max(map(len, names)) + 1.6  # inches of the names and the scale
    across = max(_LEAST_CELL, min(0.75, 6.0 / len(strongest), (page_width() - beside) / len(strongest)))
    size = {"width": max(8.0, beside + across * len(strongest)), "height": 1.9 + max(1.2, 0.32 * len(rows))}
    figure = blank(title, **size)
    axes, norm = figure.subplots(), _symmetric(shown)
    axes.imshow(np.where(drawable(shown), shown, np.nan), cmap=SIGNED, norm=norm, aspect="auto")
    axes.set_xticks(range(len(strongest)), [str(unit) for unit in strongest])
    axes.set_yticks(range(len(rows)), names, parse_math=False)
    part = f" ({len(strongest)} of {count(weights.shape[1])})" if len(strongest) < weights.shape[1] else ""
    axes.set_xlabel(f"unit, the strongest first{part}", fontsize=NORMAL, color=INK)
    axes.set_ylabel("scaled input" if scaled else "input", fontsize=NORMAL, color=INK)
    axes.tick_params(labelsize=SMALL, colors=INK, length=0)
    axes.spines[:].set_visible(False)
    for column in range(1, len(strongest)):
        axes.axvline(column - 0.5, color="white", linewidth=1.5)
    for row in range(1, len(rows)):
        axes.axhline(row - 0.5, color="white", linewidth=1.5)
    if max(shown.shape) <= _MOST_PRINTED and across >= _PRINTED_CELL:
        _print_values(figure, shown, norm)
    _add_scale(figure, norm)
    sentences = [_which(weights, layer, len(strongest)), _OF_TABLES]
    if len(rows) < len(weights):
        sentences.insert(1, f"Of {count(len(weights))} inputs the {len(rows)} with the largest weights.")
    if not scaled:
        sentences.append("Inputs are not scaled: one that is measured in small numbers needs large weights.")
    say_below(figure, " ".join(sentences))
    return figure


_OF_TABLES = (
    "Purple: the larger the input, the higher the unit, orange: the lower, no colour: the input does not matter to "
    "it. A row without colour throughout is an input that this layer hardly uses."
)


def _strongest(weights: NDArray[Any]) -> NDArray[np.intp]:
    """The units of weights (inputs, units) by the norm of what comes into them, the largest first."""
    size = np.where(drawable(weights), np.asarray(weights, float), 0)
    return np.argsort(-np.hypot.reduce(size, axis=0), kind="stable")


def _which(weights: NDArray[Any], layer: str, shown: int) -> str:
    units = weights.shape[1]
    name = shortened(layer, 24)
    if shown == units:
        return f"{name}: {'its unit' if units == 1 else f'all {count(units)} units, by the norm of incoming weights'}."
    return f"{name}: {count(shown)} of {count(units)} units, those with the largest norm of incoming weights."


def _symmetric(values: NDArray[Any]) -> Normalize:
    """The scale of weights, from minus the largest size to it."""
    largest = float(np.abs(values[drawable(values)]).max(initial=0)) or 1.0
    return Normalize(-largest, largest)


def _print_values(figure: Figure, shown: NDArray[Any], norm: Normalize) -> None:
    (axes,) = figure.axes
    for (row, column), value in np.ndenumerate(shown):
        colour = "white" if abs(value) > 0.58 * float(norm.vmax or 1) else INK
        text = number(float(f"{value:.2g}"))
        axes.text(column, row, text, ha="center", va="center", fontsize=SMALL, color=colour)


def _add_scale(figure: Figure, norm: Normalize) -> None:
    thin = max(8.0, 5.5 * (figure.get_figheight() - 1.6))
    bar = figure.colorbar(ScalarMappable(norm, SIGNED), ax=figure.axes, aspect=thin, pad=0.02, panchor=False)
    bar.set_label("weight", fontsize=NORMAL, color=INK)
    bar.ax.tick_params(labelsize=SMALL, colors=INK)
    bar.outline.set_visible(False)
