"""The table of columns: how each column of a table was read, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nnlab.data.dataset import ColumnReading, InputColumn, Task
from nnlab.data.files import quoted
from nnlab.data.tables.encode import Texts
from nnlab.data.tables.kinds import Reading
from nnlab.data.tables.options import TableOptions
from nnlab.data.tables.table import Column, Table


@dataclass(frozen=True)
class TableDescription:
    """How a table is read: its number of rows, its columns, what is told of it and what must be seen."""

    rows: int
    columns: tuple[ColumnReading, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class ColumnInRole:
    """A column as it was read, with its role: `column` is how an input is encoded, `why` the reason for all that."""

    reading: Reading
    texts: Texts | None = None
    column: InputColumn | None = None
    why: str = ""
    role: str = "input"


def described(
    table: Table,
    inputs: Sequence[ColumnInRole],
    targets: Sequence[Reading],
    facts: dict[str, Reading],
    task: Task,
    options: TableOptions,
) -> list[ColumnReading]:
    """How each column of a table was read, in the order of the file."""
    found = {one.reading.column.place: one for one in inputs}
    in_roles = [*facts.items(), *(("target", reading) for reading in targets)]
    of_roles = {reading.column.place: ColumnInRole(reading, why=reading.why, role=role) for role, reading in in_roles}
    known = {**found, **of_roles}
    return [_described_column(column, known.get(column.place), task, options) for column in table.columns]


def _described_column(column: Column, one: ColumnInRole | None, task: Task, options: TableOptions) -> ColumnReading:
    if one is None:
        role = "kept" if column.name in options.keep else "left out"
        missing = column.counts.get("", 0)
        return ColumnReading(column.name, role, "text" if column.texts else "number", None, missing, "", 0, "as said")
    reading, missing = one.reading, int(np.count_nonzero(one.reading.blank))
    width = one.column.width if one.column else 0
    read_as = (
        {"multilabel": "label", "regression": "number"}.get(task, "class") if one.role == "target" else reading.kind
    )
    different, shown = _shown(reading, one.texts)
    return ColumnReading(column.name, one.role, read_as, different, missing, shown, width, one.why)


def _shown(reading: Reading, texts: Texts | None) -> tuple[int | None, str]:
    """How many different values there are, and their range or a few examples."""
    if reading.numbers is not None:
        known = reading.numbers[~reading.blank] if reading.blank.any() else reading.numbers
        return None, f"{known.min():g} … {known.max():g}" if len(known) else ""
    counts = (texts or Texts.of(reading)).counts
    if reading.date is not None:
        return len(counts), f"{min(counts)} … {max(counts)}" if reading.date.format == "iso" else next(iter(counts))
    examples = sorted(counts, key=lambda text: (-counts[text], text))[:3]
    return len(counts), ", ".join(map(quoted, examples)) + (", …" if len(counts) > len(examples) else "")
