"""Tables in CSV: read strictly, every fault with its line, and converted to numbers.

A column whose cells are numbers is one input; a column of text is one-hot encoded over its sorted texts. An empty cell
and `NA` are blank. Spaces around a cell are ignored. `Columns` records how a table was read, so that `read_csv_like`
reads another file in the same way.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nnlab.data.dataset import Columns, Dataset, InputColumn, NewRows, Task, fingerprint_of
from nnlab.data.files import FaultList, counted, is_packed, quoted, read_all, refuse
from nnlab.data.targets import check_classes, class_targets
from nnlab.errors import DataError, Fault, suggestion

BLANKS = ("refuse", "drop", "mean", "median")
BLANK_CELLS = frozenset({"", "NA"})
MOST_CATEGORIES = 1000
_FEW = 10  # up to so many texts count as categories even if each row has its own
MOST_VALUES = 2**29  # of the inputs together: 4 GiB
_BLANKS_KEY, _TARGET_KEY = ("data", "blanks"), ("data", "target")

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_MEANT_AS_NUMBER = re.compile(  # 1_000, 1,5, 0x1F and nan too: such a column holds faulty numbers, not text
    r"[+-]?(?:[0-9][0-9_,]*(?:\.[0-9_]*)?(?:e[+-]?[0-9]+)?|\.[0-9]+(?:e[+-]?[0-9]+)?|0x[0-9a-f]+|nan|inf(?:inity)?)",
    re.IGNORECASE,
)
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}(?:\.0*)?")
_NOT_FINITE = re.compile(r"[+-]?(?:nan|inf(?:inity)?)", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_YES_OR_NO = {"0": 0.0, "1": 1.0, "no": 0.0, "yes": 1.0, "false": 0.0, "true": 1.0}
_BLANK_ADVICE = "a value (data.blanks in the config may be drop, mean or median)"
_BLANK_TARGET_ADVICE = "a value (data.blanks: drop leaves such rows out; a target is never filled)"
_NEW_BLANK_TARGET_ADVICE = "a value in every row (or a file without targets, for predictions alone)"
_SINGLE_COLUMN_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}


@dataclass(frozen=True)
class Table:
    """The cells of a CSV file as text; `lines` has the first line of each row in the file, `numbers` its number."""

    file: str
    names: tuple[str, ...]
    rows: Sequence[Sequence[str]]
    lines: Sequence[int]
    numbers: Sequence[int]

    def position(self, name: str) -> int:
        """The index of a column, from 0."""
        return self.names.index(name)

    def column(self, name: str) -> list[str]:
        """The cells of a column, from top to bottom."""
        position = self.position(name)
        return [row[position] for row in self.rows]

    def without_blanks(self, names: Collection[str]) -> Table:
        """The rows without a blank in the columns `names`. DataError if no row is left."""
        positions = [self.position(name) for name in names]
        kept = [i for i, row in enumerate(self.rows) if not any(row[p] in BLANK_CELLS for p in positions)]
        if not kept:
            expected = "expected rows that are complete to be left by blanks: drop"
            refuse(self.file, f"found a blank in every row, {expected}", key=_BLANKS_KEY)
        lines, numbers = ([counts[i] for i in kept] for counts in (self.lines, self.numbers))
        return Table(self.file, self.names, [self.rows[i] for i in kept], lines, numbers)


# --- from the file to cells -------------------------------------------------------------------------------------------


def read_table(path: Path | str) -> Table:
    """The cells of a CSV file (`.gz` is unpacked), which has a line of names and then rows of the same length.

    UTF-8, with or without BOM; lines end in LF, CRLF or CR; empty lines at the end are ignored. DataError for anything
    else: a ragged row, an open quote, a name that is empty or given twice, no rows.
    """
    path = Path(path)
    records = _records(_text(path), path)
    _, header = next(records, (0, []))
    names = _checked_names(header, path)
    rows, lines, faults = [], [], FaultList(path)
    for line, cells in records:
        rows.append(cells)
        lines.append(line)
        if len(cells) != len(names):
            faults.add(f"row {len(rows)}: {_ragged(cells, len(names))}", line)
    faults.raise_if_any()
    if not rows:
        refuse(path, "found a line of names and no rows, expected at least one row")
    return Table(str(path), names, rows, lines, range(1, len(rows) + 1))


def _text(path: Path) -> str:
    data = read_all(path)
    try:
        return data.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError as error:
        looks = " (it looks like UTF-16)" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else ""
        message = f"found byte 0x{data[error.start]:02x} at position {error.start}, expected text in UTF-8{looks}"
        refuse(path, message, data[: error.start].count(b"\n") + 1)


def _records(text: str, path: Path) -> Iterator[tuple[int, list[str]]]:
    """The first line and the stripped cells of each record."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, skipinitialspace=True)
    line = 1
    try:
        for cells in reader:
            yield line, [cell.strip() for cell in cells]
            line = reader.line_num + 1
    except csv.Error as error:
        first = text.partition("\n")[0]
        refuse(path, _csv_message(str(error)) + (_separated_by(first) if line == 1 and "," not in first else ""), line)


