"""Picture of a multilabel task: precision, recall and F1 of each label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from nnlab.pictures.style import (
    BLUE,
    GRID,
    INK,
    ORANGE,
    SKY,
    SMALL,
    blank,
    count,
    dress,
    joined,
    legend,
    legible,
    percent,
    sample_count,
    shortened,
)

MOST_LABELS = 30
THICK = 0.26  # of a bar; the labels are 1 apart
RATES = {
    "precision": (BLUE, "precision: of those given the label, the share that has it"),
    "recall": (ORANGE, "recall: of those that have the label, the share given it"),
    "f1": (SKY, "F1: harmonic mean of both"),
}


def label_rates(
    rates: Mapping[str, NDArray[Any]],
    labels: Sequence[str],
    *,
    present: NDArray[Any],
    samples: int,
    split: str,
    title: str,
    weighted: bool = False,
) -> Figure:
    """Bars with precision, recall and F1 of each label (the first 30).

    `rates` holds them by name, each (K,) shares; `present` (K,) counts those of the `samples` that have the label.
    With `weighted` the shares are by the rows' weights, and the sentence says so.
    """
    shown = labels[:MOST_LABELS]
    figure = blank(title, width=9.0, height=1.6 + 0.75 * len(shown))
    axes = figure.subplots()
    for index, name in enumerate(RATES):
        _draw_bars(axes, rates[name][: len(shown)], (index - 1) * THICK, RATES[name][0])
    part = f"{len(shown)} of {count(len(labels))} labels drawn" if len(shown) < len(labels) else ""
    how = f"how well each label is given{', by weight' if weighted else ''}"
    sentence = joined([f"{legible(split)} part, {sample_count(samples)}: {how}", part])
    dress(axes, x="share (%)", y="", sentence=sentence)
    _name_labels(axes, shown, present, samples)
    axes.set(xlim=(0, 1), xticks=np.linspace(0, 1, 6))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{round(100 * share)}"))
    handles = [Line2D([], [], linestyle="", marker="s", markersize=8, color=colour) for colour, _ in RATES.values()]
    legend(figure, handles, [words for _, words in RATES.values()])
    return figure


def _draw_bars(axes: Axes, shares: NDArray[Any], offset: float, colour: str) -> None:
    """Draw a bar per label, with the share printed to the right of the frame."""
    rows = np.arange(len(shares)) + offset
    axes.barh(rows, np.nan_to_num(shares), height=0.9 * THICK, color=colour)
    for row, share in zip(rows.tolist(), shares.tolist(), strict=True):
        words = percent(share) if np.isfinite(share) else "not defined"
        axes.text(1.012, row, words, transform=axes.get_yaxis_transform(), va="center", fontsize=SMALL, color=INK)


def _name_labels(axes: Axes, labels: Sequence[str], present: NDArray[Any], samples: int) -> None:
    """Label the rows, first label on top, with the number of samples that have the label."""
    names = [
        f"{shortened(label, 24)}\n{count(having)} of {count(samples)} have it"
        for label, having in zip(labels, present.tolist(), strict=False)
    ]
    axes.set_yticks(range(len(labels)), names, parse_math=False)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    for row in range(1, len(labels)):
        axes.axhline(row - 0.5, color=GRID, linewidth=0.6)
