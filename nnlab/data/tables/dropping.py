"""Rows with blanks: refused, or dropped and told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from nnlab.data.files import counted, quoted, refuse
from nnlab.data.tables.kinds import Findings, Reading
from nnlab.data.tables.table import Table
from nnlab.errors import suggestion

Rows = NDArray[np.int64]

BLANKS = ("refuse", "drop", "mean", "median")
_BLANKS_KEY = ("data", "blanks")
_FEW_FAULTS = 3  # columns with blanks that are told one by one
_MANY, _MOST = 0.05, 0.5  # of the rows are dropped: that is a warning, and a fault


def check_blanks(blanks: str, file: str) -> None:
    """DataError for a word that does not say what to do with blanks."""
    if blanks not in BLANKS:
        expected = f"one of {', '.join(BLANKS)}{suggestion(str(blanks), BLANKS)}"
        refuse(file, f"found blanks: {quoted(str(blanks))}, expected {expected}", key=_BLANKS_KEY)


def rows_to_use(
    table: Table,
    blanks: str,
    findings: Findings,
    *,
    inputs: Sequence[Reading],
    targets: Sequence[Reading],
    facts: Mapping[str, Reading],
) -> Rows:
    """The rows that are used: all, or those without the blanks for which rows are dropped.

    Blank targets and facts of rows are never filled. Blanks are faults where the user refuses them.
    """
    if blanks == "refuse":
        _refuse(table, inputs, "a value (data.blanks: drop leaves such rows out, mean or median fill them)", findings)
        needed = [*targets, *facts.values()]
        _refuse(table, needed, "a value (data.blanks: drop, mean and median leave such rows out)", findings)
        return np.arange(len(table))
    reasons = [("target blank", reading) for reading in targets]
    reasons += [(f"{role} blank", reading) for role, reading in facts.items()]
    if blanks == "drop":
        reasons += [(f"blank in {quoted(reading.column.name)}", reading) for reading in inputs]
    dropped = np.zeros(len(table), bool)
    told = []
    for why, reading in reasons:
        new = np.flatnonzero(reading.blank & ~dropped)
        dropped |= reading.blank
        if len(new):
            told.append((why, new))
    if told:
        _tell(table, told, int(dropped.sum()), findings)
    return np.flatnonzero(~dropped)


def _tell(table: Table, told: Sequence[tuple[str, Rows]], count: int, findings: Findings) -> None:
    """How many rows are dropped, and why; DataError for most of them."""
    total = len(table)
    reasons = [f"{why} ({lines_of(table, rows)})" for why, rows in told[:5]]
    more = f", and {len(told) - 5} more reasons" if len(told) > 5 else ""
    sentence = f"{total:,} rows read, {total - count:,} used; {count:,} dropped: {', '.join(reasons)}{more}"
    if count > _MOST * total:
        refuse(
            table.file,
            f"found blanks that leave {total - count:,} of {total:,} rows: {', '.join(reasons)}{more}; expected at "
            "most half to be dropped: blanks: median fills inputs, data.ignore leaves out columns with many blanks",
            key=_BLANKS_KEY,
        )
    (findings.warnings if count > _MANY * total else findings.notes).append(sentence)


def _refuse(table: Table, readings: Sequence[Reading], advice: str, findings: Findings) -> None:
    """A fault for each of the first columns with blanks, and one for all others."""
    holes = [(one.column, np.flatnonzero(one.blank)) for one in readings if one.blank.any()]
    for column, rows in holes[:_FEW_FAULTS]:
        found = f"found {counted(len(rows), 'blank')} in column {quoted(column.name)}"
        message = f"{found} ({lines_of(table, rows)}), expected {advice}"
        findings.faults.add(message, int(table.lines[rows[0]]), column.place)
    if rest := holes[_FEW_FAULTS:]:
        names = ", ".join(quoted(column.name) for column, _ in rest[:5]) + (", …" if len(rest) > 5 else "")
        found = f"found blanks in {counted(len(rest), 'more column')} ({names})"
        findings.faults.add(f"{found}, expected {advice}", 1, rest[0][0].place)


def lines_of(table: Table, rows: Rows) -> str:
    """`line 14`; `lines 14, 92, 107, …`."""
    shown = ", ".join(map(str, table.lines[rows[:3]].tolist())) + (", …" if len(rows) > 3 else "")
    return f"{'line' if len(rows) == 1 else 'lines'} {shown}"
