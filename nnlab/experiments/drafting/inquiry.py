"""Read a table for a draft: each question that it asks is noted, and reading goes on with the likeliest answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from nnlab.data.dataset import Dataset, Task
from nnlab.data.files import Key
from nnlab.data.tables import infer_task, likely_target, read_csv, written_as
from nnlab.data.tables.first import USUAL_TARGETS
from nnlab.data.tables.options import ColumnKind, TableOptions
from nnlab.data.tables.reading import column_count
from nnlab.data.tables.records import separator_of
from nnlab.data.tables.sheets import typed_file
from nnlab.errors import DataError, Fault, Question

Found = TypeVar("Found")

TASK: Key = ("task",)
_HEADER: Key = ("data", "header")
_NAMES_OF_NAMELESS = re.compile(r"column[0-9]+")  # as columns are called in a table without a header


@dataclass(frozen=True)
class Inquiry:
    """A table that was read, and how: `options` are those that read it, with the likeliest answers to its questions.

    `asked` has the fault of each question by the key that answers it. `is_guess` says that neither the user nor a usual
    name tells the target. The two reasons are those for target and task.
    """

    dataset: Dataset
    options: TableOptions
    asked: dict[Key, Fault]
    is_guess: bool
    why_target: str
    why_task: str


def inquire(path: Path, targets: Sequence[str] = ()) -> Inquiry:
    """Read the table at `path` to predict `targets`, by default the column that is most likely one.

    DataError for a fault that no setting of an experiment would end.
    """
    reader = _Inquirer(path, TableOptions(target=tuple(targets) or None, blanks="median"))
    why_target, is_guess = "named by --target", False
    if not targets:
        name, why_target = reader.ask(likely_target)
        is_guess = name.lower() not in USUAL_TARGETS
        reader.options = replace(reader.options, target=(name,))
    reader.options = reader.ask(written_as)
    task, why_task = reader.ask(reader.task)
    dataset = reader.ask(lambda path, options: read_csv(path, task=task, options=options))
    return Inquiry(dataset, reader.options, reader.asked, is_guess, why_target, why_task)


@dataclass
class _Inquirer:
    """What is known of a table so far."""

    path: Path
    options: TableOptions
    asked: dict[Key, Fault] = field(default_factory=dict)

    def ask(self, step: Callable[[Path, TableOptions], Found]) -> Found:
        """What a step of reading finds once all its questions are answered. DataError for what is no question."""
        while True:
            try:
                return step(self.path, self.options)
            except DataError as error:
                answered = [self._answer(fault) for fault in error.faults]  # each, not the first alone
                if not any(answered):
                    raise

    def task(self, path: Path, options: TableOptions) -> tuple[Task, str]:
        """The task with its reason; the likeliest if it was asked for."""
        if fault := self.asked.get(TASK):
            return _likeliest(fault), ""
        return infer_task(path, options)

    def _answer(self, fault: Fault) -> bool:
        """Note the question of a fault and take its first answer; False if it asks nothing, or nothing new."""
        question = fault.question
        if question is None:
            return False
        if question.key == _HEADER and (known := self._known_header()) is not None:
            self.options = replace(self.options, header=known)
            return True
        if before := self.asked.get(question.key):
            more = _more_words(before.question, question)
            if more is None:
                return False
            fault = replace(fault, message=f"{before.message}; {fault.message}", question=more)
        self.asked[question.key] = fault
        self.options = _with(self.options, question.key, _likeliest(fault))
        if question.key == _HEADER:  # names that hold with either answer
            numbers = range(1, column_count(self.path, self.options) + 1)
            self.options = replace(self.options, names=tuple(f"column{number}" for number in numbers))
        return True

    def _known_header(self) -> bool | None:
        """Whether there is a header, where targets are named by it or a name is missing in it; else None."""
        if self.options.target:
            return not all(map(_NAMES_OF_NAMELESS.fullmatch, self.options.target))
        if typed_file(self.path):
            return None
        _, first, width = separator_of(self.path, self.options.separator)
        return True if first != width else None


def _likeliest(fault: Fault) -> Any:
    assert fault.question is not None
    return fault.question.answers[0][0]


def _more_words(before: Question | None, now: Question) -> Question | None:
    """The question whether the words of both stand for a blank; None if they ask for anything else, or nothing new."""
    old, new = before.answers[0][0] if before else None, now.answers[0][0]
    if not isinstance(old, list) or not isinstance(new, list) or {*new} <= {*old}:
        return None
    return replace(now, answers=(([*dict.fromkeys([*old, *new])], now.answers[0][1]), *now.answers[1:]))


def _with(options: TableOptions, key: Key, value: Any) -> TableOptions:
    """The options with the key of an experiment file set."""
    if key == TASK:
        return options
    if key[1] == "columns":
        kind: ColumnKind = ("date", value["date"]) if isinstance(value, dict) else (value, "")
        return replace(options, columns={**options.columns, str(key[2]): kind})
    said: dict[str, Any] = {str(key[1]): tuple(value) if isinstance(value, list) else value}
    return replace(options, **said)
