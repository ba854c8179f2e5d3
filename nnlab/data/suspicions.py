"""What looks wrong in the training rows of a set, though a network can be trained on it: a sentence for each.

All is computed from sums over blocks of rows, in float64, so that no more than a block is in memory beside the set.
Blanks (nan) count for nothing, and inputs that are images or that stay in their file are left out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from nnlab.data.dataset import Dataset
from nnlab.data.files import counted, quoted
from nnlab.data.splits import Rows, class_indices
from nnlab.data.stored import StoredRows

Floats = NDArray[np.float64]

_SAME = 0.9999  # a correlation above it is that of a copy
_FEWEST_ROWS = 10  # below, numbers that have nothing to do with each other may agree
_MOST_SUMMED = 40  # inputs whose pairs are looked at
_MOST_CLASSES = 100  # that are each compared with each input
_WIDE = 1e3  # a spread that asks for scaling
_MAJORITY = 0.95
_BLOCK = 2**20  # values at a time
_STEADY = 1e-10  # a deviation, as a share of the largest value, that may be rounding alone


def suspicions(
    dataset: Dataset,
    rows: Rows,
    *,
    scaled: bool,
    targets_scaled: bool,
    rounded: Collection[str] = (),
    class_weights: bool,
) -> Iterator[str]:
    """The suspicions about the training `rows`, a sentence for each with the columns, a figure and the cure.

    `scaled` and `targets_scaled` say whether inputs and targets are scaled, `rounded` names targets of which it is told
    already that they need it, and with `class_weights` the experiment weighs classes already. Targets that are a copy
    or a sum of inputs are looked for in tables only, which know the lines of their rows: a computed set may have such a
    target to be learned.
    """
    y = dataset.y[rows]
    x = dataset.x
    if not isinstance(x, StoredRows) and x.dtype.kind == "f" and dataset.image_shape is None and x.shape[1]:
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            found = list(_of_inputs(dataset, _Inputs.of(dataset, x, rows), y, scaled=scaled))
        yield from found
    if dataset.task == "regression" and not targets_scaled:
        for name, values in zip(dataset.columns.targets, y.T, strict=True):
            if name not in rounded:
                yield from _wide_target(name, values)
    if dataset.columns.classes and not class_weights:
        yield from _of_classes(dataset.columns.classes, y)


def _of_inputs(dataset: Dataset, inputs: _Inputs, y: Floats, *, scaled: bool) -> Iterator[str]:
    if dataset.rows.lines is not None and len(y) >= _FEWEST_ROWS:
        yield from _leaks(dataset, inputs, y)
    if not scaled:
        yield from _wide_inputs(inputs)


@dataclass(frozen=True, eq=False)
class _Inputs:
    """The training rows of the inputs with figures of each (inputs,); `names` has the column of each."""

    x: Floats
    rows: Rows
    names: Sequence[str]
    is_number: NDArray[np.bool_]
    mean: Floats
    low: Floats
    high: Floats

    @classmethod
    def of(cls, dataset: Dataset, x: Floats, rows: Rows) -> _Inputs:
        columns = dataset.columns.inputs
        names = [name for column in columns for name in repeat(column.name, column.width)]
        is_number = [flag for column in columns for flag in repeat(column.categories is None, column.width)]
        parts = [(np.nansum(b, axis=0), (~np.isnan(b)).sum(axis=0), *_ends(b)) for b in _blocks(x, rows)]
        total, count, low, high = (np.array(figures) for figures in zip(*parts, strict=True))
        mean = total.sum(axis=0) / count.sum(axis=0)
        ends = np.fmin.reduce(low, axis=0), np.fmax.reduce(high, axis=0)
        return cls(x, rows, names, np.array(is_number), np.nan_to_num(mean), *ends)

    @property
    def size(self) -> Floats:
        """The largest absolute value of each input."""
        return np.fmax(np.abs(self.low), np.abs(self.high))

    def centred(self, chosen: NDArray[np.bool_] | slice = slice(None)) -> Iterator[tuple[slice, Floats]]:
        """Blocks of the chosen inputs minus their means, each with its place among the rows."""
        start = 0
        for block in _blocks(self.x, self.rows):
            yield slice(start, start := start + len(block)), block[:, chosen] - self.mean[chosen]


def _blocks(x: Floats, rows: Rows) -> Iterator[Floats]:
    step = max(1, _BLOCK // x.shape[1])
    for start in range(0, len(rows), step):
        yield x[rows[start : start + step]]


def _ends(block: Floats) -> tuple[Floats, Floats]:
    return np.fmin.reduce(block, axis=0), np.fmax.reduce(block, axis=0)


# --- targets that are inputs ------------------------------------------------------------------------------------------


def _leaks(dataset: Dataset, inputs: _Inputs, y: Floats) -> Iterator[str]:
    """Targets that are a copy of an input or a sum of some."""
    if dataset.task == "multiclass":
        yield from _copied_classes(dataset, inputs, y)
        return
    same = np.abs(_correlations(inputs, y))
    for target, of_inputs in enumerate(same.T):
        best = int(of_inputs.argmax())
        name = dataset.columns.targets[target]
        if of_inputs[best] > _SAME:
            yield _leak(name, f"follows column {quoted(inputs.names[best])}", [inputs.names[best]], of_inputs[best], y)
        elif dataset.task == "regression":
            yield from _sums(name, inputs, y[:, target])


def _leak(target: str, how: str, columns: Sequence[str], r: float, y: Floats) -> str:
    found = f"target {quoted(target)} {how} (|r| = {r:.6f} in {len(y):,} training rows)"
    listed = ", ".join(map(quoted, columns[:3])) + (", …" if len(columns) > 3 else "")
    return f"{found}: if that is known only once the target is, data.ignore: [{listed}]"


def _copied_classes(dataset: Dataset, inputs: _Inputs, y: Floats) -> Iterator[str]:
    """An input that is the number of the class, or inputs each of which is one class, for all classes."""
    each = y if y.shape[1] <= _MOST_CLASSES else np.empty((len(y), 0))
    same = np.abs(_correlations(inputs, np.column_stack([each, class_indices(y)])))
    for one in (same[:, -1:], same[:, :-1]):
        if one.size and (one.max(axis=0) > _SAME).all():
            columns = list(dict.fromkeys(inputs.names[best] for best in one.argmax(axis=0)))
            word = "column" if len(columns) == 1 else "columns"
            how = f"follows {word} {', '.join(map(quoted, columns[:3]))}{', …' if len(columns) > 3 else ''}"
            yield _leak(dataset.columns.targets[0], how, columns, float(one.max(axis=0).min()), y)
            return


def _correlations(inputs: _Inputs, y: Floats) -> Floats:
    """Pearson's r (inputs, targets) of each input with each target over the rows in which the input is known.

    It is 0 where one of both is constant or too few rows are known.
    """
    y = y - y.mean(axis=0)
    width = len(inputs.mean)
    n, sx, sxx = np.zeros((3, width, 1))
    sy, syy, sxy = np.zeros((3, width, y.shape[1]))
    for place, block in inputs.centred():
        known = ~np.isnan(block)
        x, weight, targets = np.where(known, block, 0.0), known.astype(np.float64), y[place]
        n += weight.sum(axis=0)[:, None]
        sx += x.sum(axis=0)[:, None]
        sxx += np.square(x).sum(axis=0)[:, None]
        sy += weight.T @ targets
        syy += weight.T @ np.square(targets)
        sxy += x.T @ targets
    in_x, in_y = n * sxx - sx**2, n * syy - sy**2
    varies = (in_x > np.square(_STEADY * n * inputs.size[:, None])) & (in_y > np.square(_STEADY * n * np.abs(y).max(0)))
    r = (n * sxy - sx * sy) / np.sqrt(in_x) / np.sqrt(in_y)
    return np.where(varies & (n >= _FEWEST_ROWS) & np.isfinite(r), r, 0.0)


def _sums(target: str, inputs: _Inputs, y: Floats) -> Iterator[str]:
    """A sum or difference of two numeric inputs, or the sum of all, that a target (n,) is."""
    used = inputs.is_number & (inputs.low < inputs.high)
    if not 2 <= used.sum() <= _MOST_SUMMED:
        return
    names = [name for name, flag in zip(inputs.names, used, strict=True) if flag]
    count, among, with_y, in_y = _covariances(inputs, used, y)
    if count < _FEWEST_ROWS:
        return
    own = among.diagonal()
    first, second = np.triu_indices(len(names), 1)
    for sign, word in ((1, "the sum"), (-1, "the difference")):
        in_pairs = own[first] + own[second] + 2 * sign * among[first, second]
        is_one = in_pairs > _STEADY * (own[first] + own[second])
        r = np.where(is_one, np.abs(with_y[first] + sign * with_y[second]) / np.sqrt(np.abs(in_pairs * in_y)), 0.0)
        best = int(np.nan_to_num(r).argmax())
        if r[best] > _SAME:
            pair = [names[first[best]], names[second[best]]]
            how = f"follows {word} of columns {quoted(pair[0])} and {quoted(pair[1])}"
            yield _leak(target, how, pair, float(r[best]), y)
            return
    r_all = abs(with_y.sum()) / np.sqrt(among.sum() * in_y)
    if r_all > _SAME:
        yield _leak(target, f"follows the sum of all {len(names)} numeric columns", names, float(r_all), y)


def _covariances(inputs: _Inputs, used: NDArray[np.bool_], y: Floats) -> tuple[int, Floats, Floats, float]:
    """The complete rows' number n, and n² times the covariances of inputs, of inputs with y, and the variance of y."""
    y, width = y - y.mean(), int(used.sum()) + 1
    count, sums, products = 0, np.zeros(width), np.zeros((width, width))
    for place, block in inputs.centred(used):
        rows = np.column_stack([block, y[place]])
        rows = rows[~np.isnan(rows).any(axis=1)]
        count += len(rows)
        sums += rows.sum(axis=0)
        products += rows.T @ rows
    among = count * products - np.outer(sums, sums)
    return count, among[:-1, :-1], among[:-1, -1], float(among[-1, -1])


