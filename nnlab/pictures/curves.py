"""Curves of a run over its updates: the cost, any other metric, and the learning rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from nnlab.pictures.scales import (
    drawable,
    is_sparse,
    metric_label,
    metric_value,
    scale_after_start,
    scale_metric,
    scale_steps,
    thinned,
)
from nnlab.pictures.style import (
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
    loss_label,
    number,
    plain_name,
    say,
    shortened,
)


class _Role(NamedTuple):
    """Name and look of a curve."""

    words: str
    colour: str
    line: str
    width: float
    marker: str


ROLES = {
    "batch": _Role("batch", "#b5b5b5", "-", 0.8, "."),
    "running": _Role("mean of batches", "#6e6e6e", "-", 1.6, "."),
    "train": _Role("training", BLUE, "-", 2.2, "o"),
    "val": _Role("validation", VERMILLION, "--", 2.2, "s"),
    "test": _Role("test", GREEN, "-.", 2.2, "^"),
}
_GAP = 12  # points between the axis of the epochs and the sentence above it
MONITORED = ("val", "train", "test", "batch")  # the first one measured is quoted in the sentence


def cost(
    steps: NDArray[Any],
    curves: Mapping[str, NDArray[Any]],
    *,
    epoch_steps: float | None,
    best_step: int | None,
    loss_name: str,
    title: str,
    scaled_targets: bool = False,
) -> Figure:
    """The loss over the steps: batch losses faint, training and validation in bold.

    `steps` (T,) are the logged steps; each curve (T,) is named `batch`, `running` (the mean of the batches since
    the last log), `train`, `val` or `test`, perhaps followed by `/loss`, and is nan where it was not measured.
    `epoch_steps` is the number of steps in an epoch; if it is 1, the batch loss equals the training loss one step
    later and is left out. The steps after the last finite value of all curves are hatched: the run has diverged.
    `best_step` is None if the last weights are used.
    """
    known = loss_name if "loss" in loss_name else loss_label("loss", loss_name, scaled=scaled_targets)
    whole = epoch_steps == 1 and any(_kind(name) == "train" and drawable(curves[name]).any() for name in curves)
    found = {name: values for name, values in curves.items() if not (whole and _kind(name) == "batch")}
    figure, axes = _drawn(steps, found, best_step, known, title, lost_from=_lost_from(steps, curves))
    _add_epochs(axes, steps, epoch_steps)
    return figure


def accuracy(
    steps: NDArray[Any],
    curves: Mapping[str, NDArray[Any]],
    *,
    metric_name: str,
    best_step: int | None,
    title: str,
    epoch_steps: float | None = None,
) -> Figure:
    """A metric over the steps, in percent for an accuracy; arguments as for `cost`.

    The y axis is scaled to the values after the first tenth of the steps, so that the start does not compress the rest.
    """
    lost_from = _lost_from(steps, curves)
    figure, axes = _drawn(steps, curves, best_step, metric_name, title, lost_from=lost_from, late=True)
    _add_epochs(axes, steps, epoch_steps)
    return figure


def learning_rate(
    steps: NDArray[Any], rates: NDArray[Any], *, schedule: str, epoch_steps: float | None, title: str
) -> Figure:
    """The learning rate (T,) of the updates at `steps` (T,), nan where it was not measured.

    The axis is logarithmic for schedules that multiply the rate, and linear for the others. A plateau's rate is that of
    the updates since the step before.
    """
    figure = blank(title)
    axes = figure.subplots()
    good = drawable(rates)
    at, values = steps[good], rates[good]
    drawn, style = thinned(values), "steps-pre" if schedule == "plateau" else "default"
    marker = "o" if at.size <= 40 else ""
    axes.plot(at[drawn], values[drawn], color=BLUE, linewidth=2.2, marker=marker, markersize=5, drawstyle=style)
    if schedule in _MULTIPLYING:
        scale_metric(axes, "y", values, "learning_rate")
    else:
        axes.set_ylim(bottom=0)
    dress(axes, x="step (updates)", y="learning rate", sentence=_rate_sentence(schedule, at, values), gap=_GAP)
    scale_steps(axes)
    _add_epochs(axes, at, epoch_steps)
    return figure


_MULTIPLYING = ("exponential", "step", "plateau")


def _rate_sentence(schedule: str, at: NDArray[Any], values: NDArray[Any]) -> str:
    """First, highest and last rate in words."""
    if not values.size:
        return f"Learning rate by the schedule {schedule}; none was recorded"
    top = int(values.argmax())
    highest = f"highest {number(values[top])} at step {count(at[top])}"
    return f"Learning rate by the schedule {schedule}; {highest}, last {number(values[-1])} at step {count(at[-1])}"


def _drawn(
    steps: NDArray[Any],
    curves: Mapping[str, NDArray[Any]],
    best_step: int | None,
    metric: str,
    title: str,
    *,
    lost_from: float | None,
    late: bool = False,
) -> tuple[Figure, Axes]:
    figure = blank(title)
    axes = figure.subplots()
    found = {name: values for name, values in curves.items() if drawable(values).any()}
    for index, (name, values) in enumerate(found.items()):
        _draw(axes, steps, values, _role(name, index))
    used, star = _mark_used(axes, steps, found, best_step, metric)
    lost = _shade(axes, lost_from, steps)
    outside = _scale(axes, steps, found, metric, keep=star, late=late)
    sparse = "marks: measured, dotted: not in between" if any(is_sparse(values) for values in found.values()) else ""
    sentence = joined([f"{plain_name(metric)} over the updates", used, lost, _infinite(curves), outside, sparse])
    dress(axes, x="step (updates)", y=metric_label(metric), sentence=sentence[:1].upper() + sentence[1:], gap=_GAP)
    scale_steps(axes)
    legend(figure, axes.get_lines(), [str(line.get_label()) for line in axes.get_lines()])
    return figure, axes


def _scale(
    axes: Axes,
    steps: NDArray[Any],
    found: Mapping[str, NDArray[Any]],
    metric: str,
    *,
    keep: Sequence[float],
    late: bool,
) -> str:
    """Scale the y axis to all values or to those after the start; a sentence if values lie outside."""
    if not found:
        say(axes, "no finite value was recorded")
    elif late:
        return scale_after_start(axes, [(steps, values) for values in found.values()], metric, keep=keep)
    else:
        scale_metric(axes, "y", np.concatenate(list(found.values())), metric)
    return ""


def _kind(name: str) -> str:
    return name.partition("/")[0]


def _role(name: str, index: int) -> _Role:
    """The role of a known curve, or one made for any other name."""
    colour, line, marker = look(index + 3)
    return ROLES.get(_kind(name)) or _Role(shortened(name, 40), colour, line, 1.6, marker)


def _draw(axes: Axes, steps: NDArray[Any], values: NDArray[Any], role: _Role) -> None:
    """Draw one curve over its measured points: with marks if these are few, of very few hardly more than the marks."""
    good, sparse = drawable(values), is_sparse(values)
    at, values = steps[good], values[good]
    kept = thinned(values)
    axes.plot(
        at[kept],
        values[kept],
        color=role.colour,
        linestyle=":" if sparse else role.line,
        linewidth=1.0 if sparse else role.width,
        marker=role.marker if at.size <= 40 else "",
        markersize=8 if sparse else 5,
        label=role.words,
        zorder=2 if role.words == "batch" else 3,
    )


def _mark_used(
    axes: Axes, steps: NDArray[Any], found: Mapping[str, NDArray[Any]], best_step: int | None, metric: str
) -> tuple[str, list[float]]:
    """Mark the best step; the monitored curve's value there, or at the last step, as a sentence and a number."""
    by_kind = {_kind(name): values for name, values in found.items()}
    kind = next((kind for kind in MONITORED if kind in by_kind), None)
    if best_step is not None and found:
        axes.axvline(best_step, color=INK, linewidth=1.0, linestyle=":", label=f"best step ({count(best_step)})")
    if kind is None:
        return "", []
    good = np.flatnonzero(drawable(by_kind[kind]) & ((steps == best_step) | (best_step is None)))
    if good.size == 0:
        return "", []
    step, value = steps[good[-1]], float(by_kind[kind][good[-1]])
    words = f"{ROLES[kind].words} {metric_value(value, metric)} at"
    if best_step is None:
        return f"{words} {'the last step' if step == steps[-1] else f'step {count(step)}'}", []
    axes.scatter([best_step], [value], s=170, marker="*", color=BLACK, edgecolor="white", zorder=5)
    return f"{words} the best step", [value]


