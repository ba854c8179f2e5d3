"""Arms over several data sets: how often each is close to the best, and what tuning is worth."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator
from numpy.typing import NDArray

from nnlab.maths.statistics.across.ranks import is_least
from nnlab.pictures.arms import MOST_SPREADS, Styles, arm_style, draw_alone, frames, key_of_others
from nnlab.pictures.scales import drawable, scale_metric
from nnlab.pictures.style import (
    FAINT,
    INK,
    LEGEND,
    NORMAL,
    blank,
    count,
    dress,
    fitted,
    joined,
    label_ends,
    legend,
    letters_for,
    number,
    page_width,
    say,
    shortened,
)

MOST_ARMS = 20
MOST_COLOURED, BEST_COLOURED = 10, 7  # arms in colour; of more than the first so many of them
_FARTHEST = 100.0  # times the least error
_FACTORS = (1, 1.01, 1.02, 1.05, 1.1, 1.2, 1.5, 2, 3, 5, 10, 20, 50, 100)
_BUDGETS = (1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000)
_MOST_TICKS, _FEW_BUDGETS = 7, 10
_LETTER = 0.085  # inches
_FAINT_LOOK = (FAINT, "-", "")  # of an arm that is not in colour
_FRAME, _LOW_FRAME = 5.2, 2.5  # inches of the height of a frame with names beside it; with panels below


def performance_profiles(errors: Mapping[str, NDArray[Any]], *, title: str, styles: Styles | None = None) -> Figure:
    """The share of data sets on which each arm's error is at most τ times the least of all arms, over τ.

    Each arm's errors are (N,), one for each data set, above 0, as shares of the error of chance, of who knows nothing
    of the inputs. An arm with 1 or more, or nan, learned nothing: it counts as never close to the best there, whatever
    τ is. A grey line is chance's own profile. Of more than ten arms the seven with the largest area under their curves
    are in colour. `styles` come from `arm_style`; by default that of the drawn arms.

    Source: Dolan and Moré, Benchmarking optimization software with performance profiles, Math. Program. 91 (2002), who
    give a solver that fails an infinite ratio, as is done here.
    """
    styles, (factors, by_chance) = styles or arm_style(errors), _factors(errors)
    last = _farthest(factors)
    order = sorted(factors, key=lambda name: -_area(factors[name], last))
    coloured = _coloured(order)
    looks = [styles[name] if name in coloured else _FAINT_LOOK for name in order]
    figure = blank(title, width=9.0, height=5.0)
    axes = figure.subplots()
    lines = [_draw_steps(axes, factors[name], last, looks[place], place) for place, name in enumerate(order)]
    names = [f"{shortened(name, LEGEND)} (best on {count(int((factors[name] == 1).sum()))})" for name in coloured]
    keys = dict(zip(names, lines, strict=False))
    if len(coloured) < len(order):
        keys[f"the other {count(len(order) - len(coloured))} arms"] = lines[-1]
    if (by_chance <= last).any():
        keys["an answer by chance"] = _draw_steps(axes, by_chance, last, (INK, ":", ""), 0)
    sentence = (
        f"Share of {count(len(by_chance))} data sets on which an arm has at most τ times the least error of all arms; "
        "the higher, and the farther left, the better"
    )
    dress(axes, x="factor τ of the least error (logarithmic)", y="data sets (%)", sentence=sentence)
    _scale_factors(axes, last)
    legend(figure, [*keys.values()], [*keys])
    return figure


def _factors(errors: Mapping[str, NDArray[Any]]) -> tuple[dict[str, NDArray[np.float64]], NDArray[np.float64]]:
    """Each arm's errors as multiples of the least, (N,), infinite where it learned nothing; and those of chance.

    A multiple is 1 where the errors differ by rounding alone, as those do that share an average rank.
    """
    found = {name: np.where(np.asarray(values) < 1, values, np.inf).astype(float) for name, values in errors.items()}
    least = np.min([*found.values()], axis=0)
    known = np.where(np.isfinite(least), least, 1.0)
    best = is_least(np.array([*found.values()]).T).T & np.isfinite(least)
    factors = {name: np.where(ties, 1.0, found[name] / known) for name, ties in zip(found, best, strict=True)}
    return factors, 1 / known


def _farthest(factors: Mapping[str, NDArray[np.float64]]) -> float:
    """The end of the axis: a little beyond the largest factor, if this is not too large."""
    every = np.concatenate([*factors.values()])
    return 1.05 * min(float(every[np.isfinite(every)].max(initial=1.05)), _FARTHEST)


def _area(factors: NDArray[np.float64], last: float) -> float:
    """The area under a profile up to the factor `last`, over a logarithmic axis."""
    return float(np.log(last / factors.clip(1, last)).mean())


def _coloured(order: list[str]) -> list[str]:
    """The arms in colour, the best first."""
    return order if len(order) <= MOST_COLOURED else order[:BEST_COLOURED]


def _draw_steps(
    axes: Axes, factors: NDArray[np.float64], last: float, style: tuple[str, str, str], place: int
) -> Line2D:
    """Draw one arm's profile, with markers at other steps than those of other arms."""
    x = np.array([1.0, *np.unique(factors[(factors > 1) & (factors <= last)]), last])
    y = (factors[:, np.newaxis] <= x).mean(axis=0)
    colour, line, marker = style
    is_faint = style == _FAINT_LOOK
    return axes.plot(x, y, color=colour, linestyle=line, marker=marker, markersize=6, drawstyle="steps-post",
                     linewidth=1.0 if is_faint else 2.2, markevery=[*range(place % 3, x.size - 1, 3)], clip_on=False,
                     zorder=2 if is_faint else 3)[0]  # fmt: skip


