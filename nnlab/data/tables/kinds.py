"""What each column of a table is: numbers, categories, dates or times of day, decided from all of its cells.

Where one reading is possible it is taken, and told where it is not plain. Where two are, the user is asked by a fault
that names the file, the column and the key that answers it. What the user says of a column wins.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nnlab.data.dates import (
    ORDERS,
    DateCode,
    clock_hours,
    date_code,
    formats_of,
    is_zoned,
    parsed,
    parsed_again,
    written_format,
)
from nnlab.data.files import FaultList, counted, quoted
from nnlab.data.tables.decimals import CODE, LARGEST_INTEGER
from nnlab.data.tables.dress import MEANT, MISSING, Dressed, Evidence, Marks, evidence_for, undressed
from nnlab.data.tables.options import ColumnKind, TableOptions
from nnlab.data.tables.table import Column, Table
from nnlab.errors import Question, listed

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]

_MOSTLY, _PARTLY = 0.9, 0.1  # of the cells are numbers: the rest is a fault, or the column is text
_INTEGER = re.compile(r"[+-]?[0-9]+")
_GROUPED_NUMBER = re.compile(r"[+-]?[1-9][0-9]{0,2}[.,][0-9]{3}")
_DECIMAL_KEY = ("data", "decimal")
_FEW_WORDS = 5  # that a message lists
_MOST_WORDS = 20  # that may all stand for a blank


class Findings:
    """What is found while a table is read: faults, sentences to be told, and sentences that must be seen."""

    def __init__(self, faults: FaultList) -> None:
        self.faults = faults
        self.notes: list[str] = []
        self.warnings: list[str] = []


@dataclass(frozen=True, eq=False)
class Reading:
    """How a column is read: `kind` is number, category, date, time, or blank for a column without values.

    `blank` (N,) says which cells have no value. `numbers` (N,) are those of a number or a time, nan where blank;
    `symbol` stands at each of them in the file. `date` is how dates become numbers. `why` is the reason, if not plain.
    """

    column: Column
    kind: str
    blank: Bools
    numbers: Floats | None = None
    symbol: str = ""
    date: DateCode | None = None
    why: str = ""

    @property
    def known(self) -> int:
        """The number of cells with a value."""
        return int(len(self.blank) - np.count_nonzero(self.blank))


class Kinds:
    """Decides the kinds of the columns of one table, by what the options say and by the marks of its numbers.

    A table that is read `again`, as an earlier one, has cures of its own: its cells can be corrected, not its options.
    """

    def __init__(
        self, table: Table, options: TableOptions, marks: Marks, findings: Findings, *, again: bool = False
    ) -> None:
        self.table, self.options, self.marks, self.findings, self.again = table, options, marks, findings, again

    def of(self, column: Column, *, said: ColumnKind | None = None) -> Reading:
        """The reading of a column; a fault is recorded where it cannot be read, and some reading returned."""
        said = said or self.options.columns.get(column.name)
        if said is None:
            return self._found(column)
        kind, form = said
        readers: Mapping[str, Callable[[Column], Reading]] = {
            "number": self.as_numbers,
            "category": self.as_categories,
            "date": lambda column: self.as_dates(column, form),
            "time": self.as_times,
        }
        return readers[kind](column)

    # --- what the user says -------------------------------------------------------------------------------------------

    def as_numbers(self, column: Column) -> Reading:
        """A column that is said to hold numbers: any dress, leading zeros and the usual missing words are allowed."""
        blank = self._blank(column, self._missing_among(column.counts))
        numbers = {text: number for text in column.counts if (number := self._forced(text)) is not None}
        rest = [text for text in column.counts if text not in numbers and text not in self._blank_words(column)]
        symbols = {dressed.symbol for text in numbers if (dressed := undressed(text, self.marks))}
        symbols |= {""} if np.isfinite(column.values).any() else set()  # numbers alone
        self._refuse_words(column, rest, "numbers")
        values = np.where(blank, np.nan, column.translated(numbers))
        return Reading(column, "number", blank, values, next(iter(symbols)) if len(symbols) == 1 else "", why="as said")

    def _forced(self, text: str) -> float | None:
        """The number in a cell of a column of numbers, also with leading zeros or too many digits for float64."""
        dressed = undressed(text, self.marks)
        if dressed:
            return dressed.value
        is_code = CODE.match(text) or _INTEGER.fullmatch(text)
        return float(text) if is_code and re.fullmatch(r"[+-]?[0-9]+(?:\.[0-9]*)?", text) else None

    def as_categories(self, column: Column, why: str = "as said") -> Reading:
        """A column of categories, whatever its cells are."""
        return Reading(column, "category", self._blank(column, ()), why=why)

    def as_dates(self, column: Column, form: str) -> Reading:
        """A column that is said to hold dates, in a format if one is given."""
        codes, texts = column.as_texts()
        column = replace(column, values=np.full(len(codes), np.nan), codes=codes, texts=texts, spell=column.spelled)
        missing = self._missing_among(column.counts)
        blank = self._blank(column, missing)
        known = [text for text in column.counts if text not in {"", *missing}]
        if not known:
            return Reading(column, "blank", blank)
        forms = (
            [form] if form else self._one_order(column, formats_of(known) or [_nearest_format(known) or "iso"], known)
        )
        read = parsed_again if self.again else parsed
        dates = [text for text in known if read(text, forms[0])]
        no_dates = [text for text in known if not read(text, forms[0])]
        self._refuse_words(column, no_dates, "dates", forms[0] if form else "")
        if not dates:
            return Reading(column, "blank", blank)
        self._tell_zones(column, dates)
        code = None if self.again else date_code(forms[0], dates)  # another table has that of the first
        return Reading(column, "date", blank, date=code, why="as said")

    def as_times(self, column: Column) -> Reading:
        """A column that is known to hold times of day."""
        missing = self._missing_among(column.counts)
        rest = [text for text in column.counts if text not in {"", *missing}]
        self._refuse_words(column, [text for text in rest if clock_hours(text) is None], "times of day")
        hours = {text: found for text in rest if (found := clock_hours(text)) is not None}
        return Reading(column, "time", self._blank(column, missing), column.translated(hours))

    def as_labels(self, column: Column) -> Reading:
        """A column of class labels, which keep their texts; the usual missing words are blank among numbers alone."""
        if self.options.columns.get(column.name):
            return self.as_categories(column)
        words = self._missing_among(column.counts)
        rest = [text for text in column.counts if text and text not in words and not self._is_said_missing(text)]
        others = [text for text in rest if not (undressed(text, self.marks) or _INTEGER.fullmatch(text))]
        plain = len(column.values) - sum(column.counts.values())
        total = plain + sum(column.counts[text] for text in rest)
        numbers = total - sum(column.counts[text] for text in others)
        if others and numbers >= _MOSTLY * total:
            self._refuse_words(column, others, "numbers")
        if others or not total:
            self._keep_words(column, words)
            return Reading(column, "class", self._blank(column, ()))
        self._tell_missing(column, words)
        return Reading(column, "class", self._blank(column, words))

    # --- what is found ------------------------------------------------------------------------------------------------

    def _found(self, column: Column) -> Reading:
        words = self._missing_among(column.counts)
        rest = [text for text in column.counts if text and text not in words and not self._is_said_missing(text)]
        if not rest:
            return self._plain_numbers(column, words)
        if reading := self._codes(column, rest, words):
            return reading
        dressed = {text: found for text in rest if (found := undressed(text, self.marks))}
        if len(dressed) == len(rest):
            return self._dressed_numbers(column, dressed, words)
        plain = len(column.values) - sum(column.counts.values())
        if (
            not plain
            and not dressed
            and (reading := self._dates(column, rest, words) or self._times(column, rest, words))
        ):
            return reading
        return self._mixed(column, rest, dressed, plain, words)

    def _plain_numbers(self, column: Column, words: Sequence[str]) -> Reading:
        blank = self._blank(column, words)
        if blank.all():
            return Reading(column, "blank", blank)
        self._tell_missing(column, words)
        values = column.values if not self.options.missing else np.where(blank, np.nan, column.values)
        return Reading(column, "number", blank, values, why=_missing_why(words))

    def _codes(self, column: Column, rest: Sequence[str], words: Sequence[str]) -> Reading | None:
        """Categories, if some integers have a leading zero or are too large, and all else is a number."""
        codes = [text for text in rest if CODE.fullmatch(text) or _is_beyond(text)]
        if not codes or not all(text in codes or undressed(text, self.marks) for text in rest):
            return None
        why = (
            f"codes such as {quoted(codes[0])} have a leading zero"
            if CODE.fullmatch(codes[0])
            else (f"integers such as {quoted(codes[0])} are beyond 2^53, where numbers lose digits")
        )
        cure = f"columns: {{{as_key(column.name)}: number}} if they are numbers"
        self.findings.notes.append(f"column {quoted(column.name)} is read as categories: {why} ({cure})")
        return Reading(column, "category", self._blank(column, words), why=why)

    def _dressed_numbers(self, column: Column, dressed: Mapping[str, Dressed], words: Sequence[str]) -> Reading:
        """Numbers with one symbol at each of them, or with marks; with different symbols a fault."""
        numbers = {text: one.value for text, one in dressed.items()}
        first = {one.symbol: text for text, one in reversed(list(dressed.items()))}
        plain = np.flatnonzero(~np.isnan(column.values))
        if len(plain):
            first.setdefault("", f"{column.values[plain[0]]:g}")
        if len(first) > 1:
            examples = " and ".join(quoted(text) for text in list(first.values())[:2])
            self._fault(
                column,
                f"found {examples} in column {quoted(column.name)}, expected one symbol at every number or at none; "
                f"columns: {{{as_key(column.name)}: number}} reads the digits alone, or category, or ignore",
                [text for text in first.values() if text in numbers],
                Question(("data", "columns", column.name), _OF_SYMBOLS),
            )
        symbol = next(iter(first))
        blank = self._blank(column, words)
        example, value = next(iter(numbers.items()))
        self.findings.notes.append(
            f"column {quoted(column.name)} is read as numbers: {quoted(example)} as {value:.15g}"
        )
        self._tell_missing(column, words)
        why = f"{quoted(example)} is {value:.15g}"
        return Reading(column, "number", blank, np.where(blank, np.nan, column.translated(numbers)), symbol, why=why)

    def _dates(self, column: Column, rest: Sequence[str], words: Sequence[str]) -> Reading | None:
        forms = formats_of(rest)
        if not forms:
            return self._dates_in_two_formats(column, rest)
        form = self._one_order(column, forms, rest)[0]
        code = date_code(form, rest)
        if form != "iso":
            first = parsed(rest[0], form)
            as_iso = f"{first:%Y-%m-%d}" if first else ""
            self.findings.notes.append(f"column {quoted(column.name)} is read as dates: {quoted(rest[0])} as {as_iso}")
        self._tell_missing(column, words)
        why = ", ".join(filter(None, ["" if form == "iso" else form, self._tell_zones(column, rest)]))
        return Reading(column, "date", self._blank(column, words), date=code, why=why)

    def _dates_in_two_formats(self, column: Column, rest: Sequence[str]) -> Reading | None:
        """A fault if all cells are dates, but not in one format."""
        examples: dict[str, str] = {}
        for text in rest:
            forms = formats_of([text])
            if not forms:
                return None
            examples.setdefault(forms[0], text)
        shown = " and ".join(quoted(text) for text in list(examples.values())[:2])
        name = as_key(column.name)
        self._fault(
            column,
            f"found dates such as {shown} in column {quoted(column.name)}, expected one way of writing them; "
            f"columns: {{{name}: category}} or {{{name}: ignore}}",
            [*examples.values()],
        )
        return self.as_categories(column)

    def _one_order(self, column: Column, forms: list[str], texts: Sequence[str]) -> list[str]:
        """The formats, and a fault if dates are possible with the day first and with the month first."""
        orders = [form for form in forms if form in ORDERS]
        if open_ := [text for text in texts if len({parsed(text, order) for order in orders}) > 1]:
            text = open_[0]
            first = listed([f"the {order.removesuffix('-first')}" for order in orders], "or")
            cures = [f'{{date: "{written_format(text, order)}"}}' for order in orders]
            self._fault(
                column,
                f"found dates such as {quoted(text)} in column {quoted(column.name)}, in which {first} may be "
                f"first, expected columns: {{{as_key(column.name)}: {cures[0]}}} or {' or '.join(cures[1:])}",
                open_,
                _question_of_order(column, text, orders),
            )
        return forms

    def _tell_zones(self, column: Column, texts: Sequence[str]) -> str:
        """A note that times with a zone are brought to UTC, and a fault if only some have one; the reason in words."""
        zoned = [text for text in texts if is_zoned(text)]
        if zoned and len(zoned) < len(texts):
            other = next(text for text in texts if text not in zoned)
            found = f"found {quoted(zoned[0])} and {quoted(other)} in column {quoted(column.name)}"
            self._fault(column, f"{found}, expected a zone at all times or at none", [other])
        if zoned:
            self.findings.notes.append(f"column {quoted(column.name)}: times with a zone are brought to UTC")
        dated = [text for text in texts if ":" not in text]
        if dated and len(dated) < len(texts):
            some = f"{counted(sum(column.counts[text] for text in dated), 'date')} such as {quoted(dated[0])}"
            self.findings.warnings.append(f"column {quoted(column.name)}: {some} without a time, read as midnight")
        return "in UTC" if zoned else ""

    def _times(self, column: Column, rest: Sequence[str], words: Sequence[str]) -> Reading | None:
        hours = {text: found for text in rest if (found := clock_hours(text)) is not None}
        if len(hours) < len(rest):
            return None
        example = rest[0]
        self.findings.notes.append(
            f"column {quoted(column.name)} is read as hours of the day: {quoted(example)} as {hours[example]:.4g}"
        )
        values = column.translated(hours)
        return Reading(
            column, "time", self._blank(column, words), values, why=f"{quoted(example)} is {hours[example]:.4g}"
        )

    def _mixed(
        self, column: Column, rest: Sequence[str], dressed: Collection[str], plain: int, words: Sequence[str]
    ) -> Reading:
        """Text, or numbers or dates with words among them."""
        counts = column.counts
        others = [text for text in rest if text not in dressed]
        total = plain + sum(counts[text] for text in rest)
        numbers = total - sum(counts[text] for text in others)
        meant = sum(counts[text] for text in others if MEANT.fullmatch(text) or _in_other_marks(text))
        if numbers + meant >= _MOSTLY * total and (numbers + meant == total or numbers >= _MOSTLY * total):
            self._refuse_words(column, others, "numbers")
            return Reading(column, "number", self._blank(column, words), column.values)
        if not numbers and (form := self._mostly_dates(column, rest, total)):
            self._refuse_words(column, [text for text in rest if not parsed(text, form)], "dates")
            return self.as_categories(column)
        form = "" if numbers else _nearest_format(rest)
        no_dates = [text for text in rest if form and not parsed(text, form)]
        dates = total - sum(counts[text] for text in no_dates) if form else 0
        return self._text(column, words, (numbers, others, "numbers") if numbers else (dates, no_dates, "dates"), total)

    def _mostly_dates(self, column: Column, rest: Sequence[str], total: int) -> str:
        """The format of most cells of a column of dates, or ""."""
        form = _nearest_format(rest)
        dates = sum(column.counts[text] for text in rest if parsed(text, form)) if form else 0
        return form if form and dates >= _MOSTLY * total else ""

    def _text(
        self, column: Column, words: Sequence[str], partly: tuple[int, Sequence[str], str], total: int
    ) -> Reading:
        """A column of texts; `partly` are how many cells are numbers or dates, which are not, and what they are."""
        (some, others, kind), why = partly, ""
        if some >= _PARTLY * total:
            why = f"{some} of {counted(total, 'cell')} are {kind}, others not, such as {quoted(others[0])}"
            cure = f"columns: {{{as_key(column.name)}: {_ONE[kind]}}} would refuse those"
            if len(others) <= _FEW_WORDS:
                cure = f"if these stand for a blank: missing: [{', '.join(map(as_key, others))}]; {cure}"
            self.findings.warnings.append(f"column {quoted(column.name)} is read as categories: {why}; {cure}")
        self._keep_words(column, words)
        return Reading(column, "category", self._blank(column, ()), why=why)

    def _keep_words(self, column: Column, words: Sequence[str]) -> None:
        """A warning that words which often stand for a blank are kept as texts: NA may be Namibia."""
        if words:
            found = listed([f"{quoted(word)} ({counted(column.counts[word], 'row')})" for word in words])
            texts, one = ("a text", "it stands") if len(words) == 1 else ("texts", "they stand")
            self.findings.warnings.append(
                f"column {quoted(column.name)} keeps {found} as {texts} like any other; "
                f"if {one} for a blank: missing: [{', '.join(map(as_key, words))}]"
            )

    # --- blanks and words ---------------------------------------------------------------------------------------------

    def _missing_among(self, counts: Mapping[str, int]) -> list[str]:
        """The usual words for a blank that occur; none if the user says which words these are."""
        return [] if self.options.missing is not None else [text for text in counts if text in MISSING]

    def _is_said_missing(self, text: str) -> bool:
        return self.options.missing is not None and text in self.options.missing

    def _blank_words(self, column: Column) -> set[str]:
        return {"", *self._missing_among(column.counts), *(self.options.missing or ())}

    def _blank(self, column: Column, words: Iterable[str]) -> Bools:
        """Which cells (N,) are blank: empty, one of `words`, or one of the words that the user says."""
        said = self.options.missing or ()
        blank = column.rows_with(["", *words, *said])
        for text in said:
            dressed = undressed(text, self.marks)
            if dressed and not dressed.symbol:  # -999 is a number like any other cell
                blank = blank | (column.values == dressed.value)
        return blank

    def _tell_missing(self, column: Column, words: Sequence[str]) -> None:
        if words:
            found = listed([f"{counted(column.counts[word], 'cell')} {quoted(word)}" for word in words])
            self.findings.notes.append(f"column {quoted(column.name)}: {found} read as blank")

    # --- faults -------------------------------------------------------------------------------------------------------

    def _refuse_words(self, column: Column, words: Sequence[str], expected: str, form: str = "") -> None:
        """One fault for all cells that are none of what is expected of their column."""
        if not words:
            return
        count = sum(column.counts[word] for word in words)
        shown = ", ".join(quoted(word) for word in words[:5]) + (", …" if len(words) > 5 else "")
        name, in_form = as_key(column.name), f" in the format {quoted(form)}" if form else ""
        question = self._question_of_words(column, words)
        cure = f"columns: {{{name}: category}} or {{{name}: ignore}}"
        if self.again:
            cure = "correct these cells, or leave them empty"
        elif form:
            cure = f"another format, or {cure}"
        elif expected == "numbers" and all(map(_in_other_marks, words)):
            cure = f"data.decimal and data.thousands say how numbers are written; or {cure}"
            question = Question(("data", "columns", column.name), _OF_SYMBOLS[1:])
        elif expected == "dates" and (other := _nearest_format(words)):
            cure = f"these are dates too, in another format ({other}): write all in one; or {cure}"
        elif len(words) <= _FEW_WORDS and all(word.isprintable() for word in words):
            cure = f"missing: [{', '.join(map(as_key, words))}], or {cure}"
        self._fault(
            column,
            f"found {counted(count, 'cell')} of {len(column.values)} in column {quoted(column.name)} that "
            f"{f'is no {_ONE[expected]}' if count == 1 else f'are no {expected}'}{in_form} ({shown}), "
            f"expected {expected} alone; {cure}",
            words,
            question,
        )

    def _question_of_words(self, column: Column, words: Sequence[str]) -> Question | None:
        """Whether a few words stand for a blank, beside the usual ones that columns of numbers have."""
        if len(words) > _MOST_WORDS:
            return None
        usual = [text for one in self.table.columns if not np.isnan(one.values).all() for text in one.counts]
        missing = [*words, *sorted({text for text in usual if text in MISSING} - {*words})]
        otherwise = f"they are no blanks: then also columns: {{{as_key(column.name)}: category}}"
        return Question(("data", "missing"), ((missing, "these words stand for a blank"), (None, otherwise)))

    def _fault(self, column: Column, message: str, texts: Sequence[str], question: Question | None = None) -> None:
        """Record a fault at the first of the cells with these texts, with the lines of the first three."""
        lines = self.table.lines[np.flatnonzero(column.rows_with(texts))[:3]].tolist()
        where = f" (lines {', '.join(map(str, lines))}, …)" if len(lines) > 1 else ""
        self.findings.faults.add(message + where, lines[0] if lines else 1, column.place, question=question)


_OF_SYMBOLS = (("number", "the digits alone"), ("category", "texts"), ("ignore", "no input"))


def _question_of_order(column: Column, text: str, orders: Sequence[str]) -> Question:
    """Which part of a date comes first."""
    dates = [({"date": written_format(text, order)}, parsed(text, order)) for order in orders]
    answers = tuple((kind, f"{text} is {day:%Y-%m-%d}") for kind, day in dates if day)
    return Question(("data", "columns", column.name), answers)


_ONE = {"numbers": "number", "dates": "date", "times of day": "time of day"}


def as_key(name: str) -> str:
    """A name as one writes it in YAML."""
    is_plain = re.fullmatch(r"[A-Za-z_](?:[\w .-]*[\w.-])?", name) and name.lower() not in _YAML_WORDS
    return name if is_plain else json.dumps(name, ensure_ascii=False)


# In an experiment file these are no names, unless they are quoted.
_YAML_WORDS = frozenset(("y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf", "infinity"))


def _missing_why(words: Sequence[str]) -> str:
    return f"{', '.join(map(quoted, words))} read as blank" if words else ""


def _in_other_marks(text: str) -> bool:
    """Whether a cell is a number with some decimal mark, perhaps another than that of its table."""
    return any(undressed(text, marks) for marks in (Marks(".", ","), Marks(",", ".")))


def _is_beyond(text: str) -> bool:
    return bool(_INTEGER.fullmatch(text)) and abs(int(text[:30])) > LARGEST_INTEGER


def _nearest_format(texts: Sequence[str]) -> str:
    """The format of the first text that is a date in one, ""; of a long column only its beginning is looked at."""
    return next((form for text in texts[:100] for form in formats_of([text])), "")


# --- the marks of numbers ---------------------------------------------------------------------------------------------


def marks_of(table: Table, columns: Sequence[Column], options: TableOptions, findings: Findings) -> Marks:
    """How numbers are written in a table: what the user says, else what some cell proves; a fault where none does.

    The decimal mark by which `columns` were read stays unless another is proven.
    """
    point = table.point if options.decimal == "auto" else options.decimal
    other = "," if point == "." else "."
    if options.decimal != "auto":
        there = _evidence(columns, other)  # where the mark is known, 1,234 has one reading left: groups of thousands
        groups = (there.either or there.grouping) and not there.decimal
        return Marks(point, options.thousands or (other if groups else None))
    if options.thousands:
        return Marks("," if options.thousands == "." else "." if options.thousands == "," else point, options.thousands)
    here, there = _evidence(columns, point), _evidence(columns, other)
    proof = _proof(columns, here, there, point)
    if counterproof := there.decimal or here.grouping:
        if proof:
            found = f"found {_in_column(counterproof, columns)} and {proof}"
            expected = 'expected one decimal mark: decimal: "." or decimal: ","'
            question = _question_of_mark(point, other)
            findings.faults.add(f"{found}, {expected}", key=_DECIMAL_KEY, question=question)
        return Marks(point if proof else other)
    if there.either and not proof:
        _ask_for_mark(_in_column(there.either, columns), other, findings)
    elif table.sign == ";" and not proof and (example := here.either or _grouped_number(columns)):
        # Semicolons are often there because the comma is the decimal mark.
        _ask_for_mark(_in_column(example, columns), point, findings)
    return Marks(point, other if there.either or there.grouping else None)


def marks_again(table: Table, columns: Sequence[Column], options: TableOptions, findings: Findings) -> Marks:
    """How numbers are written in another table than the options speak of: as its cells prove, else as said.

    So a file of another program is read by its own marks, where they are beyond doubt.
    """
    proven = [mark for mark, other in (".,", ",.") if _proof(columns, *_both(columns, mark, other), mark, table.point)]
    if len(proven) != 1:
        return marks_of(table, columns, options, findings)
    other = "," if proven[0] == "." else "."
    there = _evidence(columns, other)
    return Marks(proven[0], other if there.either or there.grouping else None)


def _both(columns: Sequence[Column], mark: str, other: str) -> tuple[Evidence, Evidence]:
    return _evidence(columns, mark), _evidence(columns, other)


def _proof(columns: Sequence[Column], here: Evidence, there: Evidence, point: str, read_by: str = "") -> str:
    """What proves `point` to be the decimal mark, as a message shows it, or ""; numbers were read by `read_by`."""
    if text := here.decimal or there.grouping:
        return _in_column(text, columns)
    by_this = point == (read_by or point)
    proven = next((column for column in columns if column.is_proven), None) if by_this else None
    return f"decimals with a {_MARKS[point]} in column {quoted(proven.name)}" if proven else ""


def _grouped_number(columns: Sequence[Column]) -> str:
    """The first number whose point could group thousands, as in 1.234, or ""."""
    column = next((column for column in columns if column.is_grouped), None)
    return "" if column is None else next(text for text in column.spelled() if _GROUPED_NUMBER.fullmatch(text))


def _in_column(text: str, columns: Sequence[Column]) -> str:
    """A cell with the name of its column."""
    column = next(column for column in columns if text in column.counts or (column.is_grouped and not column.is_proven))
    return f"{quoted(text)} in column {quoted(column.name)}"


def _ask_for_mark(example: str, mark: str, findings: Findings) -> None:
    findings.faults.add(
        f"found numbers such as {example}, whose {_MARKS[mark]} may be a decimal mark or group thousands, "
        f'expected decimal: "{mark}" or thousands: "{mark}"',
        key=_DECIMAL_KEY,
        question=_question_of_mark("," if mark == "." else ".", mark),
    )


_MARKS = {".": "point", ",": "comma"}


def _question_of_mark(point: str, other: str) -> Question:
    answers = ((point, f"the {_MARKS[other]} groups thousands"), (other, f"the {_MARKS[other]} is the decimal mark"))
    return Question(_DECIMAL_KEY, answers)


def _evidence(columns: Sequence[Column], mark: str) -> Evidence:
    """What the columns prove of a mark; only columns of which most cells are numbers in some reading count."""
    known = Evidence()
    for column in columns:
        if any(mark in text for text in column.texts) and _is_numeric(column):
            found = evidence_for(mark, column.counts)
            known = Evidence(*(a or b for a, b in zip(astuple(known), astuple(found), strict=True)))
    return known


def _is_numeric(column: Column) -> bool:
    known = {text: count for text, count in column.counts.items() if text and text not in MISSING}
    allowed = (1 - _MOSTLY) * (len(column.values) - sum(column.counts.values()) + sum(known.values()))
    for text, count in known.items():
        if not (undressed(text, Marks(".", ",")) or undressed(text, Marks(",", "."))):
            allowed -= count
            if allowed < 0:
                return False
    return True
