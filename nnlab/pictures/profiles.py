"""Arms over several data sets: how often each is close to the best, and what tuning is worth."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullFormatter, NullLocator
from numpy.typing import NDArray

from nnlab.pictures.arms import MOST_SPREADS, Styles, arm_style, style_of
from nnlab.pictures.scales import drawable, scale_metric
from nnlab.pictures.style import (
    FAINT,
    INK,
    LEGEND,
    blank,
    count,
    dress,
    joined,
    label_ends,
    legend,
    letters_for,
    number,
    say,
    shortened,
)

MOST_ARMS = 20
MOST_COLOURED, BEST_COLOURED = 10, 7  # arms in colour; of more than the first so many of them
_FARTHEST = 100.0  # times the least error
_FACTORS = (1, 1.01, 1.02, 1.05, 1.1, 1.2, 1.5, 2, 3, 5, 10, 20, 50, 100)
_BUDGETS = (1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000)
_MOST_TICKS, _FEW_BUDGETS = 7, 10
_FRAME = 4.2  # inches of the height of a frame with names beside it


def performance_profiles(errors: Mapping[str, NDArray[Any]], *, title: str, styles: Styles | None = None) -> Figure:
    """The share of data sets on which each arm's error is at most τ times the least of all arms, over τ.

    Each arm's errors are (N,), one for each data set, above 0, as shares of the error of chance, of who knows nothing
    of the inputs. An arm with 1 or more, or nan, learned nothing: it counts as never close to the best there, whatever
    τ is. A grey line is chance's own profile. Of more than ten arms the seven with the largest area under their curves
    are in colour. `styles` come from `arm_style`; by default that of the drawn arms.

    Source: Dolan and Moré, Benchmarking optimization software with performance profiles, Math. Program. 91 (2002), who
    give a solver that fails an infinite ratio, as is done here.
    """
    styles, sets = styles or arm_style(errors), max(map(len, errors.values()))
    factors, by_chance = _factors(errors)
    finite = np.concatenate([*factors.values()])
    last = 1.05 * min(float(finite[np.isfinite(finite)].max(initial=1.05)), _FARTHEST)
    order = sorted(factors, key=lambda name: -_area(factors[name], last))
    figure = blank(title, width=9.0, height=5.0)
    axes = figure.subplots()
    coloured = _coloured(order)
    handles = [
        _draw_steps(axes, factors[name], last, styles[name], place, is_faint=name not in coloured)
        for place, name in enumerate(order)
    ]
    names = [f"{shortened(name, LEGEND)} (best on {count(int((factors[name] == 1).sum()))})" for name in coloured]
    keys = dict(zip(names, handles, strict=False))
    keys |= {f"the other {count(len(order) - len(coloured))} arms": handles[-1]} if len(coloured) < len(order) else {}
    keys |= _draw_chance(axes, by_chance, last)
    sentence = f"Share of {count(sets)} data sets on which an arm's error is at most so many times the least of all arms"
    dress(axes, x="factor τ of the least error (logarithmic)", y="data sets (%)", sentence=sentence)
    _scale_factors(axes, last)
    legend(figure, [*keys.values()], [*keys])
    return figure


def _factors(errors: Mapping[str, NDArray[Any]]) -> tuple[dict[str, NDArray[np.float64]], NDArray[np.float64]]:
    """Each arm's errors as multiples of the least, (N,), infinite where it learned nothing; and those of chance."""
    found = {name: np.where(np.asarray(values) < 1, values, np.inf).astype(float) for name, values in errors.items()}
    least = np.min([*found.values()], axis=0)
    known = np.where(np.isfinite(least), least, 1.0)
    return {name: values / known for name, values in found.items()}, 1 / known


def _area(factors: NDArray[np.float64], last: float) -> float:
    """The area under a profile up to the factor `last`, over a logarithmic axis."""
    return float(np.log(last / factors.clip(1, last)).mean())


def _coloured(order: list[str]) -> list[str]:
    """The arms in colour, the best first."""
    return order if len(order) <= MOST_COLOURED else order[:BEST_COLOURED]


def _draw_steps(
    axes: Axes, factors: NDArray[np.float64], last: float, style: tuple[str, str, str], place: int, *, is_faint: bool
) -> Line2D:
    """Draw one arm's profile, with markers at other steps than those of other arms."""
    at = np.sort(factors[factors <= last])
    x, y = np.array([1.0, *at, last]), np.array([0, *np.arange(1, at.size + 1), at.size]) / len(factors)
    colour, line, marker = (FAINT, "-", "") if is_faint else style
    return axes.plot(x, y, color=colour, linestyle=line, marker=marker, markersize=6, drawstyle="steps-post",
                     linewidth=1.0 if is_faint else 2.2, markevery=(1 + place % 3, 3), clip_on=False,
                     zorder=2 if is_faint else 3)[0]  # fmt: skip


