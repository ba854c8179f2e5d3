"""Pictures of a classification: the confusion matrix, and images that the network gets wrong."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from nnlab.maths.decisions import ConfusionCounts
from nnlab.pictures.images import confidence_words, gallery
from nnlab.pictures.style import (
    BLUE,
    INK,
    NORMAL,
    SMALL,
    blank,
    count,
    dress,
    joined,
    legible,
    page_width,
    percent,
    sample_count,
    say,
    shortened,
)

MOST_COUNTED = 40  # classes; with more, the cells are too small for numbers
MOST_WHOLE, MOST_CONFUSED = 50, 30  # classes up to which all are shown; of more, those that are
MOST_IMAGES, IMAGE_COLUMNS = 25, 5
_CERTAIN = 0.9999


def confusion(
    confused: ConfusionCounts,
    classes: Sequence[str],
    *,
    split: str,
    accuracy: float | None,
    title: str,
    weighted: bool = False,
) -> Figure:
    """Confusion matrix: how often each true class (row) was predicted as each class (column).

    `confused` counts samples; a cell's colour is its share of the row. Of more than 50 classes the 30
    that are confused most are shown, and the sentence says so. `accuracy` is a share, that of all classes. With
    `weighted` it is one by the rows' weights, which the counts are without, and the sentence says so.
    """
    total = confused.classes
    shown = _most_confused(confused) if total > MOST_WHOLE else np.arange(total)
    matrix = confused.matrix(shown)
    shares = matrix / np.maximum(confused.of_truth()[shown, np.newaxis], 1)
    classes = [shortened(classes[index], 24) for index in shown]
    names_width = 0.085 * max(map(len, classes))
    cell = min(_cell_size(matrix), (page_width() - names_width - 1.7) / len(matrix))
    below, upright = _column_names(classes, cell)
    side = cell * len(classes)
    names_height = names_width if upright else 0.17 * max(1 + name.count("\n") for name in below)
    figure = blank(title, width=max(side + names_width + 1.5, 5.5), height=side + names_height + 1.2)
    axes = figure.subplots()
    image = _draw_shares(axes, matrix, shares, counted=len(matrix) <= MOST_COUNTED and cell >= _least_cell(matrix))
    axes.set_xticks(range(len(classes)), below, rotation=90 if upright else 0, parse_math=False)
    axes.set_yticks(range(len(classes)), classes, parse_math=False)
    by_weight = " by weight" if weighted else ""
    correct = f"{percent(accuracy)} right{by_weight}" if accuracy is not None and np.isfinite(accuracy) else ""
    parts = [f"{legible(split)} part", sample_count(confused.counts.sum()), correct]
    most = f"the {len(shown)} of {count(total)} classes that are confused most" if len(shown) < total else ""
    counted = "cells count rows, without their weights" if weighted else ""
    sentence = joined([", ".join(filter(None, parts)), most, counted])
    dress(axes, x="predicted class", y="true class", sentence=sentence, letters=int(9 * figure.get_figwidth() - 9))
    axes.grid(visible=False)
    axes.tick_params(length=0)
    _add_share_bar(figure, axes, image)
    return figure


def _most_confused(confused: ConfusionCounts) -> NDArray[np.intp]:
    """The indices of 30 classes, in ascending order: those of the largest counts off the diagonal, then the first."""
    wrong = np.flatnonzero(confused.truth != confused.predicted)
    largest = wrong[np.argsort(-confused.counts[wrong], kind="stable")]
    pairs = np.stack([confused.truth[largest], confused.predicted[largest]], axis=1)
    return np.sort(list(dict.fromkeys([*pairs.ravel().tolist(), *range(MOST_CONFUSED)]))[:MOST_CONFUSED])


def _cell_size(matrix: NDArray[Any]) -> float:
    """A cell's side in inches, wide enough for the longest count if counts are printed."""
    classes = len(matrix)
    if classes > MOST_COUNTED:
        return 16 / classes
    return max(0.36, _least_cell(matrix) + 0.02, min(1.3, 4.8 / classes))


def _least_cell(matrix: NDArray[Any]) -> float:
    """The side of a cell in inches below which the longest count leaves it."""
    return 0.075 * len(count(int(matrix.max(initial=0)))) + 0.1


def _column_names(classes: Sequence[str], cell: float) -> tuple[list[str], bool]:
    """The names below the columns, wrapped to a cell's width, or rotated in one line if that does not fit."""
    letters = max(1, int(11 * cell))
    broken = [textwrap.wrap(name, letters, break_long_words=False) for name in classes]
    if any(len(line) > letters for lines in broken for line in lines):
        return list(classes), True
    return ["\n".join(lines) for lines in broken], False


