"""What columns say of rows beside inputs and targets: weight, part, group, time, and cells that are kept."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nnlab.data.dataset import PARTS, RowFacts
from nnlab.data.files import counted, quoted
from nnlab.data.tables.encode import Texts
from nnlab.data.tables.kinds import Findings, Kinds, Reading
from nnlab.data.tables.options import TableOptions
from nnlab.data.tables.table import Table
from nnlab.data.tables.words import PART_WORDS

Rows = NDArray[np.int64]


def read_facts(kinds: Kinds, options: TableOptions) -> dict[str, Reading]:
    """The readings of the columns for weight, split, group and time that are named and exist, by role."""
    table, found = kinds.table, dict[str, Reading]()
    for role, name in (
        ("weight", options.weight),
        ("split", options.split),
        ("group", options.group),
        ("time", options.time),
    ):
        if name is None or name not in table.names:
            continue
        column = table[name]
        if role == "weight":
            found[role] = kinds.as_numbers(column)
        elif role == "time":
            found[role] = _time(kinds, kinds.of(column))
        else:
            found[role] = kinds.as_categories(column)
    return found


def _time(kinds: Kinds, reading: Reading) -> Reading:
    if reading.kind in ("number", "date", "time"):
        return reading
    column = reading.column
    found = f"found text in the time column {quoted(column.name)}"
    kinds.findings.faults.add(f"{found}, expected dates or numbers", 1, column.place, key=("data", "time"))
    return reading


def row_facts(
    table: Table, readings: dict[str, Reading], rows: Rows, options: TableOptions, findings: Findings
) -> RowFacts:
    """The facts of some rows of a table."""
    texts = {role: Texts.of(readings[role]).picked(rows) for role in ("split", "group") if role in readings}
    return RowFacts(
        lines=table.lines[rows],
        parts=_parts(texts["split"], readings["split"], table, rows, findings) if "split" in texts else None,
        groups=texts["group"].codes if "group" in texts else None,
        times=_times(readings["time"])[rows] if "time" in readings else None,
        weights=_weights(readings["weight"], table, rows, findings) if "weight" in readings else None,
        kept={name: _cells(table, name, rows) for name in options.keep if name in table.names},
    )


def _cells(table: Table, name: str, rows: Rows) -> tuple[str, ...]:
    cells = table[name].spelled()
    return tuple([cells[row] for row in rows.tolist()])


def _times(reading: Reading) -> NDArray[np.float64]:
    if reading.numbers is not None:
        return reading.numbers
    assert reading.date is not None
    texts = Texts.of(reading)
    days = np.array([*((reading.date.numbers(name) or (np.nan,))[0] for name in texts.names), np.nan])
    found: NDArray[np.float64] = days[texts.codes]
    return found


def _weights(reading: Reading, table: Table, rows: Rows, findings: Findings) -> NDArray[np.float64]:
    assert reading.numbers is not None
    weights = reading.numbers[rows]
    negative = np.flatnonzero(weights < 0)
    column = reading.column
    if len(negative):
        found = f"found the weight {weights[negative[0]]:g} in column {quoted(column.name)}"
        findings.faults.add(f"{found}, expected 0 or more", int(table.lines[rows[negative[0]]]), column.place)
    elif len(weights) and not weights.any():
        findings.faults.add(
            f"found only weights of 0 in column {quoted(column.name)}, expected some above", 1, column.place
        )
    return weights


def _parts(texts: Texts, reading: Reading, table: Table, rows: Rows, findings: Findings) -> NDArray[np.int8]:
    codes = texts.indices({name: PART_WORDS[name.lower()] for name in texts.names if name.lower() in PART_WORDS}, -2)
    wrong = np.flatnonzero(codes == -2)
    if len(wrong):
        column = reading.column
        found = f"found {quoted(texts.names[texts.codes[wrong[0]]])} in the split column {quoted(column.name)}"
        more = f" (and {counted(len(wrong) - 1, 'more cell')})" if len(wrong) > 1 else ""
        expected = f"expected {', '.join(PARTS[:-1])} or {PARTS[-1]}"
        findings.faults.add(f"{found}{more}, {expected}", int(table.lines[rows[wrong[0]]]), column.place)
    return codes.astype(np.int8)
