"""Which rows are for training, validation and test: a function of the seed and the rows' classes alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nnlab.data.dataset import Task
from nnlab.data.files import counted, refuse
from nnlab.maths.randomness import Purpose, stream

Rows = NDArray[np.int64]
_TEST, _VALIDATION = 0, 1


@dataclass(frozen=True)
class Split:
    """The rows of each part, in ascending order; no row is in two parts. An absent part is empty."""

    train: Rows
    validation: Rows
    test: Rows


def split(
    y: NDArray[np.float64],
    task: Task,
    own_test: int,
    own_validation: int = 0,
    *,
    test: float | None,
    validation: float | Literal["own"] | None,
    seed: int,
) -> Split:
    """The rows of targets `y` (N, outputs) in parts: first the test part, then the validation part of the rest.

    `test` and `validation` are None for no such part, a share between 0 and 1 (rounded, at least one row), or a count.
    Binary and multiclass tasks are stratified: parts keep the shares of the classes. The last `own_test` rows are the
    test part of a set that comes with one, and the `own_validation` rows before them its validation part; no other is
    drawn then, and `validation` may be "own". DataError if a part cannot be made, or no row would be left for training.
    """
    _refuse_a_second_part(own_test, own_validation, test, validation)
    rows, own_validated, own_tested = _own_parts(len(y), own_validation, own_test)
    labels = class_indices(y) if task in ("binary", "multiclass") else np.zeros(len(y), np.int64)
    rows, tested = _part(rows, labels, test, "test", stream(seed, Purpose.SPLIT, _TEST))
    random = stream(seed, Purpose.SPLIT, _VALIDATION)
    share = None if validation == "own" else validation
    rows, validated = _part(rows, labels, share, "validation", random)
    return Split(rows, own_validated if own_validation else validated, own_tested if own_test else tested)


def _refuse_a_second_part(
    own_test: int, own_validation: int, test: float | None, validation: float | str | None
) -> None:
    """Refuse to draw a part that the set comes with, and to use one that it does not come with."""
    if own_test and test is not None:
        expected = f"expected none: the set comes with a test part of {counted(own_test, 'row')}"
        refuse(None, f"found data.test: {test}, {expected}", key=("data", "test"))
    if own_validation and validation not in (None, "own"):
        expected = f"expected own: the set comes with a validation part of {counted(own_validation, 'row')}"
        refuse(None, f"found data.validation: {validation}, {expected}", key=("data", "validation"))
    if validation == "own" and not own_validation:
        expected = "expected a share or a count: the set comes without a validation part"
        refuse(None, f"found data.validation: own, {expected}", key=("data", "validation"))


def _own_parts(count: int, validation: int, test: int) -> tuple[Rows, Rows, Rows]:
    """The rows of a set of `count` rows that are left, and those of its own last parts."""
    begin, end = count - test - validation, count - test
    return np.arange(begin), np.arange(begin, end), np.arange(end, count)


def class_indices(y: NDArray[np.float64]) -> Rows:
    """The class (N,) of each row of binary targets (N, 1) or one-hot targets (N, classes)."""
    return y[:, 0].astype(np.int64) if y.shape[1] == 1 else y.argmax(axis=1).astype(np.int64)


def missing_classes(y: NDArray[np.float64], part: Rows) -> tuple[int, ...]:
    """The classes, by index, without a row in `part`; `y` is binary (N, 1) or one-hot (N, classes)."""
    rows_of = np.bincount(class_indices(y[part]), minlength=max(2, y.shape[1]))
    return tuple(np.flatnonzero(rows_of == 0).tolist())


def _part(rows: Rows, labels: Rows, size: float | None, name: str, random: np.random.Generator) -> tuple[Rows, Rows]:
    """The rest of `rows`, and a part of the wanted size."""
    if size is None:
        return rows, rows[:0]
    wanted = _row_count(size, len(rows), name)
    groups = [rows[labels[rows] == label] for label in np.unique(labels[rows])]
    shares = _largest_remainder(wanted, [len(group) for group in groups])
    drawn = [random.permutation(group)[:share] for group, share in zip(groups, shares, strict=True)]
    part = np.sort(np.concatenate(drawn))
    return np.setdiff1d(rows, part, assume_unique=True), part


def _row_count(size: float, available: int, name: str) -> int:
    """The number of rows that a share or a count asks for, of those available."""
    if isinstance(size, bool) or not (size >= 1 if isinstance(size, int) else 0 < size < 1):
        expected = "expected a share between 0 and 1, or a count of at least 1"
        refuse(None, f"found data.{name}: {size}, {expected}", key=("data", name))
    wanted = size if isinstance(size, int) else max(1, math.floor(size * available + 0.5))
    if wanted >= available:
        found = f"found {counted(wanted, 'row')} for data.{name}: {size}"
        expected = f"expected fewer than the {available} there are, so that some are left to train"
        refuse(None, f"{found}, {expected}", key=("data", name))
    return wanted


def _largest_remainder(wanted: int, sizes: list[int]) -> list[int]:
    """Distribute `wanted` seats in proportion to `sizes`, in whole numbers; ties go to the first."""
    total = sum(sizes)
    shares = [wanted * size // total for size in sizes]
    order = sorted(range(len(sizes)), key=lambda i: -(wanted * sizes[i] % total))
    for i in order[: wanted - sum(shares)]:
        shares[i] += 1
    return shares
