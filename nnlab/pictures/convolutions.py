"""Pictures of convolutions: the kernels of the first, an image on its way through all, and how channels fare."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize, PowerNorm
from matplotlib.figure import Figure, SubFigure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from nnlab.networks.feature_maps import FeatureMaps, Kernels
from nnlab.pictures.images import RGB, channels_sentence, draw_image
from nnlab.pictures.scales import drawable
from nnlab.pictures.style import (
    FAINT,
    INK,
    NORMAL,
    SMALL,
    VERMILLION,
    blank,
    count,
    joined,
    legible,
    number,
    percent,
    shortened,
    wrapped,
)
from nnlab.training.health import Portrait

SIGNED, POSITIVE = "PuOr", "viridis"  # both told apart with any colour vision and in grey print
MOST_KERNELS = 64
MOST_STAGES, MAP_COLUMNS = 6, 8
MOST_MAPS = 16  # of a stage, and half as many where there are more than three stages


def filters(kernels: Kernels, *, title: str) -> Figure:
    """The first 64 kernels of a convolution: in colour where it has three channels, else their weights on a scale.

    Colours are the weights by the three channels, mid-grey is 0. Of two or more than three channels it is the mean.
    """
    *_, channels, total = kernels.weights.shape
    weights = kernels.weights[..., :MOST_KERNELS].astype(float)
    shown, columns = weights.shape[-1], min(MAP_COLUMNS, max(weights.shape[-1], 5))
    rows = -(-shown // columns)
    figure = blank(title, width=1.05 * columns + 1.2, height=1.25 * rows + 1.4)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    coloured = channels == RGB
    planes = weights if coloured else weights.mean(axis=2)
    limit = _largest(planes)
    for index, axes in enumerate(grid):
        axes.axis("off")
        if index < shown:
            picture = 0.5 + np.nan_to_num(planes[..., index]) / (2 * limit) if coloured else planes[..., index]
            image = axes.imshow(np.clip(picture, 0, 1) if coloured else picture, cmap=SIGNED, vmin=-limit, vmax=limit,
                                interpolation="nearest")  # fmt: skip
            _frame(axes)
            _head(axes, f"{index}")
    if not coloured:
        _add_bar(figure, image, grid[:shown], "weight")
    sentence = wrapped(_about_kernels(kernels, shown, total, limit), int(11.5 * figure.get_figwidth()))
    figure.supxlabel(sentence, fontsize=NORMAL, color=INK, x=0.012, ha="left", parse_math=False)
    return figure


def _about_kernels(kernels: Kernels, shown: int, total: int, limit: float) -> str:
    """Which kernels are drawn, and how, in words."""
    rows, columns, channels, _ = kernels.weights.shape
    which = f"{count(total)} filters" if shown == total else f"the first {shown} of {count(total)} filters"
    names = f"{legible(kernels.layer)}: {'1 filter' if total == 1 else which} of {rows} × {columns} pixels"
    if channels == RGB:
        reach = number(float(f"{limit:.2g}"))
        how = f"red, green and blue are the weights by the three channels, from −{reach} (dark) over 0 (mid) to {reach}"
    else:
        how = "" if channels == 1 else f"the mean of the weights by the {channels} channels"
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
    rows = [-(-min(len(stage.maps), most) // MAP_COLUMNS) for stage in shown]
    cells = [0.25 + _tall(stage.maps[0], 1.15) for stage in shown]
    heights = [max(_tall(image, 2.0), 1.3), *(0.4 + cell * band for cell, band in zip(cells, rows, strict=True))]
    figure = blank(joined([title, left_out]), width=10.8, height=sum(heights) + 0.5)
    parts = figure.subfigures(len(heights), 1, squeeze=False, height_ratios=heights).ravel()
    _draw_source(parts[0], image, joined([about, channels_sentence(channels)]))
    for part, stage, band in zip(parts[1:], shown, rows, strict=True):
        _draw_stage(part, stage, band, most)
    return figure


def _tall(image: NDArray[Any], width: float) -> float:
    """The height of an image of this width, within bounds."""
    return float(np.clip(image.shape[0] / image.shape[1], 0.4, 1.5)) * width


def _draw_source(part: SubFigure, image: NDArray[Any], about: str) -> None:
    axes, beside = part.subplots(1, 2, width_ratios=[1, 4])
    draw_image(axes, image)
    beside.axis("off")
    text = "\n\n".join(wrapped(sentence, 80) for sentence in (f"The image is {about}.", _BELOW))
    beside.text(0, 0.5, text, va="center", fontsize=NORMAL, color=INK, parse_math=False)


_BELOW = (
    "Below is what each convolution makes of it, with the layers up to the next one. The numbers above the maps are "
    "their channels; the maps of a convolution have one scale."
)


def _draw_stage(part: SubFigure, stage: FeatureMaps, rows: int, most: int) -> None:
    total, height, width = stage.maps.shape
    shown = stage.maps[:most]
    grid = part.subplots(rows, MAP_COLUMNS, squeeze=False).ravel()
    is_signed = bool((shown[drawable(shown)] < 0).any())
    limit = _largest(shown)
    # The square root makes weak maps visible beside strong ones.
    norm = Normalize(-limit, limit) if is_signed else PowerNorm(0.5, vmin=0, vmax=limit)
    for index, axes in enumerate(grid):
        axes.axis("off")
        if index < len(shown):
            image = axes.imshow(
                shown[index], cmap=SIGNED if is_signed else POSITIVE, norm=norm, interpolation="nearest"
            )
            _frame(axes)
            _head(axes, f"{index}: all 0" if not shown[index].any() else f"{index}")
    _add_bar(part, image, grid[: len(shown)], "output")
    layers = shortened(" → ".join(stage.layers), 70)
    which = f"channels 0 to {len(shown) - 1} of {count(total)}" if len(shown) < total else f"{count(total)} channels"
    sentence = f"{layers}: {height} × {width} pixels, {'1 channel' if total == 1 else which}"
    part.suptitle(sentence, fontsize=NORMAL, color=INK, x=0.012, ha="left", parse_math=False)


def _largest(values: NDArray[Any]) -> float:
    """The largest finite size of any value, and 1 where all are 0."""
    good = values[drawable(values)]
    return float(np.abs(good).max(initial=0)) or 1.0


def _frame(axes: Axes) -> None:
    """A thin frame around an image whose margins may be as white as the page."""
    height, width = axes.images[0].get_array().shape[:2]  # type: ignore[union-attr]
    axes.add_patch(Rectangle((-0.5, -0.5), width, height, fill=False, edgecolor=FAINT, linewidth=0.6, clip_on=False))


def _head(axes: Axes, words: str) -> None:
    axes.set_title(words, fontsize=SMALL, color=INK, pad=3)


def _add_bar(figure: Figure | SubFigure, image: AxesImage, beside: NDArray[Any], label: str) -> None:
    """A scale beside these axes, with ticks at its ends and in the middle."""
    low, high = image.get_clim()
    assert low is not None, "the scale is set"
    assert high is not None, "the scale is set"
    ticks = [low, 0, high] if low < 0 else [0, high / 4, high]  # a quarter is in the middle of square roots
    rows, columns = -(-len(beside) // MAP_COLUMNS), min(len(beside), MAP_COLUMNS)
    pad = 0.01 + 0.08 / columns
    bar = figure.colorbar(image, ax=[*beside], aspect=12 * rows, pad=pad, shrink=0.9, ticks=ticks)
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number(float(f"{value:.2g}"))))
    bar.minorticks_off()
    bar.ax.tick_params(labelsize=SMALL, colors=INK)
    bar.set_label(label, fontsize=NORMAL, color=INK)
    bar.outline.set_visible(False)


# --- the health of channels -------------------------------------------------------------------------------------------

_MOST_WIDE, _WIDEST = 32, 64  # channels in a row, and where there are more than 128
_MOST_NAMED = 8


def channels(portraits: Sequence[Portrait], *, title: str) -> Figure:
    """For each activation layer of images a cell for each channel: how often it is saturated, a cross if it is dead.

    Of more than six layers the first three and the last three are drawn.
    """
    shown = [*portraits] if len(portraits) <= MOST_STAGES else [*portraits[:3], *portraits[-3:]]
    left_out = f"the first and the last three of {count(len(portraits))} layers" if len(shown) < len(portraits) else ""
    sizes = [portrait.saturated_by_channel.size for portrait in shown]
    across = _MOST_WIDE if max(sizes) <= 4 * _MOST_WIDE else _WIDEST
    rows = [-(-size // across) for size in sizes]
    cell = 8.6 / across
    figure = blank(joined([title, left_out]), width=10.8, height=1.6 + sum(0.75 + cell * band for band in rows))
    grid = figure.subplots(len(shown), 1, squeeze=False, height_ratios=[0.01 + band for band in rows]).ravel()
    for axes, portrait, band in zip(grid, shown, rows, strict=True):
        image = _draw_channels(axes, portrait, band, across)
    grid[-1].set_xlabel("channel, from left to right and from row to row", fontsize=NORMAL, color=INK)
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
    axes.set_yticks(range(rows), [count(across * row) for row in range(rows)])
    axes.set_xticks(range(0, min(shares.size, across), across // 8))
    axes.tick_params(labelsize=SMALL, colors=INK, length=0)
    axes.spines[:].set_visible(False)
    axes.set_title(_about_channels(portrait, dead), loc="left", fontsize=NORMAL, color=INK, parse_math=False)
    return image


def _about_channels(portrait: Portrait, dead: NDArray[np.intp]) -> str:
    total = portrait.saturated_by_channel.size
    named = ", ".join(map(str, dead[:_MOST_NAMED])) + (", …" if dead.size > _MOST_NAMED else "")
    gone = f"{count(dead.size)} of {count(total)} channels dead{f' ({named})' if dead.size else ''}"
    return f"{shortened(portrait.name, 24)}: {gone}, {percent(portrait.saturated_share)} saturated"
