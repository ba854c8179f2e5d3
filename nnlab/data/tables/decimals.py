"""Decimal numbers in bytes, many cells at once: exact, and faster than a call of `float` for each.

A cell of at most 19 digits is an integer m below 2^64 over a power of ten. With m below 2^53 and a power up to 10^22
both are exact in float64, and their quotient is rounded once (Clinger, "How to read floating point numbers accurately",
1990). Longer ones are divided in extended precision, where m and powers up to 10^27 are exact; the few whose quotient
lies at the middle between two float64 values there are left to `float`, since it could be on either side.

Eight digits at a time become a number by three multiplications on a word of eight bytes, each of which adds neighbours:
digits to pairs, pairs to fours, fours to eight (Lemire, "Quickly parsing eight digits", 2018).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.int64]

NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
CODE = re.compile(r"[+-]?0[0-9]+")  # a leading zero: 007 is a name, not a number
LARGEST_INTEGER = 2**53  # above, neighbouring integers are the same float64

_MOST_DIGITS = 19  # any integer of so many digits is below 2^64
PADDING = 24  # bytes before the first cell, so that words that end within it can be read
TAIL = b"0" * 32  # bytes behind the last cell, so that words that begin within it can be read
_DIGIT, _POINT, _SIGN, _OTHER = range(4)
_POWERS = 10.0 ** np.arange(23)
_WORD_POWERS = 10 ** np.arange(_MOST_DIGITS + 1, dtype=np.uint64)
_ODD = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93], np.uint64)
_LONG_POWERS: NDArray[Any] = np.longdouble(10) ** np.arange(_MOST_DIGITS + 1)
_HAS_EXTENDED = np.finfo(np.longdouble).nmant == 63  # that of x86; others are no wider, or slower than `float`


@dataclass(frozen=True)
class TextCells:
    """Cells (n,) of a text: cell i is the bytes `start[i]` to `stop[i]` of `data`, in ascending order.

    `cell_of` (bytes,) is the index of the cell in which, or behind which, each byte stands. The bytes in `between`
    stand between cells alone, never within one. Where cells were picked, `number` maps their old indices to the new
    ones.
    """

    data: bytes
    start: Places
    stop: Places
    cell_of: NDArray[np.int32]
    between: bytes = b"\n"
    number: NDArray[np.int32] | None = None

    def text(self, i: int) -> str:
        """The text of cell number `i`."""
        return self.data[self.start[i] : self.stop[i]].decode()

    def picked(self, some: Places) -> TextCells:
        """Some cells (k,) alone."""
        number = np.zeros(len(self.start), np.int32)
        number[some] = 1
        number = np.maximum(np.cumsum(number, dtype=np.int32) - 1, 0)
        return replace(self, start=self.start[some], stop=self.stop[some], number=number)

    def within(self, at: Places) -> tuple[Places, NDArray[np.int32]]:
        """Those bytes `at` that stand within a cell, and their cells."""
        cell = self.cell_of[at] if self.number is None else self.number[self.cell_of[at]]
        inside = (at >= self.start[cell]) & (at < self.stop[cell])
        return (at, cell) if inside.all() else (at[inside], cell[inside])

    def different(self, some: Places) -> tuple[NDArray[np.int64], list[bytes]]:
        """The different texts of `some` cells (k,) as they come, and the index of each cell's text among them, (k,)."""
        start, length = self.start[some], self.stop[some] - self.start[some]
        if length.max(initial=0) <= len(TAIL):
            words = self._words(start, length)
            keys = (words * _ODD[: len(words), None]).sum(axis=0, dtype=np.uint64) + length.astype(np.uint64)
            first, index = _few_different(keys) or _different(keys)
            same = first[index]
            if (words == words[:, same]).all() and (length == length[same]).all():  # no two texts with one key
                ends = zip(start[first].tolist(), (start + length)[first].tolist(), strict=True)
                return index, [self.data[a:b] for a, b in ends]
        texts = [self.data[a:b] for a, b in zip(start.tolist(), self.stop[some].tolist(), strict=True)]
        codes = {text: code for code, text in enumerate(dict.fromkeys(texts))}
        return np.fromiter(map(codes.__getitem__, texts), np.int64, len(texts)), list(codes)

    def _words(self, start: Places, length: Places) -> NDArray[np.uint64]:
        """The bytes of cells in words of eight, (words, k), with zeros behind their end."""
        words = np.ndarray((len(self.data) - 7,), "<u8", buffer=self.data, strides=(1,))
        found = []
        for done in range(0, max(1, int(length.max(initial=0))), 8):
            count = np.clip(length - done, 0, 8)
            shift = (64 - 8 * np.maximum(count, 1)).astype(np.uint64)
            word = words[np.minimum(start + done, len(words) - 1)] << shift >> shift
            found.append(np.where(count > 0, word, np.uint64(0)))
        return np.array(found)