def _draw_chance(axes: Axes, factors: NDArray[np.float64], last: float) -> dict[str, Line2D]:
    """Draw chance's own profile, if it comes into the frame; its key."""
    if not (factors <= last).any():
        return {}
    _draw_steps(axes, factors, last, (INK, ":", ""), 0, is_faint=False)
    return {"chance": style_of(INK, ":")}


def _scale_factors(axes: Axes, last: float) -> None:
    """A logarithmic axis from 1 to the factor `last`, with ticks that are far enough from each other."""
    axes.set(xscale="log", xlim=(1, last), ylim=(-0.02, 1.03))
    apart = np.log(last) / _MOST_TICKS
    ticks: list[float] = []
    for factor in _FACTORS:
        if factor <= last and (not ticks or np.log(factor / ticks[-1]) >= apart):
            ticks.append(factor)
    axes.xaxis.set_major_locator(FixedLocator(ticks))
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
    stand at the ends of the curves. Of more than five arms no bands are drawn, of more than ten the best seven at the
    largest budget are in colour, of more than 20 the best 20 are drawn. `styles` come from `arm_style`; by default that
    of the drawn arms.
    """
    styles = styles or arm_style(arms)
    shown = {name: np.where(drawable(values), values, np.nan).astype(float) for name, values in arms.items()}
    order = sorted((name for name in shown if np.isfinite(shown[name][0]).any()), key=lambda name: _last(shown[name]))
    order, coloured = order[:MOST_ARMS], _coloured(order)
    figure = blank(title, width=9.0, height=_FRAME + 1.5)
    axes = figure.subplots()
    with_bands = len(arms) <= MOST_SPREADS
    for name in reversed(order):
        _draw_budget(axes, shown[name], styles[name], is_faint=name not in coloured, with_band=with_bands)
    drawn = [values if with_bands else values[:1] for values in (shown[name] for name in order)]
    scale_metric(axes, "y", np.concatenate([np.empty(0), *(values.ravel() for values in drawn)]), label)
    sentence = joined([
        "Expected error with the best of so many drawn settings",
        f"band: {band}" if with_bands else "",
        f"in colour: the best {BEST_COLOURED} at the largest budget" if len(coloured) < len(order) else "",
        f"the best {MOST_ARMS} of {count(len(arms))} arms" if len(arms) > MOST_ARMS else "",
    ])  # fmt: skip
    dress(axes, x="budget (settings tried)", y=label, sentence=sentence)
    _scale_budget(axes, max((values.shape[1] for values in arms.values()), default=1))
    if not order:
        say(axes, "no arm has a finite value")
    names = [shortened(name, letters_for(28, 16)) for name in order]
    ends = [_last(shown[name]) for name in order]
    colours = [styles[name][0] if name in coloured else FAINT for name in order]
    label_ends(axes, [*zip(names, ends, colours, strict=True)], height=_FRAME)
    return figure


def _last(values: NDArray[np.float64]) -> float:
    """The last mean of an arm, (3, B), that is known."""
    return float(values[0][np.isfinite(values[0])][-1])


def _draw_budget(
    axes: Axes, values: NDArray[np.float64], style: tuple[str, str, str], *, is_faint: bool, with_band: bool
) -> None:
    """Draw one arm's curve, with its band behind it."""
    colour, line, marker = (FAINT, "-", "") if is_faint else style
    budgets = np.arange(1, values.shape[1] + 1)
    if with_band:
        axes.fill_between(budgets, values[1], values[2], color=colour, alpha=0.13, linewidth=0)
    axes.plot(budgets, values[0], color=colour, linestyle=line, marker=marker, markersize=6,
              markevery=max(1, len(budgets) // 10), linewidth=1.0 if is_faint else 2.2,
              zorder=2 if is_faint else 3)  # fmt: skip


def _scale_budget(axes: Axes, largest: int) -> None:
    """Whole numbers below the budgets, on a logarithmic axis if they are many."""
    if largest > _FEW_BUDGETS:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(FixedLocator(_BUDGETS))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_minor_formatter(NullFormatter())
    else:
        axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))
    axes.set_xlim(1, max(largest, 2))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: count(value)))
