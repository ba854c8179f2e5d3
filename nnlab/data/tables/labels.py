"""Targets: class labels that keep their texts, labels of yes or no, and numbers."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.data.dataset import Task
from nnlab.data.files import counted, quoted
from nnlab.data.tables.decimals import number_in
from nnlab.data.tables.dress import Marks, undressed
from nnlab.data.tables.encode import Texts
from nnlab.data.tables.kinds import Findings, Kinds, Reading
from nnlab.data.tables.table import Column, Table
from nnlab.data.tables.words import with_spellings
from nnlab.data.targets import check_classes, class_targets
from nnlab.errors import listed, suggestion

Floats = NDArray[np.float64]

_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_YES_OR_NO = {"0": 0.0, "1": 1.0, "no": 0.0, "yes": 1.0, "false": 0.0, "true": 1.0}
_MANY_CLASSES = 100  # of numbers: so many are rather a quantity
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def read_target(kinds: Kinds, column: Column, task: Task) -> Reading:
    """The reading of a target column for a task; a fault is recorded for a column that does not fit it."""
    reading = kinds.of(column) if task == "regression" else kinds.as_labels(column)
    if task == "regression" and reading.numbers is None and reading.kind != "blank":
        example = next((text for text in column.counts if text), "")
        of_classes = "binary" if len(column.counts) == 2 else "multiclass"
        kinds.findings.faults.add(
            f"found {quoted(example)} in target column {quoted(column.name)}, expected numbers for task: regression "
            f"(for classes: task: {of_classes})",
            1,
            column.place,
        )
    return reading


# --- classes ----------------------------------------------------------------------------------------------------------


def find_classes(texts: Texts, task: Task, reading: Reading, table: Table, findings: Findings) -> tuple[str, ...]:
    """The classes of a target column: integers by value, others by text. DataError if they do not fit the task."""
    names, column = list(texts.counts), reading.column
    decimals = [name for name in names if np.isfinite(number_in(name)) and not _INTEGER.fullmatch(name)]
    if len(decimals) > len(names) / 2 and len(names) > _FEW_DECIMALS:
        findings.faults.add(
            f"found {quoted(decimals[0])} in target column {quoted(column.name)}, expected integers or text for "
            f"task: {task} (for numbers to predict: task: regression)",
            1,
            column.place,
        )
        return ()
    for name in names:
        if _CONTROL.search(name):
            row = int(np.argmax(texts.codes == texts.names.index(name)))
            found = f"found a control character in label {quoted(name)} in column {quoted(column.name)}"
            findings.faults.add(f"{found}, expected none", int(table.lines[row]), column.place)
    findings.faults.raise_if_any()
    check_classes(sorted_classes(names), task, table.file)
    findings.warnings += [*_alike(names, column.name), *_too_many(names, column.name, reading.known)]
    return sorted_classes(names)


_FEW_DECIMALS = 20
_MOST_DIGITS = 1000  # of an integer


def sorted_classes(names: Sequence[str]) -> tuple[str, ...]:
    """Classes in order: integers by value, others by text."""
    if all(_INTEGER.fullmatch(name) for name in names):
        return tuple(sorted(names, key=lambda name: (int(name), name)))
    return tuple(sorted(names))


def _alike(names: Sequence[str], column: str) -> list[str]:
    """A warning for each pair of labels that differ in case, blanks, Unicode form or spelling of a number alone."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(_plain(name), []).append(name)
    return [
        f"target column {quoted(column)} has the classes {listed([*map(quoted, group)])}, which differ in their "
        f"spelling alone and are learned as different classes"
        for group in groups.values()
        if len(group) > 1
    ]


def _plain(name: str) -> str:
    """A label without what a person may not see: case, blanks, Unicode form, zeros of a number."""
    if match := re.fullmatch(r"([+-]?[0-9]+)(?:\.0*)?", name):
        return str(int(match[1][:_MOST_DIGITS])) + match[1][_MOST_DIGITS:]
    if re.fullmatch(r"[+-]?[0-9]+\.[0-9]+", name):
        return repr(float(name))
    return "".join(unicodedata.normalize("NFKC", name).casefold().split())


def _too_many(names: Sequence[str], column: str, rows: int) -> list[str]:
    """Warnings of classes that are rather numbers, or names of rows."""
    count = len(names)
    if count > rows / 2 and rows > _FEW_DECIMALS:
        each = f"{count} classes in {counted(rows, 'row')}"
        return [f"target column {quoted(column)} has {each}: few of them can be learned"]
    if count > _MANY_CLASSES and all(np.isfinite(number_in(name)) for name in names):
        found = f"target column {quoted(column)} has numbers, of which {count} are taken for classes"
        return [f"{found}; to predict them as numbers: task: regression"]
    return []


