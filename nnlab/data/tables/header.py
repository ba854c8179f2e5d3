"""Open a table: its separator, its decimal mark, and whether its first line holds names."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nnlab.data.dates import clock_hours, formats_of, parsed
from nnlab.data.files import counted, quoted, refuse
from nnlab.data.tables.dress import MISSING, Marks, evidence_for, undressed
from nnlab.data.tables.dropping import lines_of
from nnlab.data.tables.kinds import Findings, marks_again, marks_of
from nnlab.data.tables.options import TableOptions
from nnlab.data.tables.records import add_ragged, first_record, separator_of
from nnlab.data.tables.sheets import typed_file
from nnlab.data.tables.table import Column, Grid, Table, TextLayout, columns_below
from nnlab.errors import Question, printable, suggestion

_HEADER_KEY, _NAMES_KEY = ("data", "header"), ("data", "names")
_SHOWN = 6  # cells of a line that a message quotes
_IN_EITHER = (Marks(".", ","), Marks(",", "."))


def read_table(
    path: Path, options: TableOptions, findings: Findings, expected: Collection[str] = ()
) -> tuple[Table, Marks]:
    """The table in a file, and how its numbers are written. DataError if it cannot be read.

    `expected` are the names of columns of an earlier table: a first line with all of them is a header.
    """
    point, grid_at = _opened(path, options, findings, expected)
    grid = grid_at(point, findings)
    table, marks = _read(grid, options, findings, expected)
    if marks.point != point and not findings.faults:
        again = Findings(findings.faults)
        table, marks = _read(grid_at(marks.point, again), options, again, expected)
    return table, marks


def _opened(
    path: Path, options: TableOptions, findings: Findings, expected: Collection[str]
) -> tuple[str, Callable[[str, Findings], Grid]]:
    """The likely decimal mark of a table, and the function that reads it by a mark: the kind of file is chosen here."""
    open_typed = typed_file(path)
    if open_typed is None:
        layout = TextLayout(path, *separator_of(path, options.separator))
        return _likely_point(layout, options), lambda point, found: _text_grid(layout, point, options, found)
    grid_at = open_typed(path, options, findings, expected)
    return _said_point(options) or ".", lambda point, _: grid_at(point)


def _text_grid(layout: TextLayout, point: str, options: TableOptions, findings: Findings) -> Grid:
    """The grid of a text file. DataError for records of another width, unless such are left out."""
    layout = replace(layout, point=point)
    columns, lines, ragged = columns_below(layout)
    if ragged and options.bad_rows == "skip":
        findings.warnings.append(_left_out([line for line, _ in ragged]))
    else:
        add_ragged(findings.faults, ragged, layout.width, layout.sign)
        findings.faults.raise_if_any()
    first = first_record(layout.path, layout.sign)
    return Grid(layout.path, first, columns, lines, partial(_below, columns, first, point), point, sign=layout.sign)


def _below(columns: Sequence[Column], first: Sequence[str], point: str) -> list[Column]:
    return [column.below(cell, point) for column, cell in zip(columns, first, strict=True)]


def _likely_point(layout: TextLayout, options: TableOptions) -> str:
    """The decimal mark to read by: what the user says, or what the first cells prove. `marks_of` sees to the rest."""
    if layout.sign == "," or _said_point(options):
        return _said_point(options) or "."
    cells = next(layout.records()).cells
    numbers = [text for text in map(cells.text, range(min(2000, len(cells.start)))) if _is_number(text)]
    return "," if evidence_for(",", numbers).decimal and not evidence_for(".", numbers).decimal else "."


def _said_point(options: TableOptions) -> str:
    """The decimal mark that the user names, or that follows from the sign for thousands; "" if neither."""
    return options.decimal if options.decimal != "auto" else "," if options.thousands == "." else ""


def _is_number(text: str) -> bool:
    return any(undressed(text, marks) for marks in _IN_EITHER)


def _read(grid: Grid, options: TableOptions, findings: Findings, expected: Collection[str]) -> tuple[Table, Marks]:
    table = Table(str(grid.path), tuple(grid.columns), grid.lines, grid.point, grid.sign)
    if _has_header(grid, options, expected):
        table = _named(table, grid, options, findings)
    else:
        table = _with_first_row(table, grid, options)
    if not len(table):
        refuse(table.file, "found a line of names and no rows, expected at least one row")
    of_numbers = [c for c in table.columns if options.columns.get(c.name, ("number",))[0] == "number"]
    return table, (marks_again if expected else marks_of)(table, of_numbers, options, findings)


def _left_out(lines: Sequence[int]) -> str:
    some = ", ".join(map(str, lines[:3])) + (", …" if len(lines) > 3 else "")
    have, word = ("has", "line") if len(lines) == 1 else ("have", "lines")
    found = f"{counted(len(lines), 'line')} left out, which {have} another number of cells than the first"
    return f"{found} ({word} {some})"


# --- is the first line a header? --------------------------------------------------------------------------------------


def _has_header(grid: Grid, options: TableOptions, expected: Collection[str]) -> bool:
    """Whether the first line holds names. DataError if it may be names or a row."""
    first, columns = grid.first, grid.columns
    if grid.is_named:
        return True
    if options.header != "auto":
        return options.header
    if expected and set(expected) <= set(first):
        return True
    if options.names is not None:
        return tuple(first) == options.names
    said = {*(options.target or ()), *options.columns, *options.ignore, *options.keep}
    said |= {name for name in (options.weight, options.split, options.group, options.time) if name}
    if all(_is_number(cell) for cell in first):
        _refuse_first_line(grid, "all of its cells are numbers")
    if said and said <= set(first):
        return True
    offset = len(columns) - len(first)  # of a header that lacks a name
    is_again = bool(_lines_again(columns, first).any())  # then its cells below say nothing of the others
    pairs = zip(columns[offset:], first, strict=False)
    typed = [(column, cell) for column, cell in pairs if _is_typed(column, cell if is_again else "")]
    if typed and all(_accepts(column, cell) for column, cell in typed):
        _refuse_first_line(grid, "its cells are like those below")
    if not typed and not said and len(columns) > 1 and len(columns[0].values):
        _refuse_first_line(grid, "it holds text, as the lines below do")
    return True


def _refuse_first_line(grid: Grid, why: str) -> None:
    first = grid.first
    shown = ", ".join(quoted(cell) for cell in first[:_SHOWN]) + (", …" if len(first) > _SHOWN else "")
    expected = "expected header: true, or header: false (and names: [a, b, …], if the columns should have some)"
    refuse(
        grid.path,
        f"found a first line that may be names or a row, since {why}: {shown}; {expected}",
        grid.line,
        key=_HEADER_KEY,
        question=Question(_HEADER_KEY, ((True, "the first line holds names"), (False, "it is a row like the others"))),
    )


def _is_typed(column: Column, but: str = "") -> bool:
    """Whether all known cells of a column but one text are numbers, dates or times, so that a name would stand out."""
    texts = [text for text in column.texts if text not in {"", but, *MISSING}]
    if not texts:
        return bool(len(column.values)) and not np.isnan(column.values).all()
    return (
        all(map(_is_number, texts)) or bool(formats_of(texts)) or all(clock_hours(text) is not None for text in texts)
    )


def _accepts(column: Column, cell: str) -> bool:
    """Whether a typed column would take a cell as one of its own."""
    if not cell or cell in MISSING:
        return True
    texts = [text for text in column.texts if text and text not in MISSING]
    if not texts or _is_number(texts[0]):
        return _is_number(cell)
    return any(parsed(cell, form) for form in formats_of(texts[:1])) or clock_hours(cell) is not None


# --- names ------------------------------------------------------------------------------------------------------------


def _named(table: Table, grid: Grid, options: TableOptions, findings: Findings) -> Table:
    """The table with the names of its first line, or with those that the user gives in their place."""
    columns = list(table.columns)
    names = list(grid.first)
    if len(names) < len(columns):
        if not any(columns[-1].counts.get(text, 0) < len(table) for text in [""]):
            findings.warnings.append("every line but the first ends in a separator: the empty last column is dropped")
            columns.pop()
        elif _all_different(columns[0]):
            _refuse_split_numbers(table, columns)
            names = ["", *names]
        else:
            found = f"found {counted(len(names), 'name')} above {counted(len(columns), 'column')}"
            refuse(table.file, f"{found}, expected a name for each, or names of rows that all differ in the first", 1)
    if options.names is not None:
        _check_count(table, options.names, len(names))
        if names != [*options.names]:
            shown = ", ".join(map(quoted, names[:_SHOWN])) + (", …" if len(names) > _SHOWN else "")
            findings.warnings.append(f"data.names take the place of the names in line {grid.line} ({shown})")
        names = list(options.names)
    if len(columns) == len(grid.first):
        table = _without_names_again(table, grid, options, findings)
    columns = [*table.columns[: len(columns)]]
    return replace(table, columns=tuple(replace(c, name=name) for c, name in zip(columns, names, strict=True)))


def _refuse_split_numbers(table: Table, columns: Sequence[Column]) -> None:
    """DataError for names of rows that may be numbers instead, cut at the commas between their thousands."""
    last, before = columns[-1].spelled(), columns[-2].spelled()
    if all(map(_THREE_DIGITS.fullmatch, last)) and all(map(_FEW_DIGITS.fullmatch, before)):
        found = (
            f"found one name less than cells, and cells such as {quoted(before[0])} and {quoted(last[0])} at the end"
        )
        expected = "expected a name for each cell: numbers such as 5,234 need quotes around them"
        refuse(table.file, f"{found}, {expected}", int(table.lines[0]))


_THREE_DIGITS, _FEW_DIGITS = re.compile(r"[0-9]{3}"), re.compile(r"[+-]?[1-9][0-9]{0,2}")


def _without_names_again(table: Table, grid: Grid, options: TableOptions, findings: Findings) -> Table:
    """The table without lines that repeat its first one, as where files were put together; DataError unless skipped."""
    again = _lines_again(table.columns, grid.first)
    rows = np.flatnonzero(again)
    if not len(rows):
        return table
    found = f"found the names of the first line again in {counted(len(rows), 'line')} ({lines_of(table, rows)})"
    if options.bad_rows != "skip":
        line = int(table.lines[rows[0]])
        refuse(table.file, f"{found}, expected rows; data.bad_rows: skip leaves such lines out", line)
    findings.warnings.append(f"{found}: left out")
    return table.picked(np.flatnonzero(~again))


def _lines_again(columns: Sequence[Column], first: Sequence[str]) -> NDArray[np.bool_]:
    """Which rows (N,) have the cells of the first line; none where it lacks a name, or its own names repeat."""
    again = np.full(len(columns[0].values), len(columns) == len({*first}) == len(first))
    for column, name in zip(columns, first, strict=False):
        if not again.any():
            break
        again &= column.rows_with([name])
    return again


def _with_first_row(table: Table, grid: Grid, options: TableOptions) -> Table:
    """The table whose first line is a row like the others."""
    width = len(grid.columns)
    if len(grid.first) != width:
        found = f"found {counted(len(grid.first), 'cell')}"
        refuse(table.file, f"{found}, expected {width}, as in the lines below", grid.line)
    if options.names is not None:
        _check_count(table, options.names, width)
    names = options.names or tuple(f"column{number}" for number in range(1, width + 1))
    named = tuple(replace(column, name=name) for column, name in zip(grid.whole(), names, strict=True))
    return replace(table, columns=named, lines=np.concatenate(([grid.line], table.lines)))


def _check_count(table: Table, names: Sequence[str], width: int) -> None:
    if len(names) != width:
        refuse(
            table.file,
            f"found {counted(len(names), 'name')} for {counted(width, 'column')}, expected one for each",
            key=_NAMES_KEY,
        )


def _all_different(column: Column) -> bool:
    """Whether no two cells of a column are the same."""
    texts = column.counts
    plain = column.values[~np.isnan(column.values)]
    return max(texts.values(), default=1) == 1 and len(np.unique(plain)) == len(plain)


def unknown_names(table: Table, what: str, names: Iterable[str], findings: Findings) -> None:
    """A fault for each name that no column has, at the key `data.what` that says it."""
    for index, name in enumerate(names):
        if name not in table.names:
            near = suggestion(name, table.names)
            listed = near or f"; they are {', '.join(printable(one) for one in islice(table.names, 8))}"
            findings.faults.add(
                f"found {what} {quoted(name)}, expected the name of a column{listed}", key=("data", what, index)
            )
