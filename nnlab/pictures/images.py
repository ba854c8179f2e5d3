"""Images as pictures: rows of a data set as grey or coloured pixels, galleries with captions, samples with labels."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from nnlab.pictures.scales import drawable
from nnlab.pictures.style import (
    FAINT,
    INK,
    SMALL,
    blank,
    count,
    fitted,
    joined,
    legible,
    number,
    panels_across,
    percent,
    say_below,
    shortened,
)

RGB = 3  # channels that are drawn as red, green and blue
_LETTER = 0.088  # inches of a caption's letter, on average
_LINE = 0.17  # inches from a caption's line to the next
_GAP = 0.2  # inches between captions side by side


def as_pictures(rows: NDArray[Any], shape: tuple[int, int, int], limits: tuple[float, float]) -> NDArray[Any]:
    """Flat images (N, units), plane by plane, as grey pixels (N, rows, columns) or coloured ones (N, rows, columns, 3).

    Brightness is from 0 to 1: `limits` are the values that are drawn black and full. One channel is grey and three are
    red, green and blue; of another number of channels it is the mean. What is not finite is black.
    """
    height, width, channels = shape
    planes = np.asarray(rows, float).reshape(-1, channels, height, width)
    low, high = limits
    bright = np.clip((np.where(drawable(planes), planes, low) - low) / ((high - low) or 1), 0, 1)
    return bright.transpose(0, 2, 3, 1) if channels == RGB else bright.mean(axis=1)


def channels_sentence(channels: int) -> str:
    """How the channels of an image are drawn, in words, where a reader would not expect it."""
    return "" if channels in {1, RGB} else f"grey: the mean of {channels} channels"


def draw_image(axes: Axes, picture: NDArray[Any]) -> None:
    """Draw one of `as_pictures` in a frame, without axes."""
    axes.axis("off")
    axes.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    height, width = picture.shape[:2]
    frame(axes, -0.5, -0.5, width, height)


def confidence_words(confidence: float) -> str:
    """A confidence in whole per cent, but one near 100 % with what it lacks: 87 %, 99.97 %, > 99.99 %."""
    return percent(confidence) if 0.995 <= confidence < 1 else f"{number(round(100 * confidence))} %"


def frame(axes: Axes, left: float, top: float, width: float, height: float) -> None:
    """Draw the edge of an image, so that a white one is seen on white."""
    edge = Rectangle((left, top), width, height, fill=False, edgecolor=FAINT, linewidth=0.6, clip_on=False)
    axes.add_patch(edge)


def gallery(
    pictures: NDArray[Any], captions: Sequence[str], sentence: str, *, columns: int, cell: float, title: str
) -> Figure:
    """Pictures of `as_pictures`, each under its caption, in cells of `cell` inches; the sentence stands below.

    Lines of captions that are wider than their cell are cut in the middle.
    """
    across = min(len(pictures), panels_across(columns, cell, most=columns))
    rows = -(-len(pictures) // across)
    lines = max(1 + caption.count("\n") for caption in captions)
    tall = pictures.shape[1] / pictures.shape[2]
    height = min(max(0.95 * tall, 0.4), 2) * cell + _LINE * lines + 0.2
    figure = blank(title, width=max(cell * across, 6.0), height=height * rows + 0.9)
    room = figure.get_figwidth() / across - _GAP
    say_below(figure, sentence)
    grid = figure.subplots(rows, across, squeeze=False).ravel()
    for axes, picture, caption in zip(grid, pictures, captions, strict=False):
        draw_image(axes, picture)
        text = "\n".join(fitted(line, room, SMALL) for line in caption.splitlines())
        axes.set_title(text, fontsize=SMALL, color=INK, parse_math=False)
    for axes in grid[len(pictures) :]:
        axes.axis("off")
    return figure


def samples(
    pictures: NDArray[Any],
    labels: Sequence[Sequence[str]],
    *,
    columns: int,
    total: int,
    channels: int,
    title: str,
) -> Figure:
    """Images of the training part, each under its labels; `total` counts the images of the part."""
    cell = 1.25 if columns > _MOST_WIDE else 1.75
    captions = [label_caption(own, int(cell / _LETTER)) for own in labels]
    shown = f"{count(len(pictures))} of {count(total)} images of the training part, before any scaling"
    sentence = joined([shown, channels_sentence(channels)])
    return gallery(pictures, captions, sentence, columns=columns, cell=cell, title=title)


_MOST_WIDE = 6  # columns of images with long captions
_CAPTION_LINES = 4


def label_caption(labels: Sequence[str], letters: int) -> str:
    """One name in up to two lines, or several with commas in up to four of `letters`, with the number left out."""
    names = [shortened(name, letters) for name in labels] if len(labels) > 1 else [legible(name) for name in labels]
    if len(names) <= 1:
        return _in_lines(names[0], letters) if names else "no label"
    for kept in range(len(names), 0, -1):
        left = [f"and {len(names) - kept} more"] if kept < len(names) else []
        lines = textwrap.wrap(", ".join([*names[:kept], *left]), letters, break_long_words=False)
        if len(lines) <= _CAPTION_LINES:
            break
    return "\n".join(lines)


def _in_lines(name: str, letters: int) -> str:
    """A name in up to two lines, shortened to one where it is longer."""
    lines = textwrap.wrap(name, letters)
    return "\n".join(lines) if len(lines) <= 2 else shortened(name, letters)
