"""Tables that are no text: the sheet of an Excel workbook, and, through `parquet`, Parquet files.

Such files tell numbers from texts by themselves. What they cannot tell is read as in a text file: which row holds the
names, dates and codes among texts, words that stand for a blank.
"""

from __future__ import annotations

import io
import math
import re
import zipfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from nnlab.data.files import TEXT_LIMIT, check_member, counted, quoted, reading, refuse, size_of, unpacked_limit
from nnlab.data.tables.kinds import Findings
from nnlab.data.tables.options import TableOptions
from nnlab.data.tables.parquet import open_parquet
from nnlab.data.tables.table import Grid, Rows, TypedColumn, spelled_number
from nnlab.data.tables.typed import GridAt, ignored_columns, needed_package, refuse_text_keys
from nnlab.errors import printable

_MOST_CELLS = 2**24  # python-calamine keeps 64 bytes for each cell of the smallest rectangle around all of them
_OLD_FORMAT = bytes.fromhex("d0cf11e0a1b11ae1")  # of .xls files, and of workbooks that are encrypted

# The attribute r of a cell or a row: C12, or 12.
_COLUMN = re.compile(rb"r\s*=\s*[\"']([A-Za-z]+)")
_ROW = re.compile(rb"r\s*=\s*[\"'][A-Za-z]*([0-9]+)")
_ERROR = re.compile(rb"(<(?:\w+:)?c\s[^<>]*?\bt\s*=\s*)([\"'])e\2")
_LONG_INTEGER = re.compile(
    rb"(<(?:\w+:)?c)((?:\s+(?!t\b)[\w:]+\s*=\s*\"[^\"<>]*\")*)(\s*>\s*<(?:\w+:)?v>-?[0-9]{16,}<)"
)

# A formula without a value: openpyxl works out none, and writes <c r="B2"><f>A2*2</f><v></v></c>.
_UNSOLVED = re.compile(
    rb"<(?P<prefix>(?:\w+:)?)c(?P<attributes>(?:\s[^<>]*)?)>\s*<(?P=prefix)f(?:\s[^<>]*)?(?:/>|>[^<]*</(?P=prefix)f>)"
    rb"(?P<value>\s*<(?P=prefix)v(?:\s[^<>]*)?(?:/>|>\s*</(?P=prefix)v>))?\s*</(?P=prefix)c>"
)
_TYPE = re.compile(rb"\st\s*=\s*[\"'](\w*)[\"']")
_NO_RESULT = "\uffff"  # no character of XML: no other cell has it

Opener = Callable[[Path, TableOptions, Findings, Collection[str]], GridAt]


def typed_file(path: Path) -> Opener | None:
    """The function that opens a file of this name; None for text files."""
    return OPENERS.get(path.suffix.lower())


def open_workbook(path: Path, options: TableOptions, findings: Findings, expected: Collection[str]) -> GridAt:
    """The table in the one sheet of a workbook that has cells. DataError if there are none or several."""
    if not expected:
        refuse_text_keys(path, options, ("separator",))
    sheet = _filled_sheet(path, findings)
    lines, rows = _filled_rows(sheet, path, options, findings)
    _check_top(rows, lines, path)
    _tell_formulas(rows, lines, sheet, options, findings, expected)
    if any(type(cell).__name__ == "timedelta" for row in rows for cell in row):
        findings.notes.append("durations are read as hours")
    first = [_spelled(cell) for cell in rows[0]]
    below, whole = _typed(rows[1:], sheet), partial(_typed, rows, sheet)
    return partial(_grid, path, first, lines, below, whole)


def _grid(
    path: Path,
    first: Sequence[str],
    lines: Rows,
    below: Sequence[TypedColumn],
    whole: Callable[[], Sequence[TypedColumn]],
    point: str,
) -> Grid:
    columns = [column.column(point) for column in below]
    return Grid(
        path, first, columns, lines[1:], lambda: [column.column(point) for column in whole()], point, int(lines[0])
    )


