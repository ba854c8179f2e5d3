"""A picture at another width, or for print: without its title, in small serif type, with thin lines.

Type, lines and markers shrink and grow with the width, but type never below 6 points: a picture that would need smaller
type is drawn for a narrower page, with fewer panels side by side. For print type stays at 8 points at most, PNG has the
300 dots per inch that journals ask for, and what the title says belongs into the caption of the paper: it alone is left
out, for the sentences around a frame say what a reader cannot guess.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import math
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import get_data_path
from matplotlib.axes import Axes
from matplotlib.collections import Collection, PathCollection
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator

from nnlab.pictures.style import NORMAL, SMALL, add_note, legend, page

PAPER_INCHES = 16 / 2.54  # the text of an A4 page
PAPER_DOTS_PER_INCH = 300
_SMALLEST, _LARGEST_IN_PRINT = 6, 8  # points of what is SMALL on a screen
_SERIF = ["STIXGeneral", "DejaVu Sans"]  # both come with matplotlib; the second for what the first lacks
_THIN = 0.6  # of the width of a line on a screen
_TICK, _LINE = 3.5, 0.8  # matplotlib's own lengths and widths, in points
_LINE_HEIGHT = 1.2  # of the size of the type


def page_for(inches: float | None = None, *, style: str = "screen") -> contextlib.AbstractContextManager[None]:
    """Within it, pictures are drawn so that `fit_to` the same width and style gives them legible type."""
    width = inches or (PAPER_INCHES if style == "paper" else math.inf)
    return page(width * SMALL / _SMALLEST)


def fit_to(figure: Figure, inches: float | None = None, *, style: str = "screen") -> None:
    """Change a figure in place to a width in `inches`, by default its own or that of a page, and to a style."""
    is_print, own = style == "paper", figure.get_figwidth()
    width = inches or (PAPER_INCHES if is_print else own)
    scale = width / own
    has_own_places = figure.get_layout_engine() is None  # text is placed in inches: it would lie upon another
    type_scale = scale if has_own_places else max(scale, _SMALLEST / SMALL)
    if is_print:
        _add_serif()
        type_scale = min(type_scale, _LARGEST_IN_PRINT / SMALL)
        figure.set_dpi(PAPER_DOTS_PER_INCH)
        figure.suptitle("").set_in_layout(False)
    if (scale, type_scale) == (1, 1):
        return
    framed = [axes for axes in figure.findobj(Axes) if isinstance(axes, Axes)]  # insets, too
    ticks = [_ticks(axes, type_scale, _SERIF if is_print else None) for axes in framed]
    for artist in figure.findobj():
        _scale(artist, type_scale, type_scale * _THIN if is_print else type_scale, _SERIF if is_print else None)
    for axes, styles in zip(framed, ticks, strict=True):
        for axis, one in zip((axes.xaxis, axes.yaxis), styles, strict=True):
            axis.set_tick_params(which="both", **one)
    # Lines of type lie below each other: where type shrinks less than the width, so does the height. Not so much of
    # images and maps, which keep their proportions.
    keeps_shape = any(axes.get_aspect() != "auto" for axes in figure.axes)
    height = (scale + type_scale) / 2 if keeps_shape else type_scale
    figure.set_size_inches(width, figure.get_figheight() * max(scale, height))
    _legends_again(figure, SMALL * type_scale, _SERIF if is_print else None)
    _wrap_again(figure, NORMAL * type_scale)


@functools.cache
def _add_serif() -> None:
    """Make the serif type known, also where matplotlib's list of fonts was made without its own."""
    for name in ("STIXGeneral.ttf", "STIXGeneralBol.ttf"):
        fontManager.addfont(Path(get_data_path(), "fonts", "ttf", name))


def _ticks(axes: Axes, scale: float, family: list[str] | None) -> list[dict[str, Any]]:
    """The style of the ticks of both axes, also of those that are made later."""
    found = []
    for axis in (axes.xaxis, axes.yaxis):
        own: dict[str, Any] = {"labelsize": SMALL, "length": _TICK, "width": _LINE, **axis.get_tick_params()}
        style: dict[str, Any] = {name: scale * own[name] for name in ("labelsize", "length", "width")}
        found.append(style | ({"labelfontfamily": family} if family else {}))
    return found


