"""Pictures of a comparison: several arms (activations), each trained from many seeds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from nnlab.pictures.scales import (
    drawable,
    is_share,
    metric_and_loss,
    metric_value,
    possible,
    sampled,
    scale_after_start,
    scale_metric,
    scale_steps,
    wants_logarithm,
)
from nnlab.pictures.style import (
    BLACK,
    FAINT,
    GRID,
    INK,
    LEGEND,
    NORMAL,
    SMALL,
    blank,
    count,
    dress,
    fitted,
    in_two_lines,
    joined,
    legend,
    letters_for,
    look,
    page_width,
    panels_across,
    say,
    shortened,
)

MOST_STEPS = 400
BAND = (10, 90)  # percentiles of the seeds
MOST_ROOM = 3  # times the range of the seeds; intervals beyond it are cut by the frame
MOST_SPREADS = 5  # arms; of more, the seeds would hide each other and the medians
_WIDE = 9.0  # inches of a picture with panels
FEW_SEEDS = 10  # up to so many seeds are drawn one by one instead of percentiles


Styles = Mapping[str, tuple[str, str, str]]


def arm_style(names: Iterable[str]) -> dict[str, tuple[str, str, str]]:
    """Each arm's colour, line style and marker, the same in every picture that gets the same names."""
    return {name: look(index) for index, name in enumerate(names)}


def style_of(colour: str, line: str, marker: str = "") -> Line2D:
    """A line for a legend."""
    look: dict[str, Any] = {"linestyle": line, "linewidth": 2.0, "marker": marker, "markersize": 6}
    return Line2D([], [], color=colour, **look)


def compare_curves(
    steps: NDArray[Any],
    arms: Mapping[str, NDArray[Any]],
    *,
    metric_name: str,
    title: str,
    loss: str = "",
    scaled_targets: bool = False,
    kept: bool = False,
    styles: Styles | None = None,
) -> Figure:
    """Each arm's median over its seeds at every step, with the single seeds or, if they are many, a band.

    The bands of several arms would hide each other: each has a panel of its own below. Of more than five arms only the
    medians are drawn.

    `steps` (T,); each arm (R, T), one row per seed, nan where nothing was measured. A seed that is no longer finite has
    diverged: median and band ignore it from there on, and the legend counts it. `loss` is the loss's name, for a figure
    that is a loss; `kept`: seeds that stopped early keep their last value, which a sentence explains. `styles` come
    from `arm_style`; by default that of the drawn arms.
    """
    styles = styles or arm_style(arms)
    found = {name: _measured(steps, runs) for name, runs in arms.items() if drawable(runs).any()}
    lost = _lost(arms)
    few, many = all(len(runs) <= FEW_SEEDS for runs in arms.values()), len(arms) > MOST_SPREADS
    apart = len(found) > 1 and not (few or many)
    figure, axes, panels = frames(title, len(found) if apart else 0)
    drawn, handles, names = [], [], []
    for index, (name, (at, runs)) in enumerate(found.items()):
        spread = _median(runs)[None] if many else runs if few else _band(runs)
        if not many:
            (_draw_seeds_behind if few else _draw_band)(panels[index] if apart else axes, at, spread, styles[name][0])
        handles.append(_draw_median(axes, at, runs, styles[name], index))
        names.append(_seeds(name, arms[name], lost[name]))
        drawn.append((at, np.vstack([spread, _median(runs)])))
    outside = scale_after_start(axes, drawn, metric_name)
    sentence = [
        _how_drawn(arms, few=few, many=many, apart=apart),
        *_fates(arms, kept=kept, lost=any(lost.values())),
        outside,
    ]
    label = metric_and_loss(metric_name, loss, scaled=scaled_targets)
    dress(axes, x="step (updates)", y=label, sentence=joined(sentence))
    scale_steps(axes)
    if not handles:
        say(axes, "no finite value was recorded")
    draw_alone(panels, [*found], handles, styles, axes)
    others = key_of_others(panels)
    legend(figure, [*handles, *others.values()], [*names, *others])
    return figure


