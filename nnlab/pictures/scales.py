"""The scale of an axis: which values can be drawn, linear or logarithmic, percent, and thinning of long curves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator
from numpy.typing import NDArray

from nnlab.pictures.style import count, loss_label, number, percent, plain_name

LARGEST = 1e100  # beyond it, the margins of an axis overflow
LOG_DECADES = 1.5  # a larger span needs a logarithmic axis
EARLY = 0.1  # share of the steps at the start that may leave the frame, to give the others more room
LEAST_CUT = 0.5  # no cut if the later values span more than this share of all
FEWEST = 10  # measurements that make a curve: fewer are marks, none of which may leave the frame
AIR = 0.06  # of the span, above and below


def drawable(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Mask of the values that an axis can show: not nan, and below 1e100 in size."""
    small: NDArray[np.bool_] = np.abs(np.asarray(values, float)) < LARGEST
    return small


def is_sparse(values: NDArray[Any]) -> bool:
    """Whether a curve (..., t) was measured at so few steps that a line would tell of steps that nobody looked at."""
    return int(drawable(values).reshape(-1, values.shape[-1]).any(axis=0).sum()) < FEWEST


def is_share(metric: str) -> bool:
    """Whether a metric is a share of samples or of units, to be shown in percent."""
    name = metric.rpartition("/")[2]
    return name.endswith("accuracy") or name in {"dead", "saturated"}


def possible(ends: Sequence[float], metric: str) -> tuple[float, ...]:
    """The ends of an interval, cut to between 0 and 1 where the metric is a share."""
    return tuple(min(max(end, 0.0), 1.0) for end in ends) if is_share(metric) else tuple(ends)


def metric_value(value: float, metric: str) -> str:
    """`value` as text: 97.2 % for a share, 0.01234 for anything else."""
    return percent(value) if is_share(metric) else number(value)


def relative_change(log_ratio: float) -> str:
    """The natural logarithm of a ratio as a change in percent: −12 %, +0.4 %; of 10 or 1/100 on as a factor: × 25."""
    if not drawable(np.array([log_ratio])).all():
        return "no figure"
    if not -math.log(100) < log_ratio < math.log(10):
        return f"× {number(math.exp(min(log_ratio, 700)), 2)}"
    change = 100 * math.expm1(log_ratio)
    words = f"{change:+.{1 if abs(change) < 9.95 else 0}f}"
    return "0 %" if float(words) == 0 else f"{words} %".replace("-", "−")


def metric_label(metric: str) -> str:
    """The axis label of a metric, with % for a share."""
    return f"{plain_name(metric)} (%)" if is_share(metric) else plain_name(metric)


def metric_and_loss(metric: str, loss: str, *, scaled: bool) -> str:
    """The axis label of a metric; that of a loss has its name, and whether it is one of scaled targets."""
    label = metric_label(metric)
    return loss_label(label, loss, scaled=scaled) if metric.rpartition("/")[2] == "loss" else label


def wants_logarithm(values: NDArray[Any]) -> bool:
    """Whether `values` are all positive and span more than 1.5 decades."""
    good = values[drawable(values)]
    if good.size == 0 or good.min() < 1 / LARGEST:
        return False
    return bool(np.log10(good.max()) - np.log10(good.min()) > LOG_DECADES)


def scale_metric(axes: Axes, which: Literal["x", "y"], values: NDArray[Any], metric: str) -> None:
    """Scale one axis for a metric: percent for shares, logarithmic for a large span, else linear."""
    if is_share(metric):
        _scale_percent(axes, which, values)
    elif wants_logarithm(values):
        scale_logarithmic(axes, which, values)


