"""The exceptions of nnlab, and helpers for their messages.

    NnlabError                  a fault that nnlab reports; its exit code is 1 unless a subclass sets another
    ├── InputError         2    invalid input of the user; carries one or more faults with their places
    │   ├── ConfigError         an experiment file or an override; 1 if a plugin fails in the middle of a training
    │   ├── DataError           a data set
    │   ├── CheckpointError     a run folder or a checkpoint
    │   └── OutputError         a path to write to that the command reads, or that nobody can write to
    ├── GateError          3    a gate was not met
    ├── DivergedError      4    the training diverged
    ├── StorageError       5    a file could not be read or written
    ├── GradientError      6    a gradient check failed or was inconclusive
    └── InterruptedRunError        129, 130, 143    a signal stopped the command

This module imports only the standard library: `nnlab --help` loads it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Question:
    """What a fault asks, where two readings are possible.

    `key` is the path of the experiment file's key that answers it, and `answers` are its possible values, each with
    what it means; the likeliest comes first.
    """

    key: tuple[str | int, ...]
    answers: tuple[tuple[Any, str], ...]


@dataclass(frozen=True)
class Fault:
    """One fault and its place: `file:line:column: message`, as far as the place is known.

    `key` is the path of the experiment file's key that causes it, such as `("data", "target", 1)`. It is set where the
    fault is found without knowing the file; a caller that knows the file replaces it by a place. `question` is what it
    asks, if an answer in the experiment file would end it.
    """

    message: str
    file: str | None = None
    line: int | None = None
    column: int | None = None
    key: tuple[str | int, ...] | None = None
    question: Question | None = field(default=None, compare=False)

    def __str__(self) -> str:
        place = [printable(str(part)) for part in (self.file, self.line, self.column) if part is not None]
        return ": ".join([":".join(place), self.message] if place else [self.message])


class NnlabError(Exception):
    """A fault that nnlab reports; the command line prints its text and exits with `exit_code`."""

    exit_code = 1


class InputError(NnlabError):
    """Invalid input of the user. `faults` holds all faults that one pass found, at least one."""

    exit_code = 2

    def __init__(self, faults: str | Fault | Sequence[Fault]) -> None:
        self.faults = _as_faults(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


class ConfigError(InputError):
    """An experiment file or an override is invalid."""


class DataError(InputError):
    """A data set cannot be used."""


class CheckpointError(InputError):
    """A run folder or a checkpoint cannot be used."""


class OutputError(InputError):
    """A path to write to leads to something that must stay as it is, such as a file that the command reads."""


class GateError(NnlabError):
    """Gates were not met: one line for each."""

    exit_code = 3


class DivergedError(NnlabError):
    """The training diverged: a figure is not finite or too large."""

    exit_code = 4


class StorageError(NnlabError):
    """A file could not be read or written."""

    exit_code = 5


class GradientError(NnlabError):
    """A gradient check failed or was inconclusive."""

    exit_code = 6


class InterruptedRunError(NnlabError):
    """A signal stopped the command; the exit code is 128 + its number."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def _as_faults(faults: str | Fault | Sequence[Fault]) -> tuple[Fault, ...]:
    if isinstance(faults, str):
        return (Fault(faults),)
    return (faults,) if isinstance(faults, Fault) else tuple(faults)


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that is most similar to `word`, ignoring case, or whose initials it is, as lr; None for none."""
    by_lower = {name.lower(): name for name in known}
    near = difflib.get_close_matches(word.lower(), list(by_lower), n=1)
    by_initials = {"".join(part[:1] for part in name.split("_")): name for name in by_lower if "_" in name}
    found = near[0] if near else by_initials.get(word.lower())
    return None if found is None else by_lower[found]


def suggestion(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'relu'?` if a known word is similar to `word`, else the empty string."""
    near = nearest(word, known)
    return "" if near is None else f"; did you mean '{printable(near)}'?"


def listed(words: Sequence[str], last: str = "and") -> str:
    """`a, b and c`; a single word as it is."""
    return f" {last} ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def few(words: Sequence[str], most: int) -> list[str]:
    """The first `most` of the words, and how many more there are, to be `listed`."""
    left = len(words) - most
    return [*words[:most], f"{left:,} more"] if left > 0 else [*words]


def printable(text: str) -> str:
    r"""`text` with every unprintable character escaped, so that a terminal cannot act on it: `\n`, `\x1b`, `\udc80`."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in text)


_LONGEST = 500  # characters of a foreign exception's text in a message


def text_of(error: BaseException) -> str:
    """The text of a foreign exception in one printable line, whatever its `__str__` does."""
    try:
        text = printable(str(error))
    except BaseException as fault:  # noqa: BLE001 - it is a user's code, and the exception is being reported
        return f"no text: its __str__ raised {printable(type(fault).__name__)}"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def told(error: BaseException) -> str:
    """The kind and the text of a foreign exception: `ValueError: found nothing`."""
    return f"{printable(type(error).__name__)}: {text_of(error)}"