def frames(title: str, panels: int) -> tuple[Figure, Axes, list[Axes]]:
    """A figure with one frame, and so many panels in rows below it, which share its y axis."""
    across = panels_across(panels, 1.7, most=MOST_SPREADS) if panels else 1
    rows = -(-panels // across)
    figure = blank(title, width=_WIDE if panels else 8.0, height=5.0 + (2.0 if rows <= 1 else 1.9) * rows)
    grid = figure.add_gridspec(1 + rows, across, height_ratios=[2, *[1] * rows])
    axes = figure.add_subplot(grid[0, :])
    return figure, axes, [figure.add_subplot(grid[1 + i // across, i % across], sharey=axes) for i in range(panels)]


def draw_alone(
    panels: Sequence[Axes], names: Sequence[str], lines: Sequence[Line2D], styles: Styles, above: Axes
) -> None:
    """Draw the line of each arm bold in its panel, over faint ones of the others, as they are in the frame above."""
    across = sum(panel.get_position().y0 == panels[0].get_position().y0 for panel in panels)
    for index, (name, panel) in enumerate(zip(names, panels, strict=False)):
        colour, style, _ = styles[name]
        for line in lines:
            is_own = line is lines[index]  # of many arms two have the same colour
            panel.plot(*line.get_data(), color=colour if is_own else FAINT, linestyle=style if is_own else "-",
                       drawstyle=line.get_drawstyle(), linewidth=2.0 if is_own else 0.8,
                       zorder=3 if is_own else 2)  # fmt: skip
        dress(panel, x="step (updates)", y="")
        title = fitted(name, (min(page_width(), _WIDE) - 2.0) / across, NORMAL)
        panel.set_title(title, loc="left", fontsize=NORMAL, color=INK, parse_math=False)
        panel.set_xlim(above.get_xlim())
        panel.tick_params(which="both", left=index % across == 0, labelleft=index % across == 0)
        scale_steps(panel, ticks=3)


def key_of_others(panels: Sequence[Axes]) -> dict[str, Line2D]:
    """A key for the faint lines of `draw_alone`, if there are panels."""
    return {"below, in grey: the other arms": style_of(FAINT, "-")} if panels else {}


def _measured(steps: NDArray[Any], runs: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """At most 400 of the steps at which an arm was measured, and its values there (R, t), nan where not finite."""
    measured = np.flatnonzero(drawable(runs).any(axis=0))
    measured = measured[sampled(measured.size, MOST_STEPS)]
    part = runs[:, measured]
    return steps[measured], np.where(drawable(part), part, np.nan).astype(float)


def _median(runs: NDArray[Any]) -> NDArray[Any]:
    median: NDArray[Any] = np.nanmedian(runs, axis=0)
    return median


def _band(runs: NDArray[Any]) -> NDArray[Any]:
    """The 10th and the 90th percentile of the seeds (2, t)."""
    band: NDArray[Any] = np.nanpercentile(runs, BAND, axis=0)
    return band


def _how_drawn(arms: Mapping[str, NDArray[Any]], *, few: bool, many: bool, apart: bool) -> str:
    if all(len(runs) == 1 for runs in arms.values()):
        return "Line: the only seed"
    if many:
        return "Line: median of the seeds, without their spread"
    if few:
        return "Thick line: median of the seeds; thin lines: single seeds"
    band = f"{BAND[0]}th to {BAND[1]}th percentile of the seeds"
    return f"Line: median of the seeds; {f'below, arm by arm: the band from the {band}' if apart else f'band: {band}'}"


def _fates(arms: Mapping[str, NDArray[Any]], *, kept: bool, lost: bool) -> list[str]:
    """Sentences on seeds that did not train to the end: stopped early or diverged."""
    absent = [shortened(name, 22) for name, runs in arms.items() if not drawable(runs).any()]
    return [
        "a seed that stopped early keeps its last value" if kept else "",
        "a diverged seed drops out" if lost else "",
        f"never finite: {', '.join(absent)}" if absent else "",
    ]


def _seeds(name: str, runs: NDArray[Any], lost: int) -> str:
    """The legend of an arm: `relu (20 seeds)`, with the number of diverged seeds."""
    seeds = len(runs)
    words = "1 seed" if seeds == 1 else f"{count(seeds)} seeds"
    called = shortened(name, LEGEND)
    return f"{called} ({words}, {count(lost)} diverged)" if lost else f"{called} ({words})"


def _lost(arms: Mapping[str, NDArray[Any]]) -> dict[str, int]:
    """The number of seeds of each arm that diverged before the last step measured in any arm."""
    good = {name: drawable(runs) for name, runs in arms.items()}
    last = max((int(np.flatnonzero(one.any(axis=0))[-1]) for one in good.values() if one.any()), default=None)
    return {name: 0 if last is None else int((~one[:, last]).sum()) for name, one in good.items()}


def _draw_band(axes: Axes, at: NDArray[Any], band: NDArray[Any], colour: str) -> None:
    axes.fill_between(at, *band, color=colour, alpha=0.13, linewidth=0)


def _draw_seeds_behind(axes: Axes, at: NDArray[Any], runs: NDArray[Any], colour: str) -> None:
    """Draw a thin line per seed; a single seed equals the median and needs none."""
    if len(runs) > 1:
        lines = [np.column_stack([at, run])[np.isfinite(run)] for run in runs]
        axes.add_collection(LineCollection(lines, colors=colour, linewidths=0.8, alpha=0.35, zorder=2))


def _draw_median(axes: Axes, at: NDArray[Any], runs: NDArray[Any], style: tuple[str, str, str], index: int) -> Line2D:
    """Draw one arm's median, with markers at other steps than those of other arms."""
    colour, line, marker = style
    between = max(1, at.size // 8)
    return axes.plot(at, _median(runs), color=colour, linestyle=line, linewidth=2.2, marker=marker, markersize=6,
                     markevery=(index * between // 12 % between, between), zorder=3)[0]  # fmt: skip


def compare_finals(
    arms: Mapping[str, NDArray[Any]],
    intervals: Mapping[str, tuple[float, float, float]],
    *,
    metric_name: str,
    larger_is_better: bool,
    title: str,
    loss: str = "",
    scaled_targets: bool = False,
    styles: Styles | None = None,
) -> Figure:
    """Each seed's final value, one row per arm, best arm on top, with the mean and its 95 % interval.

    Each arm is (R,). An interval holds the mean and both its ends in any order: the middle value is the mean. Seeds
    that are not finite cannot be drawn; their number is given below the arm's name. The interval of a share is cut at 0
    and 100 %.
    """
    order = _best_first(intervals, arms, larger_is_better=larger_is_better)
    figure = blank(title, width=9.0, height=1.9 + 0.62 * len(order))
    axes = figure.subplots()
    styles = styles or arm_style(arms)
    for row, name in enumerate(order):
        _draw_seeds(axes, row, arms[name], styles[name])
    better = "larger is better →" if larger_is_better else "← smaller is better"
    label = metric_and_loss(metric_name, loss, scaled=scaled_targets)
    values = np.concatenate([np.empty(0), *arms.values()])
    _name_rows(axes, order, arms)
    cut = {name: possible(interval, metric_name) for name, interval in intervals.items()}
    _frame(axes, values, np.array([*cut.values()], float).ravel(), metric_name)
    gone_on = [_draw_interval(axes, row, cut.get(name), metric_name) for row, name in enumerate(order)]
    arrow = "an arrow: it goes on beyond the frame" if any(gone_on) else ""
    sentence = joined(["Marks: single seeds; diamond and bar: mean and its 95 % interval", arrow])
    dress(axes, x=f"final {label}; {better}", y="", sentence=sentence)
    axes.grid(visible=False, axis="y")
    if not drawable(values).any():
        say(axes, "no seed has a finite value")
    return figure


def _range(values: NDArray[Any]) -> float:
    return float(np.ptp(values)) if values.size else 0.0


def _frame(axes: Axes, values: NDArray[Any], ends: NDArray[Any], metric: str) -> None:
    """Scale the x axis to the seeds, and to the intervals unless they would leave too little room for the seeds."""
    good, both = values[drawable(values)], np.concatenate([values, ends])
    both = both[drawable(both)]
    logarithmic = not is_share(metric) and wants_logarithm(good)
    if logarithmic or not 0 < _range(both) <= MOST_ROOM * _range(good):
        scale_metric(axes, "x", values, metric)
    elif is_share(metric):
        scale_metric(axes, "x", both, metric)
    else:
        axes.set_xlim(both.min() - 0.05 * np.ptp(both), both.max() + 0.05 * np.ptp(both))


def _best_first(
    intervals: Mapping[str, tuple[float, float, float]], arms: Iterable[str], *, larger_is_better: bool
) -> list[str]:
    """The arms by their mean, best first; arms without a finite mean come last."""

    def rank(name: str) -> float:
        values = intervals.get(name)
        if values is None or not np.isfinite(values).all():
            return np.inf
        return -sorted(values)[1] if larger_is_better else sorted(values)[1]

    return sorted(arms, key=rank)


def _draw_seeds(axes: Axes, row: int, values: NDArray[Any], style: tuple[str, str, str]) -> None:
    """Draw the seeds of one arm, spread vertically by a golden-ratio sequence, which is even and deterministic."""
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
        in_two_lines(name, letters_for(30, 16))
        + (f"\n{count(lost[name])} of {count(len(arms[name]))} not finite" if lost[name] else "")
        for name in order
    ]
    axes.set_yticks(range(len(order)), labels, parse_math=False)
    axes.set_ylim(len(order) - 0.5, -0.5)
    for row in range(1, len(order)):
        axes.axhline(row - 0.5, color=GRID, linewidth=0.6)


def _draw_interval(axes: Axes, row: int, interval: tuple[float, ...] | None, metric: str) -> bool:
    """Draw the mean and its interval, with an arrow where the axis ends before it, and print both on the right.

    Returns whether there is such an arrow.
    """
    if interval is None or not drawable(np.array(interval)).all():
        return False
    low, mean, high = sorted(interval)
    left, right = axes.get_xlim()
    ends = np.clip([low, high], left, right)
    marks = ("|" if low >= left else "<", "|" if high <= right else ">")
    for end, mark in zip(ends, marks, strict=True):
        look: dict[str, Any] = {"markersize": 11, "markeredgewidth": 2} if mark == "|" else {"markersize": 8}
        axes.plot([end], [row], color=BLACK, marker=mark, clip_on=False, zorder=5, **look)
    axes.plot(ends, [row, row], color=BLACK, linewidth=2.4, zorder=4)
    axes.plot([mean], [row], color=BLACK, marker="D", markersize=7, markeredgecolor="white", zorder=5)
    words = f"{metric_value(mean, metric)}\n[{metric_value(low, metric)}, {metric_value(high, metric)}]"
    axes.text(1.015, row, words, transform=axes.get_yaxis_transform(), va="center", fontsize=SMALL, color=INK)
    axes.set_xlim(left, right)
    return marks != ("|", "|")
