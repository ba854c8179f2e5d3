"""Pictures of activations: one with its slope, kinks and saturation marked; several over each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from nnlab.maths.statistics import SATURATED_BELOW
from nnlab.pictures.style import (
    BLUE,
    FAINT,
    INK,
    SMALL,
    VERMILLION,
    blank,
    dress,
    fitted,
    joined,
    legend,
    look,
    number,
    shortened,
)
from nnlab.training.health import Portrait

_SATURATED = f"saturated: the slope is below {100 * SATURATED_BELOW:g} % of the steepest"


def activation(
    x: NDArray[Any],
    value: NDArray[Any],
    slope: NDArray[Any],
    *,
    kinks: Sequence[float],
    saturated: NDArray[np.bool_],
    formula: str,
    slope_formula: str,
    title: str,
) -> Figure:
    """The function (G,) above its slope (G,) over x (G,); kinks are dotted lines, saturated ranges are shaded."""
    figure = blank(title, height=6.4)
    above, below = figure.subplots(2, 1, sharex=True)
    above.plot(x, broken(x, value, kinks), color=BLUE, linewidth=2.2, label="function f(x)")
    below.plot(x, broken(x, slope, kinks), color=VERMILLION, linewidth=2.2, linestyle="--", label="slope f'(x)")
    for axes in (above, below):
        _mark(axes, x, kinks, saturated)
    dress(above, x="", y="f(x)", sentence=f"f(x) = {shortened(formula, 96)}")
    dress(below, x="pre-activation x", y="f'(x)", sentence=f"f'(x) = {shortened(slope_formula, 96)}")
    handles = [above.get_lines()[0], below.get_lines()[0], *_first_marks(below, kinks)]
    names = [str(line.get_label()) for line in handles]
    legend(figure, handles, names)
    return figure


class FunctionCurve(NamedTuple):
    """A function (G,) and its slope (G,) under the name that stands at its line, with the places of its kinks."""

    name: str
    value: NDArray[Any]
    slope: NDArray[Any]
    kinks: Sequence[float]


def functions(x: NDArray[Any], curves: Sequence[FunctionCurve]) -> Figure:
    """Several functions above their slopes over the same x (G,), each with its name where its line ends.

    Colour and line style tell them apart. What leaves the picture by far is cut, so that the others are seen.
    """
    figure = blank(", ".join(curve.name for curve in curves), width=9.0, height=8.0)
    above, below = figure.subplots(2, 1, sharex=True)
    reach = float(x[-1])
    names = [curve.name for curve in curves]
    cut = _draw_lines(above, x, [broken(x, curve.value, curve.kinks) for curve in curves], names, reach)
    dress(above, x="", y="f(x)", sentence=joined(["Functions", cut]))
    cut = _draw_lines(below, x, [broken(x, curve.slope, curve.kinks) for curve in curves], names, _STEEPEST)
    dress(below, x="pre-activation x", y="f'(x)", sentence=joined(["Slopes, in the same colours and line styles", cut]))
    return figure


_STEEPEST = 3.0  # a larger slope is cut
_ROOM = 1.7  # inches for a name beside the axes


def _draw_lines(
    axes: Axes, x: NDArray[Any], lines: Sequence[NDArray[Any]], names: Sequence[str], largest: float
) -> str:
    """Draw lines with their names, later ones thinner, so that one beneath is seen; returns what is cut, in words."""
    axes.axhline(0, color=INK, linewidth=0.8)
    axes.axvline(0, color=INK, linewidth=0.8)
    low, high = _limits(lines, largest)
    axes.set(xlim=(x[0], x[-1]), ylim=(low, high))
    for index, line in enumerate(lines):
        colour, style, _ = look(index)
        axes.plot(x, line, color=colour, linestyle=style, linewidth=3.6 - 0.3 * index)
    _name_lines(axes, names, [_end(x, line, low, high) for line in lines])
    is_cut = any(np.nanmin(line) < low or np.nanmax(line) > high for line in lines)
    return f"nothing beyond ±{number(largest)} is shown" if is_cut else ""


def limit_values(axes: Axes, values: NDArray[Any]) -> None:
    """Limit the y axis to the values (G,), or to most of them where a few are far from all others, as at a pole."""
    known = values[np.isfinite(values)]
    if known.size:
        axes.set_ylim(*_limits([known], max(_FAR, 3 * float(np.percentile(np.abs(known), 95)))))


_FAR = 10.0  # no value up to it is cut


def _limits(lines: Sequence[NDArray[Any]], largest: float) -> tuple[float, float]:
    """What is shown of the y axis: all lines, but nothing beyond ±`largest`, and a little room."""
    low = max(-largest, min(float(np.nanmin(line)) for line in lines))
    high = min(largest, max(float(np.nanmax(line)) for line in lines))
    room = 0.06 * (high - low or 1.0)
    return low - room, high + room


def _end(x: NDArray[Any], line: NDArray[Any], low: float, high: float) -> tuple[float, float]:
    """The last point of a line that is within the picture."""
    shown = np.flatnonzero((line >= low) & (line <= high))
    at = int(shown[-1]) if shown.size else line.size - 1
    return float(x[at]), float(np.clip(line[at], low, high))


def _name_lines(axes: Axes, names: Sequence[str], ends: Sequence[tuple[float, float]]) -> None:
    """Put each name at the end of its line: beside the axes, or where the line leaves them at the top or bottom."""
    right, (low, high) = float(axes.get_xlim()[1]), axes.get_ylim()
    beside = [index for index, (x, _) in enumerate(ends) if x > 0.98 * right]
    heights = dict(zip(beside, _apart([ends[index][1] for index in beside], low, high), strict=True))
    for index, (x, y) in enumerate(ends):
        colour, style, _ = look(index)
        if index in heights:
            tie, height = 1.05 * right, heights[index]
            axes.plot([x, tie], [y, height], color=colour, linestyle=style, linewidth=1.2, clip_on=False)
            place, vertical = (tie + 0.02 * right, height), "center"
        else:
            place, vertical = (x + 0.02 * right, y), "top" if 2 * y > low + high else "bottom"
        name = fitted(names[index], _ROOM, SMALL)
        axes.text(*place, name, va=vertical, fontsize=SMALL, color=INK, parse_math=False)


def _apart(heights: Sequence[float], low: float, high: float) -> list[float]:
    """Heights for names in the order of these, so far apart that no two names touch, and not above `high`."""
    gap, order = 0.085 * (high - low), np.argsort(heights, kind="stable")
    placed = np.array(heights, float)[order]
    for at in range(1, len(placed)):
        placed[at] = max(placed[at], placed[at - 1] + gap)
    highest = high - gap * np.arange(len(placed))[::-1]
    placed = np.minimum(placed, highest)
    return [float(height) for height in placed[np.argsort(order, kind="stable")]]


def broken(x: NDArray[Any], values: NDArray[Any], kinks: Sequence[float]) -> NDArray[Any]:
    """The values with nan where they jump at a kink, so that no line connects the two sides."""
    shown = np.where(np.isfinite(values), values, np.nan)
    step = np.abs(np.diff(shown))
    typical = np.nanmedian(step) if step.size else 0.0
    for kink in kinks:
        at = int(np.searchsorted(x, kink))
        if 0 < at < step.size and max(step[at - 1], step[at]) > 50 * typical + 1e-3:
            shown[at] = np.nan
    return shown


def mark_portrait(axes: Axes, portrait: Portrait, width: float) -> None:
    """Draw the kinks of an activation as dotted lines of this width, and shade where it is saturated."""
    for kink in portrait.kinks:
        axes.axvline(kink, color=INK, linewidth=width, linestyle=":")
    if portrait.saturated.any():
        axes.fill_between(
            portrait.grid,
            0,
            1,
            where=portrait.saturated.tolist(),
            transform=axes.get_xaxis_transform(),
            color=FAINT,
            alpha=0.3,
            linewidth=0,
            zorder=0,
        )


def _mark(axes: Axes, x: NDArray[Any], kinks: Sequence[float], saturated: NDArray[np.bool_]) -> None:
    axes.axhline(0, color=INK, linewidth=0.8)
    axes.axvline(0, color=INK, linewidth=0.8)
    for kink in kinks:
        axes.axvline(kink, color=INK, linewidth=1.2, linestyle=":", label=_kink_words(kinks))
    if saturated.any():
        axes.fill_between(
            x, 0, 1, where=saturated.tolist(), transform=axes.get_xaxis_transform(), color=FAINT, alpha=0.3, linewidth=0
        )
        axes.plot([], [], color=FAINT, alpha=0.6, linewidth=8, label=_SATURATED)


def _kink_words(kinks: Sequence[float]) -> str:
    return f"kink{'s' if len(kinks) > 1 else ''} at x = {', '.join(number(kink) for kink in kinks)}"


def _first_marks(axes: Axes, kinks: Sequence[float]) -> list[Any]:
    """Legend handles for the kinks and for saturation, if there are any."""
    wanted = [_kink_words(kinks)] if kinks else []
    by_label = {str(line.get_label()): line for line in axes.get_lines()}
    return [by_label[label] for label in [*wanted, _SATURATED] if label in by_label]
