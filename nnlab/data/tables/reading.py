"""From a file to a data set: `read_csv` for a first table, `read_csv_like` for another that is read in the same way."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from nnlab.data.dataset import Columns, Dataset, NewRows, Task
from nnlab.data.files import FaultList
from nnlab.data.tables.again import SecondReading
from nnlab.data.tables.description import TableDescription
from nnlab.data.tables.first import FirstReading
from nnlab.data.tables.header import read_table
from nnlab.data.tables.kinds import Findings
from nnlab.data.tables.options import TableOptions
from nnlab.data.tables.records import separator_of
from nnlab.data.tables.sheets import typed_file


def read_csv(path: Path | str, *, task: Task, options: TableOptions | None = None, **said: Any) -> Dataset:
    """The data set of a table. `said` are fields of `options` that are given one by one.

    With `blanks` "mean" or "median", a blank number is nan in `x` until it is filled from the training part, and a
    blank text 0 in all its one-hot columns. DataError with all faults that are found in one pass.
    """
    return FirstReading(Path(path), _options(options, said)).dataset(task)


def infer_task(path: Path | str, options: TableOptions) -> tuple[Task, str]:
    """The task that a table asks for, with the reason. OpenTaskError with the question if there are two readings."""
    return FirstReading(Path(path), options).task()


def describe_table(path: Path | str, task: Task, options: TableOptions) -> TableDescription:
    """How the columns of a table are read. DataError if it cannot be read, or if something in it is a question."""
    return FirstReading(Path(path), options).described(task)


def likely_target(path: Path | str, options: TableOptions) -> tuple[str, str]:
    """The column that a table is most likely about, with the reason: one of a usual name, else the last that is no id.

    DataError if the table cannot be read, or asks a question.
    """
    return FirstReading(Path(path), options).likely_target()


def written_as(path: Path | str, options: TableOptions) -> TableOptions:
    """The options with how a table is written: its separator, its marks, and whether it has a header.

    They are the same for a file that is no text. DataError if the table cannot be read, or asks a question.
    """
    findings = Findings(FaultList(path))
    table, marks = read_table(Path(path), options, findings)
    findings.faults.raise_if_any()
    if typed_file(Path(path)):
        return options
    sign = separator_of(Path(path), options.separator)[0]
    has_header = bool(table.lines[0] != 1)
    return replace(options, separator=sign, decimal=marks.point, thousands=marks.thousands, header=has_header)


def _options(options: TableOptions | None, said: dict[str, Any]) -> TableOptions:
    known = options or TableOptions()
    lists = {key: tuple(value) for key, value in said.items() if isinstance(value, list)}
    return replace(known, **{**said, **lists})


def read_csv_like(
    path: Path | str, columns: Columns, *, task: Task, blanks_allowed: bool, options: TableOptions | None = None
) -> NewRows:
    """The rows of a table, read in the same way as the one that `columns` come from.

    The columns may be in any order, and unknown ones are ignored, whatever is in them. Targets may be absent. A blank
    number is nan in `x`; where blanks are not allowed, a blank text makes all inputs of its column nan. A category that
    the first table did not have is read as other or as zeros, and told in `rows.unseen`; a class that it did not have
    is a fault, and so is such a category if `unseen` is "error".
    """
    columns = replace(columns, inputs=columns.listed())
    return SecondReading(Path(path), columns, task, options or TableOptions(), blanks_allowed=blanks_allowed).rows()