def _draw_shares(axes: Axes, matrix: NDArray[Any], shares: NDArray[Any], *, counted: bool) -> AxesImage:
    """Colour each cell by its share of the true class, on a square-root scale that makes small shares visible.

    If `counted`, the counts stand in the cells.
    """
    image = axes.imshow(shares, cmap="Blues", norm=PowerNorm(0.5, vmin=0, vmax=1), aspect="auto")
    if counted:
        for row, column in np.ndindex(*matrix.shape):
            colour = "white" if shares[row, column] > 0.35 else INK if matrix[row, column] else "#8c8c8c"
            text = count(int(matrix[row, column]))
            axes.text(column, row, text, ha="center", va="center", fontsize=SMALL, color=colour)
    return image


def _add_share_bar(figure: Figure, axes: Axes, image: AxesImage) -> None:
    bar = figure.colorbar(image, ax=axes, shrink=0.8, aspect=25, pad=0.02, ticks=[0, 0.01, 0.05, 0.1, 0.25, 0.5, 1])
    bar.minorticks_off()
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda share, _: percent(share)))
    bar.ax.tick_params(labelsize=SMALL, colors=INK)
    bar.set_label("share of the true class", fontsize=NORMAL, color=INK)
    bar.outline.set_visible(False)


def misclassified(
    images: NDArray[Any],
    truth: Sequence[str],
    predicted: Sequence[str],
    confidence: NDArray[Any],
    *,
    total_wrong: int,
    total: int,
    title: str,
) -> Figure:
    """Up to 25 misclassified images, each under its true and its predicted class.

    `images` are pictures of `as_pictures`; `confidence` (M,) is the predicted class's probability, nan if there is
    none. The totals count the whole part. If `total_wrong` is 0, the figure says so.
    """
    known = np.isfinite(confidence)
    certain = len(confidence) > 1 and bool((known & (confidence > _CERTAIN)).all())  # then it need not stand 25 times
    sure = f", each with a confidence > {percent(_CERTAIN)}" if certain else " (confidence)" if known.any() else ""
    told = np.full(len(confidence), np.nan) if certain else confidence
    captions = [_caption(*one) for one in zip(truth, predicted, told.tolist(), strict=True)]
    explanation = f"true → predicted class{sure}"
    return _gallery(images, captions, explanation, total_wrong=total_wrong, total=total, title=title)


def mislabelled(
    images: NDArray[Any],
    mistakes: Sequence[Sequence[tuple[str, bool, float]]],
    *,
    total_wrong: int,
    total: int,
    title: str,
) -> Figure:
    """Up to 25 images with wrong labels, each under these labels; totals as for `misclassified`.

    A mistake is the label's name, whether the network assigns it, and the probability of this prediction.
    """
    captions = [_label_caption(one) for one in mistakes]
    explanation = "+ label wrongly given, − label missed (confidence)"
    return _gallery(images, captions, explanation, total_wrong=total_wrong, total=total, title=title)


def _gallery(
    images: NDArray[Any], captions: Sequence[str], explanation: str, *, total_wrong: int, total: int, title: str
) -> Figure:
    """Images in rows of five, each under its caption."""
    shown = min(len(images), MOST_IMAGES)
    if shown == 0:
        return _nothing_wrong(total_wrong, total, title)
    sentence = joined([*_wrong_share(shown, total_wrong, total), explanation])
    return gallery(images[:shown], captions[:shown], sentence, columns=IMAGE_COLUMNS, cell=1.9, title=title)


def _wrong_share(shown: int, wrong: int, total: int) -> list[str]:
    """The number of wrong samples, and the number of those shown, in words."""
    share = f" ({percent(wrong / total)})" if total else ""
    part = f"{shown} of them shown" if shown < wrong else ""
    return [f"{count(wrong)} of {count(total)} are wrong{share}", part]


def _caption(truth: str, predicted: str, confidence: float) -> str:
    """A caption such as `truth 4 → 9 (87 %)`, in two lines if the names are long."""
    sure = f" ({confidence_words(confidence)})" if np.isfinite(confidence) else ""
    short = f"truth {legible(truth)} → {legible(predicted)}{sure}"
    if len(short) <= 20:
        return short
    return f"truth {shortened(truth, 15)}\n→ {shortened(predicted, 14)}{sure}"


def _label_caption(mistakes: Sequence[tuple[str, bool, float]]) -> str:
    """`+ even (93 %)` for a label wrongly assigned, `− prime (71 %)` for a missed one; at most three lines."""
    lines = [
        f"{'+' if given else '−'} {shortened(name, 14)}{f' ({confidence_words(sure)})' if np.isfinite(sure) else ''}"
        for name, given, sure in mistakes
    ]
    return "\n".join(lines if len(lines) <= 3 else [*lines[:2], f"and {len(lines) - 2} more"])


def _nothing_wrong(total_wrong: int, total: int, title: str) -> Figure:
    figure = blank(title, width=6.0, height=2.4)
    axes = figure.subplots()
    axes.axis("off")
    if total_wrong:
        are = "is" if total == 1 else "are"
        say(axes, f"{count(total_wrong)} of {sample_count(total)} {are} wrong; none was kept as an image.")
    else:
        right = "the only one is" if total == 1 else f"all {count(total)} are"
        say(axes, f"No sample was misclassified: {right} right.")
    axes.texts[0].set_color(BLUE)
    return figure
