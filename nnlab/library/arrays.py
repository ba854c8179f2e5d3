"""Arrays that a program gives in place of a file: checked, and written as the file that a run folder keeps."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.data.names import ArrayNames
from nnlab.errors import DataError, InputError, printable
from nnlab.storage.folder import ARRAYS

Array = NDArray[Any]


@contextmanager
def written(data: tuple[Any, Any]) -> Iterator[Path]:
    """Context with a temporary file that holds inputs X and targets y; faults name them, not the file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ARRAYS
        np.savez(path, allow_pickle=False, **_members(*_pair(data), path))
        with called(path, "data"):
            yield path


@contextmanager
def called(path: Path, name: str) -> Iterator[None]:
    """Context in which faults of a temporary file are those of what the program gave, by its name."""
    try:
        yield
    except InputError as error:
        faults = [replace(fault, file=name) if fault.file == str(path) else fault for fault in error.faults]
        raise type(error)(faults) from error


def _pair(data: Any) -> tuple[Any, Any]:
    if not isinstance(data, tuple | list) or len(data) != 2:
        raise DataError("data: found something else, expected a pair of arrays, data=(X, y)")
    return data[0], data[1]


def _members(x: Any, y: Any, path: Path) -> dict[str, Array]:
    """The arrays of the file: numbers, with the names of columns and classes beside them."""
    codes, classes = _coded(_whole_array(y, "y"))
    names = ArrayNames(path, _column_names(x), _column_names(y), classes)
    return {"x": numbers(x, "data: X"), "y": codes, "names": names.to_array()}


def numbers(values: Any, name: str) -> Array:
    """Values as an array of numbers, uint8 as it is and else float64. DataError for texts and masked cells."""
    found = _whole_array(values, name)
    if found.dtype == np.uint8:
        return found
    try:
        if found.dtype.kind in "biufO":
            return found.astype(np.float64)
    except (TypeError, ValueError):
        pass
    expected = "expected numbers; texts in inputs are read from a file, or from a DataFrame by a network of a table"
    raise DataError(f"{name}: found {found.dtype}, {expected}")


def _whole_array(values: Any, name: str) -> Array:
    """Values as an array without masked cells, which would be taken for numbers."""
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        raise DataError(f"{name}: found masked cells, expected an array without; nan stands for a blank")
    try:
        return np.asarray(values)
    except ValueError as error:
        raise DataError(f"{name}: found rows of different lengths, expected an array") from error


def _coded(y: Array) -> tuple[Array, tuple[str, ...]]:
    """Targets as numbers: of texts their index among the sorted classes, which are returned as well."""
    y = np.array(y.tolist()) if y.dtype == object else y
    if y.dtype.kind in "biuf":
        return y, ()
    y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    if y.ndim != 1 or not all(isinstance(label, str) for label in y.tolist()):
        raise DataError(f"data: found y of {y.dtype} with shape {y.shape}, expected numbers, or the names of classes")
    classes, codes = np.unique(y.astype(str), return_inverse=True)
    if len(classes) == 1:
        raise DataError(f"data: found 1 class ('{printable(str(classes[0]))}'), expected at least two different labels")
    return codes, tuple(classes.tolist())


def _column_names(table: Any) -> tuple[str, ...]:
    """The names of a table's columns, or of a series; none of an array."""
    if hasattr(table, "columns"):
        names = [str(name) for name in table.columns]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise DataError(f"data: found two columns named '{printable(twice)}', expected different names")
        return tuple(names)
    name = getattr(table, "name", None)
    return () if name is None else (str(name),)