def _scale_factors(axes: Axes, last: float) -> None:
    """A logarithmic axis from 1 to the factor `last`, with ticks that are far enough from each other."""
    axes.set(xscale="log", xlim=(1, last), ylim=(-0.02, 1.03))
    axes.xaxis.set_major_locator(FixedLocator(_thinned(_FACTORS, last, _MOST_TICKS)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{round(100 * share, 6):g}"))


def budget_curves(
    arms: Mapping[str, NDArray[Any]],
    *,
    label: str,
    band: str,
    title: str,
    styles: Styles | None = None,
) -> Figure:
    """Each arm's expected error with the best of b drawn settings over the budget b, averaged over data sets.

    Each arm is (3, B): the mean and both ends of its band for b = 1 … B, nan where unknown. `label` is what the y axis
    shows, such as "error, share of chance's"; `band` says what the band is, such as "95 % interval of the mean". Names
    stand at the ends of the curves. The bands of several arms would hide each other: each arm has a panel of its own
    below, and of more than five arms no bands are drawn. Of more than ten the best seven at the largest budget are in
    colour, of more than 20 the best 20 are drawn. `styles` come from `arm_style`; by default that of the drawn arms.
    """
    styles, shown = styles or arm_style(arms), _best(arms)
    coloured, has_bands = _coloured([*shown]), len(shown) <= MOST_SPREADS
    looks = {name: styles[name] if name in coloured else _FAINT_LOOK for name in shown}
    figure, axes, panels = _frames(title, len(shown) if has_bands else 0)
    lines = [_draw_budget(axes, values[0], looks[name]) for name, values in shown.items()]
    for panel, (name, values) in zip(panels or [axes], shown.items() if has_bands else (), strict=False):
        panel.fill_between(_budgets(values), *values[1:], color=looks[name][0], alpha=0.15, linewidth=0)
    scale_metric(axes, "y", np.concatenate([np.empty(0), *(values.ravel() for values in shown.values())]), "")
    sentence = _how_drawn(shown, arms, band if has_bands else "", panels)
    dress(axes, x="budget (settings tried)", y=label, sentence=sentence)
    largest = max((values.shape[1] for values in arms.values()), default=1)
    _scale_budget(axes, largest, _MOST_TICKS)
    if not shown:
        say(axes, "no arm has a finite value")
    draw_alone(panels, [*shown], lines, styles, axes)
    for panel in panels:
        panel.set_xlabel("budget")
        _scale_budget(panel, largest, 3)
    for frame in (axes, *panels):
        frame.set_ylim(bottom=max(frame.get_ylim()[0], 0.0))  # no error is negative
    _name_curves(axes, panels, {name: (_last(values), looks[name][0]) for name, values in shown.items()})
    others = key_of_others(panels)
    legend(figure, [*others.values()], [*others])
    return figure


def _best(arms: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float64]]:
    """At most 20 arms, the least last mean first, with nan for what cannot be drawn."""
    found = {name: np.where(drawable(values), values, np.nan).astype(float) for name, values in arms.items()}
    known = [name for name, values in found.items() if np.isfinite(values[0]).any()]
    return {name: found[name] for name in sorted(known, key=lambda name: _last(found[name]))[:MOST_ARMS]}


def _last(values: NDArray[np.float64]) -> float:
    """The last mean of an arm, (3, B), that is known."""
    return float(values[0][np.isfinite(values[0])][-1])


def _budgets(values: NDArray[np.float64]) -> NDArray[np.intp]:
    return np.arange(1, values.shape[-1] + 1)


def _frames(title: str, panels: int) -> tuple[Figure, Axes, list[Axes]]:
    """A frame with room for many names at its right, or a lower one with panels below it."""
    if panels > 1:
        return frames(title, panels)
    figure = blank(title, width=9.0, height=_FRAME + 1.5)
    return figure, figure.subplots(), []


def _name_curves(axes: Axes, panels: Sequence[Axes], ends: Mapping[str, tuple[float, str]]) -> None:
    """Names at the ends of the curves, given by their last values and colours, and above the panels."""
    letters = letters_for(18, 12) if panels else letters_for(28, 16)
    labels = [(shortened(name, letters), *end) for name, end in ends.items()]
    label_ends(axes, labels, height=_LOW_FRAME if panels else _FRAME)
    beside = 1.6 + _LETTER * max((len(label) for label, *_ in labels), default=0)
    across = len({panel.get_position().x0 for panel in panels})
    for panel, name in zip(panels, ends, strict=False):
        room = (min(page_width(), 9.0) - beside) / across - 0.15
        panel.set_title(fitted(name, room, NORMAL), loc="left", fontsize=NORMAL, color=INK, parse_math=False)


def _how_drawn(shown: Collection[str], arms: Collection[str], band: str, panels: Sequence[Axes]) -> str:
    """The sentence above the frame."""
    return joined([
        f"Expected error with the best of so many drawn settings{'' if band else ', without bands'}",
        f"{'below, arm by arm: the band, ' if panels else 'band: '}{band}" if band else "",
        f"in colour: the best {BEST_COLOURED} at the largest budget" if len(shown) > MOST_COLOURED else "",
        f"the best {len(shown)} of {count(len(arms))} arms" if 0 < len(shown) < len(arms) else "",
    ])  # fmt: skip


def _draw_budget(axes: Axes, means: NDArray[np.float64], style: tuple[str, str, str]) -> Line2D:
    """Draw one arm's curve over the budgets at which its mean is known."""
    colour, line, marker = style
    known, is_faint = np.isfinite(means), style == _FAINT_LOOK
    return axes.plot(_budgets(means)[known], means[known], color=colour, linestyle=line, marker=marker, markersize=6,
                     markevery=max(1, int(known.sum()) // 10), linewidth=1.0 if is_faint else 2.2,
                     zorder=2 if is_faint else 3)[0]  # fmt: skip


def _scale_budget(axes: Axes, largest: int, most: int) -> None:
    """Whole numbers below the budgets, at most about `most`, on a logarithmic axis if they are many."""
    if largest > _FEW_BUDGETS:
        axes.set_xscale("log")
        nearest = math.exp(math.log(largest) / most)
        axes.xaxis.set_major_locator(FixedLocator([*_thinned(_BUDGETS, largest / nearest, most), largest]))
        axes.xaxis.set_minor_locator(NullLocator())
    else:
        axes.xaxis.set_major_locator(MaxNLocator(nbins=most, integer=True))
    axes.set_xlim(1, max(largest, 2))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: count(value)))


def _thinned(ticks: Sequence[float], last: float, most: int) -> list[float]:
    """Those of the ticks up to `last`, from 1 on, that are far enough from each other on a logarithmic axis."""
    kept: list[float] = []
    for tick in ticks:
        if tick <= last and (not kept or math.log(tick / kept[-1]) >= math.log(last) / most):
            kept.append(tick)
    return kept
