"""NumPy's .npz: arrays `x` and `y`, or `x_train`, `y_train`, `x_test`, `y_test`.

The headers are read here, not by `numpy.load`: what a header promises is held against the file's real sizes before
anything is allocated, and nothing but plain numbers is ever built, so that no file can run code.
"""

from __future__ import annotations

import math
import os
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from nnlab.data.dataset import Columns, Dataset, InputColumn, NewRows, Task, fingerprint_of
from nnlab.data.files import (
    ARRAY_LIMIT,
    FaultList,
    counted,
    fill,
    quoted,
    reading,
    refuse,
    size_of,
    unpacked_limit,
)
from nnlab.data.idx import pixel_columns
from nnlab.data.targets import check_classes, class_targets, codes_of, integer_labels, labelled

_WHOLE = ("x", "y")
_SPLIT = ("x_train", "y_train", "x_test", "y_test")
_LONGEST_HEADER = 10_000
_HEADER = re.compile(
    r"\{(?=.*'descr': (?:'(?P<descr>[^']*)'|\[))"
    r"(?=.*'fortran_order': (?P<fortran>True|False))"
    r"(?=.*'shape': \((?P<shape>(?:[0-9]{1,18}, ?)*(?:[0-9]{1,18})?)\))"
    r".*\}\s*"
)
_PLAIN = re.compile(r"\|b1|[<>|][iu][1248]|[<>]f[248]")
_BLOCK = 2**20


def read_npz(path: Path | str, *, task: Task) -> Dataset:
    """The data set of an .npz file.

    `x` is (N, inputs) of numbers, or (N, height, width) for images; uint8 stays uint8, all else becomes float64. `y` is
    (N,) class labels from 0, one-hot (N, classes), 0 or 1 per label, or numbers to predict.
    """
    path = Path(path)
    size_of(path)
    arrays = _read_arrays(path, (*_WHOLE, *_SPLIT))
    x, y, own_test = _parts(arrays, path)
    image_shape = (x.shape[1], x.shape[2]) if x.ndim == 3 else None
    inputs = pixel_columns(*image_shape) if image_shape else _numbered("x", x.shape[1])
    x = _checked_inputs(x, path)
    classes, y = _first_targets(y, own_test, task, path)
    names = ("y",) if classes else tuple(column.name for column in _numbered("y", y.shape[1]))
    columns = Columns(inputs, names, classes)
    return Dataset(path.stem, task, x, y, columns, own_test, image_shape, fingerprint_of(x, y, columns))


def read_npz_like(path: Path | str, columns: Columns, *, task: Task) -> NewRows:
    """The rows of an .npz file with `x` and perhaps `y`, for a model whose inputs and classes `columns` tell.

    Of a file that has a test part, the test part is read.
    """
    path = Path(path)
    size_of(path)
    arrays = _read_arrays(path, (*_WHOLE, "x_test", "y_test"))
    if not arrays.keys() & {"x", "x_test"}:
        refuse(path, "found neither array 'x' nor 'x_test', expected one of them")
    suffix = "" if "x" in arrays else "_test"
    x = arrays[f"x{suffix}"]
    _check_shape(x, f"x{suffix}", path)
    x = _checked_inputs(x, path)
    if x.shape[1] != len(columns.input_names):
        refuse(path, f"found {counted(x.shape[1], 'input column')}, expected {len(columns.input_names)}")
    y = _later_targets(arrays[f"y{suffix}"], columns, task, path) if f"y{suffix}" in arrays else None
    if y is not None and len(y) != len(x):
        refuse(path, f"found {counted(len(y), 'row')} in y, expected {len(x)} as in x")
    return NewRows(x, y, fingerprint_of(x, np.zeros(0) if y is None else y, columns))


# --- from the file to arrays ------------------------------------------------------------------------------------------


