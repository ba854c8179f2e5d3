"""Which rows are for training, validation and test: as the set says, else a function of the seed and of the rows.

Parts are drawn from the rows that the set gives to none: at random within each class; in whole groups, where rows of
one group belong together (`RowFacts.groups`); or the latest rows, where rows have a time (`RowFacts.times`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nnlab.data.dataset import PARTS, Dataset
from nnlab.data.files import counted, refuse
from nnlab.data.grouped import drawn_groups
from nnlab.maths.randomness import Purpose, stream

Rows = NDArray[np.int64]
Random = np.random.Generator
Draw = Callable[[Rows, int, Random], Rows]
_TEST, _VALIDATION, _TRAIN = 0, 1, 2
_NEAR = 0.05  # a part may be off by this share of its rows without a word


@dataclass(frozen=True)
class Split:
    """The rows of each part, in ascending order; no row is in two parts. An absent part is empty.

    `warnings` tell of parts that could not have the size that was asked for.
    """

    train: Rows
    validation: Rows
    test: Rows
    warnings: tuple[str, ...] = ()

    def sizes(self) -> dict[str, int]:
        """The number of rows of each part."""
        return {"train": len(self.train), "val": len(self.validation), "test": len(self.test)}


def split(
    dataset: Dataset,
    *,
    test: float | None,
    validation: float | Literal["own"] | None,
    train: float | None = None,
    seed: int,
) -> Split:
    """The rows of a set in parts: first the test part, then the validation part of the rest, then the training part.

    `test` and `validation` are None for no such part, a share between 0 and 1 (rounded, at least one row), or a count;
    so is `train`, None for all that is left: other rows are in no part. No part is drawn that the set comes with, and
    `validation` may be "own" for that one. Parts keep the shares of the classes of binary and multiclass tasks, as far
    as whole groups permit; parts by time are the latest rows. DataError if a part cannot be made, or no row would be
    left for training.
    """
    own = _own_parts(dataset)
    _refuse_a_second_part(own, test, validation)
    draw, share = _method(dataset), None if validation == "own" else validation
    rows, tested = _part(own.train, draw, test, "test", stream(seed, Purpose.SPLIT, _TEST))
    rows, validated = _part(rows, draw, share, "validation", stream(seed, Purpose.SPLIT, _VALIDATION))
    train = None if _is_whole(train, len(rows)) else train
    left, trained = _part(rows, draw, train, "train", stream(seed, Purpose.SPLIT, _TRAIN))
    drawn = (
        (tested, test, len(own.train), "test"),
        (validated, share, len(own.train) - len(tested), "validation"),
        (trained, train, len(rows), "train"),
    )
    return Split(
        left if train is None else trained,
        own.validation if len(own.validation) else validated,
        own.test if len(own.test) else tested,
        tuple(_size_warnings(dataset, drawn)),
    )


# --- parts that the set comes with ------------------------------------------------------------------------------------


def _own_parts(dataset: Dataset) -> Split:
    """The parts that the set comes with; the training part has the rows from which others may be drawn."""
    if dataset.rows.parts is None:
        count = len(dataset.y)
        begin, end = count - dataset.own_test - dataset.own_validation, count - dataset.own_test
        return Split(np.arange(begin), np.arange(begin, end), np.arange(end, count))
    train, validation, test = (np.flatnonzero(dataset.rows.parts == part) for part in range(len(PARTS)))
    if not len(train):
        refuse(None, "found no row of the training part, expected at least one", key=("data", "split"))
    return Split(train, validation, test)


def _refuse_a_second_part(own: Split, test: float | None, validation: float | str | None) -> None:
    """Refuse to draw a part that the set comes with, and to use one that it does not come with."""
    if len(own.test) and test is not None:
        expected = f"expected none: the set comes with a test part of {counted(len(own.test), 'row')}"
        refuse(None, f"found data.test: {test}, {expected}", key=("data", "test"))
    if len(own.validation) and validation not in (None, "own"):
        expected = f"expected own: the set comes with a validation part of {counted(len(own.validation), 'row')}"
        refuse(None, f"found data.validation: {validation}, {expected}", key=("data", "validation"))
    if validation == "own" and not len(own.validation):
        expected = "expected a share or a count: the set comes without a validation part"
        refuse(None, f"found data.validation: own, {expected}", key=("data", "validation"))


# --- classes ----------------------------------------------------------------------------------------------------------


def class_indices(y: NDArray[np.float64]) -> Rows:
    """The class (N,) of each row of binary targets (N, 1) or one-hot targets (N, classes)."""
    return y[:, 0].astype(np.int64) if y.shape[1] == 1 else y.argmax(axis=1).astype(np.int64)


def missing_classes(y: NDArray[np.float64], part: Rows) -> tuple[int, ...]:
    """The classes, by index, without a row in `part`; `y` is binary (N, 1) or one-hot (N, classes)."""
    rows_of = np.bincount(class_indices(y[part]), minlength=max(2, y.shape[1]))
    return tuple(np.flatnonzero(rows_of == 0).tolist())


# --- parts that are drawn ---------------------------------------------------------------------------------------------


def _method(dataset: Dataset) -> Draw:
    """How a part of about so many rows is drawn from some."""
    classes = dataset.task in ("binary", "multiclass")
    labels = class_indices(dataset.y) if classes else np.zeros(len(dataset.y), np.int64)
    times, groups = dataset.rows.times, dataset.rows.groups
    if times is not None:
        return lambda rows, wanted, _: rows[_latest(times[rows], wanted)]
    if groups is not None:
        return lambda rows, wanted, random: rows[_whole_groups(groups[rows], labels[rows], wanted, random)]
    return lambda rows, wanted, random: _stratified(rows, labels[rows], wanted, random)


def _part(rows: Rows, draw: Draw, size: float | None, name: str, random: Random) -> tuple[Rows, Rows]:
    """The rest of `rows`, and a part of about the wanted size."""
    if size is None:
        return rows, rows[:0]
    part = np.sort(draw(rows, _row_count(size, len(rows), name), random))
    return np.setdiff1d(rows, part, assume_unique=True), part


def _is_whole(train: float | None, available: int) -> bool:
    return train == available if isinstance(train, int) else train in (None, 1.0)


def _row_count(size: float, available: int, name: str) -> int:
    """The number of rows that a share or a count asks for, of those available."""
    if isinstance(size, bool) or not (size >= 1 if isinstance(size, int) else 0 < size < 1):
        expected = "expected a share between 0 and 1, or a count of at least 1"
        refuse(None, f"found data.{name}: {size}, {expected}", key=("data", name))
    wanted = size if isinstance(size, int) else max(1, math.floor(size * available + 0.5))
    if wanted >= available:
        found = f"found {counted(wanted, 'row')} for data.{name}: {size}"
        why = "" if name == "train" else ", so that some are left to train"
        expected = f"expected {'at most' if name == 'train' else 'fewer than'} the {available} there are{why}"
        refuse(None, f"{found}, {expected}", key=("data", name))
    return wanted


def _size_warnings(dataset: Dataset, drawn: tuple[tuple[Rows, float | None, int, str], ...]) -> Iterator[str]:
    """A sentence for each part whose size whole groups, or rows of one time, keep away from what was asked for."""
    why = "rows of one group (data.group)" if dataset.rows.times is None else "rows of one time (data.time)"
    for part, size, available, name in drawn:
        wanted = 0 if size is None else _row_count(size, available, name)
        if abs(len(part) - wanted) > _NEAR * wanted:
            found = f"the {name} part has {counted(len(part), 'row')} where data.{name}: {size} asks for {wanted}"
            yield f"{found}, because {why} stay together"


def _stratified(rows: Rows, labels: Rows, wanted: int, random: Random) -> Rows:
    """So many of `rows` at random, in the shares that their classes have."""
    sizes = np.unique(labels, return_counts=True)[1]
    classes = np.split(rows[np.argsort(labels, kind="stable")], np.cumsum(sizes)[:-1])
    shares = _largest_remainder(wanted, [len(members) for members in classes])
    drawn = [random.permutation(members)[:share] for members, share in zip(classes, shares, strict=True)]
    return np.concatenate(drawn)


def _largest_remainder(wanted: int, sizes: list[int]) -> list[int]:
    """Distribute `wanted` seats in proportion to `sizes`, in whole numbers; ties go to the first."""
    total = sum(sizes)
    shares = [wanted * size // total for size in sizes]
    order = sorted(range(len(sizes)), key=lambda i: -(wanted * sizes[i] % total))
    for i in order[: wanted - sum(shares)]:
        shares[i] += 1
    return shares


def _whole_groups(groups: Rows, labels: Rows, wanted: int, random: Random) -> NDArray[np.bool_]:
    """Which rows are in a part of whole groups with about `wanted` rows, by the group and the class of each row."""
    names, of_row = np.unique(groups, return_inverse=True)
    if len(names) < 2:
        found = f"found 1 group in the {counted(len(groups), 'row')} that a part is to be drawn from"
        expected = "expected one for each of training, validation and test at least"
        refuse(None, f"{found}, {expected}", key=("data", "group"))
    classes = int(labels.max()) + 1
    counts = np.bincount(of_row * classes + labels, minlength=len(names) * classes).reshape(len(names), classes)
    taken: NDArray[np.bool_] = drawn_groups(counts, wanted, random)[of_row]
    return taken


def _latest(times: NDArray[np.float64], wanted: int) -> Rows:
    """The latest rows, about `wanted` of them: those of one time are all among them, or none is."""
    if np.isnan(times).any():
        refuse(None, "found rows without a time, expected one in each row", key=("data", "time"))
    order = np.argsort(times, kind="stable")
    begins = np.flatnonzero(times[order[1:]] != times[order[:-1]]) + 1
    if not len(begins):
        found = f"found one time in all {len(times)} rows that a part is to be drawn from"
        refuse(None, f"{found}, expected later rows than those of training", key=("data", "time"))
    return order[begins[np.argmin(np.abs(len(times) - begins - wanted))] :]
