"""Independent tasks on several processors at once, each in a copy of this process as it is now.

A copy begins with all that was loaded and computed so far, and costs a few milliseconds. That pays for pictures, which
take a tenth of a second each and share nothing but what they show.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from nnlab.signals import be_deaf

T = TypeVar("T")

_MOST = 4  # the longest task ends last: more copies gain little


def side_by_side(tasks: Sequence[Callable[[], T]]) -> list[T]:
    """What each task returns, in their order; what they do must not depend on one another.

    A copy in which a task fails is forgotten, and its tasks are done once more in this process: that is where their
    exceptions are raised. All is done here, one after the other, where a process cannot be copied safely: on other
    systems than Linux, and beside threads, whose locks a copy would inherit as they are.
    """
    shares = min(len(tasks), _processors(), _MOST)
    copies = [_Copy(tasks[number::shares]) for number in range(1, shares)]
    found: dict[int, T] = {}
    try:
        for index in range(0, len(tasks), max(shares, 1)):
            found[index] = tasks[index]()
        for number, copy in enumerate(copies, 1):
            found |= {number + shares * place: result for place, result in enumerate(copy.results())}
    finally:
        for copy in copies:
            copy.end()
    return [found[index] if index in found else task() for index, task in enumerate(tasks)]


def _processors() -> int:
    """How many processors tasks can be given to."""
    if not sys.platform.startswith("linux") or len(list(Path("/proc/self/task").iterdir())) > 1:
        return 1
    return len(os.sched_getaffinity(0))


class _Copy:
    """A copy of this process at work on tasks of its own."""

    def __init__(self, tasks: Sequence[Callable[[], Any]]) -> None:
        self.reading, writing = os.pipe()
        self.pid = os.fork()
        if not self.pid:
            _work(tasks, writing)
        os.close(writing)

    def results(self) -> list[Any]:
        """What its tasks returned; nothing if one of them failed."""
        with os.fdopen(os.dup(self.reading), "rb") as pipe:
            try:
                found: list[Any] = pickle.load(pipe)  # noqa: S301 - it comes from this very program
            except (EOFError, pickle.UnpicklingError):  # nothing was sent, or not all
                return []
        return found

    def end(self) -> None:
        """Leave nothing behind: one that is still at work is not waited for."""
        os.close(self.reading)
        os.kill(self.pid, signal.SIGKILL)  # until it is waited for, its number is nobody else's
        os.waitpid(self.pid, 0)


def _work(tasks: Sequence[Callable[[], Any]], writing: int) -> NoReturn:
    """Do the tasks, send what they return, and leave without any of the ends that are the first process's to make."""
    be_deaf()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        sent = pickle.dumps([task() for task in tasks])
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(sent)
    finally:
        os._exit(0)