def _few_different(keys: NDArray[np.uint64]) -> tuple[Places, Places] | None:
    """Where each different key stands first, in order, and the index of each key among them; None if there are many.

    Each turn takes out all that equal the first one that is left, which is quicker than to sort a few categories.
    """
    index, first, left = np.zeros(len(keys), np.int64), list[int](), np.arange(len(keys))
    while len(left):
        if len(first) == _FEW:
            return None
        same = keys[left] == keys[left[0]]
        index[left[same]] = len(first)
        first.append(int(left[0]))
        left = left[~same]
    return np.array(first, np.int64), index


def _different(keys: NDArray[np.uint64]) -> tuple[Places, Places]:
    """The same for many different keys."""
    _, first, index = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(first)
    return first[order], np.argsort(order)[index]


_FEW = 12


@dataclass(frozen=True)
class Decimals:
    """What cells (n,) are as numbers: `values` are nan where `plain` is False.

    `plain` cells are finite decimal numbers without a leading zero, and integers up to 2^53. `usual` says which are
    integers spelled in the one usual way, so that their texts follow from their values. A point is `proven` to be a
    decimal mark where it cannot group thousands, as in 12.5, and `grouped` are those where it could, as in 1.234.
    """

    values: NDArray[np.float64]
    plain: NDArray[np.bool_]
    usual: NDArray[np.bool_]
    proven: NDArray[np.bool_]
    grouped: NDArray[np.bool_]


def decimals(cells: TextCells, point: str = ".") -> Decimals:
    """Read cells as decimal numbers; `point` is the decimal mark."""
    may_be = _MAY_START[np.frombuffer(cells.data, np.uint8)[cells.start]]
    some = np.flatnonzero(may_be)
    if len(some) >= _MOSTLY * len(may_be):  # also where there is no cell
        return _decimals(cells, point)
    found = _decimals(cells.picked(some), point)
    every = np.full(len(may_be), np.nan)
    every[some] = found.values
    flags = [np.zeros(len(may_be), bool) for _ in range(4)]
    for flag, of_some in zip(flags, (found.plain, found.usual, found.proven, found.grouped), strict=True):
        flag[some] = of_some
    return Decimals(every, *flags)


def _decimals(cells: TextCells, point: str) -> Decimals:
    if not len(cells.start):
        return Decimals(np.zeros(0), *(np.zeros(0, bool) for _ in range(4)))
    found = _Found.of(cells, point)
    integer = found.integers(cells)
    values = integer.astype(np.float64) / _POWERS[np.minimum(found.behind, 22)]
    plain = found.decimal & (found.digits <= _MOST_DIGITS) & (found.has_point | (integer <= LARGEST_INTEGER))
    sure = _divide_long(np.flatnonzero(plain & (integer > LARGEST_INTEGER)), integer, found.behind, values)
    np.negative(values, out=values, where=found.is_negative)
    left = found.may_have_exponent | (found.decimal & found.has_point & (found.digits > _MOST_DIGITS))
    for i in (*sure.tolist(), *np.flatnonzero(left).tolist()):
        values[i] = number_in(cells.text(i), point)
        plain[i] = np.isfinite(values[i])
    values[~plain] = np.nan
    is_minus_zero = found.is_negative & (integer == 0)
    usual = plain & ~left & ~found.has_point & (found.is_negative | ~found.has_sign) & ~is_minus_zero
    grouped = found.has_point & (found.behind == 3) & (found.whole > 0) & (found.whole < 4) & ~found.begins_with_zero
    return Decimals(values, plain, usual, plain & found.has_point & ~grouped, plain & grouped)


def number_in(text: str, point: str = ".") -> float:
    """The number in a cell; nan for other texts, for codes such as 007 and for integers above 2^53."""
    plain = text if point == "." else text.replace(".", "x").replace(point, ".")
    if not NUMBER.fullmatch(plain) or CODE.match(plain):
        return np.nan
    too_large = plain.lstrip("+-").isdigit() and int(plain.lstrip("+-")) > LARGEST_INTEGER
    value = float(plain)
    return np.nan if too_large or not np.isfinite(value) else value


