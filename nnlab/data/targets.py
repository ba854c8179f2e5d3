"""From class labels to targets: 0 or 1 in one column for a binary task, one-hot rows for a multiclass one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.data.dataset import Task
from nnlab.data.files import FaultList, Key, counted, quoted, refuse
from nnlab.maths import one_hot

MOST_CLASSES = 10_000
_LARGEST_LABEL = 2**53  # integers up to here are exact in float64 too
_WITHOUT_CLASSES = {"multilabel": "one column of 0 and 1 per label", "regression": "numbers to predict"}


def class_targets(codes: NDArray[np.integer[Any]], count: int, task: Task) -> Any:
    """Targets (N, 1) of a binary task, (N, count) of a multiclass one, from class indices (N,).

    Of very many classes they are a `OneHot`.
    """
    if task == "binary":
        return codes.astype(np.float64)[:, np.newaxis]
    if count > one_hot.MOST_DENSE:
        return one_hot.OneHot(codes.astype(np.int64), count)
    y = np.zeros((len(codes), count))
    y[np.arange(len(codes)), codes] = 1.0
    return y


def check_classes(classes: Sequence[str], task: Task, file: Path | str | None) -> None:
    """Refuse a number of classes that does not fit: below two, above MOST_CLASSES, or not two for a binary task."""
    found = counted(len(classes), "class", "classes")
    listed = ", ".join(quoted(name) for name in classes[:5]) + (", …" if len(classes) > 5 else "")
    expected = ""
    key: Key | None = None
    if len(classes) < 2:
        expected = "at least two different labels"
    elif task == "binary" and len(classes) > 2:
        expected, key = "exactly 2 for a binary task (or task: multiclass)", ("task",)
    elif len(classes) > MOST_CLASSES:
        expected, key = f"at most {MOST_CLASSES:,} (for numbers to predict: task: regression)", ("task",)
    if expected:
        refuse(file, f"found {found} ({listed}), expected {expected}", key=key)


def integer_labels(y: NDArray[Any], file: Path | str, name: str) -> NDArray[np.int64]:
    """Class labels (N,) as integers from 0, from a numeric array. DataError, with the row, for -1, 2.7 or nan."""
    with np.errstate(invalid="ignore"):
        good = (y >= 0) & (y < _LARGEST_LABEL) & (np.floor(y) == y) if y.dtype.kind != "b" else np.ones_like(y)
    faults = FaultList(file)
    for row in faults.take(np.flatnonzero(~good)):
        faults.add(f"found label {y[row]} in row {row + 1} of {name}, expected an integer from 0")
    faults.raise_if_any()
    return y.astype(np.int64)


def labelled(
    labels: NDArray[np.int64], own_test: int, task: Task, file: Path | str
) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """The classes of integer labels (N,), and the targets. A label that occurs only in the test part is refused."""
    require_class_task(task, file)
    known = np.unique(labels[: len(labels) - own_test])
    classes = tuple(str(label) for label in known)
    check_classes(classes, task, file)
    return classes, class_targets(codes_of(labels, known, file), len(known), task)


def codes_of(labels: NDArray[np.int64], known: NDArray[np.int64], file: Path | str) -> NDArray[np.int64]:
    """The index of each label (N,) among the `known` ones. DataError for a label that is not known."""
    index = {label: i for i, label in enumerate(known.tolist())}
    codes = np.array([index.get(label, -1) for label in labels.tolist()])
    faults = FaultList(file)
    for row in faults.take(np.flatnonzero(codes < 0)):
        faults.add(f"found label {labels[row]} in row {row + 1}, expected one of the training part's classes")
    faults.raise_if_any()
    return codes


def require_class_task(task: Task, file: Path | str) -> None:
    """Refuse class labels for a task that has no classes."""
    if task in _WITHOUT_CLASSES:
        refuse(file, f"found class labels, expected {_WITHOUT_CLASSES[task]} for task {task}", key=("task",))
