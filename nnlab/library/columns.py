"""The columns of a table that a run has written, as arrays."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.errors import CheckpointError, ConfigError, StorageError, printable, suggestion
from nnlab.storage.files import read_plain, storage_errors
from nnlab.storage.folder import RunFolder

Array = NDArray[Any]


class TableColumns(Mapping[str, Array]):
    """The columns of a CSV file by name, each (rows,): float64 with nan where nothing was measured, or texts."""

    def __init__(self, path: Path) -> None:
        """Read a table of the run in whose folder it is. CheckpointError if there is none, or if it was changed."""
        self._path = path
        RunFolder(path.parent).check_table(path.name)
        with storage_errors(path):
            try:
                text = read_plain(path).decode()
            except FileNotFoundError as error:
                raise CheckpointError(f"{printable(str(path))}: found no such file") from error
            except UnicodeDecodeError as error:
                raise StorageError(f"{printable(str(path))}: found bytes that are no text") from error
        heads, *rows = csv.reader(io.StringIO(text, newline="")) if text else [[]]
        cells = zip(*rows, strict=True) if rows else [()] * len(heads)
        self._columns = {name: _array(column) for name, column in zip(heads, cells, strict=True)}

    def __getitem__(self, name: str) -> Array:
        if name not in self._columns:
            raise ColumnError(f"{printable(str(self._path))}: no column '{name}'{suggestion(name, self._columns)}")
        return self._columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def __repr__(self) -> str:
        rows = len(next(iter(self._columns.values()), ()))
        return f"<{rows:,} rows of {self._path.name}: {', '.join(self._columns)}>"

    def to_frame(self) -> Any:
        """The table as a pandas DataFrame; pandas is loaded for that alone. ConfigError where there is none."""
        return frame(self._columns)


class ColumnError(ConfigError, KeyError):
    """A table has no column of that name."""

    __str__ = ConfigError.__str__


def frame(columns: Mapping[str, Any]) -> Any:
    """Columns as a pandas DataFrame. ConfigError where pandas is not installed."""
    try:
        import pandas  # type: ignore[import-not-found, import-untyped, unused-ignore]  # noqa: ICN001, PLC0415
    except ModuleNotFoundError as error:
        raise ConfigError("to_frame needs pandas, which is not installed: pip install pandas") from error
    return pandas.DataFrame(dict(columns))


def _array(cells: tuple[str, ...]) -> Array:
    """Cells as numbers, nan for an empty one; as texts if one is no number."""
    try:
        return np.array([float(cell or "nan") for cell in cells])
    except ValueError:
        return np.array(cells)