# --- numbers that spread too far --------------------------------------------------------------------------------------


def _wide_inputs(inputs: _Inputs) -> Iterator[str]:
    spread = inputs.high - inputs.low
    wide = np.flatnonzero(spread > _WIDE)
    if len(wide):
        listed = ", ".join(quoted(inputs.names[i]) for i in wide[:3]) + (", …" if len(wide) > 3 else "")
        share = f"{len(wide)} of {counted(len(inputs.names), 'input')} ({listed})"
        verb = "is not scaled and spreads" if len(wide) == 1 else "are not scaled and spread"
        found = f"{share} {verb} over up to {_figure(spread[wide].max())}"
        yield f"{found}, on which networks train badly: data.scale: standard"


def _wide_target(name: str, y: Floats) -> Iterator[str]:
    with np.errstate(over="ignore"):
        spread = float(np.ptp(y))
    if spread > _WIDE:
        found = f"target {quoted(name)} is not scaled and spreads over {_figure(spread)}"
        yield f"{found}, on which networks train badly: data.scale_targets: true"


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value < 1e15 else f"{value:.3g}"


# --- classes ----------------------------------------------------------------------------------------------------------


def _of_classes(classes: Sequence[str], y: Floats) -> Iterator[str]:
    """A class that nearly all rows have; a class that all have is told as the absence of the others."""
    counts = np.bincount(class_indices(y), minlength=len(classes))
    most = int(counts.argmax())
    if _MAJORITY * len(y) < counts[most] < len(y):
        share = f"{counts[most]:,} of {len(y):,} training rows ({counts[most] / len(y):.1%})".replace("%", " %")
        cure = "balanced_accuracy and class_weights: balanced (in network.head.loss) give each class the same weight"
        yield f"class {quoted(classes[most])} has {share}, so that accuracy says little: {cure}"