def _read_arrays(path: Path, wanted: Sequence[str]) -> dict[str, NDArray[Any]]:
    with reading(path), path.open("rb") as file, zipfile.ZipFile(file) as archive:
        _require_nothing_around(archive, file, path)
        members = [info for info in archive.infolist() if info.filename.removesuffix(".npy") in wanted]
        names = [info.filename.removesuffix(".npy") for info in members]
        if len(set(names)) < len(names):
            refuse(path, f"found an array twice among {', '.join(names)}, expected each once")
        return {name: _read_member(archive, info, path) for name, info in zip(names, members, strict=True)}


def _require_nothing_around(archive: zipfile.ZipFile, file: IO[bytes], path: Path) -> None:
    """Refuse bytes before the first member or after the archive's end, which `zipfile` would step over."""
    end = b"PK\x05\x06"  # begins the record of 22 bytes and a comment with which every archive ends
    file.seek(-22 - len(archive.comment), os.SEEK_END)
    if file.read(4) != end or min((info.header_offset for info in archive.infolist()), default=0) != 0:
        refuse(path, "found extra bytes before or after the arrays, expected none")


def _read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> NDArray[Any]:
    """One array of the file, its header checked first. The last read compares the checksum."""
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        refuse(path, f"found packing method {info.compress_type} in {info.filename}, expected stored or deflated")
    if info.file_size > min(ARRAY_LIMIT, unpacked_limit(info.compress_size)):
        refuse(
            path, f"found {info.file_size} bytes packed into {info.compress_size} in {info.filename}, expected fewer"
        )
    with archive.open(info) as stream:
        length, descr, fortran, shape = _header(stream, info, path)
        dtype = np.dtype(descr)
        size = math.prod(shape) * dtype.itemsize
        if length + size != info.file_size:
            found = "more bytes than" if length + size < info.file_size else "fewer bytes than"
            refuse(path, f"found {found} its header promises in {info.filename}, expected {size} for shape {shape}")
        raw = np.empty(size, np.uint8)
        if fill(stream, raw.data) + len(stream.read(1)) != size:
            refuse(path, f"found a corrupt array {info.filename}, expected {size} bytes")
    values = raw.view(dtype).reshape(shape[::-1]).T if fortran else raw.view(dtype).reshape(shape)
    return np.asarray(values, dtype.newbyteorder("="), order="C")


def _header(stream: IO[bytes], info: zipfile.ZipInfo, path: Path) -> tuple[int, str, bool, tuple[int, ...]]:
    """Header length in bytes, dtype, whether in Fortran's order, shape. Source: NEP 1, the .npy format."""
    start = stream.read(8)
    width = {b"\x01\x00": 2, b"\x02\x00": 4}.get(start[6:], 0)
    if start[:6] != b"\x93NUMPY" or not width:
        refuse(path, f"found {info.filename} that does not begin as a plain .npy array, expected one")
    length = int.from_bytes(stream.read(width), "little")
    text = stream.read(min(length, _LONGEST_HEADER)).decode("latin-1")
    match = _HEADER.fullmatch(text)
    if not match or len(text) != length:
        refuse(path, f"found a corrupt header in {info.filename}, expected one as numpy.save writes it")
    if not _PLAIN.fullmatch(match["descr"] or ""):
        found = quoted(match["descr"]) if match["descr"] else "a structure"
        refuse(path, f"found elements of type {found} in {info.filename}, expected bool, integer or float")
    shape = tuple(int(part) for part in match["shape"].split(",") if part.strip())
    return 8 + width + length, match["descr"], match["fortran"] == "True", shape


# --- from arrays to a data set ----------------------------------------------------------------------------------------