def _lost_from(steps: NDArray[Any], curves: Mapping[str, NDArray[Any]]) -> float | None:
    """The step from which on no curve is finite, or None; only the batch loss is measured at every step."""
    if not any(_kind(name) == "batch" for name in curves):
        return None
    finite = np.flatnonzero(np.any([drawable(values) for values in curves.values()], axis=0))
    first = finite[-1] + 1 if finite.size else 0
    return float(steps[first]) if first < steps.size else None


def _shade(axes: Axes, lost_from: float | None, steps: NDArray[Any]) -> str:
    """Hatch the steps at which the loss was no longer finite, and return a sentence about it."""
    if lost_from is None:
        return ""
    axes.axvspan(lost_from, float(steps.max()), facecolor="#eeeeee", hatch="//", edgecolor=FAINT, linewidth=0)
    return f"diverged: not finite from step {count(lost_from)} on (hatched)"


def _infinite(curves: Mapping[str, NDArray[Any]]) -> str:
    """The number of infinite values that are not drawn, in words."""
    left_out = sum(int((~drawable(values) & ~np.isnan(values)).sum()) for values in curves.values())
    return f"{count(left_out)} infinite values left out" if left_out else ""


def _add_epochs(axes: Axes, steps: NDArray[Any], epoch_steps: float | None) -> None:
    """Add a second x axis in epochs, if there was at least one epoch."""
    if not (epoch_steps and np.isfinite(epoch_steps) and steps.size and steps.max() >= epoch_steps > 0):
        return
    top = axes.secondary_xaxis(
        "top", functions=(lambda step: np.divide(step, epoch_steps), lambda epoch: np.multiply(epoch, epoch_steps))
    )
    top.set_xlabel("epoch", fontsize=NORMAL, color=INK)
    top.tick_params(labelsize=SMALL, colors=INK)
    top.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, steps=[1, 2, 5, 10]))
    top.spines["top"].set_color(FAINT)