def _csv_message(error: str) -> str:
    if "unexpected end" in error:
        return "found a quote that is never closed, expected a closing quote"
    if "field limit" in error:
        return "found a cell of more than 131072 characters (a quote that is never closed?), expected a shorter one"
    return f"found a misplaced quote ({error}), expected a comma or the line's end after a closing quote"


def _separated_by(line: str) -> str:
    """A hint if the cells of a line seem to be separated by something other than commas."""
    words = next((words for sign, words in _SINGLE_COLUMN_SEPARATORS.items() if sign in line), "")
    return f" (the file looks separated by {words}: save it with commas, and a point in decimals)" if words else ""


def _checked_names(header: Sequence[str], path: Path) -> tuple[str, ...]:
    if not any(header):
        refuse(path, "found an empty file or first line, expected a line of column names and then rows", 1)
    if all(_NUMBER.fullmatch(name) for name in header):
        refuse(path, "found numbers in the first line, expected the names of the columns", 1)
    faults = FaultList(path)
    for column, name in enumerate(header, start=1):
        if fault := _name_fault(name, header[: column - 1]):
            faults.add(fault, 1, column)
    faults.raise_if_any()
    return tuple(header)


def _name_fault(name: str, earlier: Sequence[str]) -> str:
    if not name:
        return f"found no name for column {len(earlier) + 1}, expected one (or a line that ends without a comma)"
    if name in earlier:
        return f"found column name {quoted(name)} twice, expected different names"
    if not earlier and (hint := _separated_by(name)):
        return f"found one column named {quoted(name)}, expected columns separated by commas{hint}"
    if _CONTROL.search(name):
        return f"found a control character in column name {quoted(name)}, expected none"
    return ""


def _ragged(cells: Sequence[str], expected: int) -> str:
    if not cells:
        return f"found an empty line, expected {counted(expected, 'cell')}"
    comma = " (the row ends in a comma)" if len(cells) == expected + 1 and not cells[-1] else ""
    return f"found {counted(len(cells), 'cell')}{comma}, expected {expected}"


# --- a table read for the first time ----------------------------------------------------------------------------------


def read_csv(
    path: Path | str,
    *,
    task: Task,
    target: Sequence[str] | None = None,
    ignore: Sequence[str] = (),
    blanks: str = "refuse",
) -> Dataset:
    """The data set of a CSV file. `target` names the columns to predict (default: the last), `ignore` those to skip.

    `blanks`: "refuse" them, "drop" rows with a blank in a column that is used, or fill them later with the training
    part's "mean" or "median": until then a blank number is nan in `x`, and a blank text 0 in all its one-hot columns. A
    blank target is always refused, unless its row is dropped.
    """
    table = read_table(path)
    inputs, targets = _roles(table, task, target, ignore)
    _check_blanks(blanks, table.file)
    if blanks == "drop":
        table = table.without_blanks((*inputs, *targets))
    faults = FaultList(table.file)
    columns = tuple(_input_column(table, name, faults) for name in inputs)
    x = _inputs(table, columns, faults, blanks_allowed=blanks in ("mean", "median"))
    classes, y = _targets(table, targets, task, None, faults)
    faults.raise_if_any()
    described = Columns(columns, targets, classes)
    return Dataset(_stem(Path(path)), task, x, y, described, fingerprint=fingerprint_of(x, y, described))


def _stem(path: Path) -> str:
    name = path.name[:-3] if is_packed(path) else path.name
    return name.rpartition(".")[0] or name


def _check_blanks(blanks: str, file: str) -> None:
    if blanks not in BLANKS:
        expected = f"one of {', '.join(BLANKS)}{suggestion(str(blanks), BLANKS)}"
        refuse(file, f"found blanks: {quoted(str(blanks))}, expected {expected}", key=_BLANKS_KEY)


