"""The cells of a data set by name: scaling counts rows and columns, a user knows files, lines and columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.data.dataset import Dataset
from nnlab.data.files import quoted
from nnlab.data.scaling import Rows, UnscalableError
from nnlab.data.stored import StoredRows
from nnlab.errors import DataError, Fault


@dataclass(frozen=True, eq=False)
class Cells:
    """The values (N, columns) of a file, with a function that names the columns, and the lines (N,) of the rows."""

    file: str
    values: NDArray[Any] | StoredRows
    names: Callable[[], Sequence[str]]
    lines: NDArray[np.int64] | None = None

    @contextmanager
    def named(self, rows: Rows | None = None, hint: str = "") -> Iterator[None]:
        """Name the cell in a fault of scaling these values, or `rows` of them. `hint` is put behind the message."""
        try:
            yield
        except UnscalableError as error:
            raise DataError(self._fault(error, rows, hint)) from error

    def _fault(self, error: UnscalableError, rows: Rows | None, hint: str) -> Fault:
        where = f"column {quoted(self.names()[error.column])}"
        if error.row is None:
            return Fault(f"found {error.found} in {where}, expected {error.expected}{hint}", key=error.key)
        row = error.row if rows is None else int(rows[error.row])
        value = float(self.values[np.array([row])][0, error.column])
        found = f"found {error.found if np.isnan(value) else f'{value:g}'} in {where}, expected {error.expected}{hint}"
        if self.lines is None:
            return Fault(f"row {row + 1}: {found}", self.file)
        return Fault(found, self.file, int(self.lines[row]))


def input_cells(dataset: Dataset) -> Cells:
    """The inputs of a data set."""
    return Cells(dataset.read_from or dataset.name, dataset.x, lambda: dataset.columns.input_names, dataset.rows.lines)


def target_cells(dataset: Dataset) -> Cells:
    """The targets of a data set; those of classes, which are always finite, have no names of their own."""
    return Cells(dataset.read_from or dataset.name, dataset.y, lambda: dataset.columns.targets, dataset.rows.lines)
