"""From the cells of input columns to numbers: one input of a number, one for each category, some of a date."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nnlab.data.dataset import InputColumn
from nnlab.data.files import FaultList, counted, quoted
from nnlab.data.tables.kinds import Reading, as_key
from nnlab.data.tables.table import Table
from nnlab.data.tables.words import with_spellings
from nnlab.errors import DataError, Fault, suggestion

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

OTHER = "other"
MOST_VALUES = 2**29  # of the inputs together: 4 GiB
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True, eq=False)
class Texts:
    """The cells (N,) of a column as texts: `codes` index the different `names`; -1 stands for a blank."""

    codes: Codes
    names: tuple[str, ...]

    @classmethod
    def of(cls, reading: Reading) -> Texts:
        """The texts of a column, numbers among them as they are spelled."""
        codes, names = reading.column.as_texts()
        return cls(np.where(reading.blank, -1, codes.astype(np.int64)), names)

    @property
    def counts(self) -> dict[str, int]:
        """How many rows have each text that occurs."""
        found = np.bincount(self.codes + 1, minlength=len(self.names) + 1)[1:].tolist()
        return {name: count for name, count in zip(self.names, found, strict=True) if count}

    def picked(self, rows: Codes) -> Texts:
        """The texts of these rows alone."""
        return Texts(self.codes[rows], self.names)

    def indices(self, places: dict[str, int], missing: int = -1) -> Codes:
        """The place (N,) of each cell's text; `missing` where it has none, and -1 for a blank."""
        by_code = np.array([*(places.get(name, missing) for name in self.names), -1], np.int64)
        found: Codes = by_code[self.codes]
        return found


def category_column(name: str, counts: dict[str, int], most: int) -> InputColumn:
    """The input column of categories; if there are more than `most`, the rarest go together as one called other."""
    if len(counts) <= most:
        return InputColumn(name, tuple(sorted(counts)))
    common = [text for text, _ in sorted(Counter(counts).most_common(), key=lambda item: (-item[1], item[0]))]
    kept = [text for text in common if text != OTHER][: most - 1]
    rare = tuple(sorted(set(counts) - {*kept, OTHER}))
    return InputColumn(name, tuple(sorted([*kept, OTHER])), rare=rare)


def check_texts(texts: Texts, reading: Reading, table: Table, faults: FaultList) -> None:
    """A fault if a text has a control character, which no name of an input may have."""
    column = reading.column
    for code, text in enumerate(texts.names):
        if _CONTROL.search(text) and (texts.codes == code).any():
            row = int(np.argmax(texts.codes == code))
            found = f"found a control character in {quoted(text)} in column {quoted(column.name)}"
            cure = f"columns: {{{as_key(column.name)}: ignore}} leaves the column out"
            faults.add(f"{found}, expected none; {cure}", int(table.lines[row]), column.place)


def number_of_values(columns: Sequence[InputColumn], rows: int, file: str) -> int:
    """The number of inputs. DataError if they need too much memory."""
    width = sum(column.width for column in columns)
    if width * rows > MOST_VALUES:
        raise DataError(Fault(f"found {rows} × {width} inputs, expected at most {MOST_VALUES}", file))
    return width


def encode(x: Floats, column: InputColumn, reading: Reading, texts: Texts | None) -> list[tuple[int, str]]:
    """Write the inputs of one column into `x` (N, width); returns the rows of categories that are not known.

    A blank number or date is nan, a blank text 0 in all its inputs. An unknown category is read as other, if the column
    has such a category, else it is 0 in all its inputs too.
    """
    if column.date is not None and texts is not None:
        _encode_dates(x, column, texts)
        return []
    if column.categories is None or texts is None:
        assert reading.numbers is not None
        x[:, 0] = reading.numbers
        return []
    places = with_spellings({name: place for place, name in enumerate(column.categories)})
    if column.rare:
        places |= dict.fromkeys(column.rare, places[OTHER])
    codes = texts.indices(places, missing=-2)
    unknown = np.flatnonzero(codes == -2)
    if column.rare:
        codes[unknown] = places[OTHER]
    x[...] = 0.0
    known = np.flatnonzero(codes >= 0)
    x[known, codes[known]] = 1.0
    return [(row, texts.names[texts.codes[row]]) for row in unknown.tolist()]


def _encode_dates(x: Floats, column: InputColumn, texts: Texts) -> None:
    assert column.date is not None
    nothing = (np.nan,) * len(column.date.parts)
    by_code = np.array([*(column.date.numbers(name) or nothing for name in texts.names), nothing])
    x[...] = by_code[texts.codes]


def unknown_fault(column: InputColumn, unknown: Sequence[tuple[int, str]]) -> str:
    """What is said of rows with categories that training never saw, where that is an error."""
    text = unknown[0][1]
    names = column.categories or ()
    known = ", ".join(map(quoted, names[:5])) + (", …" if len(names) > 5 else "")
    more = f" (and {counted(len(unknown) - 1, 'more row')} with unknown ones)" if len(unknown) > 1 else ""
    near = suggestion(text, names)
    return f"found {quoted(text)} in column {quoted(column.name)}, expected one of {known or 'no texts'}{near}{more}"
