"""Exercises: a trace with blanks, the answers to them as a CSV file, and the marks of a file that is filled in."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from nnlab.data.files import FaultList, quoted, read_all, refuse
from nnlab.errors import ConfigError, printable, suggestion
from nnlab.experiments.trace.giveaways import with_giveaways
from nnlab.experiments.trace.quantities import Trace, TracedQuantity
from nnlab.experiments.trace.tables import DIGITS
from nnlab.storage.files import to_csv
from nnlab.storage.metrics import cell

HEADER = ("cell", "value")
TOLERANCE = 1e-3
_ROUNDINGS = 100  # so many units in the last place of the largest number of a kind are taken for rounding


@dataclass(frozen=True)
class AnswerMark:
    """A cell that was filled in: what was `given`, empty for nothing, the `right` value, and whether it agrees.

    `is_zero` is true where the right value is nothing but the rounding of a sum that is 0.
    """

    cell: str
    given: str
    right: float
    is_right: bool
    is_zero: bool = False


@dataclass(frozen=True)
class Marking:
    """The marks of a file of answers."""

    marks: tuple[AnswerMark, ...]
    tolerance: float

    @property
    def wrong(self) -> tuple[AnswerMark, ...]:
        """The cells with wrong values or with none."""
        return tuple(mark for mark in self.marks if not mark.is_right)

    @property
    def sentence(self) -> str:
        """How many are right."""
        return f"{len(self.marks) - len(self.wrong)} of {len(self.marks)} cells are right"

    def document(self, *, show: bool) -> dict[str, Any]:
        """The marks for `--json`; right values only if they are to be shown."""
        marks = [
            {"cell": m.cell, "given": m.given, "right": m.is_right, **({"value": m.right} if show else {})}
            for m in self.marks
        ]
        return {"tolerance": self.tolerance, "right": len(self.marks) - len(self.wrong), "cells": marks}


def blanked(trace: Trace, names: Sequence[str]) -> Trace:
    """The trace with the cells of these quantities left out, and of those that give them away, wherever they stand.

    ConfigError for an unknown name.
    """
    known = trace.quantities
    for name in names:
        if name not in known:
            expected = "expected the name of cells, such as dense1/weights.gradient"
            raise ConfigError(f"--blank: found '{printable(name)}', {expected}{suggestion(name, known)}")
    hidden = {*with_giveaways(names, trace.giveaways)}
    sections = tuple(
        replace(s, quantities=tuple(replace(q, is_blank=q.is_blank or q.name in hidden) for q in s.quantities))
        for s in trace.sections
    )
    return replace(trace, sections=sections)


def answers_of(trace: Trace) -> bytes:
    """The cells that are left out and their values, as CSV; numbers read back to the same bits."""
    blanks = [quantity for quantity in trace.quantities.values() if quantity.is_blank]
    rows = [(name, cell(value)) for quantity in blanks for name, value in quantity.cells()]
    return to_csv([HEADER, *rows]).encode()


def mark(trace: Trace, path: Path, tolerance: float = TOLERANCE, digits: int = DIGITS) -> Marking:
    """Compare a file of answers with the trace. Cells that are left out in the trace and not in the file are wrong.

    A value is right within the tolerance, a share of the right value, or where it is that value rounded to so many
    significant digits. DataError for a file that is no such table, or that has cells which the trace does not have.
    """
    given = _read(path)
    right = {name: (value, quantity) for quantity in trace.quantities.values() for name, value in quantity.cells()}
    _refuse_strange(path, given, right, trace)
    largest = _largest_by_kind(trace)
    needed = [name for quantity in trace.quantities.values() if quantity.is_blank for name, _ in quantity.cells()]
    zeros = {name for quantity in trace.quantities.values() for name in quantity.zeros()}
    marks = []
    for name in dict.fromkeys([*given, *needed]):
        value, quantity = right[name]
        text = given.get(name, (0, ""))[1]
        slack = quantity.rounding + _ROUNDINGS * float(np.finfo(trace.precision).eps) * largest[_kind(quantity)]
        is_right = _agrees(text, value, max(slack, _off(value, tolerance, digits)))
        marks.append(AnswerMark(name, text, value, is_right, name in zeros))
    return Marking(tuple(marks), tolerance)


def _refuse_strange(path: Path, given: Mapping[str, tuple[int, str]], known: Container[str], trace: Trace) -> None:
    """DataError for cells that the trace does not have."""
    faults = FaultList(path)
    for name, (line, _) in given.items():
        if name not in known:
            rows = ", ".join(map(str, trace.rows))
            expected = f"expected a cell such as dense1.z[0,1], with one of the rows {rows}"
            faults.add(f"found {quoted(name)}, {expected}{_similar(name.partition('[')[0], trace)}", line)
    faults.raise_if_any()


def _similar(name: str, trace: Trace) -> str:
    """What quantity may have been meant, if the trace does not have this one."""
    return "" if name in trace.quantities else suggestion(name, trace.quantities)


def _kind(quantity: TracedQuantity) -> str:
    """What a quantity is of a layer or tensor: gradient, z, delta."""
    return quantity.name.rpartition(".")[2]


def _largest_by_kind(trace: Trace) -> dict[str, float]:
    """The largest absolute number of each kind of quantity: sums that cancel are 0 up to the rounding of such ones."""
    found: dict[str, float] = {}
    for quantity in trace.quantities.values():
        own = float(np.abs(quantity.values).max(initial=0.0))
        found[_kind(quantity)] = max(own, found.get(_kind(quantity), 0.0))
    return found


def _off(value: float, tolerance: float, digits: int) -> float:
    """How far an answer may be off: a share of the value, or half a unit of the last digit that is shown."""
    if not value:
        return 0.0
    last_digit = 10.0 ** (math.floor(math.log10(abs(value))) - digits + 1)
    return max(tolerance * abs(value), 0.5001 * last_digit)


def _agrees(text: str, value: float, off: float) -> bool:
    """Whether a text is a number that is close enough."""
    try:
        return "_" not in text and abs(float(text.replace("−", "-")) - value) <= off
    except ValueError:
        return False


def _read(path: Path) -> dict[str, tuple[int, str]]:
    """The line and the text of each cell. DataError for a file that is no table of cells and values."""
    given: dict[str, tuple[int, str]] = {}
    for line, (name, text) in _lines(path):
        if name in given:
            refuse(path, f"found {quoted(name)} twice, expected it once", line)
        given[name] = line, text
    if not given:
        refuse(path, "found no cell, expected a line with cell and value for each")
    return given


def _joined(words: list[str]) -> list[str]:
    """The cells of a line; one that its own commas have cut, as in tanh1.slope[0,0], is whole again."""
    ends = next((place for place, word in enumerate(words, 1) if word.endswith("]")), 0)
    is_cut = ends > 1 and "[" in words[0] and "]" not in words[0]
    return [",".join(words[:ends]), *words[ends:]] if is_cut else words


def _refuse_cells(path: Path, words: Sequence[str], sign: str, line: int) -> None:
    """DataError for a line with more than a cell and a value."""
    expected = 'expected cell and value; what holds a comma stands in quotes: "dense1.z[0,1]","0,5"'
    refuse(path, f"found {quoted(sign.join(words))}, {expected}", line)


def _lines(path: Path) -> Iterator[tuple[int, tuple[str, str]]]:
    """The number of each line, its cell and its value. A spreadsheet may have made it, with ; and decimal commas."""
    try:
        text = read_all(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        refuse(path, f"found bytes that are no UTF-8 ({error.reason}), expected a table of cells and values")
    sign = ";" if text.startswith(";".join(HEADER)) else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=sign)
    try:
        for words in reader:
            name, value, *others = *_joined([word.strip() for word in words]), "", ""
            if any(others):
                _refuse_cells(path, words, sign, reader.line_num)
            if reader.line_num == 1 and (name, value) != HEADER:
                refuse(path, f"found {quoted(sign.join(words))}, expected the columns cell,value", 1)
            if reader.line_num > 1 and (name or value):
                yield reader.line_num, (name, value.replace(",", ".") if sign == ";" else value)
    except csv.Error as error:
        refuse(path, f"found a line that is no CSV ({error}), expected cell,value", reader.line_num)
