"""Pictures of a comparison: several arms (activations), each trained from many seeds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from nnlab.records.plots.scales import drawable, metric_label, metric_value, sampled, scale_metric, scale_steps
from nnlab.records.plots.style import (
    BLACK,
    GRID,
    INK,
    SMALL,
    blank,
    count,
    dress,
    joined,
    legend,
    look,
    say,
    shortened,
)

MOST_STEPS = 400
BAND = (10, 90)  # percentiles of the seeds


def arm_style(names: Iterable[str]) -> dict[str, tuple[str, str, str]]:
    """Each arm's colour, line style and marker, the same in every picture that gets the same names."""
    return {name: look(index) for index, name in enumerate(names)}


def compare_curves(steps: NDArray[Any], arms: Mapping[str, NDArray[Any]], *, metric_name: str, title: str) -> Figure:
    """Each arm's mean over its seeds at every step, and a band from the 10th to the 90th percentile of the seeds.

    `steps` (T,); each arm (R, T), one row per seed, nan where nothing was measured. A seed that is not finite any
    more drops out of mean and band from there on, and the legend counts it.
    """
    figure = blank(title, height=5.0)
    axes = figure.subplots()
    styles = arm_style(arms)
    handles = {}
    drawn = [np.empty(0)]
    for index, (name, runs) in enumerate(arms.items()):
        at, lines = _spread(steps, runs)
        if at.size:
            drawn.append(lines.ravel())
            handles[_seeds(name, runs)] = _draw_arm(axes, at, lines, styles[name], index)
    told = f"Line: mean over the seeds; band: {BAND[0]}th to {BAND[1]}th percentile of the seeds"
    absent = [shortened(name, 22) for name, runs in arms.items() if not drawable(runs).any()]
    sentence = joined([told, f"never finite: {', '.join(absent)}" if absent else ""])
    dress(axes, x="step (updates)", y=metric_label(metric_name), sentence=sentence)
    scale_steps(axes)
    scale_metric(axes, "y", np.concatenate(drawn), metric_name)
    if not handles:
        say(axes, "no finite value was recorded")
    legend(figure, list(handles.values()), list(handles))
    return figure


