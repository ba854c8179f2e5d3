"""The picture of an activation: the function and its slope, with kinks and saturation marked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from nnlab.maths.statistics import SATURATED_BELOW
from nnlab.pictures.style import BLUE, FAINT, INK, VERMILLION, blank, dress, legend, number, shortened
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
    """The function (G,) above its slope (G,) over x (G,); kinks are dotted lines, saturated stretches are shaded."""
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


def broken(x: NDArray[Any], values: NDArray[Any], kinks: Sequence[float]) -> NDArray[Any]:
    """The values with a gap where they jump at a kink, so that no line pretends to connect both sides."""
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
    """One handle for the kinks and one for saturation, where there are any."""
    wanted = [_kink_words(kinks)] if kinks else []
    by_label = {str(line.get_label()): line for line in axes.get_lines()}
    return [by_label[label] for label in [*wanted, _SATURATED] if label in by_label]