def scale_after_start(
    axes: Axes, curves: Sequence[tuple[NDArray[Any], NDArray[Any]]], metric: str, *, keep: Sequence[float] = ()
) -> str:
    """Scale the y axis to the values after the first tenth of the steps; a sentence if earlier ones lie outside.

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
    few = any(is_sparse(values) for _, values in curves)
    logarithmic = not is_share(metric) and wants_logarithm(everything)
    if few or not 0 < _span(late, logarithmic=logarithmic) < LEAST_CUT * _span(everything, logarithmic=logarithmic):
        scale_metric(axes, "y", everything, metric)
        return ""
    scale_metric(axes, "y", late, metric)
    if not is_share(metric):
        _add_air(axes, late)
    return _outside(axes, everything)


def _span(values: NDArray[Any], *, logarithmic: bool) -> float:
    """The span of values on their axis, in decades if it is logarithmic; 0 without values."""
    if values.size == 0:
        return 0.0
    return float(np.ptp(np.log10(values) if logarithmic else values))


def _add_air(axes: Axes, values: NDArray[Any]) -> None:
    """Limit the y axis to `values` with a small margin, on a linear or logarithmic scale."""
    scale = axes.yaxis.get_transform()
    low, high = scale.transform(np.array([values.min(), values.max()], float))
    margin = AIR * (high - low)
    axes.set_ylim(*scale.inverted().transform(np.array([low - margin, high + margin])))


def _outside(axes: Axes, values: NDArray[Any]) -> str:
    """On which sides of the frame values lie outside, in words."""
    bottom, top = axes.get_ylim()
    sides = " and ".join(["below"] * bool((values < bottom).any()) + ["above"] * bool((values > top).any()))
    return f"some of the first steps lie {sides} the frame" if sides else ""


def _scale_percent(axes: Axes, which: str, values: NDArray[Any]) -> None:
    """Show shares in percent, limited to the values, without ticks beyond 100 %."""
    good = values[drawable(values)]
    if good.size and good.min() >= 0 and good.max() <= 1:
        low, high = float(good.min()), float(good.max())
        margin = max(0.02, AIR * (high - low))
        bottom = max(low - margin, -0.03)
        axes.set(**{f"{which}lim": (bottom, min(high + margin, 1 + 0.04 * (1 - bottom)))})
    getattr(axes, f"{which}axis").set_major_formatter(FuncFormatter(lambda value, _: f"{round(100 * value, 6):g}"))


def scale_logarithmic(axes: Axes, which: str, values: NDArray[Any]) -> None:
    """Make an axis logarithmic with plain numbers as ticks: over few decades at 1, 2 and 5 alone."""
    good = values[drawable(values)]
    axes.set(**{f"{which}scale": "log"})
    axis = getattr(axes, f"{which}axis")
    if good.max() / good.min() < 1e3:
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.set_minor_locator(NullLocator())  # between labels so near each other they said nothing
    axis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
    axis.set_minor_formatter(NullFormatter())


def mark_logarithm(axes: Axes) -> None:
    """Say in the label of a logarithmic y axis that it is one: for panels that differ in this."""
    if axes.get_yscale() == "log":
        axes.set_ylabel(f"{axes.get_ylabel()}\n(logarithmic)")


def scale_steps(axes: Axes, ticks: int = 8) -> None:
    """Put integer ticks on the x axis, at most one more than `ticks`."""
    axes.xaxis.set_major_locator(MaxNLocator(nbins=ticks, integer=True, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: count(value)))


def thinned(values: NDArray[Any], pieces: int = 1500) -> NDArray[np.intp]:
    """Indices that suffice to draw the curve `values`: minimum and maximum of each chunk, and both ends.

    More points than pixels cost time and, on a noisy curve, overflow the renderer; spikes must stay visible.
    """
    if values.size <= 2 * pieces:
        return np.arange(values.size)
    starts = np.linspace(0, values.size, pieces, endpoint=False).astype(np.intp)
    parts = np.split(values, starts[1:])
    lowest = starts + [part.argmin() for part in parts]
    highest = starts + [part.argmax() for part in parts]
    return np.unique(np.concatenate([[0, values.size - 1], lowest, highest]))


def opacity(points: int) -> float:
    """The opacity of points, lower the more there are."""
    return 0.8 if points <= 100 else 0.45 if points <= 1000 else 0.25


def sampled(rows: int, most: int) -> NDArray[np.intp]:
    """At most `most` row numbers out of `rows`, evenly spread."""
    return np.unique(np.linspace(0, rows - 1, min(rows, most)).round().astype(np.intp))
