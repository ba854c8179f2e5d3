"""Numbers in other dress: with a decimal comma, grouped thousands, a currency or a percent sign."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from nnlab.data.tables.decimals import number_in

# The words that pandas reads as missing, and the question mark of many older files.
MISSING = frozenset(
    ("#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA", "NULL")
) | frozenset(("NaN", "None", "n/a", "nan", "null", "?"))
_GROUPS = (" ", "'", "\u2019", "\u00a0", "\u202f")  # between thousands these have one meaning alone
# Cells that were meant as numbers, though they are none: in a column of such cells the file is at fault.
MEANT = re.compile(
    r"[+-]?(?:[0-9][0-9_]*(?:\.[0-9_]*)?(?:e[+-]?[0-9]+)?|\.[0-9]+(?:e[+-]?[0-9]+)?|0x[0-9a-f]+|inf(?:inity)?)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Marks:
    """How numbers are written: the decimal mark `point`, and the sign between groups of three digits, if any."""

    point: str = "."
    thousands: str | None = None


@dataclass(frozen=True)
class Dressed:
    """A number as it was written: its value, and its symbol, such as $ or %, or "" without one."""

    value: float
    symbol: str


def undressed(text: str, marks: Marks) -> Dressed | None:
    """The number in a cell, or None: `$1,200.50`, `-12 %`, `1 200`, `1.5e3`."""
    if text[:1].isalpha():
        return None  # at once, since most texts are names
    sign, symbol, body = _parts(text)
    for group in (marks.thousands, *_GROUPS):
        if group and group != marks.point and group in body:
            if not _grouped(group, marks.point).fullmatch(body):
                return None
            body = body.replace(group, "")
            break
    value = number_in(sign + body, marks.point)
    return None if np.isnan(value) else Dressed(value, symbol)


def _parts(text: str) -> tuple[str, str, str]:
    """The sign, the symbol and the digits of a cell."""
    sign, body, symbol = "", text.strip().replace("\u2212", "-"), ""  # the sign that is longer than a hyphen
    for _ in range(2):  # the sign may stand before or behind the symbol
        if body[:1] in ("+", "-") and not sign:
            sign, body = body[0], body[1:].lstrip()
        if body and _is_symbol(body[0]) and not symbol:
            symbol, body = body[0], body[1:].lstrip()
    if body and _is_symbol(body[-1]) and not symbol:
        symbol, body = body[-1], body[:-1].rstrip()
    return sign, symbol, body


def _is_symbol(character: str) -> bool:
    return character == "%" or unicodedata.category(character) == "Sc"


@lru_cache
def _grouped(group: str, point: str) -> re.Pattern[str]:
    return re.compile(rf"[0-9]{{1,3}}(?:{re.escape(group)}[0-9]{{3}})+(?:{re.escape(point)}[0-9]*)?")


@dataclass(frozen=True)
class Evidence:
    """What cells prove of a mark, point or comma, with an example of each.

    In `decimal` it can only be a decimal mark, in `grouping` it can only stand between thousands, in `either` both.
    """

    decimal: str = ""
    either: str = ""
    grouping: str = ""


def evidence_for(mark: str, texts: Iterable[str]) -> Evidence:
    """What cells prove of `mark`: 0,26 has a decimal comma, in 1,234.5 it groups thousands, 1,234 may be either."""
    other = "," if mark == "." else "."
    decimal = either = grouping = ""
    for text in texts:
        if mark not in text:
            continue
        body = _parts(text)[2]
        if _OPEN[mark].fullmatch(body):
            either = either or text
        elif _DECIMAL[mark].fullmatch(body) or _grouped(other, mark).fullmatch(body):
            decimal = decimal or text
        elif _grouped(mark, other).fullmatch(body):
            grouping = grouping or text
        if decimal and either and grouping:
            break
    return Evidence(decimal, either, grouping)


_OPEN = {mark: re.compile(rf"[1-9][0-9]{{0,2}}{re.escape(mark)}[0-9]{{3}}") for mark in ".,"}
_DECIMAL = {
    mark: re.compile(rf"[0-9]*{re.escape(mark)}[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+{re.escape(mark)}") for mark in ".,"
}