@dataclass(frozen=True)
class _Found:
    """Where the digits of each cell (n,) stand: `whole` of them from `begin` on, `behind` behind the point."""

    begin: Places
    whole: Places
    behind: Places
    has_point: NDArray[np.bool_]
    has_sign: NDArray[np.bool_]
    is_negative: NDArray[np.bool_]
    begins_with_zero: NDArray[np.bool_]
    decimal: NDArray[np.bool_]
    may_have_exponent: NDArray[np.bool_]

    @classmethod
    def of(cls, cells: TextCells, point: str) -> _Found:
        """Find them by the bytes that are no digits, of which most cells have one or none."""
        data, start, stop, count = np.frombuffer(cells.data, np.uint8), cells.start, cells.stop, len(cells.start)
        kinds_of = cells.data.translate(_kinds(point, cells.between))
        kinds, first = np.frombuffer(kinds_of, np.uint8), np.where(start < stop, data[start], 0)
        is_negative = first == ord("-")
        signs = is_negative | (first == ord("+"))
        at, cell = cells.within(np.flatnonzero(kinds == _POINT))
        points = np.zeros(count, np.int64)
        points[cell] = at
        strange = np.zeros(count, bool)
        others = kinds == _OTHER
        if (number := np.count_nonzero(others)) < count:
            strange[cells.within(np.flatnonzero(others))[1]] = number > 0
        else:
            ends = np.stack((start, stop), axis=1).ravel()
            strange = (np.maximum.reduceat(kinds, ends)[::2] == _OTHER) & (start < stop)
        if np.count_nonzero(kinds == _SIGN) > np.count_nonzero(signs):
            at, within = cells.within(np.flatnonzero(kinds == _SIGN))
            strange[within[at > start[within]]] = True
        strange[cell[1:][cell[1:] == cell[:-1]]] = True  # two points
        begin, has_point = start + signs, points > 0
        whole = np.where(has_point, points, stop) - begin
        behind = np.where(has_point, stop - points - 1, 0)
        zero = data[begin] == ord("0")
        sound = ~(zero & (whole > 1)) & (whole + behind > 0)
        exponent = strange & (start < stop)
        exponent[exponent] = np.isin(first[exponent], _NUMBER_STARTS)
        return cls(begin, whole, behind, has_point, signs, is_negative, zero, sound & ~strange, exponent)

    @property
    def digits(self) -> Places:
        """The number of digits of each cell."""
        return self.whole + self.behind

    def integers(self, cells: TextCells) -> NDArray[np.uint64]:
        """The digits of each cell as an integer; meaningless if there are more than 19, or others than digits."""
        words = np.ndarray((len(cells.data) - 7,), "<u8", buffer=cells.data, strides=(1,))
        integer = _digits(words, self.begin + self.whole, self.whole)
        return integer * _WORD_POWERS[np.clip(self.behind, 0, _MOST_DIGITS)] + _digits(words, cells.stop, self.behind)


def _digits(words: NDArray[np.uint64], stop: Places, count: Places) -> NDArray[np.uint64]:
    """The last 19 of `count` digits before `stop` as an integer; `words[i]` are the eight bytes from i on."""
    total = _eight_digits(words[stop - 8], count)
    for done in (8, 16):
        more = np.flatnonzero(count > done)
        if not len(more):
            break
        total[more] += _eight_digits(words[stop[more] - 8 - done], count[more] - done) * _WORD_POWERS[done]
    return total


def _eight_digits(word: NDArray[np.uint64], count: Places) -> NDArray[np.uint64]:
    """The last `count` of eight characters as an integer; the first character is the lowest byte."""
    others = (64 - 8 * np.clip(count, 1, 8)).astype(np.uint64)
    word = (word >> others << others) & np.uint64(0x0F0F0F0F0F0F0F0F)
    word = word * np.uint64(2561) >> np.uint64(8)
    word = (word & np.uint64(0x00FF00FF00FF00FF)) * np.uint64(6553601) >> np.uint64(16)
    word = (word & np.uint64(0x0000FFFF0000FFFF)) * np.uint64(42949672960001) >> np.uint64(32)
    return np.where(count > 0, word, np.uint64(0))


def _divide_long(long: Places, integer: NDArray[np.uint64], behind: Places, values: NDArray[np.float64]) -> Places:
    """Divide integers of more than 53 bits in extended precision; returns those that `float` must read."""
    if not _HAS_EXTENDED:
        return long
    quotient = integer[long].astype(np.longdouble) / _LONG_POWERS[behind[long]]
    values[long] = quotient.astype(np.float64)
    off, gap = np.abs(quotient - values[long]), np.spacing(values[long])
    unsure: Places = long[(off == gap / 2) | (off == gap / 4)]
    return unsure


_NUMBER_STARTS = np.frombuffer(b"0123456789.,+-", np.uint8)
_MAY_START = np.isin(np.arange(256), _NUMBER_STARTS)  # whether a cell that begins with a byte may be a number
_MOSTLY = 0.9  # of the cells of a piece may be numbers: it is not worthwhile to pick them


@lru_cache
def _kinds(point: str, between: bytes) -> bytes:
    """For each byte what it may be in a number; bytes between cells count as digits, so that they are not looked at."""
    kinds = dict.fromkeys(b"0123456789" + between, _DIGIT) | {ord(point): _POINT, ord("+"): _SIGN, ord("-"): _SIGN}
    return bytes(kinds.get(byte, _OTHER) for byte in range(256))
