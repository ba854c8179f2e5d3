"""The columns of a data set as they are read, without an experiment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from nnlab.config.document import Document
from nnlab.config.experiment import data_of
from nnlab.config.overrides import override_all
from nnlab.config.schema import Data
from nnlab.data.catalogue import CATALOGUE, existing_path, is_table, load
from nnlab.data.dataset import ColumnReading, Dataset, Task
from nnlab.data.described import columns_of
from nnlab.data.tables import OpenTaskError, describe_table
from nnlab.errors import DataError
from nnlab.paths import expanded
from nnlab.setup.rows import placed, table_options
from nnlab.setup.task import asked_for
from nnlab.storage.cache import UserCache


@dataclass(frozen=True)
class DataTable:
    """A data set as it was read: its rows, its columns, what is told of it, and the task that it asks for."""

    source: str
    task: str
    why: str
    rows: int
    columns: tuple[ColumnReading, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """The table as a document for `--json`."""
        return {
            "source": self.source,
            "task": self.task,
            "why": self.why,
            "rows": self.rows,
            "columns": [asdict(column) for column in self.columns],
            "notes": list(self.notes),
            "warnings": list(self.warnings),
        }


def data_table(source: str, sets: Sequence[str] = ()) -> DataTable:
    """Read a file, a folder or a set of the catalogue, with settings such as `data.separator=;`.

    Where two tasks are possible, the question is among the warnings, and labels are read as classes.
    """
    document = _document(source, sets)
    data = data_of(document.values)
    if data is None:
        raise DataError(f"found settings that are none of a table: {', '.join(sets)}")
    try:
        task, why = asked_for(document, data, Path()) or ("multiclass", "")
        question: tuple[str, ...] = ()
    except OpenTaskError as error:
        task, why, question = "multiclass", "", tuple(fault.message for fault in error.faults)
    try:
        path = None if data.source.name in CATALOGUE else existing_path(expanded(data.source.name), None)
        if path is not None and is_table(path):
            found = describe_table(path, task, table_options(data))
            return DataTable(source, task, why, found.rows, found.columns, found.notes, (*question, *found.warnings))
        dataset = _dataset(data, task)
    except DataError as error:
        raise placed(error, document) from error
    about = (columns_of(dataset), dataset.notes, (*question, *dataset.warnings))
    return DataTable(source, task, why, len(dataset.y), *about)


def _dataset(data: Data, task: Task) -> Dataset:
    """A set of the catalogue, or one of arrays or images."""
    options = table_options(data)
    filled = replace(options, blanks="median" if options.blanks == "refuse" else options.blanks)
    return load(
        expanded(data.source.name),
        task=task,
        parameters=data.source.parameters,
        table=filled,
        resize=data.resize,
        channels=data.channels,
        cache=UserCache.of(),
    )


def _document(source: str, sets: Sequence[str]) -> Document:
    """An experiment of a source alone; its places are the command line's words."""
    place = (source, None, None)
    values: dict[str, Any] = {"data": {"source": {"name": source}}}
    paths: list[tuple[str, ...]] = [(), ("data",), ("data", "source"), ("data", "source", "name")]
    document = Document(values, dict.fromkeys(paths, place), dict.fromkeys(paths[1:], place))
    return override_all(document, sets)
