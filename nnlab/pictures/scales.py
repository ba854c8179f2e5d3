"""How values meet an axis: what can be drawn at all, linear or logarithmic, percent, thinned to what the eye sees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter
from numpy.typing import NDArray

from nnlab.pictures.style import count, number, percent, plain_name

LARGEST = 1e100  # beyond it, an axis with its margins overflows
LOG_DECADES = 1.5  # a span that a linear axis no longer shows
EARLY = 0.1  # the share of the steps that may leave the frame, so that the others can be told apart
LEAST_CUT = 0.5  # later values that span more than this share of all would gain too little from a cut
AIR = 0.06  # of the span, above and below


def drawable(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Where `values` are numbers that an axis can hold: neither nan nor infinite nor next to it."""
    small: NDArray[np.bool_] = np.abs(np.asarray(values, float)) < LARGEST
    return small


def is_share(metric: str) -> bool:
    """Whether a metric is a share of samples or of units, to be shown in percent."""
    name = metric.rpartition("/")[2]
    return name.endswith("accuracy") or name in {"dead", "saturated"}


def possible(ends: Sequence[float], metric: str) -> tuple[float, ...]:
    """The ends of an interval, cut to between 0 and 1 where the metric is a share."""
    return tuple(min(max(end, 0.0), 1.0) for end in ends) if is_share(metric) else tuple(ends)


def metric_value(value: float, metric: str) -> str:
    """`value` as it stands in a sentence: 97.2 % for an accuracy, 0.01234 for anything else."""
    return percent(value) if is_share(metric) else number(value)


def metric_label(metric: str) -> str:
    """The axis label of a metric, with its unit where it has one."""
    return f"{plain_name(metric)} (%)" if is_share(metric) else plain_name(metric)


def wants_logarithm(values: NDArray[Any]) -> bool:
    """Whether `values` are all positive and span more than 1.5 decades."""
    good = values[drawable(values)]
    if good.size == 0 or good.min() < 1 / LARGEST:
        return False
    return bool(np.log10(good.max()) - np.log10(good.min()) > LOG_DECADES)


def scale_metric(axes: Axes, which: Literal["x", "y"], values: NDArray[Any], metric: str) -> None:
    """Scale one axis for a metric: percent for shares, logarithmic where it must be, else linear."""
    if is_share(metric):
        _scale_percent(axes, which, values)
    elif wants_logarithm(values):
        _scale_logarithmic(axes, which, values)


def scale_after_start(
    axes: Axes, curves: Sequence[tuple[NDArray[Any], NDArray[Any]]], metric: str, *, keep: Sequence[float] = ()
) -> str:
    """Scale the y axis for what a metric does after the first tenth of the steps; in words, where the rest has gone.

    Each curve is its steps (t,) and values (..., t). The values `keep` stay in the frame.
    """
    steps = np.concatenate([np.empty(0), *(at for at, _ in curves)])
    everything = np.concatenate([np.empty(0), *(values.ravel() for _, values in curves)])
    everything = everything[drawable(everything)]
    if everything.size == 0:
        return ""
    begin = steps.min() + EARLY * np.ptp(steps)
    late = np.concatenate([*(values[..., at > begin].ravel() for at, values in curves), np.array(keep, float)])
    late = late[drawable(late)]
    logarithmic = not is_share(metric) and wants_logarithm(everything)
    if not 0 < _span(late, logarithmic=logarithmic) < LEAST_CUT * _span(everything, logarithmic=logarithmic):
        scale_metric(axes, "y", everything, metric)
        return ""
    scale_metric(axes, "y", late, metric)
    if not is_share(metric):
        _add_air(axes, late)
    return _outside(axes, everything)


def _span(values: NDArray[Any], *, logarithmic: bool) -> float:
    """The span of values as their axis shows it, in decades where it is logarithmic; 0 for none."""
    if values.size == 0:
        return 0.0
    return float(np.ptp(np.log10(values) if logarithmic else values))


def _add_air(axes: Axes, values: NDArray[Any]) -> None:
    """Limit the y axis to `values` and a little more, on a linear scale as on a logarithmic one."""
    scale = axes.yaxis.get_transform()
    low, high = scale.transform(np.array([values.min(), values.max()], float))
    margin = AIR * (high - low)
    axes.set_ylim(*scale.inverted().transform(np.array([low - margin, high + margin])))


def _outside(axes: Axes, values: NDArray[Any]) -> str:
    """On which side of the frame some of the values lie, in words."""
    bottom, top = axes.get_ylim()
    sides = " and ".join(["below"] * bool((values < bottom).any()) + ["above"] * bool((values > top).any()))
    return f"some of the first steps lie {sides} the frame" if sides else ""


def _scale_percent(axes: Axes, which: str, values: NDArray[Any]) -> None:
    """Show shares in percent, close around the values, with no tick beyond 100 %."""
    good = values[drawable(values)]
    if good.size and good.min() >= 0 and good.max() <= 1:
        low, high = float(good.min()), float(good.max())
        margin = max(0.02, AIR * (high - low))
        bottom = max(low - margin, -0.03)
        axes.set(**{f"{which}lim": (bottom, min(high + margin, 1 + 0.04 * (1 - bottom)))})
    getattr(axes, f"{which}axis").set_major_formatter(FuncFormatter(lambda value, _: f"{round(100 * value, 6):g}"))


def _scale_logarithmic(axes: Axes, which: str, values: NDArray[Any]) -> None:
    """A logarithmic axis whose ticks are plain numbers; over few decades 2 and 5 get theirs as well."""
    good = values[drawable(values)]
    axes.set(**{f"{which}scale": "log"})
    axis = getattr(axes, f"{which}axis")
    if good.max() / good.min() < 1e3:
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
    axis.set_minor_formatter(NullFormatter())


def scale_steps(axes: Axes) -> None:
    """Whole numbers along the x axis."""
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: count(value)))


def thinned(values: NDArray[Any], pieces: int = 1500) -> NDArray[np.intp]:
    """Indices of `values` that draw the same curve: each piece's lowest and highest, and both ends.

    More points than pixels cost time and, on a noisy curve, overflow the renderer; spikes must still be seen.
    """
    if values.size <= 2 * pieces:
        return np.arange(values.size)
    starts = np.linspace(0, values.size, pieces, endpoint=False).astype(np.intp)
    parts = np.split(values, starts[1:])
    lowest = starts + [part.argmin() for part in parts]
    highest = starts + [part.argmax() for part in parts]
    return np.unique(np.concatenate([[0, values.size - 1], lowest, highest]))


def sampled(rows: int, most: int) -> NDArray[np.intp]:
    """At most `most` row numbers out of `rows`, evenly spread."""
    return np.unique(np.linspace(0, rows - 1, min(rows, most)).round().astype(np.intp))
