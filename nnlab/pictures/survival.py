"""How soon the seeds of each arm reach the target, and the ranking of the arms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from nnlab.maths.statistics import Survival
from nnlab.maths.statistics.intervals import binomial_bounds
from nnlab.pictures.arms import Styles, draw_alone, frames, key_of_others
from nnlab.pictures.scales import drawable, is_share, metric_label, metric_value, possible, scale_steps
from nnlab.pictures.style import (
    BLACK,
    GRID,
    INK,
    LEGEND,
    SMALL,
    blank,
    count,
    dress,
    in_two_lines,
    joined,
    legend,
    letters_for,
    panels_across,
    shortened,
)

Bounds = tuple[float, float | None, float | None]


def survival(
    curves: Mapping[str, Survival],
    censored: Mapping[str, int],
    seeds: int,
    *,
    watched: int,
    target: str,
    title: str,
    styles: Styles,
) -> Figure:
    """The share of seeds that have not reached the target yet, over the steps up to `watched`, with 95 % bands.

    All seeds were watched equally long, so that the share at each step has the exact interval of `rankings`, also where
    no seed or every seed has reached the target. Bands and equal curves of several arms would hide each other: each arm
    has a panel of its own below. A cross at the end marks the `censored` seeds of an arm, which never reached the
    target.
    """
    figure, axes, panels = frames(title, len(curves) if len(curves) > 1 else 0)
    handles, names = [], []
    for index, (name, curve) in enumerate(curves.items()):
        names.append(f"{shortened(name, LEGEND)} ({count(censored[name])} of {count(seeds)} never)")
        _draw_band(panels[index] if panels else axes, curve, watched, seeds, styles[name][0])
        handles.append(_draw(axes, curve, watched, styles[name], index, crossed=censored[name] > 0))
    crosses = "cross: some never did" if any(censored.values()) else ""
    bands = f"{'below, arm by arm' if panels else 'band'}: 95 % Clopper-Pearson interval of each step"
    sentence = joined([f"Seeds that have not reached {target} yet", bands, crosses])
    dress(axes, x="step (updates)", y="seeds without the target (%)", sentence=sentence)
    shown = watched if any(censored.values()) else max(curve.steps[-1] for curve in curves.values())
    axes.set(xlim=(-0.01 * shown, 1.02 * shown), ylim=(-0.03, 1.03))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{round(100 * share, 6):g}"))
    scale_steps(axes)
    draw_alone(panels, [*curves], handles, styles, axes)
    others = key_of_others(panels)
    legend(figure, [*handles, *others.values()], [*names, *others])
    return figure


def _draw(
    axes: Axes, curve: Survival, watched: int, style: tuple[str, str, str], index: int, *, crossed: bool
) -> Line2D:
    """Draw one arm's survival curve, a step function that begins at 1."""
    colour, line, marker = style
    at, share = _drawn_at(curve, watched), _until_the_end(curve.share)
    between = max(1, at.size // 6)
    if crossed:
        axes.plot([watched], share[-1:], color=colour, marker="x", markersize=10, markeredgewidth=2.4, zorder=5)
    return axes.plot(at, share, color=colour, linestyle=line, linewidth=2.2, drawstyle="steps-post", marker=marker,
                     markersize=6, markevery=(index * between // 8 % between, between), zorder=3)[0]  # fmt: skip


def _draw_band(axes: Axes, curve: Survival, watched: int, seeds: int, colour: str) -> None:
    """Draw the interval of the share, from the first step to the last."""
    short = np.rint(seeds * _until_the_end(curve.share)).astype(int).tolist()
    low, high = np.transpose([binomial_bounds(count, seeds, 0.95) for count in short])
    axes.fill_between(_drawn_at(curve, watched), low, high, step="post", color=colour, alpha=0.15, linewidth=0)


def _drawn_at(curve: Survival, watched: int) -> NDArray[np.float64]:
    return np.concatenate([[0.0], curve.steps, [watched]])


def _until_the_end(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values after each step, with 1 in front and the last value repeated at the end."""
    known = np.concatenate([[1.0], values])
    return np.append(known, known[-1])


def rankings(
    order: Sequence[str],
    means: Mapping[str, Bounds],
    shares: Mapping[str, Bounds],
    *,
    metric_name: str,
    larger_is_better: bool,
    target: str,
    title: str,
    styles: Styles,
) -> Figure:
    """The arms from best to worst: mean final figure, and share of seeds at the target, with intervals.

    An interval is (estimate, low, high); the bounds are None if unknown. Those of the shares are exact (Clopper and
    Pearson), as in `survival`.
    """
    across = panels_across(2, 4.0, most=2)
    figure = blank(title, width=11.0, height=(1.9 + 0.55 * len(order)) * (2 if across == 1 else 1))
    left, right = figure.subplots(3 - across, across, sharey=True)
    better = "larger is better →" if larger_is_better else "← smaller is better"
    _draw_ranks(left, order, means, styles, metric_name)
    _draw_ranks(right, order, shares, styles, "accuracy")
    words = shortened(target, 40)
    dress(
        left, x=f"final {metric_label(metric_name)}; {better}", y="", sentence="Mean and its 95 % interval", letters=50
    )
    dress(
        right,
        x=f"seeds that reached {words} (%)",
        y="",
        sentence="Share of the seeds, 95 % Clopper-Pearson interval",
        letters=50,
    )
    for axes, metric in ((left, metric_name), (right, "accuracy")):
        axes.grid(visible=False, axis="y")
        if is_share(metric):
            axes.xaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{round(100 * share, 6):g}"))
    right.set_xlim(-0.03, 1.03)
    names = [in_two_lines(name, letters_for(34, 16)) for name in order]
    left.set_yticks(range(len(order)), names, parse_math=False)
    left.set_ylim(len(order) - 0.4, -0.6)
    return figure


def _draw_ranks(axes: Axes, order: Sequence[str], found: Mapping[str, Bounds], styles: Styles, metric: str) -> None:
    for row, name in enumerate(order):
        estimate, low, high = found.get(name, (np.nan, None, None))
        if not drawable(np.array([estimate])).all():
            axes.text(0.5, row, "no figure", transform=axes.get_yaxis_transform(), ha="center", va="center",
                      fontsize=SMALL, color=INK)  # fmt: skip
            continue
        colour, _, marker = styles[name]
        words = metric_value(estimate, metric)
        if low is not None and high is not None:
            low, high = ends = possible([low, high], metric)
            axes.plot(ends, [row, row], color=colour, linewidth=2.6, marker="|", markersize=11, markeredgewidth=2)
            words += f"\n[{metric_value(low, metric)}, {metric_value(high, metric)}]"
        axes.plot([estimate], [row], color=colour, marker=marker, markersize=8, markeredgecolor=BLACK, zorder=4)
        axes.text(1.02, row, words, transform=axes.get_yaxis_transform(), va="center", fontsize=SMALL, color=INK)
    for row in range(1, len(order)):
        axes.axhline(row - 0.5, color=GRID, linewidth=0.6)
