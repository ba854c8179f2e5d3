"""The passport of an activation on one page: curve, variance map, critical starts, correlations, shares, gradients."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray

from nnlab.maths.signal.criticality import chi_field, critical_curve
from nnlab.maths.signal.gradients import MeasuredRatio
from nnlab.maths.signal.theory import Gains, SignalTheory
from nnlab.maths.signal.variance import GRID
from nnlab.pictures.functions import broken, limit_values
from nnlab.pictures.scales import scale_logarithmic
from nnlab.pictures.style import (
    BLACK,
    BLUE,
    FAINT,
    GREEN,
    INK,
    NORMAL,
    ORANGE,
    SMALL,
    VERMILLION,
    add_note,
    blank,
    dress,
    number,
    panels_across,
)

Array = NDArray[Any]
_WIDE, _HIGH = 5.6, 3.7  # inches of a panel
_SENTENCE = 50  # characters in a line above a panel


class PassportCurve(NamedTuple):
    """A function and its slope over x, each (G,), its kinks, and the lines (side, slope, offset) that it tends to."""

    x: Array
    value: Array
    slope: Array
    kinks: Sequence[float]
    lines: Sequence[tuple[int, float, float]]


class PassportGradients(NamedTuple):
    """Predicted and measured ratios of gradient norms by depth, and the width of the networks measured."""

    predicted: Sequence[float]
    measured: Sequence[MeasuredRatio]
    width: int


class PassportTimes(NamedTuple):
    """Nanoseconds an element: the value, and with its gradient; relu's likewise."""

    forward: float
    both: float
    relu_forward: float
    relu_both: float


