"""Pictures of convolutions: the kernels of the first, an image on its way through all, and how channels fare."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize, PowerNorm
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from nnlab.networks.feature_maps import FeatureMaps, Kernels
from nnlab.pictures.images import RGB, channels_sentence, frame
from nnlab.pictures.scales import drawable
from nnlab.pictures.style import (
    INK,
    NORMAL,
    SMALL,
    VERMILLION,
    blank,
    count,
    joined,
    legible,
    number,
    page_width,
    panels_across,
    percent,
    shortened,
    wrapped,
)
from nnlab.training.health import Portrait

SIGNED, POSITIVE = "PuOr", "viridis"  # both told apart with any colour vision and in grey print
MOST_TILES, TILE_COLUMNS = 64, 8
MOST_STAGES = 6
MOST_MAPS = 16  # of a stage, and half as many where there are more than three stages


def filters(kernels: Kernels, *, title: str) -> Figure:
    """The first 64 kernels of a convolution: in colour where it has three channels, else their weights on a scale.

    Colours are the weights by the three channels, mid-grey is 0. Of two or more than three channels it is the mean.
    """
    *_, channels, total = kernels.weights.shape
    weights = np.moveaxis(kernels.weights[..., :MOST_TILES].astype(float), -1, 0)
    planes = weights if channels == RGB else weights.mean(axis=-1)
    limit = _largest(planes)
    height = _height(planes) + 0.25
    figure, axes = _sheet(title, height + (0.45 if page_width() > _WIDTH else 0.65))
    if channels == RGB:
        _draw_tiles(axes, 0.5 + np.nan_to_num(np.clip(planes / limit, -1, 1)) / 2, 0.25, None)
        _draw_key(axes, limit, _right_of(planes), 0.25, _height(planes) - 0.05)
    else:
        _draw_tiles(axes, planes, 0.25, Normalize(-limit, limit))
    sentence = wrapped(_about_kernels(kernels, len(planes), total), _letters(figure.get_figwidth()))
    axes.text(0, height + 0.1, sentence, va="top", fontsize=NORMAL, color=INK, parse_math=False)
    return figure


def _about_kernels(kernels: Kernels, shown: int, total: int) -> str:
    """Which kernels are drawn, and how, in words."""
    rows, columns, channels, _ = kernels.weights.shape
    which = f"{count(total)} filters" if shown == total else f"the first {shown} of {count(total)} filters"
    names = f"{legible(kernels.layer)}: {'1 filter' if total == 1 else which} of {rows} × {columns} pixels"
    if channels == RGB:
        how = "red (R), green (G) and blue (B) are the weights by the three channels; grey: 0 by each"
    else:
        how = "the weights" if channels == 1 else f"the mean of the weights by the {channels} channels"
    return joined([names, how])


def feature_maps(
    image: NDArray[Any], stages: Sequence[FeatureMaps], *, about: str, channels: int, title: str
) -> Figure:
    """One image, as `as_pictures` gives it, and below it what each stage of the network gives of it.

    The first channels of a stage are drawn on one scale: from 0 where nothing is negative, else in two colours from 0.
    Of more than six stages the first three and the last three are drawn. `about` says which image it is.
    """
    shown = [*stages] if len(stages) <= MOST_STAGES else [*stages[:3], *stages[-3:]]
    most = MOST_MAPS if len(shown) <= MOST_STAGES // 2 else MOST_MAPS // 2
    left_out = f"the first and the last three of {count(len(stages))} stages" if len(shown) < len(stages) else ""
    heights = [_height(stage.maps[:most]) + 0.65 for stage in shown]
    source = min(2.0, 2.0 * image.shape[0] / image.shape[1])
    y = max(source, 1.4 if page_width() > _WIDTH else 2.6) + 0.35
    figure, axes = _sheet(joined([title, left_out]), y + sum(heights))
    _draw_source(axes, image, source, joined([about, channels_sentence(channels)]))
    for stage, height in zip(shown, heights, strict=True):
        _draw_stage(axes, stage, y, most)
        y += height
    return figure


def _draw_source(axes: Axes, image: NDArray[Any], height: float, about: str) -> None:
    """The image, two inches wide or high, and the sentences beside it."""
    width = height * image.shape[1] / image.shape[0]
    axes.imshow(image, cmap="gray", vmin=0, vmax=1, interpolation="nearest", extent=(0, width, height, 0))
    frame(axes, 0, 0, width, height)
    letters = _letters(min(page_width(), _WIDTH) - width - 0.3)
    text = "\n\n".join(textwrap.fill(sentence, letters) for sentence in (f"The image is {legible(about)}.", _BELOW))
    axes.text(width + 0.3, 0, text, va="top", fontsize=NORMAL, color=INK, parse_math=False)


def _letters(inches: float) -> int:
    """About how many letters of a sentence are so many inches wide."""
    return int(11 * inches)


_BELOW = (
    "Below is what each convolution makes of it, with the layers up to the next one. The numbers above the maps are "
    "their channels; the scale beside them is for all maps of a convolution. A square-root scale shows "
    "weak outputs, too."
)


def _draw_stage(axes: Axes, stage: FeatureMaps, y: float, most: int) -> None:
    total, height, width = stage.maps.shape
    shown = stage.maps[:most]
    layers = shortened(" → ".join(stage.layers), 70)
    which = f"channels 0 to {len(shown) - 1} of {count(total)}" if len(shown) < total else f"{count(total)} channels"
    sentence = f"{layers}: {height} × {width} pixels, {'1 channel' if total == 1 else which}"
    sentence = wrapped(sentence, _letters(min(page_width(), _WIDTH)))
    axes.text(0, y, sentence, va="center", fontsize=NORMAL, color=INK, parse_math=False)
    limit = _largest(shown)
    is_signed = bool((shown[drawable(shown)] < 0).any())
    # The square root makes weak maps visible beside strong ones.
    norm = Normalize(-limit, limit) if is_signed else PowerNorm(0.5, vmin=0, vmax=limit)
    _draw_tiles(axes, shown, y + 0.4, norm)
    words = "output" if is_signed else "output,\nsquare-root scale"
    middle = y + 0.4 + _height(shown) / 2
    axes.text(_right_of(shown) + 0.7, middle, words, rotation=90, ha="left", va="center", multialignment="center",
              fontsize=SMALL, color=INK)  # fmt: skip


def _largest(values: NDArray[Any]) -> float:
    """The largest finite size of any value, and 1 where all are 0."""
    good = values[drawable(values)]
    return float(np.abs(good).max(initial=0)) or 1.0


# --- tiles on a sheet: one pair of axes in inches, since a pair for each tile takes ten times as long -----------------

_WIDTH, _PITCH, _TILE, _TALLEST = 10.8, 1.22, 1.12, 1.7
_SCALE = 1.04  # inches of a scale beside the tiles
_HEAD, _LEAST = 0.22, 0.5  # above a tile for its number; the height of a scale with three values


def _sheet(title: str, height: float) -> tuple[Figure, Axes]:
    """A figure with axes in inches, from the upper left corner to the right and down."""
    figure = blank(title, width=_WIDTH, height=height + 0.45)
    axes = figure.subplots()
    axes.set(xlim=(0, figure.get_figwidth()), ylim=(height, 0), anchor="NW")
    axes.axis("off")
    return figure, axes


def _columns() -> int:
    """How many tiles stand in a row."""
    return panels_across(TILE_COLUMNS, _PITCH, most=TILE_COLUMNS, beside=_SCALE)


def _tile(tiles: NDArray[Any]) -> tuple[float, float]:
    """Width and height of a tile (N, rows, columns, …) in inches."""
    rows, columns = tiles.shape[1:3]
    width = min(_TILE, _TALLEST * columns / rows)
    return width, width * rows / columns


def _height(tiles: NDArray[Any]) -> float:
    """The height of all tiles in inches, in rows of up to eight, without the first one's number."""
    rows = -(-len(tiles) // _columns())
    return max(rows * (_tile(tiles)[1] + _HEAD + 0.05) - _HEAD, _LEAST)


def _draw_tiles(axes: Axes, tiles: NDArray[Any], y: float, norm: Normalize | None) -> None:
    """Draw tiles (N, rows, columns) from `y` down on the scale `norm`, or coloured ones (N, rows, columns, 3)."""
    width, height = _tile(tiles)
    cmap = SIGNED if norm is not None and norm.vmin != 0 else POSITIVE
    for index, tile in enumerate(np.where(drawable(tiles), tiles, np.nan)):
        row, column = divmod(index, _columns())
        left, top = column * _PITCH, y + row * (height + _HEAD + 0.05)
        axes.imshow(tile, cmap=cmap, norm=norm, interpolation="nearest",
                            extent=(left, left + width, top + height, top))  # fmt: skip
        frame(axes, left, top, width, height)
        head = f"{index}" if tile.any() else f"{index}: all 0"
        axes.text(left + width / 2, top - 0.04, head, ha="center", va="bottom", fontsize=SMALL, color=INK)
    if norm is not None:
        _draw_scale(axes, norm, _right_of(tiles), y, _height(tiles) - 0.05)


def _right_of(tiles: NDArray[Any]) -> float:
    """Where a scale begins that stands beside the tiles."""
    return (min(len(tiles), _columns()) - 1) * _PITCH + _tile(tiles)[0] + 0.12


def _draw_scale(axes: Axes, norm: Normalize, x: float, y: float, height: float) -> None:
    """A scale from (x, y) down, with the values at its ends and in the middle."""
    cmap, box = SIGNED if norm.vmin != 0 else POSITIVE, (x, x + 0.1, y + height, y)
    axes.imshow(norm.inverse(np.linspace(1, 0, 200))[:, None], cmap=cmap, norm=norm, extent=box)
    _name_values(axes, [norm.inverse(share) for share in (1, 0.5, 0)], x + 0.15, y, height)


def _draw_key(axes: Axes, limit: float, x: float, y: float, height: float) -> None:
    """A strip for each of red, green and blue: the colours of its weights from `limit` to −limit, others being 0."""
    width, strips = 0.13, np.full((200, RGB, RGB), 0.5)
    for channel, letter in enumerate("RGB"):
        strips[:, channel, channel] = np.linspace(1, 0, 200)
        axes.text(x + (channel + 0.5) * width, y - 0.04, letter, ha="center", va="bottom", fontsize=SMALL, color=INK)
    axes.imshow(strips, interpolation="nearest", extent=(x, x + RGB * width, y + height, y))
    _name_values(axes, [limit, 0, -limit], x + RGB * width + 0.05, y, height)


def _name_values(axes: Axes, values: Sequence[float], x: float, y: float, height: float) -> None:
    """Print the values at the upper end of a scale, in its middle and at its lower end."""
    for place, value in enumerate(values):
        text = number(float(f"{value:.2g}"))
        axes.text(x, y + place * height / 2, text, va="center", fontsize=SMALL, color=INK)


# --- the health of channels -------------------------------------------------------------------------------------------

_MOST_WIDE, _WIDEST = 32, 64  # channels in a row, and where there are more than 128
_MOST_NAMED = 8


def channels(portraits: Sequence[Portrait], *, title: str, of: int = 0) -> Figure:
    """For each activation layer of images a cell for each channel: how often it is saturated, a cross if it is dead.

    Of more than six layers the first three and the last three are drawn: there are `of` in all where `portraits` are
    only some.
    """
    shown = [*portraits] if len(portraits) <= MOST_STAGES else [*portraits[:3], *portraits[-3:]]
    count_of = max(of, len(portraits))
    left_out = f"the first and the last three of {count(count_of)} layers" if len(shown) < count_of else ""
    sizes = [portrait.saturated_by_channel.size for portrait in shown]
    across = _MOST_WIDE if max(sizes) <= 4 * _MOST_WIDE else _WIDEST
    rows = [-(-size // across) for size in sizes]
    cell = 8.6 / across
    figure = blank(joined([title, left_out]), width=10.8, height=1.5 + sum(1.0 + cell * band for band in rows))
    grid = figure.subplots(len(shown), 1, squeeze=False, height_ratios=[0.01 + band for band in rows]).ravel()
    for axes, portrait, band in zip(grid, shown, rows, strict=True):
        image = _draw_channels(axes, portrait, band, across)
    bar = figure.colorbar(image, ax=[*grid], location="bottom", aspect=50, shrink=0.6, pad=0.03)
    bar.ax.xaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:g}"))
    bar.ax.tick_params(labelsize=SMALL, colors=INK)
    bar.set_label(_SATURATED, fontsize=NORMAL, color=INK)
    bar.outline.set_visible(False)
    return figure


_SATURATED = "saturated pixels of the channel (%): slope at most 5 % of the steepest; cross: dead, no slope anywhere"


def _draw_channels(axes: Axes, portrait: Portrait, rows: int, across: int) -> AxesImage:
    shares = portrait.saturated_by_channel
    cells = np.full(rows * across, np.nan)
    cells[: shares.size] = shares
    image = axes.imshow(cells.reshape(rows, across), cmap="cividis_r", vmin=0, vmax=1, aspect="auto")
    dead = np.flatnonzero(portrait.dead_channels)
    axes.plot(
        dead % across, dead // across, linestyle="", marker="x", color=VERMILLION, markersize=7, markeredgewidth=1.8
    )
    axes.set_yticks(range(rows) if rows > 1 else [], [f"{count(across * row)} +" for row in range(rows) if rows > 1])
    axes.set_xticks(range(0, min(across, shares.size), across // 8))
    axes.set_xlabel("channel" if rows == 1 else _CHANNEL_OF_ROWS, loc="left", fontsize=NORMAL, color=INK)
    axes.tick_params(labelsize=SMALL, colors=INK, length=0)
    axes.spines[:].set_visible(False)
    axes.set_title(_about_channels(portrait, dead), loc="left", fontsize=NORMAL, color=INK, parse_math=False)
    return image


_CHANNEL_OF_ROWS = "channel, from row to row: the number at the left of its row + the one below it"


def _about_channels(portrait: Portrait, dead: NDArray[np.intp]) -> str:
    total = portrait.saturated_by_channel.size
    named = ", ".join(map(str, dead[:_MOST_NAMED])) + (", …" if dead.size > _MOST_NAMED else "")
    gone = f"{count(dead.size)} of {count(total)} channels dead{f' ({named})' if dead.size else ''}"
    seen = f"on {count(portrait.images)} images of the training part"
    return f"{shortened(portrait.name, 24)}: {gone}, {percent(portrait.saturated_share)} saturated, {seen}"
