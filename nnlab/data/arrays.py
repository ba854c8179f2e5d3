"""Sets of NumPy arrays: `x` and `y`, or `x_train`, `y_train`, `x_test`, `y_test`, in an .npz file or as .npy files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.data.dataset import Columns, Dataset, InputColumn, NewRows, Task, fingerprint_of, image_column
from nnlab.data.files import FaultList, counted, refuse
from nnlab.data.images.planes import ORDERS, Planes, check_order, described, flat, flat_stored, planes_of
from nnlab.data.names import ArrayNames
from nnlab.data.npy import Arrays, read_files, read_members
from nnlab.data.stored import StoredArray, StoredRows
from nnlab.data.targets import check_classes, class_targets, codes_of, integer_labels, labelled

_WHOLE = ("x", "y")
_SPLIT = ("x_train", "y_train", "x_test", "y_test")
_INPUTS = ("x", "x_train", "x_test")
_NAMES = "names"
_BLOCK = 2**20

Read = Callable[..., Arrays]


def is_npy_folder(folder: Path) -> bool:
    """Whether a folder holds a set as .npy files."""
    return any((folder / f"{name}.npy").exists() for name in _INPUTS)


def read_npz(path: Path | str, *, task: Task, in_blocks: int | None = None, channels: str | None = None) -> Dataset:
    """The data set of an .npz file.

    `x` is (N, inputs) of numbers, or images: (N, rows, columns), (N, rows, columns, channels), or with `channels`
    "first" (N, channels, rows, columns); uint8 stays uint8, all else becomes float64. `y` is (N,) class labels from 0,
    one-hot (N, classes), 0 or 1 per label, or numbers to predict. With `in_blocks`, the number of rows to hold in
    memory at once, `x` stays in its file. `names` may name inputs, targets and classes (see `nnlab.data.names`).
    """
    return _read(read_members, Path(path), Path(path).stem, task, in_blocks, channels)


def read_npy_folder(
    folder: Path | str, *, task: Task, in_blocks: int | None = None, channels: str | None = None
) -> Dataset:
    """The data set of a folder with x.npy and y.npy, or x_train.npy and so on; otherwise like `read_npz`."""
    return _read(read_files, Path(folder), Path(folder).resolve().name, task, in_blocks, channels)


def _read(read: Read, path: Path, name: str, task: Task, in_blocks: int | None, channels: str | None) -> Dataset:
    arrays = read(path, (*_WHOLE, *_SPLIT, _NAMES), _INPUTS if in_blocks else ())
    called = ArrayNames.of(arrays.pop(_NAMES, None), path)
    _check_parts(arrays, path)
    pairs = [("x", "y")] if "x" in arrays else [("x_train", "y_train"), ("x_test", "y_test")]
    shape = arrays[pairs[0][0]].shape
    check_order(channels, len(shape), path)
    planes = planes_of(shape, channels, path)
    x = _inputs([arrays[x] for x, _ in pairs], in_blocks, channels, path)
    own_test = len(arrays["y_test"]) if "y_test" in arrays else 0
    classes, y = _first_targets(_joined([_array(arrays[y]) for _, y in pairs]), own_test, task, path)
    given = called.inputs_of(x.shape[1])
    inputs = image_column(*planes, is_bytes=x.dtype == np.uint8) if planes else tuple(map(InputColumn, given))
    targets = called.targets_of(1 if classes else y.shape[1], numbered=not classes)
    columns = Columns(inputs, targets, called.classes_of(classes))
    image_shape = planes[1:] if planes else None
    return Dataset(name, task, x, y, columns, own_test, image_shape, fingerprint_of(x, y, columns))


def read_npz_like(
    path: Path | str, columns: Columns, *, task: Task, in_blocks: int | None = None, channels: str | None = None
) -> NewRows:
    """The rows of an .npz file with `x` and perhaps `y`, for a model with the inputs and classes of `columns`.

    If the file has a test part, only that is read. `channels` is as for `read_npz` where there are four dimensions.
    """
    return _read_like(read_members, Path(path), columns, task, in_blocks, channels)


def read_npy_folder_like(
    folder: Path | str, columns: Columns, *, task: Task, in_blocks: int | None = None, channels: str | None = None
) -> NewRows:
    """The rows of a folder of .npy files, otherwise like `read_npz_like`."""
    return _read_like(read_files, Path(folder), columns, task, in_blocks, channels)


def _read_like(
    read: Read, path: Path, columns: Columns, task: Task, in_blocks: int | None, channels: str | None
) -> NewRows:
    arrays = read(path, (*_WHOLE, "x_test", "y_test", _NAMES), _INPUTS if in_blocks else ())
    called = ArrayNames.of(arrays.pop(_NAMES, None), path)
    if not arrays.keys() & {"x", "x_test"}:
        refuse(path, "found neither array 'x' nor 'x_test', expected one of them")
    suffix = "" if "x" in arrays else "_test"
    _check_shape(arrays[f"x{suffix}"], f"x{suffix}", path)
    order = channels if channels in ORDERS else None
    _check_planes(planes_of(arrays[f"x{suffix}"].shape, order, path), columns, path)
    x = _inputs([arrays[f"x{suffix}"]], in_blocks, order, path)
    if x.shape[1] != columns.width:
        refuse(path, f"found {counted(x.shape[1], 'input column')}, expected {columns.width}")
    y = _later_targets(_array(arrays[f"y{suffix}"]), columns, called, task, path) if f"y{suffix}" in arrays else None
    if y is not None and len(y) != len(x):
        refuse(path, f"found {counted(len(y), 'row')} in y, expected {len(x)} as in x")
    return NewRows(x, y, fingerprint_of(x, np.zeros(0) if y is None else y, columns))


def _check_planes(planes: Planes | None, columns: Columns, path: Path) -> None:
    """Refuse images of another shape than those of a model."""
    expected = columns.image.shape if columns.image else None
    if planes and expected and planes != expected:
        refuse(path, f"found images of {described(planes)}, expected {described(expected)}")


def _check_parts(arrays: Arrays, path: Path) -> None:
    """Refuse all but a whole set or a training and a test part, each with as many targets as inputs."""
    if arrays.keys() != set(_WHOLE) and arrays.keys() != set(_SPLIT):
        found = ", ".join(arrays) or "none of them"
        refuse(path, f"found arrays {found}, expected x and y, or x_train, y_train, x_test and y_test")
    pairs = [(name, name.replace("x", "y", 1)) for name in arrays if name.startswith("x")]
    for name, label in sorted(pairs):
        _check_shape(arrays[name], name, path)
        if arrays[label].shape[:1] != arrays[name].shape[:1]:
            rows = counted(len(arrays[name]), "row")
            refuse(path, f"found {rows} in {name} and shape {arrays[label].shape} in {label}, expected as many rows")
    for name in ("x", "y") if "x_train" in arrays else ():
        train, test = arrays[f"{name}_train"].shape, arrays[f"{name}_test"].shape
        if train[1:] != test[1:]:
            refuse(path, f"found shapes {train} and {test} in {name}_train and {name}_test, expected equal columns")


def _check_shape(x: NDArray[Any] | StoredArray, name: str, path: Path) -> None:
    if x.ndim not in (2, 3, 4):
        expected = "(rows, inputs), (rows, height, width) or (rows, height, width, channels)"
        refuse(path, f"found shape {x.shape} in {name}, expected {expected}")
    if 0 in x.shape:
        refuse(path, f"found shape {x.shape} in {name}, expected at least one row and one column")


def _array(values: NDArray[Any] | StoredArray) -> NDArray[Any]:
    assert isinstance(values, np.ndarray)
    return values


def _joined(arrays: list[NDArray[Any]]) -> NDArray[Any]:
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def _inputs(
    arrays: list[NDArray[Any] | StoredArray], in_blocks: int | None, channels: str | None, path: Path
) -> NDArray[Any] | StoredRows:
    """The inputs (N, inputs) as uint8 or float64. DataError for values that are not finite."""
    if in_blocks:
        left = [flat_stored(array, channels) for array in arrays if isinstance(array, StoredArray)]
        stored = StoredRows(left, in_blocks)
        if stored.raw.kind == "f":
            _check_finite(stored, "x", path)
        return stored
    rows = _joined([flat(_array(array), channels) for array in arrays])
    _check_finite(rows, "x", path)
    return rows if rows.dtype == np.uint8 else rows.astype(np.float64, copy=False)


def _check_finite(values: NDArray[Any] | StoredRows, name: str, path: Path) -> None:
    """Refuse nan and infinity in (N, columns); messages count rows and columns from 1."""
    faults = FaultList(path)
    rows = max(1, _BLOCK // values.shape[1])
    for start in range(0, len(values) if values.dtype.kind == "f" else 0, rows):
        block = values[start : start + rows]
        if not np.isfinite(block).all():
            for row, column in faults.take(np.argwhere(~np.isfinite(block))):
                where = f"row {start + row + 1}, column {column + 1} of {name}"
                faults.add(f"found {block[row, column]} in {where}, expected a finite number")
    faults.raise_if_any()


def _first_targets(
    y: NDArray[Any], own_test: int, task: Task, path: Path
) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """The classes, and the targets (N, outputs)."""
    y = _two_dimensional(y, path)
    if task in ("regression", "multilabel"):
        return (), _plain_targets(y, task, path)
    if task == "multiclass" and y.shape[1] > 1:
        y = _plain_targets(y, task, path)
        classes = tuple(str(i) for i in range(y.shape[1]))
        check_classes([classes[i] for i in np.unique(y[: len(y) - own_test].argmax(axis=1))], task, path)
        return classes, y
    return labelled(_label_column(y, path), own_test, task, path)


def _later_targets(y: NDArray[Any], columns: Columns, called: ArrayNames, task: Task, path: Path) -> Any:
    """The targets (N, outputs) of a file for a model that exists, whose classes are in `columns`."""
    y = _two_dimensional(y, path)
    outputs = len(columns.classes) if task == "multiclass" else len(columns.targets)
    if task in ("regression", "multilabel") or (task == "multiclass" and y.shape[1] > 1):
        if y.shape[1] != outputs:
            refuse(path, f"found {counted(y.shape[1], 'column')} in y, expected {outputs}")
        return _plain_targets(y, task, path)
    known = called.labels_of(columns.classes)
    return class_targets(codes_of(_label_column(y, path), known, path), len(known), task)


def _two_dimensional(y: NDArray[Any], path: Path) -> NDArray[Any]:
    """`y` as (N, outputs), floats as float64."""
    if y.ndim not in (1, 2) or 0 in y.shape:
        refuse(path, f"found shape {y.shape} in y, expected (rows,) or (rows, outputs)")
    wide = y.astype(np.float64, copy=False) if y.dtype.kind == "f" else y
    return wide.reshape(len(y), -1)


def _label_column(y: NDArray[Any], path: Path) -> NDArray[np.int64]:
    if y.shape[1] != 1:
        refuse(path, f"found {y.shape[1]} columns in y, expected one of class labels")
    return integer_labels(y[:, 0], path, "y")


def _plain_targets(y: NDArray[Any], task: Task, path: Path) -> Any:
    """Targets used as they are: numbers for a regression, else 0 and 1, with one 1 per row if multiclass."""
    _check_finite(y, "y", path)
    values = y.astype(np.float64)
    if task == "regression":
        return values
    faults = FaultList(path)
    for row, column in faults.take(np.argwhere((values != 0) & (values != 1))):
        faults.add(f"found {y[row, column]} in row {row + 1}, column {column + 1} of y, expected 0 or 1")
    faults.raise_if_any()
    if task == "multiclass":
        for row in faults.take(np.flatnonzero(values.sum(axis=1) != 1)):
            faults.add(f"found {int(values[row].sum())} ones in row {row + 1} of y, expected one class per row")
    faults.raise_if_any()
    return class_targets(values.argmax(axis=1), values.shape[1], task) if task == "multiclass" else values
