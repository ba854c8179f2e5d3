"""Independent tasks on several processors at once, each in a copy of this process as it is now.

A copy begins with all that was loaded and computed so far, and costs a few milliseconds. That pays for pictures, which
take a tenth of a second each and share nothing but what they show.
"""

from __future__ import annotations

import os
import pickle
import signal
import struct
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn, Self, TypeVar

from nnlab.signals import ignore_terminal_signals

T = TypeVar("T")

_MOST = 4  # the longest task ends last: more copies gain little
_NUMBER = struct.Struct("i")


def side_by_side(tasks: Sequence[Callable[[], T]]) -> list[T]:
    """What each of at most some thousand tasks returns, in their order; none must depend on what another does.

    Who is free begins the next task, so that those which take longest should come first. A copy in which a task fails
    is forgotten, and its tasks are done once more in this process: that is where their exceptions are raised. All is
    done here, one after the other, where a process cannot be copied safely: on other systems than Linux, and beside
    threads, whose locks a copy would inherit as they are.
    """
    with _Queue(len(tasks)) as queue:
        copies = [_Copy(tasks, queue) for _ in range(1, min(len(tasks), _processors(), _MOST))]
        try:
            found = {index: tasks[index]() for index in queue}
            for copy in copies:
                found |= copy.results()
        finally:
            for copy in copies:
                copy.end()
    return [found[index] if index in found else task() for index, task in enumerate(tasks)]


def _processors() -> int:
    """How many processors tasks can be given to."""
    if not sys.platform.startswith("linux") or len(list(Path("/proc/self/task").iterdir())) > 1:
        return 1
    return len(os.sched_getaffinity(0))


class _Queue:
    """The numbers of the tasks that nobody has begun, in a pipe: each is read once, by whichever process is free."""

    def __init__(self, count: int) -> None:
        self.reading, writing = os.pipe()
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(b"".join(_NUMBER.pack(index) for index in range(count)))

    def __iter__(self) -> Iterator[int]:
        while number := os.read(self.reading, _NUMBER.size):
            yield _NUMBER.unpack(number)[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        os.close(self.reading)


class _Copy:
    """A copy of this process at work on tasks."""

    def __init__(self, tasks: Sequence[Callable[[], Any]], queue: Iterable[int]) -> None:
        self.reading, writing = os.pipe()
        self.pid = os.fork()
        if not self.pid:
            _work(tasks, queue, writing)
        os.close(writing)

    def results(self) -> dict[int, Any]:
        """What its tasks returned, by number; nothing if one of them failed."""
        with os.fdopen(os.dup(self.reading), "rb") as pipe:
            try:
                found: dict[int, Any] = pickle.load(pipe)  # noqa: S301 - it comes from this very program
            except (EOFError, pickle.UnpicklingError):  # nothing was sent, or not all
                return {}
        return found

    def end(self) -> None:
        """Leave nothing behind: one that is still at work is not waited for."""
        os.close(self.reading)
        os.kill(self.pid, signal.SIGKILL)  # until it is waited for, its number is nobody else's
        os.waitpid(self.pid, 0)


def _work(tasks: Sequence[Callable[[], Any]], queue: Iterable[int], writing: int) -> NoReturn:
    """Do tasks, send what they return, and leave without any of the ends that are the first process's to make."""
    ignore_terminal_signals()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        sent = pickle.dumps({index: tasks[index]() for index in queue})
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(sent)
    finally:
        os._exit(0)
