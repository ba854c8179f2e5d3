"""From a data set as read to the arrays that a network trains on: split, scaled, contiguous."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike, NDArray

from nnlab.data.cells import input_cells, target_cells
from nnlab.data.dataset import Columns, Dataset
from nnlab.data.files import counted, quoted, refuse
from nnlab.data.rounding import rounded_columns, rounded_inputs, rounded_target
from nnlab.data.scaling import FILLS, SCALE_KEY, ScaledRows, Scaling
from nnlab.data.splits import Rows, Split, missing_classes, split
from nnlab.data.suspicions import suspicions
from nnlab.data.unseen import as_other, never_seen, unseen_warnings
from nnlab.errors import DataError, Fault
from nnlab.maths.one_hot import OneHot


@dataclass(frozen=True, eq=False)
class Examples:
    """Scaled inputs `x` (n, inputs) and targets `y` (n, outputs) of one part, C-contiguous if in memory.

    `truth` (n, outputs) are the targets as in the data, neither scaled nor rounded: figures of merit are made with it.
    `weights` (n,) float64 say how much each row counts, with a mean of 1 over the part; None where all count alike.
    """

    x: Any
    y: NDArray[Any]
    truth: NDArray[Any]
    weights: NDArray[np.float64] | None = None


@dataclass(frozen=True, eq=False)
class Prepared:
    """The parts of a data set, `val` and `test` None where absent, and how they were made.

    `target_scaling` is None unless targets were scaled. `warnings` are sentences to show to the user.
    """

    train: Examples
    val: Examples | None
    test: Examples | None
    scaling: Scaling
    target_scaling: Scaling | None
    split: Split
    warnings: tuple[str, ...]


def prepare(
    dataset: Dataset,
    *,
    seed: int,
    test: float | None,
    validation: float | Literal["own"] | None,
    train: float | None = None,
    scale_name: str,
    epsilon: float,
    together: bool,
    blanks: str,
    scale_targets: bool,
    dtype: DTypeLike,
    class_weights: bool = False,
    counts: bool = False,
    per_channel: bool = False,
    source_range: tuple[float, float] | None = None,
    target_range: tuple[float, float] = (0.0, 1.0),
    warn: bool = True,
    refuse_unseen: bool = False,
) -> Prepared:
    """Split and scale a data set; the scaling is fitted on the training part alone.

    `blanks` is as for reading: "mean" and "median" fill blank inputs. `scale_targets` standardises the targets of a
    regression and is ignored for other tasks. With `per_channel`, pixels of a channel are scaled alike. The two ranges
    are those of the scaling "range". `class_weights` says that the loss has some, and `counts` that it is for counts,
    which are never scaled. Inputs of categories that are in no training row are 0 in every part, or count as the
    column's category for rare ones. Weights of rows change neither split nor scaling. Warnings take a look at all rows,
    and are left out unless `warn`. DataError as raised by `split`, `Scaling` and `relative_weights`, and with
    `refuse_unseen` for categories that only other parts than training have.
    """
    parts = split(dataset, test=test, validation=validation, train=train, seed=seed)
    x, y = input_cells(dataset), target_cells(dataset)
    with x.named(parts.train):
        scaling = Scaling.fit(
            dataset.x,
            scale_name,
            epsilon,
            together=together,
            channels=_channels(dataset) if per_channel else None,
            fill=blanks if blanks in FILLS else None,
            rows=parts.train,
            source_range=source_range,
            target_range=target_range,
        )
    unseen = never_seen(dataset, parts.train)
    if refuse_unseen and (found := [*unseen_warnings(dataset, parts, unseen)]):
        expected = "expected categories of the training part alone (data.unseen: warn reads them all the same)"
        raise DataError([Fault(f"{text.rpartition(':')[0]}, {expected}", key=("data", "unseen")) for text in found])
    scaling = scaling.without(unseen) if len(unseen) else scaling
    known = as_other(dataset.x, dataset.columns, unseen)
    scales = scale_targets and dataset.task == "regression"
    with y.named(parts.train):
        targets = Scaling.fit(dataset.y, "standard" if scales else "none", rows=parts.train)

    def targets_of(rows: Rows) -> Any:
        of_classes = isinstance(dataset.y, OneHot)  # zeros and ones, which nothing scales
        return dataset.y[rows].astype(dtype) if of_classes else targets.apply(dataset.y, dtype, rows)

    def part(rows: Rows, name: str) -> Examples:
        weights = relative_weights(dataset.rows.weights, rows, f"the {name} part")
        with x.named(rows, "; see data.scale" if scale_name == "none" else ""):
            inputs = scaling.apply(known, dtype, rows)
        with y.named(rows, "" if scales else "; see data.scale_targets"):
            scaled = targets_of(rows)
        # Zeros and ones of classes are the same in every precision: no second copy of them.
        return Examples(inputs, scaled, dataset.y[rows] if dataset.task == "regression" else scaled, weights)

    training = part(parts.train, "training")
    others = {"validation": parts.validation, "test": parts.test}
    held_out = {name: part(rows, name) for name, rows in others.items() if len(rows)}

    def warnings() -> Iterator[str]:
        yield from _warnings(dataset, parts, scaling, targets, unseen)
        for name, examples in held_out.items():
            yield from _far_out(dataset, scaling, examples.x, name)
        yield from rounded_inputs(
            rounded_columns(known, parts.train, scaling, dtype), dataset.columns.input_names, scaling
        )
        of_targets = rounded_columns(dataset.y, parts.train, targets, dtype) if dataset.task == "regression" else []
        for one in of_targets:
            yield rounded_target(one, dataset.columns.targets[one.column], scaled=scales, may_be_scaled=not counts)
        yield from suspicions(
            dataset,
            parts.train,
            scaled=scaling.name != "none",
            targets_scaled=scales or counts,
            rounded=[dataset.columns.targets[one.column] for one in of_targets],
            class_weights=class_weights,
        )

    return Prepared(
        train=training,
        val=held_out.get("validation"),
        test=held_out.get("test"),
        scaling=scaling,
        target_scaling=targets if scales else None,
        split=parts,
        warnings=tuple(warnings()) if warn else (),
    )


def relative_weights(weights: NDArray[np.float64] | None, rows: Rows, where: str) -> NDArray[np.float64] | None:
    """The weights of some rows over their mean, (n,); equal ones are 1 to the bit. None where rows have no weights.

    `where` says of which rows they are. DataError if all are 0.
    """
    if weights is None:
        return None
    own = weights[rows]
    if not own.any():
        found = f"found a weight of 0 for each of the {counted(len(own), 'row')} of {where}"
        refuse(None, f"{found}, expected some above 0", key=("data", "weight"))
    shares = own / own.max()  # their sum cannot overflow
    relative: NDArray[np.float64] = shares / shares.mean()
    return relative


def parts_of_dates(columns: Columns) -> Iterator[int]:
    """The places of inputs that are parts of dates."""
    start = 0
    for column in columns.inputs:
        yield from range(start, start + column.width) if column.date else ()
        start += column.width


def _channels(dataset: Dataset) -> int:
    """The number of channels of images. DataError for other data."""
    if dataset.image_shape is None:
        refuse(None, "found per_channel for data that are no images, expected together", key=SCALE_KEY)
    return dataset.sample_shape[-1]


def _warnings(dataset: Dataset, parts: Split, scaling: Scaling, targets: Scaling, unseen: Rows) -> Iterator[str]:
    yield from (*dataset.warnings, *parts.warnings)
    if scaling.name == "none" and dataset.image_shape and dataset.x.dtype == np.uint8:
        found = "pixels go into the network as they are, 0 to 255, on which few networks train well"
        yield f"{found}; data.scale: {{name: range, low: -1, high: 1}} is usual"
    yield from unseen_warnings(dataset, parts, unseen)
    told = {*unseen.tolist(), *parts_of_dates(dataset.columns)}  # a year that all dates share is nobody's fault
    constant = [i for i in scaling.constant if i not in told]
    if constant:
        names = dataset.columns.input_names
        which = f" ({', '.join(quoted(names[i]) for i in constant)})" if len(constant) <= 3 else ""
        verb = "is" if len(constant) == 1 else "are"
        share = f"{len(constant)} of {counted(len(names), 'column')}"
        yield f"{share} {verb} constant in the training part{which}"
    for i in targets.constant:
        yield f"target {quoted(dataset.columns.targets[i])} is constant in the training part"
    if dataset.task == "regression":
        yield from _constant_truths(dataset, parts, targets.constant)
    if dataset.columns.classes:
        yield from _missing(dataset, parts)


_FAR = 1e4  # beyond it, a standardised value is no outlier: it was divided by hardly anything


def _far_out(dataset: Dataset, scaling: Scaling, x: NDArray[Any] | ScaledRows, part: str) -> Iterator[str]:
    """Columns that hardly vary in the training part, so that scaling makes other values in a held-out `part` huge."""
    if isinstance(x, ScaledRows) or scaling.name not in ("standard", "minmax") or not x.size:
        return
    if max(x.max(), -x.min()) <= _FAR:
        return
    largest = np.maximum(x.max(axis=0), -x.min(axis=0))
    far = np.flatnonzero(largest > _FAR)
    names = [quoted(dataset.columns.input_names[i]) for i in far]
    listed = ", ".join(names[:3]) + (", …" if len(far) > 3 else "")
    verb = "varies" if len(far) == 1 else "vary"
    found = f"{len(far)} of {counted(len(largest), 'column')} ({listed}) hardly {verb} in the training part"
    if scaling.epsilon and {*far.tolist()} <= {*scaling.constant}:
        cure = "without epsilon in data.scale such columns are 0 throughout"
    elif dataset.image_shape is not None:
        cure = f"data.scale: {{name: {scaling.name}, together: true}} scales all pixels alike"
    else:
        cure = f"data.ignore: [{listed}] leaves them out"
    yield f"{found}, and scaled are up to {largest.max():.3g} in the {part} part, which spoils its figures: {cure}"


def _constant_truths(dataset: Dataset, parts: Split, told: Collection[int]) -> Iterator[str]:
    """Targets with one value alone in a held-out part, whose r2 there tells nothing; but for those `told` of."""
    for name, rows in (("validation", parts.validation), ("test", parts.test)):
        if len(rows) < 2:  # of a single row there is no r2 at all
            continue
        y = dataset.y[rows]
        for i in np.flatnonzero((y == y[:1]).all(axis=0)):
            if i in told:
                continue
            found = f"target {quoted(dataset.columns.targets[i])} is constant in the {name} part"
            yield f"{found}: its r2 there is 0 by convention, or 1 where every prediction is exact"


def _missing(dataset: Dataset, parts: Split) -> Iterator[str]:
    classes = dataset.columns.classes
    for name, rows in (("training", parts.train), ("validation", parts.validation), ("test", parts.test)):
        absent = missing_classes(dataset.y, rows) if len(rows) else ()
        if absent:
            listed = ", ".join(quoted(classes[i]) for i in absent[:5]) + (", …" if len(absent) > 5 else "")
            yield f"{'class' if len(absent) == 1 else 'classes'} {listed} absent from the {name} part"