def passport(
    curve: PassportCurve,
    times: PassportTimes,
    *,
    theory: SignalTheory | None,
    gradients: PassportGradients,
    title: str,
    note: str,
) -> Figure:
    """The panels, two beside each other; without a theory the function and its times alone."""
    panels: list[Callable[[Axes], None]] = [lambda axes: _curve(axes, curve)]
    if theory is not None:
        panels += [lambda axes: _variance(axes, theory), lambda axes: _critical(axes, theory)]
        panels += [lambda axes: _correlation(axes, theory), lambda axes: _shares(axes, theory)]
        panels += [lambda axes: _gradients(axes, gradients), lambda axes: _gains(axes, theory.gains)]
    panels.append(lambda axes: _times(axes, times))
    across = panels_across(len(panels), _WIDE, most=2)
    rows = -(-len(panels) // across)
    figure = blank(title, width=_WIDE * across, height=_HIGH * rows + 0.5)
    for axes, panel in zip(figure.subplots(rows, across, squeeze=False).flat, panels, strict=False):
        panel(axes)
    add_note(figure, note)
    return figure


def _curve(axes: Axes, curve: PassportCurve) -> None:
    axes.axhline(0, color=INK, linewidth=0.8)
    axes.axvline(0, color=INK, linewidth=0.8)
    both = np.concatenate([curve.value, curve.slope])
    near = np.tile(np.abs(curve.x) <= curve.x[-1] / 3, 2)  # what grows beyond three times that would hide it
    limit_values(axes, both[np.abs(both) <= max(10.0, 3 * float(np.nanmax(np.abs(both[near]))))])
    limits = axes.get_ylim()
    for side, slope, offset in curve.lines:
        x = curve.x[np.sign(curve.x) == side]
        axes.plot(x, slope * x + offset, color=FAINT, linewidth=5, alpha=0.6, solid_capstyle="butt")
    axes.plot(curve.x, broken(curve.x, curve.value, curve.kinks), color=BLUE, linewidth=2.2, label="f(x)")
    axes.plot(
        curve.x,
        broken(curve.x, curve.slope, curve.kinks),
        color=VERMILLION,
        linewidth=2.2,
        linestyle="--",
        label="f'(x)",
    )
    for kink in curve.kinks:
        axes.axvline(kink, color=INK, linewidth=1.2, linestyle=":")
    axes.set(xlim=(curve.x[0], curve.x[-1]), ylim=limits)
    if curve.lines:
        axes.plot([], [], color=FAINT, linewidth=5, alpha=0.6, label="what f tends to")
    _legend(axes)
    dress(axes, x="pre-activation x", y="f(x), f'(x)", sentence="Function and slope; kinks dotted", letters=_SENTENCE)


def _variance(axes: Axes, theory: SignalTheory) -> None:
    with np.errstate(all="ignore"):
        ratio = theory.variance.values / GRID / theory.variance.value(1.0)
    known = (ratio > _LEAST) & (ratio < 1 / _LEAST)
    axes.axhline(1, color=INK, linewidth=1)
    axes.plot(GRID[known], ratio[known], color=BLUE, linewidth=2.2)
    scale_logarithmic(axes, "x", GRID)
    scale_logarithmic(axes, "y", np.array([0.5 * min(1, ratio[known].min()), 2 * max(1, ratio[known].max())]))
    axes.set_xticks([1e-4, 1e-2, 1, 1e2, 1e4])
    axes.minorticks_off()
    axes.set(xlim=(GRID[0], GRID[-1]), ylim=(0.5 * min(1, ratio[known].min()), 2 * max(1, ratio[known].max())))
    for point in theory.fixed_points:
        if GRID[0] <= point.q <= GRID[-1]:
            axes.plot(point.q, 1, "o", color=BLUE, markersize=9, markerfacecolor=BLUE if point.stable else "white")
    dress(
        axes,
        x="variance q of a layer's pre-activations",
        y="next layer's variance / q",
        sentence="Scale under the forward gain: every variance is kept"
        if theory.variance.ignores_scale
        else "Scale under the forward gain: a variance is kept at ● stably, at ○ not",
        letters=_SENTENCE,
    )


_LEAST = 1e-4


_COLOURS = LinearSegmentedColormap.from_list("chi", [BLUE, "#ffffff", VERMILLION])
_CELLS = 61


def _critical(axes: Axes, theory: SignalTheory) -> None:
    named = _named_starts(theory)
    w = np.linspace(1e-3, 1.6 * max(start[1] for start in named), _CELLS)
    b = np.linspace(0, max(1.6 * max(start[2] for start in named), 0.5), _CELLS)
    field = chi_field(theory.variance, w[None, :] ** 2, b[:, None] ** 2)
    shown = axes.pcolormesh(
        w, b, np.log10(np.maximum(field, 1e-9)), cmap=_COLOURS, vmin=-1, vmax=1, shading="gouraud", rasterized=True
    )
    curve = np.array([(math.sqrt(p.weights), math.sqrt(p.bias)) for p in critical_curve(theory.variance)])
    if len(curve) and np.ptp(curve) > 0:
        axes.plot(*curve.T, color=BLACK, linewidth=2, label="χ₁ = 1")
    for (name, x, y), marker in zip(named, "o^sDv", strict=False):
        axes.plot(x, y, marker, color=GREEN, markeredgecolor=BLACK, markersize=9, label=name, clip_on=False, zorder=5)
    axes.set(xlim=(0, w[-1]), ylim=(0, b[-1]))
    assert isinstance(axes.figure, Figure)
    bar = axes.figure.colorbar(shown, ax=axes, ticks=[-1, -0.5, 0, 0.5, 1])
    bar.ax.set_yticklabels(["≤ 0.1", "0.3", "1", "3", "≥ 10"], fontsize=SMALL)
    bar.set_label("χ₁", fontsize=NORMAL)
    _legend(axes)
    dress(
        axes,
        x="σw: weights are N(0, σw² / fan-in)",
        y="σb: biases are N(0, σb²)",
        sentence="χ₁: how a layer multiplies squared gradients",
        letters=_SENTENCE,
    )
    axes.grid(visible=False)


def _named_starts(theory: SignalTheory) -> list[tuple[str, float, float]]:
    """Named starts as σw and σb: the fair one, and the critical ones."""
    found = [("forward gain", theory.gains.forward or 1.0, 0.0)]
    if theory.critical is not None:
        found.append(("critical at q = 1", math.sqrt(theory.critical.weights), math.sqrt(theory.critical.bias)))
    for point in theory.twice_critical[:3]:
        where = f"q = {number(point.q)}" if point.q else "q → 0"
        found.append((f"twice critical, {where}", math.sqrt(point.weights), math.sqrt(point.bias)))
    return found


def _correlation(axes: Axes, theory: SignalTheory) -> None:
    c = 1 - np.linspace(1, 0, 201) ** 3
    end = theory.correlation.fixed_point()
    axes.plot([0, 1], [0, 1], color=INK, linewidth=1)
    axes.plot(c, theory.correlation(c), color=BLUE, linewidth=2.2)
    axes.plot(end, end, "o", color=BLUE, markersize=9, clip_on=False)
    axes.set(xlim=(0, 1), ylim=(0, 1))
    dress(
        axes,
        x="correlation of two inputs before a layer",
        y="after it",
        sentence=f"How alike two inputs are after a layer; after many, {number(end, 3)}",
        letters=_SENTENCE,
    )


_ORDERS = 9


def _shares(axes: Axes, theory: SignalTheory) -> None:
    squares = theory.coefficients[:_ORDERS] ** 2 / theory.moments.second
    percents = 100 * np.append(squares, max(0.0, 1 - squares.sum()))
    parts = {"mean, the same for every input": ORANGE, "linear": GREEN, "rest": BLUE}
    colours = [ORANGE, GREEN, *[BLUE] * (_ORDERS - 1)]
    names = [*map(str, range(_ORDERS)), f"≥ {_ORDERS}"]
    places = np.arange(len(percents))
    bars = axes.bar(places, percents, color=colours, width=0.75)
    for bar, percent in zip(bars, percents.tolist(), strict=True):
        words = f"{percent:.1f}" if percent >= 0.05 else "0"
        axes.text(
            bar.get_x() + bar.get_width() / 2, percent, words, ha="center", va="bottom", fontsize=SMALL, color=INK
        )
    for name, colour in parts.items():
        axes.bar([0], [0], color=colour, label=name)
    _legend(axes)
    axes.set_xticks(places, names)
    axes.set_ylim(0, 1.12 * float(percents.max()))
    dress(
        axes,
        x="order of the Hermite polynomial",
        y="share of E[f(z)²], %",
        sentence="What the signal is made of, z standard normal",
        letters=_SENTENCE,
    )


def _gradients(axes: Axes, found: PassportGradients) -> None:
    layers = np.array([one.layers for one in found.measured])
    ratio, least, largest = np.array([(one.ratio, one.least, one.largest) for one in found.measured], float).T
    known = np.isfinite(ratio) & (least > 0)
    sizes = np.array([1.0, *found.predicted, *least[known], *largest[known]])
    sizes = sizes[np.isfinite(sizes) & (sizes > 0)]
    axes.axhline(1, color=INK, linewidth=1)
    scale_logarithmic(axes, "y", sizes)
    axes.set(xscale="log", ylim=(0.6 * sizes.min(), 1.6 * sizes.max()))
    axes.plot(layers, found.predicted, color=BLUE, linewidth=2.2, label="predicted")
    around = np.maximum(np.array([ratio - least, largest - ratio])[:, known], 0)
    words = "measured: root mean square,\nbar from least to largest"
    axes.errorbar(layers[known], ratio[known], yerr=around, fmt="s", color=VERMILLION, capsize=4, label=words)
    axes.set_xticks(layers, [str(depth) for depth in layers], minor=False)
    axes.minorticks_off()
    _legend(axes)
    dress(
        axes,
        x="layers L",
        y="gradient at layer 1 / at layer L",
        sentence=f"Gradients under the forward gain, width {found.width}",
        letters=_SENTENCE,
    )


def _gains(axes: Axes, gains: Gains) -> None:
    named = {"forward\n1 / √E[f²]": gains.forward, "gradient\n1 / √E[f'²]": gains.gradient}
    named["centred\n1 / √Var f"] = gains.centred
    _bars(axes, {name: gain or 0.0 for name, gain in named.items()}, [BLUE, VERMILLION, GREEN])
    dress(
        axes,
        x="gain γ: weights are N(0, γ² / fan-in)",
        y="",
        sentence="Gains of init: {name: fair, aim: …}",
        letters=_SENTENCE,
    )


def _times(axes: Axes, times: PassportTimes) -> None:
    named = {"value": times.forward, "relu: value": times.relu_forward}
    named |= {"both ways": times.both, "relu: both ways": times.relu_both}
    _bars(axes, named, [BLUE, FAINT, BLUE, FAINT])
    sentence = "Time in float32, measured when this was drawn"
    dress(axes, x="nanoseconds an element", y="", sentence=sentence, letters=_SENTENCE)


def _bars(axes: Axes, named: dict[str, float], colours: Sequence[str]) -> None:
    """Horizontal bars, the first at the top, each with its number behind it; `none` for 0."""
    places = np.arange(len(named))
    axes.barh(places, [*named.values()], color=colours, height=0.6)
    for place, value in enumerate(named.values()):
        axes.text(value, place, f" {number(value, 3) if value else 'none'}", va="center", fontsize=SMALL, color=INK)
    axes.set_yticks(places, [*named])
    axes.invert_yaxis()
    axes.set_xlim(0, 1.18 * max(named.values()))


def _legend(axes: Axes) -> None:
    axes.legend(fontsize=SMALL, frameon=True, framealpha=0.9, edgecolor="none", loc="best")
