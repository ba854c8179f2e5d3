"""Read a table for a draft: each question that it asks is noted, and reading goes on with the likeliest answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from nnlab.data.dataset import Dataset, Task
from nnlab.data.files import Key, quoted
from nnlab.data.tables import infer_task, likely_target, read_csv, written_as
from nnlab.data.tables.first import USUAL_TARGETS
from nnlab.data.tables.options import ColumnKind, TableOptions
from nnlab.data.tables.records import separator_of
from nnlab.data.tables.sheets import typed_file
from nnlab.errors import DataError, Fault, Question

Found = TypeVar("Found")

TASK: Key = ("task",)
_HEADER: Key = ("data", "header")
_TARGET: Key = ("data", "target")
DECIMAL: Key = ("data", "decimal")
_COLUMNS: Key = ("data", "columns")
_NAMES_OF_NAMELESS = re.compile(r"column[0-9]+")  # as columns are called in a table without a header


@dataclass(frozen=True)
class Inquiry:
    """A table that was read, and how: `options` are those that read it, with the likeliest answers to its questions.

    `asked` has the fault of each question by the key that answers it. `is_guess` says that neither the user nor a usual
    name tells the target. The two reasons are those for target and task.

    Where the header is asked for, no column has a name as yet. `other` is then the table as read with the other answer,
    if it can be, and `later` are the questions about columns, which nobody can answer before these have names.
    """

    dataset: Dataset
    options: TableOptions
    asked: dict[Key, Fault]
    is_guess: bool
    why_target: str
    why_task: str
    other: Inquiry | None = None
    later: tuple[Fault, ...] = ()

    @property
    def is_header_open(self) -> bool:
        """Whether it is asked if the first line holds names."""
        return _HEADER in self.asked

    @property
    def with_either_header(self) -> list[Inquiry]:
        """The table as read with each answer about the header; itself alone if that is known, or if one alone works."""
        return [self] if self.other is None else [self, self.other]

    @property
    def has_last_target(self) -> bool:
        """Whether the target is the last column in each of these, so that it needs no name."""
        return all(one.dataset.readings[-1].role == "target" for one in self.with_either_header)


def inquire(path: Path, targets: Sequence[str] = ()) -> Inquiry:
    """Read the table at `path` to predict `targets`, by default the column that is most likely one.

    DataError for a fault that no setting of an experiment would end.
    """
    reader = _Inquirer(path, TableOptions(target=tuple(targets) or None, blanks="median"))
    reader.options = reader.ask(written_as)
    return _with_either_header(reader) if _HEADER in reader.asked else reader.inquiry()


def _with_either_header(reader: _Inquirer) -> Inquiry:
    """The inquiry into a table that is read twice, with a header and without one. DataError if neither can be."""
    found: list[Inquiry] = []
    faults: dict[bool, DataError] = {}
    for header in (True, False):
        try:
            found.append(reader.with_header(header).inquiry())
        except DataError as error:
            faults[header] = error
    if not found:
        raise faults[True]
    asked = {**(found[1].asked if found[1:] else {}), **found[0].asked}
    asked[_HEADER] = _with_obstacles(asked[_HEADER], faults)
    later = next((open_ for one in found if (open_ := _of_columns(one.asked))), ())
    asked = {key: fault for key, fault in asked.items() if key[:2] != _COLUMNS}
    both = replace(found[0], asked=asked, other=found[1] if found[1:] else None, later=later)
    return replace(both, asked={**asked, **_questions_of_header(both)})


def _of_columns(asked: dict[Key, Fault]) -> tuple[Fault, ...]:
    return tuple(fault for key, fault in asked.items() if key[:2] == _COLUMNS)


def _with_obstacles(fault: Fault, faults: dict[bool, DataError]) -> Fault:
    """The question about the header, whose answers say what would hinder the reading."""
    assert fault.question is not None
    answers = tuple(
        (value, f"{meaning}; but then {faults[value].faults[0].message}" if value in faults else meaning)
        for value, meaning in fault.question.answers
    )
    return replace(fault, question=replace(fault.question, answers=answers))


def _questions_of_header(both: Inquiry) -> dict[Key, Fault]:
    """The questions about target and task, where the answer about the header decides them."""
    asked = {}
    found = both.with_either_header
    targets = [list(one.dataset.columns.targets) for one in found]
    if not both.has_last_target and targets[0] != targets[-1]:
        answers = [
            (names, f"with {header_of(one)}: {one.why_target}") for names, one in zip(targets, found, strict=True)
        ]
        message = "found a target whose name depends on data.header, expected the one that goes with your answer there"
        asked[_TARGET] = Fault(message, key=_TARGET, question=Question(_TARGET, tuple(answers)))
    tasks = [possible_tasks(one) for one in found]
    if tasks[0] != tasks[-1]:
        headers = {
            task: [header_of(one) for one in found if task in possible_tasks(one)]
            for of_one in tasks
            for task in of_one
        }
        whys = "; ".join(f"with {header_of(one)} {one.why_task or 'it is open too'}" for one in found)
        question = Question(TASK, tuple((task, f"with {' or '.join(some)}") for task, some in headers.items()))
        message = f"found a task that depends on data.header, expected the one that goes with your answer there: {whys}"
        asked[TASK] = Fault(message, key=TASK, question=question)
    return asked


def possible_tasks(inquiry: Inquiry) -> list[Task]:
    """The tasks that a table may be for, the likeliest first."""
    question = inquiry.asked[TASK].question if TASK in inquiry.asked else None
    return [inquiry.dataset.task] if question is None else [value for value, _ in question.answers]


def header_of(inquiry: Inquiry) -> str:
    """`header: true`, as the table was read."""
    return f"header: {str(inquiry.options.header).lower()}"


@dataclass
class _Inquirer:
    """What is known of a table so far."""

    path: Path
    options: TableOptions
    asked: dict[Key, Fault] = field(default_factory=dict)

    def with_header(self, header: bool) -> _Inquirer:  # noqa: FBT001 - it is an answer
        """What is known, and an answer about the header."""
        return _Inquirer(self.path, replace(self.options, header=header), dict(self.asked))

    def inquiry(self) -> Inquiry:
        """Read the table, whose header is known, for its likeliest target and task."""
        why_target, is_guess = "named by --target", False
        if not self.options.target:
            name, why_target = self.ask(likely_target)
            is_guess = name.lower() not in USUAL_TARGETS
            self.options = replace(self.options, target=(name,))
        task, why_task = self.ask(self.task)
        dataset = self.ask(lambda path, options: read_csv(path, task=task, options=options))
        self._ask_for_task_of_symbols()
        return Inquiry(dataset, self.options, self.asked, is_guess, why_target, why_task)

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

    def _ask_for_task_of_symbols(self) -> None:
        """Ask for the task if numbers in a target may be texts, and offer no more to leave that column out."""
        for name in self.options.target or ():
            fault = self.asked.get((*_COLUMNS, name))
            if fault is None or fault.question is None:
                continue
            answers = tuple(answer for answer in fault.question.answers if answer[0] != "ignore")
            self.asked[*_COLUMNS, name] = replace(fault, question=replace(fault.question, answers=answers))
            tasks = (("regression", "if that column is number"), ("multiclass", "if it is category"))
            message = (
                f"found no task, and target {quoted(name)} may be of numbers or of texts, expected the one that fits"
            )
            self.asked[TASK] = Fault(message, key=TASK, question=Question(TASK, tasks))

    def _answer(self, fault: Fault) -> bool:
        """Note the question of a fault and take its first answer; False if it asks nothing, or nothing new."""
        question = fault.question
        if question is None:
            return False
        if question.key == _HEADER and (known := self._known_header()) is not None:
            self.options = replace(self.options, header=known)
            return True
        fault = _in_answers(fault, question)
        if before := self.asked.get(question.key):
            more = _more_words(before.question, question)
            if more is None:
                return False
            fault = replace(fault, message=f"{before.message}; {fault.message}", question=more)
        self.asked[question.key] = fault
        self.options = _with(self.options, question.key, _likeliest(fault))
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


def _in_answers(fault: Fault, question: Question) -> Fault:
    """The fault about a decimal mark, which expects the answers of its question as they are put in; others as they are.

    A reader's fault may also name `thousands`, which is the same answer at another key than the one that is asked for.
    """
    if question.key != DECIMAL:
        return fault
    found, _, _ = fault.message.partition(", expected ")
    meanings = [(mark, _with_thousands(mark, meaning)) for mark, meaning in question.answers]
    expected = " or ".join(f'decimal: "{mark}" ({meaning})' for mark, meaning in meanings)
    return replace(fault, message=f"{found}, expected {expected}", question=replace(question, answers=tuple(meanings)))


def _with_thousands(mark: str, meaning: str) -> str:
    """What a decimal mark means, in words of the key `thousands` too if the other sign groups them then."""
    return f'{meaning}, as thousands: "{"," if mark == "." else "."}" says' if "thousands" in meaning else meaning


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