# --- rows -------------------------------------------------------------------------------------------------------------


class _Sheet:
    """The cells of a sheet, row by row from row `top` and column `left` on, both from 1."""

    def __init__(self, name: str, sheet: Any) -> None:
        self.name = name
        self.rows: list[list[Any]] = sheet.to_python()
        start = sheet.start or (0, 0)
        self.top, self.left = start[0] + 1, start[1] + 1

    @property
    def is_blank(self) -> bool:
        """Whether no cell has a value."""
        return all(map(_is_blank, self.rows))


def _is_blank(row: Sequence[Any]) -> bool:
    return not any(cell.strip() if isinstance(cell, str) else True for cell in row)


def _filled_sheet(path: Path, findings: Findings) -> _Sheet:
    """The one visible sheet that has cells."""
    visible, hidden = list[_Sheet](), list[str]()
    for sheet, is_visible in _sheets(path):
        if not sheet.is_blank:
            visible += [sheet] if is_visible else []
            hidden += [] if is_visible else [sheet.name]
    if len(visible) > 1:
        names = ", ".join(quoted(sheet.name) for sheet in visible[:8]) + (", …" if len(visible) > 8 else "")
        refuse(
            path,
            f"found {len(visible)} sheets with cells ({names}), expected one: save the sheet that is wanted as a file "
            "of its own",
        )
    if not visible:
        refuse(path, "found no cells in the sheets of the workbook, expected a line of column names and then rows")
    if hidden:
        names = ", ".join(map(quoted, hidden[:8])) + (", …" if len(hidden) > 8 else "")
        findings.notes.append(f"hidden and not read: {counted(len(hidden), 'sheet')} of the workbook ({names})")
    return visible[0]


def _filled_rows(sheet: _Sheet, path: Path, options: TableOptions, findings: Findings) -> tuple[Rows, list[list[Any]]]:
    """The rows with a value and their numbers. Blank rows between them are a fault, unless such are left out."""
    filled = [i for i, row in enumerate(sheet.rows) if not _is_blank(row)]
    first, last = filled[0], filled[-1]
    blank = sorted(set(range(first, last)) - set(filled))
    if blank:
        shown = ", ".join(str(i + sheet.top) for i in blank[:3]) + (", …" if len(blank) > 3 else "")
        rows = f"{counted(len(blank), 'blank row')} ({'row' if len(blank) == 1 else 'rows'} {shown})"
        if options.bad_rows != "skip":
            expected = "expected one table without any; data.bad_rows: skip leaves such rows out"
            refuse(path, f"found {rows} in sheet {quoted(sheet.name)}, {expected}", blank[0] + sheet.top)
        findings.warnings.append(f"{rows} left out")
    return np.array(filled, np.int64) + sheet.top, [sheet.rows[i] for i in filled]


def _check_top(rows: Sequence[Sequence[Any]], lines: Rows, path: Path) -> None:
    """Refuse a title above the table: a first row with one cell alone."""
    cells = [cell for cell in rows[0] if not _is_blank([cell])]
    if len(cells) == 1 and len(rows[0]) > 2 and len(rows) > 1:
        found = f"found {quoted(str(cells[0]))} alone in the first row, above a table of {len(rows[0])} columns"
        refuse(path, f"{found}, expected the names of the columns there: delete what stands above them", int(lines[0]))