def _scale(artist: Any, type_scale: float, line_scale: float, family: list[str] | None) -> None:
    """Scale the type, the lines or the markers of one part of a figure."""
    if isinstance(artist, Text):
        artist.set_fontsize(float(artist.get_fontsize()) * type_scale)
        if family:
            artist.set_fontfamily(family)
    elif isinstance(artist, Line2D):
        artist.set_linewidth(artist.get_linewidth() * line_scale)
        artist.set_markersize(artist.get_markersize() * type_scale)
        artist.set_markeredgewidth(artist.get_markeredgewidth() * line_scale)
    elif isinstance(artist, Patch):
        artist.set_linewidth(artist.get_linewidth() * line_scale)
    elif isinstance(artist, Collection):
        artist.set_linewidth(np.multiply(artist.get_linewidth(), line_scale))  # type: ignore[arg-type]
        if isinstance(artist, PathCollection):
            artist.set_sizes(artist.get_sizes() * type_scale**2)


def _legends_again(figure: Figure, size: float, family: list[str] | None) -> None:
    """Lay the legends of a figure out for its new width."""
    for old in [*figure.legends]:
        handles, names = [*old.legend_handles], [text.get_text() for text in old.get_texts()]
        note = old.get_title().get_text().replace("\n", " ")
        old.remove()
        legend(figure, handles, names, size)  # type: ignore[arg-type]
        add_note(figure, note, size * NORMAL / SMALL)
    if family and figure.legends:
        for text in (figure.legends[-1].get_title(), *figure.legends[-1].get_texts()):
            text.set_fontfamily(family)


def _wrap_again(figure: Figure, size: float) -> None:
    """Wrap the title, the sentences and the labels of axes that are wider than there is room for."""
    engine = figure.get_layout_engine()
    if engine is None:
        return
    engine.execute(figure)
    added, of_figure = 0, sum(_wrap(text, 0.97 * figure.bbox.width) for text in figure.texts if text.get_text())
    for axes in figure.axes:
        box = axes.get_window_extent()
        more = _wrap(axes.xaxis.label, box.width)
        _wrap(axes.yaxis.label, box.height, is_upright=True)
        if words := axes.get_title(loc="left"):
            about: dict[str, Any] = {"loc": "left", "fontsize": size, "parse_math": False}
            family = axes.xaxis.label.get_fontfamily()
            title = axes.set_title(words, fontfamily=family, color=axes.xaxis.label.get_color(), **about)
            more += _wrap(title, box.width)
        added = max(added, more)
    figure.set_figheight(figure.get_figheight() + (added + of_figure) * _LINE_HEIGHT * size / 72)
    engine.execute(figure)
    for axes in figure.axes:
        _thin_ticks(axes)


def _thin_ticks(axes: Axes) -> None:
    """Let numbers below an axis that touch each other be fewer, and let names that do so stand upright."""
    locator = axes.xaxis.get_major_locator()
    if not isinstance(locator, MaxNLocator):
        if _touch(axes):
            axes.tick_params(axis="x", labelrotation=90)
        return
    for ticks in (4, 3, 2, 1):
        if not _touch(axes):
            return
        locator.set_params(nbins=ticks)


def _touch(axes: Axes) -> bool:
    """Whether two neighbours of the ticks below an axis have less than a letter between them."""
    low, high = sorted(axes.get_xlim())
    ticks = [tick for tick in axes.xaxis.get_major_ticks() if low <= tick.get_loc() <= high]
    labels = [tick.label1 for tick in ticks if tick.label1.get_visible() and tick.label1.get_text()]
    boxes = sorted((label.get_window_extent() for label in labels), key=lambda box: box.x0)
    gap = 0.5 * float(labels[0].get_fontsize()) / 72 * axes.figure.dpi if labels else 0.0
    return any(before.x1 + gap > after.x0 for before, after in itertools.pairwise(boxes))


def _wrap(text: Text, room: float, *, is_upright: bool = False) -> int:
    """Wrap a text to `room` pixels if it takes more; the number of lines that this adds."""
    before = text.get_text().count("\n")
    extent = text.get_window_extent()
    taken = extent.height if is_upright else extent.width
    if taken > room:
        longest = max(map(len, text.get_text().split("\n")))
        letters = max(12, int(longest * room / taken))
        text.set_text(textwrap.fill(text.get_text().replace("\n", " "), letters, break_on_hyphens=False))
    return text.get_text().count("\n") - before
