"""A table that is read for the first time: what its columns are is decided here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nnlab.data.dataset import Columns, Dataset, InputColumn, Task, fingerprint_of
from nnlab.data.files import FaultList, counted, quoted, refuse
from nnlab.data.tables.description import ColumnInRole, TableDescription, described
from nnlab.data.tables.dropping import check_blanks, rows_to_use
from nnlab.data.tables.encode import Texts, category_column, check_texts, encode, number_of_values
from nnlab.data.tables.facts import read_facts, row_facts
from nnlab.data.tables.header import read_table, unknown_names
from nnlab.data.tables.kinds import Findings, Kinds, Reading, as_key
from nnlab.data.tables.labels import class_codes, find_classes, one_hot, read_target, task_of, yes_or_no
from nnlab.data.tables.leaving import is_unnamed, reason_to_leave_out, suspicions
from nnlab.data.tables.options import TableOptions
from nnlab.data.tables.table import Column
from nnlab.errors import DataError, Fault, Question, listed, suggestion

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

USUAL_TARGETS = ("target", "label", "class", "y", "outcome")
_FEW_TOLD = 3  # columns that are left out for one reason are told one by one
MOST_TRUSTED = 1000  # categories of a column in a table that is known
_TARGET_KEY, _SEPARATOR_KEY = ("data", "target"), ("data", "separator")
_TWO_TASKS = (("regression", "an amount"), ("multiclass", "a class each"))


class OpenTaskError(DataError):
    """A table could be for two tasks: which one is a question to the user."""


class FirstReading:
    """A table that is read for the first time: what its columns are is decided here."""

    def __init__(self, path: Path, options: TableOptions) -> None:
        self.path, self.options = path, options
        self.findings = Findings(FaultList(path))
        check_blanks(options.blanks, str(path))
        self.table, marks = read_table(path, options, self.findings)
        self.kinds = Kinds(self.table, options, marks, self.findings)
        self.left_out: dict[tuple[str, bool], int] = {}  # how many columns for each reason
        self.targets, self.inputs = self._roles()

    def task(self) -> tuple[Task, str]:
        """The task that the targets ask for, with the reason."""
        readings = [self.kinds.as_labels(column) for column in self.targets]
        task, why = task_of(readings, [Texts.of(reading) for reading in readings], self.kinds.marks)
        self.findings.faults.raise_if_any()
        if task is None:
            question = Question(("task",), _TWO_TASKS) if len(self.targets) == 1 else None
            raise OpenTaskError(Fault(f"found no task, and {why}", str(self.path), key=("task",), question=question))
        return task, why

    def likely_target(self) -> tuple[str, str]:
        """The column that is most likely the target, with the reason."""
        columns = [column for column in self.table.columns if column.name]
        usual = {column.name.lower(): column.name for column in reversed(columns)}
        if named := next((usual[name] for name in USUAL_TARGETS if name in usual), None):
            return named, "it has a name that targets usually have"
        if not columns:
            refuse(self.path, "found no column with a name, expected one to predict", key=_TARGET_KEY)
        used = (column for column in reversed(columns) if self._input(column).role == "input")
        last = next(used, columns[-1])
        return last.name, f"it is the last column{'' if last is self.table.columns[-1] else ' that names no row'}"

    def dataset(self, task: Task) -> Dataset:
        """The data set for a task."""
        faults = self.findings.faults
        if len(self.targets) != 1 and (not self.targets or task in ("binary", "multiclass")):
            found = f"found {counted(len(self.targets), 'target column')}"
            faults.add(f"{found}, expected one for task {task}", key=_TARGET_KEY)
        targets = [read_target(self.kinds, column, task) for column in self.targets]
        inputs = [self._input(column) for column in self.inputs]
        self._tell_more_left_out()
        used = [one for one in inputs if one.role == "input"]
        facts = read_facts(self.kinds, self.options)
        if not used:
            self._refuse_no_inputs(inputs)
        faults.raise_if_any()
        of_inputs = [one.reading for one in used]
        rows = rows_to_use(
            self.table, self.options.blanks, self.findings, inputs=of_inputs, targets=targets, facts=facts
        )
        faults.raise_if_any()
        classes, y = self._targets(targets, task, rows)
        inputs = [self._encoded(one, rows) for one in inputs]
        used = [one for one in inputs if one.column is not None]
        x = self._x(used, rows)
        facts_of_rows = row_facts(self.table, facts, rows, self.options, self.findings)
        faults.raise_if_any()
        symbols = tuple(reading.symbol for reading in targets) if task == "regression" else ()
        of_inputs_read = tuple(one.column for one in used if one.column)
        columns = Columns(
            of_inputs_read, tuple(column.name for column in self.targets), classes, symbols if any(symbols) else ()
        )
        return Dataset(
            _stem(self.path),
            task,
            x,
            y,
            columns,
            fingerprint=fingerprint_of(x, y, columns, facts_of_rows),
            notes=(*self.table.notes, *self.findings.notes),
            warnings=(*self.table.warnings, *self.findings.warnings),
            rows=facts_of_rows,
            readings=tuple(described(self.table, inputs, targets, facts, task, self.options)),
        )

    def described(self, task: Task) -> TableDescription:
        """How the columns are read, whether or not something can be learned from them."""
        targets = [read_target(self.kinds, column, task) for column in self.targets]
        inputs = [self._input(column) for column in self.inputs]
        self._tell_more_left_out()
        facts = read_facts(self.kinds, self.options)
        self.findings.faults.raise_if_any()
        everything = np.arange(len(self.table))
        inputs = [self._encoded(one, everything) for one in inputs]
        columns = described(self.table, inputs, targets, facts, task, self.options)
        values = {each.column.place: each.numbers for each in (*targets, *(one.reading for one in inputs))}
        counted_too = [
            replace(one, different=len(np.unique(numbers[~np.isnan(numbers)])))
            if one.different is None and (numbers := values.get(column.place)) is not None
            else one
            for one, column in zip(columns, self.table.columns, strict=True)
        ]
        notes = (*self.table.notes, *self.findings.notes)
        warnings = (*self.table.warnings, *self.findings.warnings)
        return TableDescription(len(self.table), tuple(counted_too), notes, warnings)

    # --- roles --------------------------------------------------------------------------------------------------------

    def _roles(self) -> tuple[list[Column], list[Column]]:
        """The target columns and those that may be inputs. DataError for names that no column has."""
        options, table = self.options, self.table
        others = {name for name in (options.weight, options.split, options.group, options.time) if name}
        ignored = {*options.ignore, *(name for name, (kind, _) in options.columns.items() if kind == "ignore")}
        self._check_names()
        rest = [column for column in table.columns if column.name not in ignored]
        targets = options.target
        if targets is None:
            open_ = [column for column in rest if column.name not in {*others, *options.keep} and not _is_empty(column)]
            named = [column for column in open_ if not column.name or not is_unnamed(column.name)] or open_
            targets = (named[-1].name,) if named else ()
            if targets == ("",):
                found = f"found no name for column {named[-1].place}, the target unless another is named"
                refuse(self.path, f"{found}, expected one (data.target names a target)", 1, key=_TARGET_KEY)
        for name in sorted({name for name in targets if targets.count(name) > 1 or name in ignored}):
            self.findings.faults.add(
                f"found column {quoted(name)} twice in target and ignore, expected it once", key=_TARGET_KEY
            )
        self.findings.faults.raise_if_any()
        asked = {*targets, *others, *(name for name in options.keep if name not in options.columns)}
        if options.time in options.columns:
            asked.discard(str(options.time))
        inputs = [column for column in rest if column.name not in asked]
        self._check_twice([*inputs, *(column for column in rest if column.name in {*targets, *others})])
        return [table[name] for name in targets], inputs

    def _check_names(self) -> None:
        options, findings = self.options, self.findings
        unknown_names(self.table, "target", options.target or (), findings)
        unknown_names(self.table, "ignore", options.ignore, findings)
        unknown_names(self.table, "keep", options.keep, findings)
        for what in ("weight", "split", "group", "time"):
            name = getattr(options, what)
            if name is not None and name not in self.table.names:
                near = suggestion(name, self.table.names)
                findings.faults.add(
                    f"found {what} {quoted(name)}, expected the name of a column{near}", key=("data", what)
                )
        for name in options.columns:
            if name not in self.table.names:
                near = suggestion(name, self.table.names)
                findings.faults.add(
                    f"found column {quoted(name)}, expected the name of one in the table{near}",
                    key=("data", "columns", name),
                )

    def _check_twice(self, used: Sequence[Column]) -> None:
        """Faults for names that a column which is used may not have."""
        seen: set[str] = set()
        for column in used:
            if not column.name:
                continue  # an input without a name is left out or refused
            name = column.name
            if name in seen:
                cure = f"data.ignore: [{as_key(name)}] leaves all of them out"
                self.findings.faults.add(
                    f"found column name {quoted(name)} twice, expected different names; {cure}", 1, column.place
                )
            if not name.isprintable():
                self.findings.faults.add(
                    f"found a control character in column name {quoted(name)}, expected none", 1, column.place
                )
            seen.add(name)
        self.findings.faults.raise_if_any()

    # --- inputs -------------------------------------------------------------------------------------------------------

    def _input(self, column: Column) -> ColumnInRole:
        reading = self.kinds.of(column)
        texts = Texts.of(reading) if reading.kind in ("category", "date") else None
        is_said = column.name in self.options.columns or self.options.trusted
        left = None if is_said and reading.known else reason_to_leave_out(reading, texts, self.options.max_categories)
        if left:
            self._tell_left_out(column, left.why, is_warning=left.is_warning)
            return ColumnInRole(reading, texts, why=left.why, role="left out")
        if is_unnamed(column.name) and not column.name:
            cure = 'one (data.ignore: [""] leaves out columns without a name; data.names names them all)'
            self.findings.faults.add(f"found no name for column {column.place}, expected {cure}", 1, column.place)
        elif not is_said:
            suspicions(reading, texts, self.findings)
        if texts is not None:
            check_texts(texts, reading, self.table, self.findings.faults)
        return ColumnInRole(reading, texts, why=reading.why)

    def _refuse_no_inputs(self, left_out: Sequence[ColumnInRole]) -> None:
        if len(self.table.columns) == 1:
            found = f"found one column, {quoted(self.table.names[0])}, expected inputs and a target"
            self.findings.faults.add(f"{found}; data.separator may name another separator", 1, key=_SEPARATOR_KEY)
            return
        named = [one for one in left_out if one.reading.column.name][:3]
        reasons = listed([f"{quoted(one.reading.column.name)}: {one.why}" for one in named]) if named else ""
        usable = [as_key(one.reading.column.name) for one in named if one.reading.known]
        cure = f"; columns: {{{usable[0]}: category}} would use it" if usable else ""
        found = f"found no column left for the inputs{f' ({reasons})' if reasons else ''}"
        self.findings.faults.add(f"{found}, expected at least one{cure}", key=_TARGET_KEY)

    def _tell_left_out(self, column: Column, why: str, *, is_warning: bool) -> None:
        what = f"column {quoted(column.name)}" if column.name else f"column {column.place}, which has no name,"
        use = f"columns: {{{as_key(column.name)}: category}} would use it" if column.name and is_warning else ""
        sentences = self.findings.warnings if is_warning else self.findings.notes
        told = self.left_out[why, is_warning] = self.left_out.get((why, is_warning), 0) + 1
        if told <= _FEW_TOLD:
            sentences.append(f"{what} is left out: {why}{'; ' if use else ''}{use}")

    def _tell_more_left_out(self) -> None:
        """A sentence for each reason for which more columns are left out than were told one by one."""
        for (why, is_warning), count in self.left_out.items():
            if count > _FEW_TOLD:
                more = counted(count - _FEW_TOLD, "more column")
                sentences = self.findings.warnings if is_warning else self.findings.notes
                sentences.append(f"{more} {'is' if count == _FEW_TOLD + 1 else 'are'} left out: {why}")

    def _x(self, used: Sequence[ColumnInRole], rows: Rows) -> Floats:
        """The inputs (N, width) of some rows."""
        columns = [one.column for one in used if one.column]
        x = np.empty((len(rows), number_of_values(columns, len(rows), self.table.file)))
        start = 0
        everything = len(rows) == len(self.table)
        for one, column in zip(used, columns, strict=True):
            reading, texts = one.reading, one.texts
            if not everything:
                numbers = None if reading.numbers is None else reading.numbers[rows]
                reading, texts = replace(reading, numbers=numbers), texts and texts.picked(rows)
            encode(x[:, start : start + column.width], column, reading, texts)
            start += column.width
        return x

    def _encoded(self, one: ColumnInRole, rows: Rows) -> ColumnInRole:
        """A column that is an input with its encoding, from the rows that are used; others as they are."""
        reading, name = one.reading, one.reading.column.name
        if one.role != "input":
            return one
        if reading.kind == "date":
            return replace(one, column=InputColumn(name, date=reading.date))
        if one.texts is None:
            return replace(one, column=InputColumn(name, symbol=reading.symbol, is_time=reading.kind == "time"))
        return self._of_categories(one, one.texts.picked(rows).counts, len(rows))

    def _of_categories(self, one: ColumnInRole, counts: dict[str, int], rows: int) -> ColumnInRole:
        """A column of categories with its encoding, from how many of the used rows have each text."""
        name, most = one.reading.column.name, MOST_TRUSTED if self.options.trusted else self.options.max_categories
        column = category_column(name, counts, most)
        if not column.rare:
            return replace(one, column=column)
        share = sum(counts[text] for text in column.rare) / rows
        self.findings.warnings.append(
            f"column {quoted(name)} has {len(counts):,} different texts: the {len(column.rare):,} rarest, in "
            f"{100 * share:.2g} % of the rows, go together as 'other' (data.max_categories: {most})"
        )
        return replace(one, column=column, why=f"{len(column.rare)} rare of {len(counts)} texts go together as 'other'")

    # --- targets ------------------------------------------------------------------------------------------------------

    def _targets(self, readings: Sequence[Reading], task: Task, rows: Rows) -> tuple[tuple[str, ...], Floats]:
        """The classes and the targets (N, outputs) of some rows."""
        if task == "regression":
            return (), np.column_stack([reading.numbers[rows] for reading in readings if reading.numbers is not None])
        texts = [Texts.of(reading).picked(rows) for reading in readings]
        picked = self.table.picked(rows) if len(rows) < len(self.table) else self.table
        if task == "multilabel":
            pairs = zip(texts, readings, strict=True)
            return (), np.column_stack([yes_or_no(one, reading, picked, self.findings) for one, reading in pairs])
        classes = find_classes(texts[0], task, readings[0], picked, self.findings)
        self.findings.faults.raise_if_any()
        self._tell_lost_classes(readings[0], classes)
        return classes, one_hot(class_codes(texts[0], classes, readings[0], picked, self.findings), classes, task)

    def _tell_lost_classes(self, reading: Reading, classes: Sequence[str]) -> None:
        before = Texts.of(reading).counts
        lost = [name for name in before if name not in classes]
        if lost:
            shown = listed([f"{quoted(name)} ({counted(before[name], 'row')})" for name in lost[:5]])
            self.findings.warnings.append(f"no row of the {'class' if len(lost) == 1 else 'classes'} {shown} is left")


def _is_empty(column: Column) -> bool:
    """Whether a column has neither a name nor a value."""
    return not column.name and column.counts.get("", 0) == len(column.values)


def _stem(path: Path) -> str:
    name = path.name
    for suffix in (".gz", ".zip"):
        name = name[: -len(suffix)] if name.lower().endswith(suffix) else name
    return name.rpartition(".")[0] or name
