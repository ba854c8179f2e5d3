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
from nnlab.errors import DataError, InputError
from nnlab.storage.folder import ARRAYS

Array = NDArray[Any]


@contextmanager
def written(data: tuple[Any, Any]) -> Iterator[Path]:
    """Context with a temporary file that holds inputs X and targets y; faults name them, not the file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ARRAYS
        np.savez(path, allow_pickle=False, **_members(*_pair(data), path))
        try:
            yield path
        except InputError as error:
            raise type(error)([replace(fault, file=_named(fault.file, path)) for fault in error.faults]) from error


def _named(file: str | None, path: Path) -> str | None:
    return "data" if file == str(path) else file


def _pair(data: Any) -> tuple[Any, Any]:
    if not isinstance(data, tuple | list) or len(data) != 2:
        raise DataError("data: found something else, expected a pair of arrays, data=(X, y)")
    return data[0], data[1]


def _members(x: Any, y: Any, path: Path) -> dict[str, Array]:
    """The arrays of the file: numbers, with the names of columns and classes beside them."""
    codes, classes = _coded(np.asarray(y))
    names = ArrayNames(path, _column_names(x), _column_names(y), classes)
    inputs = np.asarray(x)
    if inputs.dtype.kind not in "biuf":
        found = f"found X of {inputs.dtype}, expected numbers"
        raise DataError(f"data: {found}; texts in inputs are read from a table: give its path as data.source")
    return {"x": inputs, "y": codes, "names": names.to_array()}


def _coded(y: Array) -> tuple[Array, tuple[str, ...]]:
    """Targets as numbers: of texts their index among the sorted classes, which are returned as well."""
    if y.dtype.kind in "biuf":
        return y, ()
    if y.ndim != 1 or not all(isinstance(label, str) for label in y.tolist()):
        raise DataError(f"data: found y of {y.dtype} with shape {y.shape}, expected numbers, or the names of classes")
    classes, codes = np.unique(y.astype(str), return_inverse=True)
    return codes, tuple(classes.tolist())


def _column_names(table: Any) -> tuple[str, ...]:
    """The names of a table's columns, or of a series; none of an array."""
    if hasattr(table, "columns"):
        return tuple(str(name) for name in table.columns)
    name = getattr(table, "name", None)
    return () if name is None else (str(name),)
