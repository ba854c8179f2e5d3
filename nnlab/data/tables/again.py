"""A table whose columns are known from an earlier one, and which is read in the same way."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.data.dataset import Columns, InputColumn, NewRows, Task, fingerprint_of
from nnlab.data.dates import ORDERS, DateCode, is_zoned, parsed, sign_of
from nnlab.data.files import FaultList, counted, quoted
from nnlab.data.tables.dropping import lines_of
from nnlab.data.tables.encode import Texts, encode, number_of_values, unknown_fault
from nnlab.data.tables.facts import read_facts, row_facts
from nnlab.data.tables.header import read_table
from nnlab.data.tables.kinds import Findings, Kinds, Reading
from nnlab.data.tables.labels import class_codes, one_hot, read_target, yes_or_no
from nnlab.data.tables.options import TableOptions
from nnlab.data.tables.records import first_record
from nnlab.data.tables.sheets import typed_file
from nnlab.errors import suggestion

Floats = NDArray[np.float64]


class SecondReading:
    """A table whose columns are known from an earlier one."""

    def __init__(
        self, path: Path, columns: Columns, task: Task, options: TableOptions, *, blanks_allowed: bool
    ) -> None:
        self.columns, self.task, self.blanks_allowed = columns, task, blanks_allowed
        self.findings = Findings(FaultList(path))
        names = [column.name for column in columns.inputs]
        said = replace(options, columns=_said_kinds(columns, options), target=None, ignore=())
        self.options = replace(said, separator=_separator(path, said, names))
        self.table, marks = read_table(path, self.options, self.findings, names)
        self.kinds = Kinds(self.table, self.options, marks, self.findings, again=True)
        self.has_targets = self._find_columns()

    def rows(self) -> NewRows:
        """The rows of the table."""
        columns, faults = self.columns, self.findings.faults
        x = np.empty((len(self.table), number_of_values(columns.inputs, len(self.table), self.table.file)))
        unseen: list[list[str]] = [[] for _ in range(len(self.table))]
        start = 0
        for column in columns.inputs:
            self._encode(x[:, start : start + column.width], column, unseen)
            start += column.width
        y = self._targets() if self.has_targets else None
        facts = read_facts(self.kinds, replace(self.options, split=None, group=None, time=None))
        faults.raise_if_any()
        rows = np.arange(len(self.table))
        facts_of_rows = row_facts(self.table, facts, rows, self.options, self.findings)
        faults.raise_if_any()
        marked = tuple("; ".join(texts) for texts in unseen) if any(unseen) else ()
        fingerprint = fingerprint_of(x, np.zeros(0) if y is None else y, columns)
        facts_of_rows = replace(facts_of_rows, unseen=marked)
        return NewRows(x, y, fingerprint, warnings=tuple(self.findings.warnings), rows=facts_of_rows)

    def _find_columns(self) -> bool:
        """Whether the table has the targets. DataError for a missing input, or if only some targets are there."""
        table, columns = self.table, self.columns
        missing = [("input", column.name) for column in columns.inputs if column.name not in table.names]
        absent = [("target", name) for name in columns.targets if name not in table.names]
        has_targets = len(absent) < len(columns.targets)
        others = [name for name in table.names if name not in {column.name for column in columns.inputs}]
        for role, name in missing + (absent if has_targets else []):
            near = suggestion(name, others)
            self.findings.faults.add(f"found no {role} column {quoted(name)}, expected one{near}", 1)
        for name in [*(column.name for column in columns.inputs), *(columns.targets if has_targets else ())]:
            if table.names.count(name) > 1:
                self.findings.faults.add(f"found column name {quoted(name)} twice, expected it once", 1)
        self.findings.faults.raise_if_any()
        return has_targets

    def _encode(self, x: Floats, column: InputColumn, unseen: list[list[str]]) -> None:
        reading = self.kinds.of(self.table[column.name], said=_said_kind(column))
        if column.symbol != reading.symbol and reading.known and column.categories is None and not column.date:
            self._refuse_symbol(column.symbol, reading)
        if column.date:
            self._check_dates(column.date, reading)
        texts = Texts.of(reading) if column.categories is not None or column.date else None
        if reading.numbers is None and texts is None:
            x[...] = np.nan
            return
        unknown = encode(x, column, reading, texts)
        if unknown and self.options.unseen == "error":
            row = unknown[0][0]
            self.findings.faults.add(unknown_fault(column, unknown), int(self.table.lines[row]), reading.column.place)
        for row, text in unknown:
            unseen[row].append(f"{column.name}={text}")
        if column.categories is not None and not self.blanks_allowed:
            x[reading.blank] = np.nan

    def _check_dates(self, code: DateCode, reading: Reading) -> None:
        """Faults for dates that mean something else than those of training: with zones, or with parts in doubt."""
        column, texts = reading.column, [text for text in reading.column.counts if code.numbers(text)]
        name = quoted(column.name)
        if texts and any(map(is_zoned, texts)) != code.zoned:
            here, there = ("", "out") if code.zoned else ("out", "")
            found = f"found times with{there} a zone in column {name}"
            self.findings.faults.add(f"{found}, expected them with{here} one, as in training", 1, column.place)
        other = [text for text in texts if code.sign and sign_of(text) not in ("", code.sign)]
        open_ = [text for text in other if len({parsed(text, order) for order in ORDERS} - {None}) > 1]
        if open_:
            found = f"found dates such as {quoted(open_[0])} in column {name}, where training had {quoted(code.sign)}"
            self.findings.faults.add(
                f"{found} between the numbers: another part may come first; write them as there, or as 2020-12-31",
                1,
                column.place,
            )
        dated = [text for text in texts if ":" not in text]
        if code.timed and texts and len(dated) == len(texts):  # where only some have none, that is told already
            some = f"{counted(sum(column.counts[text] for text in dated), 'date')} without a time"
            self.findings.warnings.append(f"column {name}: {some}, as those of training have, read as midnight")
        if not code.timed and len(dated) < len(texts):
            some = counted(sum(column.counts[text] for text in texts if text not in dated), "date")
            found = f"column {name}: {some} with a time, which those of training have not"
            self.findings.warnings.append(f"{found}; it counts as a part of the day")

    def _refuse_symbol(self, symbol: str, reading: Reading) -> None:
        """A fault for numbers with another symbol than before: 45 and 45 % are not the same."""
        there, here = (f"numbers with {one}" if one else "numbers alone" for one in (symbol, reading.symbol))
        name = quoted(reading.column.name)
        self.findings.faults.add(
            f"found {here} in column {name}, expected {there}, as in training", 1, reading.column.place
        )

    def _targets(self) -> Any:
        readings = [read_target(self.kinds, self.table[name], self.task) for name in self.columns.targets]
        for reading in readings:
            if rows := np.flatnonzero(reading.blank).tolist():
                found = f"found {counted(len(rows), 'blank')} in column {quoted(reading.column.name)}"
                expected = "expected a value in every row (or a file without targets, for predictions alone)"
                where = f"({lines_of(self.table, np.array(rows))})"
                line = int(self.table.lines[rows[0]])
                self.findings.faults.add(f"{found} {where}, {expected}", line, reading.column.place)
        if self.task == "regression":
            for reading, symbol in zip(readings, self.columns.symbols or ("",) * len(readings), strict=True):
                if reading.symbol != symbol and reading.known:
                    self._refuse_symbol(symbol, reading)
            self.findings.faults.raise_if_any()
            return np.column_stack([reading.numbers for reading in readings if reading.numbers is not None])
        texts = [Texts.of(reading) for reading in readings]
        if self.task == "multilabel":
            return np.column_stack(
                [yes_or_no(one, each, self.table, self.findings) for one, each in zip(texts, readings, strict=True)]
            )
        classes = self.columns.classes
        return one_hot(class_codes(texts[0], classes, readings[0], self.table, self.findings), classes, self.task)


def _separator(path: Path, options: TableOptions, names: list[str]) -> str:
    """The separator that the user names, unless it finds none of the columns that are needed in the first line."""
    if options.separator == "auto" or options.names or typed_file(path):
        return options.separator
    return options.separator if {*names} & {*first_record(path, options.separator)} else "auto"


def _said_kind(column: InputColumn) -> tuple[Any, str]:
    """The kind of a known column, as a user would say it."""
    if column.date:
        return ("date", column.date.format)
    if column.categories is not None:
        return ("category", "")
    return ("time" if column.is_time else "number", "")


def _said_kinds(columns: Columns, options: TableOptions) -> dict[str, Any]:
    """The kinds of the known inputs, and what the user says of targets."""
    inputs = {column.name: _said_kind(column) for column in columns.inputs}
    return inputs | {name: kind for name, kind in options.columns.items() if name in columns.targets}
