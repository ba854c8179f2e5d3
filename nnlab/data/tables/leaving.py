"""Which columns are no inputs, though nobody says so: numbers and names of rows, constants, far too many texts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from nnlab.data.files import counted, quoted
from nnlab.data.tables.encode import Texts
from nnlab.data.tables.kinds import Findings, Reading, as_key
from nnlab.data.tables.words import PART_WORDS

_ID_LIKE = re.compile(
    r"(?:^|[\W_])(?:ids?|uuid|guid|idx|index|row|rows?_?(?:num|number|id|names?)|nr|no|key|names?)$", re.IGNORECASE
)
_CAMEL = re.compile(r".*[a-z](?:Id|ID|Key|Nr|No|Name)$")
_FEW = 10  # rows of a table that may count up by chance
_SENTINELS = (9.0, 99.0, 999.0, 9999.0, 99999.0)


@dataclass(frozen=True)
class LeftOut:
    """Why a column is no input; `is_warning` says that a user must see it."""

    why: str
    is_warning: bool = False


def reason_to_leave_out(reading: Reading, texts: Texts | None, most: int) -> LeftOut | None:
    """Why a column is no input, or None. `texts` are those of a column of categories, of which it may have `most`."""
    if reading.kind == "blank" or not reading.known:
        return LeftOut("it is blank in every row")
    rules: tuple[Callable[[Reading, Texts | None], str], ...] = (_constant, _unnamed, _names_of_rows)
    why = next((found for rule in rules if (found := rule(reading, texts))), "")
    if why:
        return LeftOut(why)
    if texts is not None and reading.kind == "category" and most < len(texts.counts) >= reading.known / 2:
        different = f"{len(texts.counts):,} different texts in {counted(reading.known, 'row')}"
        return LeftOut(f"it has {different}", is_warning=True)
    return None


def is_unnamed(name: str) -> bool:
    """Whether a column has no name, or the one that pandas gives such a column, or an index in a Parquet file."""
    return not name or name.startswith(("Unnamed:", "__index_level_"))


def is_id_like(name: str) -> bool:
    """Whether a name is one that numbers or names of rows usually have."""
    return bool(_ID_LIKE.search(name) or _CAMEL.fullmatch(name)) or is_unnamed(name)


def _constant(reading: Reading, texts: Texts | None) -> str:
    if len(reading.blank) < 2:
        return ""
    if reading.numbers is not None:
        numbers = reading.numbers[~np.isnan(reading.numbers)]  # none where all cells are faults
        return f"it is {numbers[0]:g} in every row" if numbers.size and (numbers == numbers[0]).all() else ""
    counts = {} if texts is None else texts.counts
    return f"it is {quoted(next(iter(counts)))} in every row" if len(counts) == 1 else ""


def _unnamed(reading: Reading, texts: Texts | None) -> str:
    if not is_unnamed(reading.column.name):
        return ""
    if counts_up(reading):
        return "it has no name and counts the rows"
    return "it has no name, and another text in every row" if _all_differ(reading, texts) else ""


def _names_of_rows(reading: Reading, texts: Texts | None) -> str:
    if not is_id_like(reading.column.name) or reading.kind == "date" or not _all_differ(reading, texts):
        return ""
    what = "number" if reading.numbers is not None else "text"
    return f"it is named like an identifier and has another {what} in every row"


def _all_differ(reading: Reading, texts: Texts | None) -> bool:
    if reading.known < 3:
        return False
    if texts is not None:
        return len(texts.counts) == reading.known
    assert reading.numbers is not None
    known = reading.numbers[~reading.blank]
    return bool((known == np.floor(known)).all()) and len(np.unique(known)) == len(known)


def counts_up(reading: Reading) -> bool:
    """Whether the numbers of a column rise by 1 from row to row."""
    with np.errstate(over="ignore"):
        return reading.numbers is not None and reading.known > 1 and bool((np.diff(reading.numbers) == 1).all())


def suspicions(reading: Reading, texts: Texts | None, findings: Findings) -> None:
    """Warn of a column that is used and yet may be no input.

    It counts the rows, says which part they belong to, or has a number that may stand for a blank.
    """
    column = reading.column
    if texts is not None and len(texts.counts) > 1 and all(text.lower() in PART_WORDS for text in texts.counts):
        cure = f"if it says which rows train and which test: data.split: {as_key(column.name)}"
        findings.warnings.append(f"column {quoted(column.name)} is read as an input; {cure}")
    if reading.kind != "number" or reading.numbers is None:
        return
    if len(reading.blank) >= _FEW and counts_up(reading):
        cure = f"if it only numbers the rows: data.ignore: [{as_key(column.name)}]"
        findings.warnings.append(f"column {quoted(column.name)} counts up by 1 from row to row; {cure}")
    for value, count, rest in _alone(reading):
        found = f"column {quoted(column.name)} has {value:g} in {counted(count, 'row')}, far from the rest ({rest})"
        findings.warnings.append(f'{found}; if it stands for a blank: missing: ["{value:g}"]')
    if looks_like_dates(reading):
        cure = f'columns: {{{as_key(column.name)}: {{date: "%Y%m%d"}}}}'
        example = f"{reading.numbers[~reading.blank][0]:.0f}"
        findings.warnings.append(
            f"column {quoted(column.name)} is read as numbers, but {example} may be a date; {cure}"
        )


def _alone(reading: Reading) -> Iterator[tuple[float, int, str]]:
    """Numbers such as -999 at an end of a column, further from the rest than the rest is wide."""
    assert reading.numbers is not None
    known = reading.numbers[~reading.blank]
    for value in (float(known.min()), float(known.max())):
        rest = known[known != value]
        if abs(value) in _SENTINELS and len(rest) > 1 and (abs(value) >= 999 or value < 0):
            low, high = float(rest.min()), float(rest.max())
            if min(abs(value - low), abs(value - high)) > max(high - low, 1):
                yield value, int(np.count_nonzero(known == value)), f"{low:g} … {high:g}"


def looks_like_dates(reading: Reading) -> bool:
    """Whether all numbers of a column are dates written as YYYYMMDD, of years from 1900 to 2099."""
    assert reading.numbers is not None
    known = reading.numbers[~reading.blank]
    if not (known.min() >= 19000101 and known.max() <= 20991231 and (known == np.floor(known)).all()):
        return False
    month, day = known // 100 % 100, known % 100
    return bool(((month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)).all())
