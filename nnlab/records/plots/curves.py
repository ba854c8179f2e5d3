"""Curves of a run over its updates: the cost, and any other metric."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from nnlab.records.plots.scales import drawable, metric_label, metric_value, scale_metric, scale_steps, thinned
from nnlab.records.plots.style import (
    BLACK,
    BLUE,
    FAINT,
    GREEN,
    INK,
    NORMAL,
    SMALL,
    VERMILLION,
    blank,
    count,
    dress,
    joined,
    legend,
    look,
    plain_name,
    say,
    shortened,
)


class _Role(NamedTuple):
    """How one curve is called and drawn."""

    words: str
    colour: str
    line: str
    width: float
    marker: str


ROLES = {
    "batch": _Role("batch", "#b5b5b5", "-", 0.8, "."),
    "train": _Role("training", BLUE, "-", 2.2, "o"),
    "val": _Role("validation", VERMILLION, "--", 2.2, "s"),
    "test": _Role("test", GREEN, "-.", 2.2, "^"),
}
MONITORED = ("val", "train", "test", "batch")  # whose value is told at the best step: the first that was measured


def cost(
    steps: NDArray[Any],
    curves: Mapping[str, NDArray[Any]],
    *,
    epoch_steps: float | None,
    best_step: int | None,
    loss_name: str,
    title: str,
) -> Figure:
    """The loss over the updates: each batch faintly behind, training and validation in bold.

    `steps` (T,) are the logged updates; each curve (T,) is named `batch`, `train`, `val` or `test`, with or without
    `/loss` behind, and is nan where it was not measured. `epoch_steps` is the number of updates in an epoch. The
    steps after the last finite value of all are hatched: there the run has diverged.
    """
    metric = loss_name if "loss" in loss_name else f"loss ({plain_name(loss_name)})"
    figure, axes = _drawn(steps, curves, best_step, metric, title)
    if epoch_steps and np.isfinite(epoch_steps) and steps.size and steps.max() >= epoch_steps > 0:
        _add_epochs(axes, epoch_steps)
    return figure


def accuracy(
    steps: NDArray[Any], curves: Mapping[str, NDArray[Any]], *, metric_name: str, best_step: int | None, title: str
) -> Figure:
    """A metric over the updates, in percent for an accuracy; arrays as for `cost`."""
    return _drawn(steps, curves, best_step, metric_name, title)[0]


def _drawn(
    steps: NDArray[Any], curves: Mapping[str, NDArray[Any]], best_step: int | None, metric: str, title: str
) -> tuple[Figure, Axes]:
    figure = blank(title)
    axes = figure.subplots()
    found = {name: values for name, values in curves.items() if drawable(values).any()}
    lost_from = _lost_from(steps, curves)
    for index, (name, values) in enumerate(found.items()):
        _draw(axes, steps, values, _role(name, index))
    best = _mark_best(axes, steps, found, best_step, metric)
    lost = _shade(axes, lost_from, steps)
    sentence = joined([f"{plain_name(metric)} over the updates", best, lost, _infinite(curves)])
    _finish(axes, found, metric, sentence[:1].upper() + sentence[1:])
    legend(figure, axes.get_lines(), [str(line.get_label()) for line in axes.get_lines()])
    return figure, axes


def _finish(axes: Axes, found: Mapping[str, NDArray[Any]], metric: str, sentence: str) -> None:
    dress(axes, x="step (updates)", y=metric_label(metric), sentence=sentence)
    scale_steps(axes)
    if found:
        scale_metric(axes, "y", np.concatenate(list(found.values())), metric)
    else:
        say(axes, "no finite value was recorded")


def _kind(name: str) -> str:
    return name.partition("/")[0]


def _role(name: str, index: int) -> _Role:
    """A known role, or a look of its own for any other curve."""
    colour, line, marker = look(index + 3)
    return ROLES.get(_kind(name)) or _Role(shortened(name, 40), colour, line, 1.6, marker)


def _draw(axes: Axes, steps: NDArray[Any], values: NDArray[Any], role: _Role) -> None:
    """Draw one curve over its measured points, with a marker on each where they are few."""
    good = drawable(values)
    at, values = steps[good], values[good]
    kept = thinned(values)
    few = at.size <= 40
    axes.plot(
        at[kept],
        values[kept],
        color=role.colour,
        linestyle=role.line,
        linewidth=role.width,
        marker=role.marker if few else "",
        markersize=5,
        label=role.words,
        zorder=2 if role.words == "batch" else 3,
    )


def _mark_best(
    axes: Axes, steps: NDArray[Any], found: Mapping[str, NDArray[Any]], best_step: int | None, metric: str
) -> str:
    """Draw a line at the best step and a star on the monitored curve; what they say, in words."""
    if best_step is None or not found:
        return ""
    by_kind = {_kind(name): values for name, values in found.items()}
    kind = next((kind for kind in MONITORED if kind in by_kind), None)
    axes.axvline(best_step, color=INK, linewidth=1.0, linestyle=":", label=f"best step ({count(best_step)})")
    here = by_kind[kind][steps == best_step] if kind else np.empty(0)
    if kind is None or not drawable(here).any():
        return ""
    value = float(here[drawable(here)][0])
    axes.scatter([best_step], [value], s=170, marker="*", color=BLACK, edgecolor="white", zorder=5)
    return f"{ROLES[kind].words} {metric_value(value, metric)} at the best step"


def _lost_from(steps: NDArray[Any], curves: Mapping[str, NDArray[Any]]) -> float | None:
    """The first of the steps at the end without any finite value. Only the batch's curve is there at every step."""
    if not any(_kind(name) == "batch" for name in curves):
        return None
    finite = np.flatnonzero(np.any([drawable(values) for values in curves.values()], axis=0))
    first = finite[-1] + 1 if finite.size else 0
    return float(steps[first]) if first < steps.size else None


def _shade(axes: Axes, lost_from: float | None, steps: NDArray[Any]) -> str:
    """Shade the steps at which the loss was no longer finite; what that says, in words."""
    if lost_from is None:
        return ""
    axes.axvspan(lost_from, float(steps.max()), facecolor="#eeeeee", hatch="//", edgecolor=FAINT, linewidth=0)
    return f"diverged: not finite from step {count(lost_from)} on (hatched)"


def _infinite(curves: Mapping[str, NDArray[Any]]) -> str:
    """How many infinite values had to be left out, in words."""
    left_out = sum(int((~drawable(values) & ~np.isnan(values)).sum()) for values in curves.values())
    return f"{count(left_out)} infinite values left out" if left_out else ""


def _add_epochs(axes: Axes, epoch_steps: float) -> None:
    """A second x axis above, in epochs."""
    top = axes.secondary_xaxis(
        "top", functions=(lambda step: np.divide(step, epoch_steps), lambda epoch: np.multiply(epoch, epoch_steps))
    )
    top.set_xlabel("epoch", fontsize=NORMAL, color=INK)
    top.tick_params(labelsize=SMALL, colors=INK)
    top.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, steps=[1, 2, 5, 10]))
    top.spines["top"].set_color(FAINT)
