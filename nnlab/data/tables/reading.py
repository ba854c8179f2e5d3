"""From a file to a data set: `read_csv` for a first table, `read_csv_like` for another that is read in the same way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.data.dataset import ColumnReading, Columns, Dataset, InputColumn, NewRows, Task, fingerprint_of
from nnlab.data.files import FaultList, counted, quoted, refuse
from nnlab.data.tables.encode import Texts, category_column, check_texts, encode, number_of_values, unknown_fault
from nnlab.data.tables.facts import read_facts, row_facts
from nnlab.data.tables.header import read_table, unknown_names
from nnlab.data.tables.kinds import Findings, Kinds, Reading, as_key
from nnlab.data.tables.labels import class_codes, find_classes, one_hot, read_target, task_of, yes_or_no
from nnlab.data.tables.leaving import is_unnamed, reason_to_leave_out, suspicions
from nnlab.data.tables.options import TableOptions
from nnlab.data.tables.records import separator_of
from nnlab.data.tables.sheets import typed_file
from nnlab.data.tables.table import Column, Table
from nnlab.errors import DataError, Fault, Question, listed, suggestion

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

BLANKS = ("refuse", "drop", "mean", "median")
USUAL_TARGETS = ("target", "label", "class", "y", "outcome")
_BLANKS_KEY, _TARGET_KEY, _SEPARATOR_KEY = ("data", "blanks"), ("data", "target"), ("data", "separator")
_TWO_TASKS = (("regression", "an amount"), ("multiclass", "a class each"))
_FEW_FAULTS = 3  # columns with blanks that are told one by one
_MANY, _MOST = 0.05, 0.5  # of the rows are dropped: that is a warning, and a fault


def read_csv(path: Path | str, *, task: Task, options: TableOptions | None = None, **said: Any) -> Dataset:
    """The data set of a table. `said` are fields of `options` that are given one by one.

    With `blanks` "mean" or "median", a blank number is nan in `x` until it is filled from the training part, and a
    blank text 0 in all its one-hot columns. DataError with all faults that are found in one pass.
    """
    return _First(Path(path), _options(options, said)).dataset(task)


class OpenTaskError(DataError):
    """A table could be for two tasks: which one is a question to the user."""


def infer_task(path: Path | str, options: TableOptions) -> tuple[Task, str]:
    """The task that a table asks for, with the reason. OpenTaskError with the question if there are two readings."""
    return _First(Path(path), options).task()


@dataclass(frozen=True)
class TableDescription:
    """How a table is read: its number of rows, its columns, what is told of it and what must be seen."""

    rows: int
    columns: tuple[ColumnReading, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]


def describe_table(path: Path | str, task: Task, options: TableOptions) -> TableDescription:
    """How the columns of a table are read. DataError if it cannot be read, or if something in it is a question."""
    return _First(Path(path), options).described(task)


def likely_target(path: Path | str, options: TableOptions) -> tuple[str, str]:
    """The column that a table is most likely about, with the reason: one of a usual name, else the last that is no id.

    DataError if the table cannot be read, or asks a question.
    """
    return _First(Path(path), options).likely_target()


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


def column_count(path: Path | str, options: TableOptions) -> int:
    """The number of columns of a table. DataError if it cannot be read."""
    return len(read_table(Path(path), options, Findings(FaultList(path)))[0].columns)


def _options(options: TableOptions | None, said: dict[str, Any]) -> TableOptions:
    known = options or TableOptions()
    lists = {key: tuple(value) for key, value in said.items() if isinstance(value, list)}
    return replace(known, **{**said, **lists})


@dataclass
class _Input:
    """A column that may be an input."""

    reading: Reading
    texts: Texts | None = None
    column: InputColumn | None = None
    why: str = ""
    role: str = "input"


class _First:
    """A table that is read for the first time: what its columns are is decided here."""

    def __init__(self, path: Path, options: TableOptions) -> None:
        self.path, self.options = path, options
        self.findings = Findings(FaultList(path))
        _check_blanks(options.blanks, str(path))
        self.table, marks = read_table(path, options, self.findings)
        self.kinds = Kinds(self.table, options, marks, self.findings)
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
        used = [one for one in inputs if one.role == "input"]
        facts = read_facts(self.kinds, self.options)
        if not used:
            self._refuse_no_inputs(inputs)
        faults.raise_if_any()
        rows = self._rows(used, targets, facts)
        faults.raise_if_any()
        classes, y = self._targets(targets, task, rows)
        x = self._x(used, rows)
        facts_of_rows = row_facts(self.table, facts, rows, self.options, self.findings)
        faults.raise_if_any()
        columns = Columns(
            tuple(one.column for one in used if one.column), tuple(column.name for column in self.targets), classes
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
            readings=tuple(_described(self.table, inputs, targets, facts, task, self.options)),
        )

    def described(self, task: Task) -> TableDescription:
        """How the columns are read, whether or not something can be learned from them."""
        targets = [read_target(self.kinds, column, task) for column in self.targets]
        inputs = [self._input(column) for column in self.inputs]
        facts = read_facts(self.kinds, self.options)
        self.findings.faults.raise_if_any()
        everything = np.arange(len(self.table))
        for one in inputs:
            one.column = self._input_column(one, everything) if one.role == "input" else None
        columns = _described(self.table, inputs, targets, facts, task, self.options)
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
            named = [column for column in rest if column.name not in {*others, *options.keep} and not _is_empty(column)]
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

    def _input(self, column: Column) -> _Input:
        reading = self.kinds.of(column)
        texts = Texts.of(reading) if reading.kind in ("category", "date") else None
        found = _Input(reading, texts, why=reading.why)
        is_said = column.name in self.options.columns or self.options.trusted
        left = None if is_said and reading.known else reason_to_leave_out(reading, texts, self.options.max_categories)
        if left:
            found.role, found.why = "left out", left.why
            self._tell_left_out(column, left.why, is_warning=left.is_warning)
        elif is_unnamed(column.name) and not column.name:
            cure = "one, or header: true with names: [a, b, …]"
            self.findings.faults.add(f"found no name for column {column.place}, expected {cure}", 1, column.place)
        elif not is_said:
            suspicions(reading, self.findings)
        if texts is not None and not left:
            check_texts(texts, reading, self.table, self.findings.faults)
        return found

    def _refuse_no_inputs(self, left_out: Sequence[_Input]) -> None:
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
        sentences.append(f"{what} is left out: {why}{'; ' if use else ''}{use}")

    def _x(self, used: Sequence[_Input], rows: Rows) -> Floats:
        """The inputs (N, width) of some rows."""
        for one in used:
            one.column = self._input_column(one, rows)
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

    def _input_column(self, one: _Input, rows: Rows) -> InputColumn:
        reading, name = one.reading, one.reading.column.name
        if reading.kind == "date":
            return InputColumn(name, date=reading.date)
        if one.texts is None:
            return InputColumn(name, symbol=reading.symbol, is_time=reading.kind == "time")
        counts = one.texts.picked(rows).counts
        most = 1000 if self.options.trusted else self.options.max_categories
        column = category_column(name, counts, most)
        if column.rare:
            share = sum(counts[text] for text in column.rare) / len(rows)
            one.why = f"{len(column.rare)} rare of {len(counts)} texts go together as 'other'"
            self.findings.warnings.append(
                f"column {quoted(name)} has {len(counts):,} different texts: the {len(column.rare):,} rarest, in "
                f"{100 * share:.2g} % of the rows, go together as 'other' (data.max_categories: {most})"
            )
        return column

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

    # --- rows ---------------------------------------------------------------------------------------------------------

    def _rows(self, used: Sequence[_Input], targets: Sequence[Reading], facts: dict[str, Reading]) -> Rows:
        """The rows that are used: all, or those without the blanks that the user wants to be dropped."""
        blanks = self.options.blanks
        needed = [("target blank", reading) for reading in targets]
        needed += [(f"{role} blank", reading) for role, reading in facts.items()]
        filled = [(f"blank in {quoted(one.reading.column.name)}", one.reading) for one in used]
        if blanks == "refuse":
            self._refuse_blanks(targets, [one.reading for one in used], [*facts.values()])
            return np.arange(len(self.table))
        reasons = [*needed, *(filled if blanks == "drop" else ())]
        dropped = np.zeros(len(self.table), bool)
        told = []
        for why, reading in reasons:
            new = np.flatnonzero(reading.blank & ~dropped)
            dropped |= reading.blank
            if len(new):
                told.append((why, new))
        if told:
            self._tell_dropped(told, int(dropped.sum()))
        return np.flatnonzero(~dropped)

    def _tell_dropped(self, told: Sequence[tuple[str, Rows]], count: int) -> None:
        total = len(self.table)
        reasons = [f"{why} ({_lines(self.table, rows)})" for why, rows in told[:5]]
        more = f", and {len(told) - 5} more reasons" if len(told) > 5 else ""
        sentence = f"{total:,} rows read, {total - count:,} used; {count:,} dropped: {', '.join(reasons)}{more}"
        if count > _MOST * total:
            refuse(
                self.path,
                f"found blanks that leave {total - count:,} of {total:,} rows: {', '.join(reasons)}{more}; expected at "
                "most half to be dropped: blanks: median fills inputs, data.ignore leaves out columns with many blanks",
                key=_BLANKS_KEY,
            )
        (self.findings.warnings if count > _MANY * total else self.findings.notes).append(sentence)

    def _refuse_blanks(self, targets: Sequence[Reading], inputs: Sequence[Reading], facts: Sequence[Reading]) -> None:
        """One fault for each column with blanks."""
        for readings, advice in (
            (inputs, "a value (data.blanks: drop leaves such rows out, mean or median fill them)"),
            ([*targets, *facts], "a value (data.blanks: drop, mean and median leave such rows out)"),
        ):
            holes = [(one.column, np.flatnonzero(one.blank)) for one in readings if one.blank.any()]
            for column, rows in holes[:_FEW_FAULTS]:
                found = f"found {counted(len(rows), 'blank')} in column {quoted(column.name)}"
                message = f"{found} ({_lines(self.table, rows)}), expected {advice}"
                self.findings.faults.add(message, int(self.table.lines[rows[0]]), column.place)
            if rest := holes[_FEW_FAULTS:]:
                names = ", ".join(quoted(column.name) for column, _ in rest[:5]) + (", …" if len(rest) > 5 else "")
                found = f"found blanks in {counted(len(rest), 'more column')} ({names})"
                self.findings.faults.add(f"{found}, expected {advice}", 1, rest[0][0].place)


def _is_empty(column: Column) -> bool:
    """Whether a column has neither a name nor a value."""
    return not column.name and column.counts.get("", 0) == len(column.values)


def _lines(table: Table, rows: Rows) -> str:
    """`line 14`; `lines 14, 92, 107, …`."""
    shown = ", ".join(map(str, table.lines[rows[:3]].tolist())) + (", …" if len(rows) > 3 else "")
    return f"{'line' if len(rows) == 1 else 'lines'} {shown}"


def _stem(path: Path) -> str:
    name = path.name
    for suffix in (".gz", ".zip"):
        name = name[: -len(suffix)] if name.lower().endswith(suffix) else name
    return name.rpartition(".")[0] or name


def _check_blanks(blanks: str, file: str) -> None:
    if blanks not in BLANKS:
        expected = f"one of {', '.join(BLANKS)}{suggestion(str(blanks), BLANKS)}"
        refuse(file, f"found blanks: {quoted(str(blanks))}, expected {expected}", key=_BLANKS_KEY)


# --- the table of columns ---------------------------------------------------------------------------------------------


def _described(
    table: Table,
    inputs: Sequence[_Input],
    targets: Sequence[Reading],
    facts: dict[str, Reading],
    task: Task,
    options: TableOptions,
) -> list[ColumnReading]:
    """How each column of a table was read, in the order of the file."""
    found = {one.reading.column.place: one for one in inputs}
    of_targets = {reading.column.place: _Input(reading, why=reading.why, role="target") for reading in targets}
    of_roles = {reading.column.place: _Input(reading, why=reading.why, role=role) for role, reading in facts.items()}
    known = {**of_roles, **found, **of_targets}
    return [_described_column(column, known.get(column.place), task, options) for column in table.columns]


def _described_column(column: Column, one: _Input | None, task: Task, options: TableOptions) -> ColumnReading:
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


# --- another table read in the same way -------------------------------------------------------------------------------


def read_csv_like(
    path: Path | str, columns: Columns, *, task: Task, blanks_allowed: bool, options: TableOptions | None = None
) -> NewRows:
    """The rows of a table, read in the same way as the one that `columns` come from.

    The columns may be in any order, and unknown ones are ignored, whatever is in them. Targets may be absent. A blank
    number is nan in `x`; where blanks are not allowed, a blank text makes all inputs of its column nan. A category that
    the first table did not have is read as other or as zeros, and told in `rows.unseen`; a class that it did not have
    is a fault, and so is such a category if `unseen` is "error".
    """
    columns = Columns(columns.listed(), columns.targets, columns.classes)
    return _Again(Path(path), columns, task, options or TableOptions(), blanks_allowed=blanks_allowed).rows()


class _Again:
    """A table whose columns are known from an earlier one."""

    def __init__(
        self, path: Path, columns: Columns, task: Task, options: TableOptions, *, blanks_allowed: bool
    ) -> None:
        self.columns, self.task, self.blanks_allowed = columns, task, blanks_allowed
        self.options = replace(
            options, columns=_said_kinds(columns, options), target=None, ignore=(), bad_rows=options.bad_rows
        )
        self.findings = Findings(FaultList(path))
        names = [column.name for column in columns.inputs]
        self.table, marks = read_table(path, self.options, self.findings, names)
        self.kinds = Kinds(self.table, self.options, marks, self.findings)
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
            self._refuse_symbol(column, reading)
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

    def _refuse_symbol(self, column: InputColumn, reading: Reading) -> None:
        """A fault for numbers with another symbol than before: 45 and 45 % are not the same."""
        there, here = (f"numbers with {one}" if one else "numbers alone" for one in (column.symbol, reading.symbol))
        self.findings.faults.add(
            f"found {here} in column {quoted(column.name)}, expected {there}, as in training", 1, reading.column.place
        )

    def _targets(self) -> Floats:
        readings = [read_target(self.kinds, self.table[name], self.task) for name in self.columns.targets]
        for reading in readings:
            if rows := np.flatnonzero(reading.blank).tolist():
                found = f"found {counted(len(rows), 'blank')} in column {quoted(reading.column.name)}"
                expected = "expected a value in every row (or a file without targets, for predictions alone)"
                where = f"({_lines(self.table, np.array(rows))})"
                line = int(self.table.lines[rows[0]])
                self.findings.faults.add(f"{found} {where}, {expected}", line, reading.column.place)
        if self.task == "regression":
            self.findings.faults.raise_if_any()
            return np.column_stack([reading.numbers for reading in readings if reading.numbers is not None])
        texts = [Texts.of(reading) for reading in readings]
        if self.task == "multilabel":
            return np.column_stack(
                [yes_or_no(one, each, self.table, self.findings) for one, each in zip(texts, readings, strict=True)]
            )
        classes = self.columns.classes
        return one_hot(class_codes(texts[0], classes, readings[0], self.table, self.findings), classes, self.task)


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