def _spread(steps: NDArray[Any], runs: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """The steps at which an arm was measured, and there its 10th percentile, mean and 90th percentile (3, t)."""
    measured = np.flatnonzero(drawable(runs).any(axis=0))
    if measured.size == 0:
        return steps[:0], np.empty((3, 0))
    measured = measured[sampled(measured.size, MOST_STEPS)]
    part = np.where(drawable(runs[:, measured]), runs[:, measured], np.nan).astype(float)
    low, high = np.nanpercentile(part, BAND, axis=0)
    return steps[measured], np.stack([low, np.nanmean(part, axis=0), high])


def _seeds(name: str, runs: NDArray[Any]) -> str:
    """`relu (20 seeds)`, with those that are not finite at the end counted."""
    seeds = len(runs)
    lost = _lost(runs)
    words = "1 seed" if seeds == 1 else f"{count(seeds)} seeds"
    return f"{shortened(name, 22)} ({words}, {count(lost)} end early)" if lost else f"{shortened(name, 22)} ({words})"


def _lost(runs: NDArray[Any]) -> int:
    """How many seeds have stopped or diverged before the last step that any seed has."""
    good = drawable(runs)
    return int((~good[:, np.flatnonzero(good.any(axis=0))[-1]]).sum())


def _draw_arm(axes: Axes, at: NDArray[Any], lines: NDArray[Any], style: tuple[str, str, str], index: int) -> Line2D:
    """Draw one arm's band and mean; the markers of different arms stand at different steps."""
    colour, line, marker = style
    low, mean, high = lines
    axes.fill_between(at, low, high, color=colour, alpha=0.13, linewidth=0)
    between = max(1, at.size // 8)
    return axes.plot(at, mean, color=colour, linestyle=line, linewidth=2.0, marker=marker, markersize=6,
                     markevery=(index * between // 12 % between, between), zorder=3)[0]  # fmt: skip


def compare_finals(
    arms: Mapping[str, NDArray[Any]],
    intervals: Mapping[str, tuple[float, float, float]],
    *,
    metric_name: str,
    larger_is_better: bool,
    title: str,
) -> Figure:
    """Every seed's final value, one row per arm, best arm on top, with the mean and its 95 % interval.

    Each arm is (R,). An interval holds the mean and both its ends, in any order: the middle one is the mean. Seeds
    that are not finite cannot be drawn; their number stands below the arm's name.
    """
    order = _best_first(intervals, arms, larger_is_better=larger_is_better)
    figure = blank(title, width=9.0, height=1.9 + 0.62 * len(order))
    axes = figure.subplots()
    styles = arm_style(arms)
    for row, name in enumerate(order):
        _draw_seeds(axes, row, arms[name], styles[name])
    better = "larger is better →" if larger_is_better else "← smaller is better"
    sentence = "Marks: single seeds; diamond and bar: mean and its 95 % interval"
    dress(axes, x=f"final {metric_label(metric_name)}; {better}", y="", sentence=sentence)
    values = np.concatenate([np.empty(0), *arms.values()])
    _name_rows(axes, order, arms)
    scale_metric(axes, "x", values, metric_name)
    for row, name in enumerate(order):
        _draw_interval(axes, row, intervals.get(name), metric_name)
    if not drawable(values).any():
        say(axes, "no seed has a finite value")
    return figure


def _best_first(
    intervals: Mapping[str, tuple[float, float, float]], arms: Iterable[str], *, larger_is_better: bool
) -> list[str]:
    """The arms by their mean; those without a finite one come last."""

    def rank(name: str) -> float:
        values = intervals.get(name)
        if values is None or not np.isfinite(values).all():
            return np.inf
        return -sorted(values)[1] if larger_is_better else sorted(values)[1]

    return sorted(arms, key=rank)


def _draw_seeds(axes: Axes, row: int, values: NDArray[Any], style: tuple[str, str, str]) -> None:
    """Draw the seeds of one arm, moved up and down by a golden-ratio sequence, which spreads without chance."""
    colour, _, marker = style
    spread = (np.arange(len(values)) * 0.6180339887 + 0.5) % 1 - 0.5
    good = drawable(values)
    many = len(values) > 100
    opacity = 0.6 if not many else 0.3 if len(values) <= 500 else 0.15
    axes.plot(values[good], row + 0.62 * spread[good], linestyle="", marker=marker, color=colour,
              markersize=3.5 if many else 6, markeredgewidth=0, alpha=opacity)  # fmt: skip


def _name_rows(axes: Axes, order: list[str], arms: Mapping[str, NDArray[Any]]) -> None:
    lost = {name: int((~drawable(arms[name])).sum()) for name in order}
    labels = [
        shortened(name, 24) + (f"\n{count(lost[name])} of {count(len(arms[name]))} not finite" if lost[name] else "")
        for name in order
    ]
    axes.set_yticks(range(len(order)), labels, parse_math=False)
    axes.set_ylim(len(order) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    for row in range(1, len(order)):
        axes.axhline(row - 0.5, color=GRID, linewidth=0.6)


def _draw_interval(axes: Axes, row: int, interval: tuple[float, float, float] | None, metric: str) -> None:
    """Draw the mean and its interval, cut where the axis ends, and write both at the right."""
    if interval is None or not drawable(np.array(interval)).all():
        return
    low, mean, high = sorted(interval)
    left, right = axes.get_xlim()
    ends = np.clip([low, high], left, right)
    axes.plot(ends, [row, row], color=BLACK, linewidth=2.4, marker="|", markersize=11, markeredgewidth=2, zorder=4)
    axes.plot([mean], [row], color=BLACK, marker="D", markersize=7, markeredgecolor="white", zorder=5)
    words = f"{metric_value(mean, metric)}\n[{metric_value(low, metric)}, {metric_value(high, metric)}]"
    axes.text(1.015, row, words, transform=axes.get_yaxis_transform(), va="center", fontsize=SMALL, color=INK)
    axes.set_xlim(left, right)