def _tell_formulas(
    rows: Sequence[Sequence[Any]],
    lines: Rows,
    sheet: _Sheet,
    options: TableOptions,
    findings: Findings,
    expected: Collection[str],
) -> None:
    """A warning for each column with formulas that have no result, and a fault for a column of them alone."""
    first, ignored = [_spelled(cell) for cell in rows[0]], ignored_columns(options)
    for j, cells in enumerate(zip(*rows, strict=True)):
        missing = [row for row, cell in enumerate(cells) if cell == _NO_RESULT]
        name = _name_of(j, first, options)
        if not missing or name in ignored or (expected and name not in expected):
            continue
        place, cure = j + sheet.left, "open and save the workbook in a spreadsheet program first"
        column = f"column {quoted(name)}" if name else f"column {place}"
        formulas = f"{counted(len(missing), 'formula')} without a stored result"
        below = cells if options.header is False else cells[1:]
        if all(cell == _NO_RESULT or _is_blank([cell]) for cell in below):
            found = f"found {formulas} and nothing else in {column}"
            findings.faults.add(f"{found}, expected results; {cure}", int(lines[missing[0]]), place)
        else:
            read = "is read as blank" if len(missing) == 1 else "are read as blank"
            findings.warnings.append(f"{column}: {formulas} {read}; {cure}")
    findings.faults.raise_if_any()


def _name_of(j: int, first: Sequence[str], options: TableOptions) -> str:
    """The name of column number `j`, from 0, as far as it is known before it is decided where the names are."""
    if options.names is not None:
        return options.names[j] if j < len(options.names) else ""
    return f"column{j + 1}" if options.header is False else first[j]


# --- cells ------------------------------------------------------------------------------------------------------------


def _typed(rows: Sequence[Sequence[Any]], sheet: _Sheet) -> list[TypedColumn]:
    columns = zip(*rows, strict=True) if rows else [()] * len(sheet.rows[0])
    return [_typed_column(cells, place) for place, cells in enumerate(columns, sheet.left)]


def _typed_column(cells: Sequence[Any], place: int) -> TypedColumn:
    values = [_written(cell) for cell in cells]
    index: dict[str, int] = {}
    numbers = [value if isinstance(value, float) else math.nan for value in values]
    codes = [-1 if isinstance(value, float) else index.setdefault(value, len(index)) for value in values]
    return TypedColumn(place, np.array(numbers, np.float64), np.array(codes, np.int32), tuple(index))


def _spelled(cell: Any) -> str:
    value = _written(cell)
    return spelled_number(value) if isinstance(value, float) else value


def _written(cell: Any) -> float | str:
    return _WRITTEN[type(cell).__name__](cell)


def _number(cell: float) -> float | str:
    """A number; NaN is blank, and infinities are texts."""
    if math.isnan(cell):
        return ""
    return float(cell) if math.isfinite(cell) else str(cell)


def _text(cell: str) -> str:
    return "" if cell == _NO_RESULT else cell.strip()


# What becomes of a cell by the name of its type: a number, or the text that a text file would have.
_WRITTEN: Mapping[str, Callable[[Any], float | str]] = {
    "float": _number,
    "int": _number,
    "bool": lambda cell: str(cell).lower(),
    "str": _text,
    "date": lambda cell: str(cell.isoformat()),
    "datetime": lambda cell: str(cell.isoformat(" ")),
    "time": lambda cell: str(cell.isoformat()),
    "timedelta": lambda cell: float(cell.total_seconds() / 3600),
}


# --- the file ---------------------------------------------------------------------------------------------------------


def _sheets(path: Path) -> Iterator[tuple[_Sheet, bool]]:
    """The sheets of a workbook, and whether each is visible."""
    content = _checked(path)
    calamine = needed_package(path, "python_calamine", "python-calamine", "excel")
    with _as_faults(path, calamine):
        book = calamine.CalamineWorkbook.from_filelike(content)
        for number, of_sheet in enumerate(book.sheets_metadata):
            if of_sheet.typ == calamine.SheetTypeEnum.WorkSheet:
                is_visible = of_sheet.visible == calamine.SheetVisibleEnum.Visible
                yield _Sheet(of_sheet.name, book.get_sheet_by_index(number)), is_visible