def _parts(arrays: dict[str, NDArray[Any]], path: Path) -> tuple[NDArray[Any], NDArray[Any], int]:
    """`x` and `y` with the test part as their last rows, and the number of these."""
    if arrays.keys() != set(_WHOLE) and arrays.keys() != set(_SPLIT):
        found = ", ".join(arrays) or "none of them"
        refuse(path, f"found arrays {found}, expected x and y, or x_train, y_train, x_test and y_test")
    pairs = [(name, name.replace("x", "y", 1)) for name in arrays if name.startswith("x")]
    for name, label in sorted(pairs):
        _check_shape(arrays[name], name, path)
        if arrays[label].shape[:1] != arrays[name].shape[:1]:
            rows = counted(len(arrays[name]), "row")
            refuse(path, f"found {rows} in {name} and shape {arrays[label].shape} in {label}, expected as many rows")
    if "x" in arrays:
        return arrays["x"], arrays["y"], 0
    joined = {name: _joined(arrays, name, path) for name in ("x", "y")}
    return joined["x"], joined["y"], len(arrays["x_test"])


def _joined(arrays: dict[str, NDArray[Any]], name: str, path: Path) -> NDArray[Any]:
    train, test = arrays[f"{name}_train"], arrays[f"{name}_test"]
    if train.shape[1:] != test.shape[1:]:
        refuse(
            path, f"found shapes {train.shape} and {test.shape} in {name}_train and {name}_test, expected equal columns"
        )
    return np.concatenate([train, test])


def _check_shape(x: NDArray[Any], name: str, path: Path) -> None:
    if x.ndim not in (2, 3):
        refuse(path, f"found shape {x.shape} in {name}, expected (rows, inputs) or (rows, height, width)")
    if 0 in x.shape:
        refuse(path, f"found shape {x.shape} in {name}, expected at least one row and one column")


def _checked_inputs(x: NDArray[Any], path: Path) -> NDArray[Any]:
    """The inputs (N, inputs) as uint8 or float64. DataError for values that are not finite."""
    flat = x.reshape(len(x), -1)
    _check_finite(flat, "x", path)
    return flat if flat.dtype == np.uint8 else flat.astype(np.float64, copy=False)


def _check_finite(values: NDArray[Any], name: str, path: Path) -> None:
    """Refuse nan and infinity in (N, columns), with row and column from 1."""
    faults = FaultList(path)
    rows = max(1, _BLOCK // values.shape[1])
    for start in range(0, len(values) if values.dtype.kind == "f" else 0, rows):
        block = values[start : start + rows]
        if not np.isfinite(block).all():
            for row, column in faults.take(np.argwhere(~np.isfinite(block))):
                where = f"row {start + row + 1}, column {column + 1} of {name}"
                faults.add(f"found {block[row, column]} in {where}, expected a finite number")
    faults.raise_if_any()


def _numbered(name: str, count: int) -> tuple[InputColumn, ...]:
    return tuple(InputColumn(f"{name}{i}") for i in range(count))


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
        check_classes([classes[i] for i in np.flatnonzero(y[: len(y) - own_test].any(axis=0))], task, path)
        return classes, y
    return labelled(_label_column(y, path), own_test, task, path)


def _later_targets(y: NDArray[Any], columns: Columns, task: Task, path: Path) -> NDArray[np.float64]:
    """The targets (N, outputs) of a file that is not the first."""
    y = _two_dimensional(y, path)
    outputs = len(columns.classes) if task == "multiclass" else len(columns.targets)
    if task in ("regression", "multilabel") or (task == "multiclass" and y.shape[1] > 1):
        if y.shape[1] != outputs:
            refuse(path, f"found {counted(y.shape[1], 'column')} in y, expected {outputs}")
        return _plain_targets(y, task, path)
    if not all(name.isdecimal() for name in columns.classes):
        refuse(path, f"found integer labels, expected the classes {', '.join(columns.classes)} (in a .csv file)")
    known = np.array([int(name) for name in columns.classes], np.int64)
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


def _plain_targets(y: NDArray[Any], task: Task, path: Path) -> NDArray[np.float64]:
    """Targets that are what they are: numbers for a regression, else 0 and 1, and a single 1 per row if multiclass."""
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
    return values