def _roles(
    table: Table, task: Task, target: Sequence[str] | None, ignore: Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of the input columns and of the target columns."""
    targets = (table.names[-1],) if target is None else tuple(target)
    faults = FaultList(table.file)
    for what, names in (("target", targets), ("ignore", ignore)):
        for name in names:
            if name not in table.names:
                near = suggestion(name, table.names)
                faults.add(
                    f"found {what} {quoted(name)}, expected the name of a column{near}",
                    key=("data", what, names.index(name)),
                )
    for name in sorted({name for name in targets if targets.count(name) > 1 or name in ignore}):
        faults.add(f"found column {quoted(name)} twice in target and ignore, expected it once", key=_TARGET_KEY)
    if not targets or (task in ("binary", "multiclass") and len(targets) != 1):
        faults.add(f"found {counted(len(targets), 'target column')}, expected one for task {task}", key=_TARGET_KEY)
    inputs = tuple(name for name in table.names if name not in targets and name not in ignore)
    if not inputs:
        faults.add("found no column left for the inputs, expected at least one", key=_TARGET_KEY)
    faults.raise_if_any()
    return inputs, targets


def _input_column(table: Table, name: str, faults: FaultList) -> InputColumn:
    cells = table.column(name)
    texts = sorted(set(cells) - BLANK_CELLS)
    column = table.position(name) + 1
    if not texts:
        faults.add(
            f"found only blanks in column {quoted(name)}, expected values (or the column in data.ignore)", 1, column
        )
    if _is_numeric(cells):
        return InputColumn(name)
    if len(texts) > MOST_CATEGORIES:
        found = f"found {len(texts)} different texts in column {quoted(name)}"
        faults.add(f"{found}, expected at most {MOST_CATEGORIES} (or the column in data.ignore)", 1, column)
        return InputColumn(name, ())
    return InputColumn(name, tuple(texts))


def _is_numeric(cells: Sequence[str]) -> bool:
    """Whether more than half of the cells that are not blank are numbers or look like faulty ones."""
    known = Counter(cell for cell in cells if cell not in BLANK_CELLS)
    numbers = sum(count for cell, count in known.items() if _MEANT_AS_NUMBER.fullmatch(cell))
    return 2 * numbers > known.total()


def identifiers(dataset: Dataset) -> list[InputColumn]:
    """The text columns in which most rows have a unique text: names of rows, from which nothing can be learned."""
    return [
        column
        for column in dataset.columns.inputs
        if column.categories is not None and _FEW < len(column.categories) > len(dataset.y) / 2
    ]


# --- another table read in the same way -------------------------------------------------------------------------------


def read_csv_like(path: Path | str, columns: Columns, *, task: Task, blanks_allowed: bool) -> NewRows:
    """The rows of a CSV file, read in the same way as the file that `columns` come from.

    The columns may be in any order, and unknown columns are ignored. The targets may be absent. A text or a class that
    the first file did not have is refused; a blank number is nan in `x` where `blanks_allowed`.
    """
    table = read_table(path)
    columns = Columns(columns.listed(), columns.targets, columns.classes)
    has_targets = _find_columns(table, columns)
    faults = FaultList(table.file)
    x = _inputs(table, columns.inputs, faults, blanks_allowed=blanks_allowed)
    y = _targets(table, columns.targets, task, columns.classes, faults)[1] if has_targets else None
    faults.raise_if_any()
    return NewRows(x, y, fingerprint_of(x, np.zeros(0) if y is None else y, columns))


def _find_columns(table: Table, columns: Columns) -> bool:
    """Whether the table has the targets. DataError for a missing input, or if only some targets are there."""
    missing = [("input", column.name) for column in columns.inputs if column.name not in table.names]
    absent = [("target", name) for name in columns.targets if name not in table.names]
    has_targets = len(absent) < len(columns.targets)
    others = [name for name in table.names if name not in {column.name for column in columns.inputs}]
    faults = FaultList(table.file)
    for role, name in missing + (absent if has_targets else []):
        faults.add(f"found no {role} column {quoted(name)}, expected one{suggestion(name, others)}", 1)
    faults.raise_if_any()
    return has_targets


# --- from cells to numbers --------------------------------------------------------------------------------------------


def _inputs(
    table: Table, columns: Sequence[InputColumn], faults: FaultList, *, blanks_allowed: bool
) -> NDArray[np.float64]:
    """The inputs (N, width), with nan for a blank number where blanks are allowed."""
    width = sum(len(column.input_names) for column in columns)
    if width * len(table.rows) > MOST_VALUES:
        raise DataError(Fault(f"found {len(table.rows)} × {width} inputs, expected at most {MOST_VALUES}", table.file))
    x = np.zeros((len(table.rows), width))
    start = 0
    for column in columns:
        stop = start + len(column.input_names)
        if column.categories is None:
            x[:, start] = _numbers(table, column.name, faults, blanks_allowed=blanks_allowed)
        else:
            codes = _codes(table, column.name, column.categories, faults, blanks_allowed=blanks_allowed)
            rows = np.flatnonzero(codes >= 0)
            x[rows, start + codes[rows]] = 1.0
        start = stop
    return x


def _numbers(
    table: Table, name: str, faults: FaultList, advice: str = _BLANK_ADVICE, *, blanks_allowed: bool = False
) -> NDArray[np.float64]:
    """The numbers (N,) of a column; other cells become nan and, unless they are allowed blanks, faults."""

    def what_is_wrong(cell: str) -> str:
        is_number = _NUMBER.fullmatch(cell) or _NOT_FINITE.fullmatch(cell)
        where = f"column {quoted(name)}" if is_number else f"number column {quoted(name)}"
        return f"found {quoted(cell)} in {where}, expected a {'finite ' if is_number else ''}number"

    values = _translated(table, name, _number)
    wrong = np.flatnonzero(~np.isfinite(values))
    _add_faults(table, name, wrong, faults, what_is_wrong, advice, blanks_allowed=blanks_allowed)
    return values


def _number(cell: str) -> float:
    return float(cell) if _NUMBER.fullmatch(cell) else np.nan


def _codes(
    table: Table, name: str, categories: Sequence[str], faults: FaultList, *, blanks_allowed: bool
) -> NDArray[np.int64]:
    """The category index (N,) of each cell; -1 for a blank, and for an unknown text, which is a fault."""

    def what_is_wrong(cell: str) -> str:
        if _CONTROL.search(cell):
            return f"found a control character in {quoted(cell)} in column {quoted(name)}, expected none"
        known = ", ".join(quoted(text) for text in categories[:5]) + (", …" if len(categories) > 5 else "")
        near = suggestion(cell, categories)
        return f"found {quoted(cell)} in column {quoted(name)}, expected one of {known or 'no texts'}{near}"

    index = {text: i for i, text in enumerate(categories) if not _CONTROL.search(text)}
    codes = _translated(table, name, lambda cell: index.get(cell, -1)).astype(np.int64)
    _add_faults(table, name, np.flatnonzero(codes < 0), faults, what_is_wrong, blanks_allowed=blanks_allowed)
    return codes


def _translated(table: Table, name: str, translate: Callable[[str], float]) -> NDArray[np.float64]:
    """`translate` applied to a column, once for each distinct cell."""
    cells = table.column(name)
    known = {cell: translate(cell) for cell in set(cells)}
    return np.fromiter((known[cell] for cell in cells), np.float64, len(cells))


def _add_faults(
    table: Table,
    name: str,
    wrong: NDArray[np.intp],
    faults: FaultList,
    what_is_wrong: Callable[[str], str],
    advice: str = _BLANK_ADVICE,
    *,
    blanks_allowed: bool = False,
) -> None:
    """Record a fault for each row in `wrong`, described by `what_is_wrong`, and one for all blanks, with `advice`."""
    position, rows = table.position(name), wrong.tolist()
    blanks = [row for row in rows if table.rows[row][position] in BLANK_CELLS]
    if blanks and not blanks_allowed:
        more = f" and in {counted(len(blanks) - 1, 'further row')}" if len(blanks) > 1 else ""
        message = f"row {table.numbers[blanks[0]]}{more}: found a blank in column {quoted(name)}, expected {advice}"
        faults.add(message, table.lines[blanks[0]], position + 1)
    for row in faults.take([row for row in rows if table.rows[row][position] not in BLANK_CELLS]):
        message = f"row {table.numbers[row]}: {what_is_wrong(table.rows[row][position])}"
        faults.add(message, table.lines[row], position + 1)


# --- targets ----------------------------------------------------------------------------------------------------------


def _targets(
    table: Table, names: Sequence[str], task: Task, classes: tuple[str, ...] | None, faults: FaultList
) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """The classes and the targets (N, outputs). `classes` is None if they are to be found in the table."""
    advice = _BLANK_TARGET_ADVICE if classes is None else _NEW_BLANK_TARGET_ADVICE
    wrong = {name: _unfit(table.column(name), name, task) for name in names} if classes is None else {}
    if any(wrong.values()):
        for name in (name for name in names if wrong[name]):
            faults.add(wrong[name], 1, table.position(name) + 1)
        return (), np.zeros((len(table.rows), len(names)))
    if task == "regression":
        return (), np.column_stack([_numbers(table, name, faults, advice) for name in names])
    if task == "multilabel":
        return (), np.column_stack([_yes_or_no(table, name, faults, advice) for name in names])
    before = len(faults)
    labels = _labels(table, names[0], faults, advice, known=classes or ())
    if len(faults) > before:
        return classes or (), np.zeros((len(labels), 1))
    if classes is None:
        classes = _sorted_classes(set(labels))
        check_classes(classes, task, table.file)
    index = {name: i for i, name in enumerate(classes)}
    return classes, class_targets(np.array([index[label] for label in labels]), len(classes), task)


def _unfit(cells: Sequence[str], name: str, task: Task) -> str:
    """Why a whole target column does not fit the task, and which task would: one fault instead of a thousand."""
    known = Counter(cell for cell in cells if cell not in BLANK_CELLS)
    of_classes = "binary" if len(known) == 2 else "multiclass"
    if task == "regression":
        wrong = [] if _is_numeric(cells) else list(known)
        expected, other = "numbers", f"for classes: task: {of_classes}"
    elif task == "multilabel":
        wrong = [cell for cell in known if cell.lower() not in _YES_OR_NO]
        expected, other = "0 and 1", f"for one class among several: task: {of_classes}"
    else:
        wrong = [cell for cell in known if _NUMBER.fullmatch(cell) and not _INTEGER.fullmatch(cell)]
        expected, other = "integers or text", "for numbers to predict: task: regression"
    if 2 * sum(known[cell] for cell in wrong) <= known.total():
        return ""
    return f"found {quoted(wrong[0])} in target column {quoted(name)}, expected {expected} for task: {task} ({other})"


def _yes_or_no(table: Table, name: str, faults: FaultList, advice: str) -> NDArray[np.float64]:
    """The column (N,) as 0 and 1."""
    values = _translated(table, name, lambda cell: _YES_OR_NO.get(cell.lower(), np.nan))
    expected = "expected 0 or 1, no or yes, false or true"
    wrong = np.flatnonzero(np.isnan(values))

    def what_is_wrong(cell: str) -> str:
        return f"found {quoted(cell)} in label {quoted(name)}, {expected}"

    _add_faults(table, name, wrong, faults, what_is_wrong, advice)
    return values


def _labels(table: Table, name: str, faults: FaultList, advice: str, known: Sequence[str]) -> list[str]:
    """Each row's class as text, integers in one spelling. If `known` classes are given, a label must be one of them."""
    cells = table.column(name)
    as_integers = all(_INTEGER.fullmatch(text) for text in known) if known else _is_numeric(cells)
    named = {cell: cell if cell in known else _class_name(cell, as_integers=as_integers) for cell in set(cells)}
    allowed = frozenset(known) or _allowed(named.values())

    def what_is_wrong(cell: str) -> str:
        listed = ", ".join(quoted(text) for text in known[:5]) + (", …" if len(known) > 5 else "")
        expected = "an integer from 0" if as_integers else "a name"
        expected = f"one of {listed}{suggestion(cell, known)}" if known else f"{expected} (or classes as text)"
        return f"found label {quoted(cell)} in column {quoted(name)}, expected {expected}"

    wrong = np.flatnonzero([named[cell] not in allowed for cell in cells])
    _add_faults(table, name, wrong, faults, what_is_wrong, advice)
    return [named[cell] for cell in cells]


def _class_name(cell: str, *, as_integers: bool) -> str:
    """The class name in a cell; empty if it is not a valid one."""
    if as_integers:
        return str(int(cell.partition(".")[0])) if _INTEGER.fullmatch(cell) else ""
    faulty = cell in BLANK_CELLS or _NOT_FINITE.fullmatch(cell) or _CONTROL.search(cell)
    return "" if faulty else cell


def _allowed(names: Collection[str]) -> frozenset[str]:
    """The names that may be classes. Negative integers are refused, except for the two classes -1 and 1."""
    found = frozenset(names) - {""}
    return found if found == {"-1", "1"} else frozenset(name for name in found if not re.fullmatch("-[0-9]+", name))


def _sorted_classes(names: Collection[str]) -> tuple[str, ...]:
    integers = all(_INTEGER.fullmatch(name) for name in names)
    return tuple(sorted(names, key=int if integers else None))
