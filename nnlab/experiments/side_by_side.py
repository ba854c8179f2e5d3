"""Run independent tasks in parallel, in forked copies of this process.

A fork takes a few milliseconds and inherits all loaded modules and data. That pays for pictures, which take a tenth of
a second each and only read the data.
"""

from __future__ import annotations

import os
import pickle
import signal
import struct
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, NoReturn, Self, TypeVar

from nnlab.signals import end_with, ignore_terminal_signals

T = TypeVar("T")

_MOST = 4  # processes; more gain little, for the longest task takes as long as it does
_NUMBER = struct.Struct("i")


def side_by_side(tasks: Sequence[Callable[[], T]]) -> list[T]:
    """The results of independent tasks, at most some thousand, in their order.

    An idle process takes the next task, so the longest tasks should come first. If a task fails in a copy, all tasks of
    that copy are run again in this process, which raises the exception. Everything runs in this process where forking
    is not safe: on systems other than Linux, and if there are threads, whose locks a copy would inherit. The same holds
    where the system refuses another process or open file.
    """
    with ExitStack() as ending:
        try:
            queue = ending.enter_context(_Queue(len(tasks)))
        except OSError:  # too many open files
            return [task() for task in tasks]
        copies = list(_copies(tasks, queue, ending))
        found = {index: tasks[index]() for index in queue}
        for copy in copies:
            found |= copy.results()
    return [found[index] if index in found else task() for index, task in enumerate(tasks)]


def _copies(tasks: Sequence[Callable[[], Any]], queue: Iterable[int], ending: ExitStack) -> Iterator[_Copy]:
    """As many copies as are useful and as the system allows; `ending` ends them."""
    with suppress(OSError):  # too many processes or open files
        for _ in range(1, min(len(tasks), _processors(), _MOST)):
            copy = _Copy(tasks, queue)
            ending.callback(copy.end)
            yield copy


def _processors() -> int:
    """The number of processors for tasks; 1 where forking is not safe."""
    if not sys.platform.startswith("linux") or len(list(Path("/proc/self/task").iterdir())) > 1:
        return 1
    return len(os.sched_getaffinity(0))


class _Queue:
    """The numbers of the waiting tasks, in a pipe: each is read once, by the next idle process."""

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
    """A forked copy of this process that runs tasks."""

    def __init__(self, tasks: Sequence[Callable[[], Any]], queue: Iterable[int]) -> None:
        self.reading, writing = os.pipe()
        parent = os.getpid()
        try:
            self.pid = os.fork()
        except OSError:
            os.close(self.reading)
            os.close(writing)
            raise
        if not self.pid:
            _work(tasks, queue, writing, parent)
        os.close(writing)

    def results(self) -> dict[int, Any]:
        """The results of its tasks by number; empty if one of them failed."""
        with os.fdopen(self.reading, "rb", closefd=False) as pipe:
            try:
                found: dict[int, Any] = pickle.load(pipe)  # noqa: S301 - it comes from our own process
            except (EOFError, pickle.UnpicklingError):  # nothing was sent, or only a part
                return {}
        return found

    def end(self) -> None:
        """End the process, even if it is still running."""
        os.close(self.reading)
        os.kill(self.pid, signal.SIGKILL)  # the pid cannot be reused before waitpid
        os.waitpid(self.pid, 0)


def _work(tasks: Sequence[Callable[[], Any]], queue: Iterable[int], writing: int, parent: int) -> NoReturn:
    """Main function of a copy: run tasks, send the results, and exit without the clean-up of the first process.

    It ends with the first process: it has inherited the lock of the run, which must not outlive a killed training.
    """
    end_with(parent)
    ignore_terminal_signals()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        sent = pickle.dumps({index: tasks[index]() for index in queue})
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(sent)
    finally:
        os._exit(0)
