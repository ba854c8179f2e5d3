"""What can go wrong, and the words for it.

    NnlabError                  a fault that nnlab names; its exit code is 1 where no subclass says otherwise
    ├── InputError         2    what the user gave cannot be used; carries one or more faults with their places
    │   ├── ConfigError         an experiment file or an override
    │   ├── DataError           a data set
    │   └── CheckpointError     a run folder or a checkpoint
    ├── GateError          3    a gate was not met
    ├── DivergedError      4    the training ran away
    ├── StorageError       5    the disk or its permissions said no
    ├── GradientError      6    a gradient check failed or could not decide
    └── InterruptedRunError        129, 130, 143    a signal stopped the command

Nothing here imports anything but the standard library: `nnlab --help` loads this module.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong, and where: `file:line:column: message`, as far as the place is known.

    `key` is the path of the key of an experiment file that causes it, such as `("data", "target", 1)`, where whoever
    finds the fault knows no file: who does turns it into a place.
    """

    message: str
    file: str | None = None
    line: int | None = None
    column: int | None = None
    key: tuple[str | int, ...] | None = None

    def __str__(self) -> str:
        place = [printable(str(part)) for part in (self.file, self.line, self.column) if part is not None]
        return ": ".join([":".join(place), self.message] if place else [self.message])


class NnlabError(Exception):
    """A fault that nnlab itself names; the command line prints its text and leaves with `exit_code`."""

    exit_code = 1


class InputError(NnlabError):
    """What the user gave cannot be used. `faults` holds everything that one pass found, at least one fault."""

    exit_code = 2

    def __init__(self, faults: str | Fault | Sequence[Fault]) -> None:
        self.faults = _as_faults(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


class ConfigError(InputError):
    """An experiment file or an override cannot be used."""


class DataError(InputError):
    """A data set cannot be used."""


class CheckpointError(InputError):
    """A run folder or a checkpoint cannot be used."""


class GateError(NnlabError):
    """Gates were not met: a line for each."""

    exit_code = 3


class DivergedError(NnlabError):
    """The training ran away: a figure that should be finite is not."""

    exit_code = 4


class StorageError(NnlabError):
    """A file could not be read or written."""

    exit_code = 5


class GradientError(NnlabError):
    """A gradient check failed or could not decide."""

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
    """The known word that is near `word`, capitals aside; None where none is."""
    by_lower = {name.lower(): name for name in known}
    near = difflib.get_close_matches(word.lower(), list(by_lower), n=1)
    return by_lower[near[0]] if near else None


def suggestion(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'relu'?` when a known word is near `word`, else the empty string."""
    near = nearest(word, known)
    return "" if near is None else f"; did you mean '{printable(near)}'?"


def listed(words: Sequence[str], last: str = "and") -> str:
    """`a, b and c`; a single word as it is."""
    return f" {last} ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def printable(text: str) -> str:
    r"""`text` with every character that a terminal would act on written as an escape: `\n`, `\x1b`, `\udc80`."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in text)