def class_codes(
    texts: Texts, classes: tuple[str, ...], reading: Reading, table: Table, findings: Findings
) -> NDArray[np.int64]:
    """The index (N,) of each label among known classes, -1 for a blank; a fault for a label that is none of them.

    A number in another spelling, as 2.0 for the class 2, is its class where no other class has that value.
    """
    places = with_spellings({name: place for place, name in enumerate(classes)})
    values = [number_in(name) for name in classes]
    if len(set(values)) == len(classes) and np.isfinite(values).all():
        by_value = dict(zip(values, classes, strict=True))
        same = {name: by_value.get(number_in(name)) for name in texts.names if name not in places}
        places |= {name: places[known] for name, known in same.items() if known is not None}
    codes = texts.indices(places, missing=-2)
    unknown = np.flatnonzero(codes == -2)
    if len(unknown):
        label = texts.names[texts.codes[unknown[0]]]
        known = ", ".join(map(quoted, classes[:5])) + (", …" if len(classes) > 5 else "")
        more = f" (and {counted(len(unknown) - 1, 'more row')} with unknown labels)" if len(unknown) > 1 else ""
        found = f"found label {quoted(label)} in column {quoted(reading.column.name)}"
        findings.faults.add(
            f"{found}, expected one of {known}{suggestion(label, classes)}{more}",
            int(table.lines[unknown[0]]),
            reading.column.place,
        )
    return codes


def one_hot(codes: NDArray[np.int64], classes: tuple[str, ...], task: Task) -> Any:
    """The targets (N, outputs) of class indices (N,)."""
    return class_targets(np.maximum(codes, 0), len(classes), task)


# --- labels of yes or no ----------------------------------------------------------------------------------------------


def yes_or_no(texts: Texts, reading: Reading, table: Table, findings: Findings) -> Floats:
    """A label (N,) as 0 and 1, nan where blank; one fault for all other cells."""
    values = {name: _YES_OR_NO[name.lower()] for name in texts.names if name.lower() in _YES_OR_NO}
    by_code = np.array([*(values.get(name, np.inf) for name in texts.names), np.nan])
    found: Floats = by_code[texts.codes]
    wrong = np.flatnonzero(np.isinf(found))
    if len(wrong):
        column, text = reading.column, texts.names[texts.codes[wrong[0]]]
        different = {text for text, count in texts.counts.items() if count}
        other = f" (for one class among several: task: {'binary' if len(different) == 2 else 'multiclass'})"
        more = f" and {counted(len(wrong) - 1, 'more cell')}" if len(wrong) > 1 else ""
        findings.faults.add(
            f"found {quoted(text)}{more} in label {quoted(column.name)}, "
            f"expected 0 or 1, no or yes, false or true{other}",
            int(table.lines[wrong[0]]),
            column.place,
        )
    return found


# --- which task -------------------------------------------------------------------------------------------------------


def task_of(readings: Sequence[Reading], texts: Sequence[Texts], marks: Marks) -> tuple[Task | None, str]:
    """The task that target columns ask for, with the reason; None, and the question, if there are two readings.

    `marks` say how numbers are written.
    """
    if len(readings) > 1:
        return _task_of_several(readings, texts, marks)
    reading, different = readings[0], texts[0].counts
    name, count = quoted(reading.column.name), len(texts[0].counts)
    shown = ", ".join(map(quoted, sorted_classes(list(different))[:5])) + (", …" if count > 5 else "")
    if count == 2:
        return (
            "binary",
            f"target {name} has two different values, {' and '.join(map(quoted, sorted_classes(list(different))))}",
        )
    if not _are_numbers(reading, texts[0], marks):
        return "multiclass", f"target {name} has {count} different texts ({shown})"
    if not all(_INTEGER.fullmatch(text) for text in different) or count > _FEW_DECIMALS:
        return "regression", f"target {name} has {count} different numbers ({shown})"
    question = f"target {name} has whole numbers with {count} different values ({shown})"
    return None, f"{question}, expected task: regression (an amount) or task: multiclass (a class each)"


def _task_of_several(readings: Sequence[Reading], texts: Sequence[Texts], marks: Marks) -> tuple[Task | None, str]:
    names = ", ".join(quoted(reading.column.name) for reading in readings)
    if all({name.lower() for name in each.counts} <= _YES_OR_NO.keys() for each in texts):
        return "multilabel", f"targets {names} are 0 or 1, no or yes"
    if all(_are_numbers(reading, each, marks) for reading, each in zip(readings, texts, strict=True)):
        return "regression", f"targets {names} are numbers"
    return None, f"targets {names} are neither all numbers nor all 0 or 1, expected one target column of classes"


def _are_numbers(reading: Reading, texts: Texts, marks: Marks) -> bool:
    """Whether all known cells are numbers: plain ones, however they are spelled, or texts that `marks` can read."""
    known = texts.counts
    return all(undressed(text, marks) for text in reading.column.counts if text in known)
