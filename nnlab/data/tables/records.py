"""From a text file to records of cells: the separator is found in the whole file, and every record is checked.

A file is read piece by piece, so that its text is never in memory as a whole. Pieces without a quote are cut into cells
by NumPy; the others by Python's csv module.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nnlab.data.files import FaultList, counted, pieces, quoted, refuse
from nnlab.data.tables.decimals import PADDING, TAIL, TextCells
from nnlab.errors import Question, printable

Places = NDArray[np.int64]

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", " ": "blanks"}
_PIECE = 2**19  # bytes: some ten thousand cells, whose arrays fit into a processor's cache
_LONGEST_PIECE = 2**23
_LINES = 8  # of a wide table at a time, at least: less would be spent on the loop over its columns
_SEPARATOR_KEY = ("data", "separator")
_BLANKS = re.compile(rb" +")


@dataclass(frozen=True)
class TextPiece:
    """Some whole records of a file: their text, which ends in a line end, and the line in which it begins."""

    text: bytes
    line: int

    @property
    def has_quotes(self) -> bool:
        """Whether a cell may be quoted."""
        return b'"' in self.text


@dataclass(frozen=True)
class Records:
    """The records of a piece: `cells` of those with the expected width, row by row, and the line of each (n,).

    `ragged` has the line and the cells of each of the others.
    """

    cells: TextCells
    lines: Places
    ragged: Sequence[tuple[int, Sequence[str]]]


def pieces_of(path: Path) -> Iterator[TextPiece]:
    """The pieces of a text file in UTF-8, with or without BOM."""
    line, rest = 1, b""
    for number, data in enumerate(chain(pieces(path, _PIECE), [b""])):
        rest += data.removeprefix(b"\xef\xbb\xbf") if number == 0 else data
        end = _last_line_end(rest) if data else len(rest)
        if end and data and len(rest) < _LONGEST_PIECE and rest.count(b'"', 0, end) % 2:
            end = 0  # within a quoted cell
        text, rest = rest[:end], rest[end:]
        if text:
            _check_text(text, path, line)
            yield TextPiece(text if text.endswith((b"\n", b"\r")) else text + b"\n", line)
            line += _line_ends(text)


def _last_line_end(data: bytes) -> int:
    """Where the last whole line ends, 0 for none; so many lines are kept together that a wide table has _LINES."""
    end = data.rfind(b"\n") + 1 or data.rfind(b"\r", 0, len(data) - 1) + 1
    is_enough = len(data) >= max(_PIECE, _LINES * ((data.find(b"\n") + 1) or data.find(b"\r") + 1))
    return end if is_enough or len(data) >= _LONGEST_PIECE else 0


def _line_ends(text: bytes) -> int:
    return text.count(b"\n") or text.count(b"\r")


def _check_text(text: bytes, path: Path, line: int) -> None:
    try:
        if not text.isascii():
            text.decode()
    except UnicodeDecodeError as error:
        found = f"found byte 0x{text[error.start]:02x} at position {error.start}"
        where = line + _line_ends(text[: error.start])
        refuse(path, f"{found}, expected text in UTF-8; {_what_it_is(text, line)}", where)
    begin = text[:_PIECE]
    if begin.count(b"\0") > _MANY_NULS * len(begin):
        kind = _what_it_is(text, line, "save it as such (it looks like UTF-16)")
        refuse(path, f"found NUL bytes, expected text in UTF-8; {kind}", line)


_MANY_NULS = 0.2  # of the bytes: one of two, in text of two bytes a character; a single one is its cell's fault
# The first bytes of files of other kinds, with what is said of them.
_OTHER_KINDS = {
    b"PK\x03\x04": "it is a .zip or a workbook: its name should end in .zip or .xlsx",
    b"\x1f\x8b": "it is packed: its name should end in .gz",
    b"PAR1": "it is a Parquet file: its name should end in .parquet",
    b"\xd0\xcf\x11\xe0": "it is an old workbook: save it as .xlsx or .csv",
    b"\xff\xfe": "it looks like UTF-16: save it as UTF-8",
    b"\xfe\xff": "it looks like UTF-16: save it as UTF-8",
}


_OTHER_LETTERS = "it may be Latin-1 or Windows-1252: save it as UTF-8 (iconv -f cp1252 -t utf-8 FILE)"


def _what_it_is(text: bytes, line: int, usual: str = _OTHER_LETTERS) -> str:
    """What a file that is no UTF-8 may be, and what to do."""
    kinds = (words for begin, words in _OTHER_KINDS.items() if line == 1 and text.startswith(begin))
    return next(kinds, usual)


# --- the separator ----------------------------------------------------------------------------------------------------


def separator_of(path: Path, said: str = "auto") -> tuple[str, int, int]:
    """The separator of a table, the width of its first record and that of the others.

    A sign is a candidate if it gives every record, the first included, the same width of at least two; the first may
    lack one name. DataError if two signs are candidates.
    """
    first = next(pieces_of(path), None)
    if first is None or not first.text.strip():
        refuse(path, "found an empty file or first line, expected a line of column names and then rows", 1)
    if said != "auto":
        return said, *_two_widths(_widths(first, said)[0], said, first, path)
    top = first.text[: first.text.find(b"\n") + 1] or first.text
    signs = [sign for sign in SEPARATORS if sign.encode() in top]  # others leave the first record in one piece
    found = {sign: widths for sign in signs or [","] if (widths := _widths(first, sign)[0]).size}
    fitting = {sign: widths for sign, widths in found.items() if _fits(widths)}
    if len(fitting) > 1:
        fitting = {sign: widths for sign, widths in fitting.items() if _fits_to_the_end(path, sign, int(widths[-1]))}
    if len(fitting) > 1:
        _refuse_two(path, {sign: int(widths[-1]) for sign, widths in fitting.items()})
    sign = next(iter(fitting), None) or _below_a_title(first) or _nearest(found)
    widths = found[sign] if sign in found else _widths(first, sign)[0]
    return sign, *_two_widths(widths, sign, first, path)


def _below_a_title(first: TextPiece) -> str:
    """The sign that gives nearly all lines but the first one width of at least two, as below a title; "" if none."""
    shares = {}
    for sign in SEPARATORS:
        widths = _widths(first, sign)[0][1:]
        usual = int(np.bincount(widths).argmax()) if len(widths) > _FEW else 0
        shares[sign] = float((widths == usual).mean()) if usual > 1 else 0.0
    best = max(shares, key=lambda sign: shares[sign])
    return best if shares[best] >= _NEARLY_ALL else ""


_NEARLY_ALL = 0.8


def _two_widths(widths: Places, sign: str, first: TextPiece, path: Path) -> tuple[int, int]:
    """The width of the first record, and that of the others: one more if all of the first piece have it."""
    if not widths.size:
        _by_csv(first, sign, 1, path)  # raises for the misplaced quote
        refuse(path, "found no records, expected a table", first.line)
    width = int(widths[0])
    is_short = len(widths) > 1 and width > 1 and bool((widths[1:] == width + 1).all())
    return width, width + is_short


def _fits(widths: Places) -> bool:
    """Whether all records have one width of at least 2; the first may be one shorter than three or more."""
    width = int(widths[-1])
    return width > 1 and bool((widths[1:] == width).all()) and width - int(widths[0]) in (0, int(width > 2))


def _fits_to_the_end(path: Path, sign: str, width: int) -> bool:
    begun = False
    for piece in pieces_of(path):
        widths = _widths(piece, sign)[0]
        if not (widths[0 if begun else 1 :] == width).all():
            return False
        begun = True
    return True


def _nearest(found: dict[str, Places]) -> str:
    """The sign to blame a record with if no sign fits: the one that fits the most records, a comma if none occurs."""
    fitting = {sign: int((widths == widths[0]).sum()) if widths[0] > 1 else 0 for sign, widths in found.items()}
    return max(fitting, key=lambda sign: fitting[sign], default=",")


def _refuse_two(path: Path, widths: dict[str, int]) -> None:
    listed = " and ".join(f"{counted(width, 'column')} by {SEPARATORS[sign]}" for sign, width in widths.items())
    cures = " or ".join(f'separator: "{printable(sign)}"' for sign in widths)
    most_first = sorted(widths.items(), key=lambda one: -one[1])
    answers = tuple((sign, counted(width, "column")) for sign, width in most_first)
    question = Question(_SEPARATOR_KEY, answers)
    refuse(path, f"found {listed} in every line, expected one reading: {cures}", key=_SEPARATOR_KEY, question=question)


def _widths(piece: TextPiece, sign: str) -> tuple[Places, Places]:
    """The width of each record and its line; none where quotes are misplaced for this separator."""
    if piece.has_quotes:
        try:
            rows = list(_rows(piece, sign))
        except csv.Error:
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        rows = [row for row in rows if row[1]] or rows
        return np.array([len(cells) for _, cells in rows]), np.array([line for line, _ in rows])
    data = np.frombuffer(_even(piece.text, sign), np.uint8)
    line_ends = np.flatnonzero(data == 10)
    lengths = np.diff(line_ends, prepend=-1)
    signs = np.searchsorted(np.flatnonzero(data == ord(sign)), line_ends)
    widths, lines = np.diff(signs, prepend=0) + 1, piece.line + np.arange(len(line_ends))
    full = lengths > 1
    return (widths[full], lines[full]) if full.any() else (widths, lines)


def _even(text: bytes, sign: str) -> bytes:
    """Text whose lines end in LF; where blanks separate, one blank alone and none at other signs."""
    text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    while sign != " " and (blank := sign.encode() + b" ") in text:
        text = text.replace(blank, sign.encode())
    if sign == " ":
        text = text.replace(b"\t", b" ")
        text = re.sub(rb"(?<=[,;\t|]) +| +(?=[,;\t|\n])|(?:^|(?<=\n)) +", b"", _BLANKS.sub(b" ", text))
    return text


_QUOTED_OR_TAB = re.compile(r'"[^"]*"|\t')


def _rows(piece: TextPiece, sign: str) -> Iterator[tuple[int, list[str]]]:
    """The first line and the cells of each record, by the csv module. csv.Error, with the line, for bad quotes."""
    text = piece.text.decode()
    if sign == " ":
        text = _QUOTED_OR_TAB.sub(lambda found: " " if found[0] == "\t" else found[0], text)
        text = re.sub(r"(?<! ) +(?=[\r\n])", "", text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=sign, strict=True, skipinitialspace=True)
    line = piece.line
    try:
        for cells in reader:
            yield line, [cell.strip(" \t\r\n") for cell in cells]
            line = piece.line + reader.line_num
    except csv.Error as error:
        raise csv.Error(str(error), line) from error


# --- records ----------------------------------------------------------------------------------------------------------


def first_record(path: Path, sign: str) -> list[str]:
    """The cells of the first record."""
    piece = next(pieces_of(path))
    try:
        _, cells = next(_rows(piece, sign))
    except csv.Error as error:
        refuse(path, _csv_message(error.args[0]), error.args[1])
    if not any(cells):
        refuse(path, "found an empty file or first line, expected a line of column names and then rows", 1)
    return cells


def records_of(path: Path, sign: str, width: int) -> Iterator[Records]:
    """The records of a table, the first included. DataError for misplaced quotes; ragged records are handed on."""
    for piece in pieces_of(path):
        yield _by_signs(piece, sign, width) or _by_csv(piece, sign, width, path)


def _by_signs(piece: TextPiece, sign: str, width: int) -> Records | None:
    """Cut a piece into cells at separators and line ends; None if a quote does more than enclose one whole cell."""
    text = b"0" * PADDING + _even(piece.text, sign) + TAIL
    data = np.frombuffer(text, np.uint8)
    is_end = (data == ord(sign)) | (data == 10)
    ends = np.flatnonzero(is_end)
    last = np.flatnonzero(data[ends] == 10)
    widths = np.diff(last, prepend=-1)
    start = np.concatenate(([PADDING], ends[:-1] + 1))
    lengths = np.diff(ends, prepend=-1)
    lengths[-1] += len(TAIL)
    cell_of = np.repeat(np.arange(len(ends), dtype=np.int32), lengths)
    if piece.has_quotes and not _enclose(data, cell_of, start, ends):
        return None
    lines = piece.line + np.arange(len(last))
    good = widths == width
    if width == 1:
        good &= ends[last] > start[last]  # an empty line is no record
    ragged = []
    if not good.all():
        firsts = last - widths + 1
        for i in np.flatnonzero(~good).tolist():
            line = text[start[firsts[i]] : ends[last[i]]].decode()
            ragged.append((int(lines[i]), [cell.strip() for cell in line.split(sign)] if line.strip() else []))
        kept = np.repeat(good, widths)
        cell_of = np.maximum(np.cumsum(kept, dtype=np.int32) - 1, 0)[cell_of]
        start, ends = start[kept], ends[kept]
    may_strip = b" " in text or b"\t" in text
    start, stop = _stripped(data, start, ends) if may_strip else (start, ends)
    if piece.has_quotes:
        is_quoted = (data[start] == _QUOTE) & (start < stop)
        start, stop = _stripped(data, start + is_quoted, stop - is_quoted)
    between = sign.encode() + (b'\n"' if piece.has_quotes else b"\n")
    return Records(TextCells(text, start, stop, cell_of, between), lines[good], ragged)


_QUOTE = ord('"')


def _enclose(data: NDArray[np.uint8], cell_of: NDArray[np.int32], start: Places, stop: Places) -> bool:
    """Whether each quote opens or closes a cell: those of a pair are the first and the last byte of one cell."""
    quotes = np.flatnonzero(data == _QUOTE)
    if len(quotes) % 2:
        return False
    opening, closing = quotes[::2], quotes[1::2]
    cell = cell_of[opening]
    return bool((start[cell] == opening).all() and (stop[cell] == closing + 1).all())


def _stripped(data: NDArray[np.uint8], start: Places, stop: Places) -> tuple[Places, Places]:
    """Cells without the blanks and tabs around them."""
    while len(more := np.flatnonzero(((data[start] == 32) | (data[start] == 9)) & (start < stop))):
        start = start.copy()
        start[more] += 1
    while len(more := np.flatnonzero(((data[stop - 1] == 32) | (data[stop - 1] == 9)) & (start < stop))):
        stop = stop.copy()
        stop[more] -= 1
    return start, stop


def _by_csv(piece: TextPiece, sign: str, width: int, path: Path) -> Records:
    rows, ragged, lines = [], [], []
    try:
        for line, cells in _rows(piece, sign):
            if len(cells) == width:
                rows.append(cells)
                lines.append(line)
            else:
                ragged.append((line, cells))
    except csv.Error as error:
        refuse(path, _csv_message(error.args[0]), error.args[1])
    return Records(cells_of([*chain.from_iterable(rows)]), np.array(lines, np.int64), ragged)


def cells_of(texts: Sequence[str]) -> TextCells:
    """Texts as cells of bytes."""
    encoded = [text.encode() for text in texts]
    length = np.fromiter(map(len, encoded), np.int64, len(encoded))
    stop = PADDING + np.cumsum(length + 1) - 1
    numbers = np.arange(len(texts), dtype=np.int32)
    cell_of = np.concatenate((np.zeros(PADDING, np.int32), np.repeat(numbers, length + 1)))
    between = b"" if any(b"\n" in text for text in encoded) else b"\n"
    data = b"".join([b"0" * PADDING, *(text + b"\n" for text in encoded), TAIL])
    cell_of = np.concatenate((cell_of, np.full(len(TAIL), len(texts) - 1, np.int32)))
    return TextCells(data, stop - length, stop, cell_of, between)


def _csv_message(error: str) -> str:
    if "unexpected end" in error:
        return "found a quote that is never closed, expected a closing quote"
    if "field limit" in error:
        return "found a cell of more than 131072 characters (a quote that is never closed?), expected a shorter one"
    return f"found a misplaced quote ({error}), expected a separator or the line's end after a closing quote"


def add_ragged(faults: FaultList, ragged: Sequence[tuple[int, Sequence[str]]], width: int, sign: str) -> None:
    """One fault for all records of another width than the first: how many, the first three lines, and the cure."""
    if not ragged:
        return
    (usual, count), *_ = Counter(len(cells) for _, cells in ragged).most_common(1)
    if usual > width and count > _FEW:
        line = next(line for line, cells in ragged if len(cells) == usual)
        found = f"found {counted(width, 'cell')} in the first line, and {usual} in {count:,} others"
        faults.add(f"{found}, expected the same; if a title or comments stand above the names: delete them", line)
        return
    line, cells = ragged[0]
    if not cells:
        found = "found an empty line"
    else:
        comma = " (the line ends in a separator)" if len(cells) == width + 1 and not cells[-1] else ""
        found = f"found {counted(len(cells), 'cell')}{comma}"
    more = f" (and {len(ragged) - 1} more such lines: {_listed([one for one, _ in ragged[1:3]])})" if ragged[1:] else ""
    expected = f"expected {width}, as in the first line, separated by {SEPARATORS.get(sign, quoted(sign))}"
    faults.add(f"{found}, {expected}{more}; data.bad_rows: skip leaves such lines out", line)


_FEW = 3  # lines of one other width: more of them are the table, and the first line is none of its


def _listed(lines: Sequence[int]) -> str:
    return ", ".join(map(str, lines))
