"""A table as it stands in its file: for each column the numbers, and the texts of the cells that are none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nnlab.data.tables.decimals import decimals
from nnlab.data.tables.records import Records, cells_of, records_of

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Column:
    """One column: `values` (N,) of the cells that are plain numbers, else nan.

    `codes` (N,) index `texts`, the different texts of the other cells, and are -1 for numbers; None if all cells are
    numbers. `is_proven` says that some number has a decimal mark that cannot group thousands, `is_grouped` that some
    has one that could. `spell` gives the texts of all cells as in the file, `place` counts columns from 1.
    """

    name: str
    place: int
    values: Floats
    codes: NDArray[np.int32] | None
    texts: tuple[str, ...]
    is_usual: bool
    is_proven: bool
    is_grouped: bool
    spell: Callable[[], list[str]]

    @cached_property
    def counts(self) -> dict[str, int]:
        """How many cells have each of the texts that occur."""
        if self.codes is None:
            return {}
        found = np.bincount(self.codes + 1, minlength=len(self.texts) + 1)[1:].tolist()
        return {text: count for text, count in zip(self.texts, found, strict=True) if count}

    def rows_with(self, texts: Iterable[str]) -> NDArray[np.bool_]:
        """Which cells (N,) have one of these texts."""
        wanted = frozenset(texts)
        if self.codes is None or wanted.isdisjoint(self.texts):
            return np.zeros(len(self.values), bool)
        is_one = np.array([*(text in wanted for text in self.texts), False])
        found: NDArray[np.bool_] = is_one[self.codes]
        return found

    def translated(self, numbers: dict[str, float]) -> Floats:
        """The values (N,) with a number for each of some texts; nan for the others."""
        if self.codes is None:
            return self.values
        by_text = np.array([*(numbers.get(text, np.nan) for text in self.texts), np.nan])
        return np.where(self.codes < 0, self.values, by_text[self.codes])

    def spelled(self) -> list[str]:
        """The text of each cell, as in the file."""
        if not self.is_usual:
            return self.spell()
        cells = [str(int(value)) if value == value else "" for value in self.values.tolist()]  # noqa: PLR0124 - nan
        if self.codes is not None:
            for row in np.flatnonzero(self.codes >= 0).tolist():
                cells[row] = self.texts[self.codes[row]]
        return cells

    def as_texts(self) -> tuple[NDArray[np.int32], tuple[str, ...]]:
        """Codes (N,) and the different texts of all cells, numbers among them."""
        if self.codes is not None and not (self.codes < 0).any():
            return self.codes, self.texts
        cells = self.spelled()
        index = {text: code for code, text in enumerate(dict.fromkeys(cells))}
        return np.fromiter(map(index.__getitem__, cells), np.int32, len(cells)), tuple(index)

    def picked(self, rows: Rows) -> Column:
        """The column with these rows alone."""
        codes = None if self.codes is None else self.codes[rows]
        return replace(self, values=self.values[rows], codes=codes, spell=partial(_picked, self.spell, rows))

    def below(self, cell: str, point: str) -> Column:
        """The column with one more cell above the others."""
        top = _ColumnBuilder(1)
        top.add(Records(cells_of([cell]), np.ones(1, np.int64), ()), point)
        first = top.column(0, self.name, self.place, list)
        texts = tuple(dict.fromkeys((*self.texts, *first.texts)))
        codes = None
        if texts:
            above = -1 if first.codes is None else texts.index(cell)
            rest = np.full(len(self.values), -1, np.int32) if self.codes is None else self.codes
            codes = np.concatenate((np.array([above], np.int32), rest))
        return replace(
            self,
            values=np.concatenate((first.values, self.values)),
            codes=codes,
            texts=texts,
            is_usual=self.is_usual and first.is_usual,
            is_proven=self.is_proven or first.is_proven,
            is_grouped=self.is_grouped or first.is_grouped,
            spell=lambda: [cell, *self.spell()],
        )


def _picked(spell: Callable[[], list[str]], rows: Rows) -> list[str]:
    cells = spell()
    return [cells[row] for row in rows.tolist()]


@dataclass(frozen=True, eq=False)
class Table:
    """A table: its columns, and the line of the file in which each row (N,) begins.

    `point` is the decimal mark by which numbers were read, and `sign` the separator. `notes` and `warnings` are
    sentences about the file as a whole.
    """

    file: str
    columns: tuple[Column, ...]
    lines: Rows
    point: str = "."
    sign: str = ","
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(column.name for column in self.columns)

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.lines)

    def __getitem__(self, name: str) -> Column:
        """The first column of this name."""
        return next(column for column in self.columns if column.name == name)

    def picked(self, rows: Rows) -> Table:
        """The table with these rows alone."""
        return replace(self, columns=tuple(column.picked(rows) for column in self.columns), lines=self.lines[rows])


class _ColumnBuilder:
    """Columns while their records come in, piece by piece."""

    def __init__(self, width: int) -> None:
        self.width, self.rows = width, 0
        self.values: list[Floats] = []
        self.codes: dict[int, list[tuple[Rows, NDArray[np.int32]]]] = {}
        self.texts: dict[int, dict[bytes, int]] = {}
        self.unusual, self.proven, self.grouped = (np.zeros(width, bool) for _ in range(3))

    def add(self, records: Records, point: str) -> None:
        """Add the records of a piece."""
        found, shape = decimals(records.cells, point), (len(records.lines), self.width)
        plain = found.plain.reshape(shape)
        self.values.append(found.values.reshape(shape))
        self.unusual |= (plain & ~found.usual.reshape(shape)).any(axis=0)
        self.proven |= found.proven.reshape(shape).any(axis=0)
        self.grouped |= found.grouped.reshape(shape).any(axis=0)
        for j in np.flatnonzero(~plain.all(axis=0)).tolist():
            self._add_texts(j, np.flatnonzero(~plain[:, j]), records)
        self.rows += len(records.lines)

    def _add_texts(self, j: int, rows: Rows, records: Records) -> None:
        of_piece, texts = records.cells.different(rows * self.width + j)
        index = self.texts.setdefault(j, {})
        codes = np.array([index.setdefault(text, len(index)) for text in texts], np.int32)[of_piece]
        self.codes.setdefault(j, []).append((rows + self.rows, codes))

    def column(self, j: int, name: str, place: int, spell: Callable[[], list[str]]) -> Column:
        """The column number `j`, from 0."""
        values = np.concatenate([piece[:, j] for piece in self.values])
        codes = None
        if j in self.codes:
            codes = np.full(self.rows, -1, np.int32)
            for rows, of_rows in self.codes[j]:
                codes[rows] = of_rows
        texts = tuple(text.decode() for text in self.texts.get(j, {}))
        flags = (not self.unusual[j], bool(self.proven[j]), bool(self.grouped[j]))
        return Column(name, place, values, codes, texts, *flags, spell)


@dataclass(frozen=True, eq=False)
class TypedColumn:
    """A column of a file that tells numbers from texts by itself.

    `numbers` (N,) are nan where a cell is a text, and `codes` (N,) index `texts`, -1 for numbers. A text may spell a
    number too, as a cell of a text file does: "1,5" is one where the decimal mark is a comma.
    """

    place: int
    numbers: Floats
    codes: NDArray[np.int32]
    texts: tuple[str, ...]

    def column(self, point: str, name: str = "") -> Column:
        """The column, whose texts are read with the decimal mark `point`."""
        of_texts = self._column_of_texts(point)
        values = np.where(self.codes < 0, self.numbers, np.append(of_texts.values, np.nan)[self.codes])
        codes = None if of_texts.codes is None else np.append(of_texts.codes, np.int32(-1))[self.codes]
        numbers = self.numbers[self.codes < 0]
        is_usual = of_texts.is_usual and bool(((numbers == np.trunc(numbers)) & (np.abs(numbers) <= 2**53)).all())
        flags = (is_usual, of_texts.is_proven, of_texts.is_grouped)
        return Column(name, self.place, values, codes, of_texts.texts, *flags, self._spell)

    def _column_of_texts(self, point: str) -> Column:
        if not self.texts:
            return Column("", self.place, np.zeros(0), None, (), True, False, False, list)  # noqa: FBT003 - its flags
        builder = _ColumnBuilder(1)
        builder.add(Records(cells_of(self.texts), np.arange(len(self.texts)), ()), point)
        return builder.column(0, "", self.place, list)

    def _spell(self) -> list[str]:
        pairs = zip(self.codes.tolist(), self.numbers.tolist(), strict=True)
        return [self.texts[code] if code >= 0 else spelled_number(number) for code, number in pairs]


def spelled_number(number: float) -> str:
    """A number as a text file has it: an integer without a point, others in the fewest digits that give it back."""
    return str(int(number)) if number.is_integer() and abs(number) <= 2**53 else repr(number)


@dataclass(frozen=True, eq=False)
class Grid:
    """A table before its columns have names: its first row, which may hold them, and the columns below that row.

    `line` is that of the first row, and `lines` (N,) are those of the rows below. `whole` gives the columns with the
    first row as one more row. `is_named` says that the first row is known to hold names; `sign` is the separator of a
    text file.
    """

    path: Path
    first: Sequence[str]
    columns: Sequence[Column]
    lines: Rows
    whole: Callable[[], Sequence[Column]]
    point: str = "."
    line: int = 1
    is_named: bool = False
    sign: str = ""


@dataclass(frozen=True)
class TextLayout:
    """How the records of a text file lie: its separator, its decimal mark, and the width of a record.

    `first_width` is that of the first record.
    """

    path: Path
    sign: str
    first_width: int
    width: int
    point: str = "."

    def records(self) -> Iterator[Records]:
        """The records below the first one."""
        for number, records in enumerate(records_of(self.path, self.sign, self.width)):
            yield self._without_first(records) if number == 0 else records

    def _without_first(self, records: Records) -> Records:
        if self.first_width != self.width:
            return replace(records, ragged=records.ragged[1:])
        cells, width = records.cells, self.width
        lower = np.maximum(cells.cell_of - width, 0)
        rest = replace(cells, start=cells.start[width:], stop=cells.stop[width:], cell_of=lower)
        return replace(records, cells=rest, lines=records.lines[1:])

    def spell(self, j: int) -> list[str]:
        """The texts of the cells of column number `j`, from 0, below the first record."""
        found: list[str] = []
        for records in self.records():
            cells, mine = records.cells, slice(j, None, self.width)
            ends = zip(cells.start[mine].tolist(), cells.stop[mine].tolist(), strict=True)
            found += [cells.data[start:stop].decode() for start, stop in ends]
        return found


def columns_below(layout: TextLayout) -> tuple[list[Column], Rows, Sequence[tuple[int, Sequence[str]]]]:
    """The columns below the first record, without names; the line of each row; and the records of another width."""
    builder, lines, ragged = _ColumnBuilder(layout.width), list[Rows](), list[tuple[int, Sequence[str]]]()
    for records in layout.records():
        builder.add(records, layout.point)
        lines.append(records.lines)
        ragged += records.ragged
    last = max(int(of_piece.max(initial=0)) for of_piece in lines)
    while ragged and not ragged[-1][1] and ragged[-1][0] > last:
        ragged.pop()  # empty lines at the end
    columns = [builder.column(j, "", j + 1, partial(layout.spell, j)) for j in range(layout.width)]
    return columns, np.concatenate(lines), ragged
