"""Pictures of a regression: predictions against true values, and the curve of a network with one input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from nnlab.pictures.scales import drawable, opacity, sampled
from nnlab.pictures.style import (
    BLACK,
    BLUE,
    GREEN,
    INK,
    NORMAL,
    VERMILLION,
    blank,
    count,
    dress,
    joined,
    legend,
    legible,
    number,
    page_width,
    panels_across,
    sample_count,
    say,
    shortened,
)

MOST_TARGETS, TARGET_COLUMNS = 12, 3
MOST_POINTS = 3000


def fit(
    truth: NDArray[Any],
    predicted: NDArray[Any],
    *,
    targets: Sequence[str],
    split: str,
    title: str,
    weights: NDArray[Any] | None = None,
) -> Figure:
    """Predicted against true values, one panel per target (the first 12), in the targets' own units.

    `truth` and `predicted` are (N, K). Perfect predictions lie on the line; each panel gives RMSE (root mean
    squared error, in the target's unit) and R² (share of the variance explained), by the
    `weights` (N,) of the rows if they have any.
    """
    shown = min(len(targets), MOST_TARGETS)
    columns = panels_across(shown, 2.6, most=TARGET_COLUMNS)
    rows = -(-shown // columns)
    panel = min(3.7 if columns > 1 else 4.4, page_width() / columns + 0.4)
    figure = blank(title, width=max(3.6 * columns, 5.6), height=panel * rows + 0.5)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid[shown:]:
        axes.axis("off")
    for index, axes in enumerate(grid[:shown]):
        several = f"{shortened(targets[index], 24)}\n" if len(targets) > 1 else ""
        _draw_fit(axes, truth[:, index], predicted[:, index], weights, targets[index], several)
    names = [f"{legible(split)} part ({sample_count(len(truth))})", "prediction = truth"]
    legend(figure, list(grid[0].get_lines()), names)
    return figure


def _draw_fit(
    axes: Axes,
    truth: NDArray[Any],
    predicted: NDArray[Any],
    weights: NDArray[Any] | None,
    target: str,
    heading: str,
) -> None:
    good = drawable(truth) & drawable(predicted)
    lost = int((~good).sum())
    truth, predicted = truth[good].astype(float), predicted[good].astype(float)
    known = None if weights is None else weights[good]
    rows = sampled(len(truth), MOST_POINTS)
    axes.plot(truth[rows], predicted[rows], linestyle="", marker="o", markersize=5, color=BLUE,
              alpha=opacity(len(rows)), markeredgewidth=0)  # fmt: skip
    low, high = _common_limits(truth, predicted)
    axes.plot([low, high], [low, high], color=INK, linewidth=1.2, linestyle="--")
    target = shortened(target, 24)
    dress(axes, x=f"true {target}", y=f"predicted {target}")
    left_out = f"{count(lost)} not finite, left out" if lost else ""
    quality = joined([_quality(truth, predicted, known), left_out])
    axes.set_title(heading + quality, loc="left", fontsize=NORMAL, color=INK, parse_math=False)
    axes.set(xlim=(low, high), ylim=(low, high), aspect="equal")
    axes.locator_params(nbins=5)
    if len(truth) == 0:
        say(axes, "no finite value")


def _common_limits(truth: NDArray[Any], predicted: NDArray[Any]) -> tuple[float, float]:
    """One range for both axes, with a margin of 5 %."""
    if truth.size == 0:
        return 0.0, 1.0
    low, high = min(truth.min(), predicted.min()), max(truth.max(), predicted.max())
    margin = 0.05 * (high - low) or max(0.5, 0.01 * abs(high))
    return float(low - margin), float(high + margin)


def _quality(truth: NDArray[Any], predicted: NDArray[Any], weights: NDArray[Any] | None) -> str:
    """`RMSE 0.123; R² 0.987`, with `by weight` where rows have weights; R² is left out if the truth does not vary."""
    if truth.size == 0 or (weights is not None and not weights.any()):
        return ""
    with np.errstate(over="ignore"):
        squared_error = np.average((predicted - truth) ** 2, weights=weights)
        variance = np.average((truth - np.average(truth, weights=weights)) ** 2, weights=weights)
    explained = f"R² {number(round(1 - squared_error / variance, 4))}" if 0 < variance < np.inf else "R² not defined"
    return f"RMSE {number(np.sqrt(squared_error))}; {explained}{'' if weights is None else ', by weight'}"


def fit_curve(
    x: NDArray[Any],
    truth: NDArray[Any],
    curve_x: NDArray[Any],
    curve_y: NDArray[Any],
    *,
    input_name: str,
    target_name: str,
    title: str,
    parts: Mapping[str, NDArray[np.bool_]],
) -> Figure:
    """The samples of a regression with one input, and the network's predictions as a curve.

    `x` and `truth` (N,), `curve_x` and `curve_y` (G,), in their own units. `parts` are masks (N,) of the samples
    for training, validation and test, as far as there are; those not trained on are drawn hollow.
    """
    figure = blank(title)
    axes = figure.subplots()
    if len(parts) < 2:
        handles = {f"samples ({count(len(x))})": _points(axes, x, truth, "training")}
    else:
        handles = {
            f"{part} ({count(mask.sum())})": _points(axes, x[mask], truth[mask], part) for part, mask in parts.items()
        }
    order = np.argsort(curve_x, kind="stable")
    heights = np.where(drawable(curve_y), curve_y, np.nan)[order]
    handles["network"] = axes.plot(curve_x[order], heights, color=VERMILLION, linewidth=2.4, zorder=4)[0]
    gaps = "the curve has gaps where the output is not finite" if np.isnan(heights).any() else ""
    sentence = joined(["Points: the data; curve: what the network predicts", gaps])
    dress(axes, x=input_name, y=target_name, sentence=sentence)
    legend(figure, list(handles.values()), list(handles))
    return figure


_MARKS = {"training": (BLUE, BLUE, "o"), "validation": ("none", GREEN, "^"), "test": ("none", BLACK, "s")}


def _points(axes: Axes, x: NDArray[Any], truth: NDArray[Any], part: str) -> Line2D:
    """Draw the samples of a part."""
    good = drawable(x) & drawable(truth)
    x, truth = x[good], truth[good]
    rows = sampled(len(x), MOST_POINTS)
    fill, edge, marker = _MARKS[part]
    return axes.plot(x[rows], truth[rows], linestyle="", marker=marker, markersize=5, markerfacecolor=fill,
                     markeredgecolor=edge, alpha=max(opacity(len(rows)), 0.4))[0]  # fmt: skip