@contextmanager
def _as_faults(path: Path, calamine: Any) -> Iterator[None]:
    try:
        yield
    except (calamine.CalamineError, OSError, ValueError, OverflowError) as error:
        refuse(path, f"found a damaged workbook ({printable(str(error))}), expected a sound one")
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # of Rust, for a date before all time; it has no module
            raise
        refuse(path, f"found a damaged workbook ({printable(str(error))}), expected a sound one")


def _checked(path: Path) -> io.BytesIO:
    """The XML files of a workbook, unpacked and made ready to be parsed.

    python-calamine takes memory for whatever a workbook promises, and reads a formula that failed, or that was never
    worked out, as a blank. So the sizes are checked before, and such formulas become texts.
    """
    packed = size_of(path)
    ready = io.BytesIO()
    with reading(path), path.open("rb") as file:
        if file.read(len(_OLD_FORMAT)) == _OLD_FORMAT:
            refuse(path, "found a workbook with a password, or an old .xls file; expected a .xlsx that opens without")
        with zipfile.ZipFile(file) as archive, zipfile.ZipFile(ready, "w") as copy:
            parts = [part for part in archive.infolist() if part.filename.lower().endswith((".xml", ".rels"))]
            _check_sizes(parts, packed, path)
            for part in parts:
                check_member(part, path)
                with archive.open(part) as stream:
                    copy.writestr(part.filename, _ready(stream.read(part.file_size + 1), path))
    ready.seek(0)
    return ready


def _check_sizes(parts: Sequence[zipfile.ZipInfo], packed: int, path: Path) -> None:
    limit = min(TEXT_LIMIT, unpacked_limit(packed, text=True))
    if sum(part.file_size for part in parts) > limit:
        refuse(path, f"found more than {limit // 2**20} MiB of text, expected less (store a larger set as .npz)")


def _ready(xml: bytes, path: Path) -> bytes:
    """A file of a workbook; in a sheet, errors such as #N/A and integers of 16 digits and more become texts.

    A formula without a result becomes the text `_NO_RESULT`.
    """
    if b"sheetData" not in xml:
        return xml
    rows, columns = _extent(xml)
    if rows * columns > _MOST_CELLS:
        found = f"found a sheet whose last cell is in row {rows} and column {columns}"
        refuse(path, f"{found}, expected at most {_MOST_CELLS:,} cells (is one far outside of the table?)")
    if b"<f" in xml or b":f" in xml:
        xml = _UNSOLVED.sub(_without_result, xml)
    if b'"e"' in xml or b"'e'" in xml:
        xml = _ERROR.sub(rb'\1"str"', xml)
    return _LONG_INTEGER.sub(rb'\1\2 t="str"\3', xml) if re.search(rb">-?[0-9]{16}", xml) else xml


def _without_result(cell: re.Match[bytes]) -> bytes:
    kind = _TYPE.search(cell["attributes"])
    if cell["value"] and kind and kind[1] == b"str":
        return cell[0]  # its result is the empty text
    start = b"<" + cell["prefix"]
    value = start + b"v>" + _NO_RESULT.encode() + b"</" + cell["prefix"] + b"v>"
    return start + b"c" + _TYPE.sub(b"", cell["attributes"]) + b' t="str">' + value + b"</" + cell["prefix"] + b"c>"


def _extent(xml: bytes) -> tuple[int, int]:
    """The last row and the last column of a sheet, at most; cells without a place follow each other."""
    rows = max((int(row[:9]) for row in set(_ROW.findall(xml))), default=0)
    columns = max((_column_number(letters) for letters in set(_COLUMN.findall(xml))), default=0)
    by_rows = xml.split(b"<row")
    return max(rows, len(by_rows) - 1), max(columns, *(row.count(b"<c") for row in by_rows))


def _column_number(letters: bytes) -> int:
    """27 for AA."""
    number = 0
    for letter in letters.upper()[:7]:
        number = 26 * number + letter - ord("A") + 1
    return number


# How files that are no text are opened, by the end of their names.
OPENERS: Mapping[str, Opener] = {".xlsx": open_workbook, ".parquet": open_parquet}
