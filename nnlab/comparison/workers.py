"""Where the pieces of a comparison are trained: here, or in processes of this machine. A cluster is in `cluster`.

Each way is a `Workers`: `run_all(tasks, shared, report, stop)` yields the number of each task with what came of it, as
soon as it is known. `report(number, progress)` is told how far a task is. Which way it is changes no bit of a result.
"""

from __future__ import annotations

import contextlib
import pickle
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from multiprocessing import connection as pipes
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Protocol

from nnlab.comparison.portable import as_files, blas_threads
from nnlab.comparison.tasks import Failure, Outcome, RowSource, Stopping, Task, attempt
from nnlab.config.choices import restore_entries
from nnlab.config.plugins import with_plugins
from nnlab.data.dataset import Dataset
from nnlab.experiments.interrupts import Stop
from nnlab.experiments.train import Progress
from nnlab.maths.activations import AnyActivation
from nnlab.signals import children_spared_terminal_signals, ignore_terminal_signals

Report = Callable[[int, Progress], None]

_SECONDS_BETWEEN_REPORTS = 0.2
_SECONDS_TO_LEAVE = 1.0
_TRIES = 2


@dataclass(frozen=True)
class Shared:
    """What all tasks need. Plugins are (name, text): where they are needed again may be no such file."""

    dataset: Dataset
    plugins: tuple[tuple[str, str], ...] = ()
    threads: int = 1

    @cached_property
    def rows(self) -> RowSource:
        """Where tasks get their rows from."""
        return RowSource(self.dataset)

    def packed(self) -> bytes:
        """What another process makes the same of."""
        return pickle.dumps((self.dataset, self.plugins, self.threads))

    @classmethod
    def unpacked(cls, packed: bytes) -> Shared:
        """The inverse of `packed`, which comes from this program."""
        shared = cls(*pickle.loads(packed))  # noqa: S301 - from our own process
        shared.activations  # noqa: B018 - a plugin that fails here fails before the first task
        return shared

    @cached_property
    def activations(self) -> Mapping[str, AnyActivation]:
        """The built-in activations and those that the texts of the plugins make."""
        with as_files(self.plugins) as files:
            return with_plugins(files)

    def received(self, task: Task) -> Task:
        """A task that came from another process, with the entries that its choices had there."""
        for variant in task.variants:
            restore_entries(variant.choice, self.activations)
            restore_entries(variant.experiment, self.activations)
        return task


class Workers(Protocol):
    """A way to have tasks done; `jobs` of them at once."""

    @property
    def jobs(self) -> int:
        """How many tasks are worked on at once."""

    def run_all(
        self, tasks: Sequence[Task], shared: Shared, report: Report, stop: Stopping
    ) -> Iterator[tuple[int, Outcome]]:
        """What comes of each task, in any order; nothing more once a stop is asked for."""


class SerialWorkers:
    """One task after another, in this process."""

    jobs = 1

    def run_all(
        self, tasks: Sequence[Task], shared: Shared, report: Report, stop: Stopping
    ) -> Iterator[tuple[int, Outcome]]:
        """What comes of each task, in their order."""
        for number, task in enumerate(tasks):

            def observe(progress: Progress, number: int = number) -> None:
                report(number, progress)

            outcome = attempt(task, shared.rows, observe, stop)
            if outcome is None:
                return
            yield number, outcome


# --- processes --------------------------------------------------------------------------------------------------------


class Throttled:
    """Passes on the progress of a task now and then: it costs more to tell than to note."""

    def __init__(self, tell: Callable[[Progress], None]) -> None:
        self.tell, self.told_at = tell, -_SECONDS_BETWEEN_REPORTS

    def __call__(self, progress: Progress) -> None:
        """Pass it on if enough time has passed, or if it is the last."""
        present = time.monotonic()
        if present - self.told_at >= _SECONDS_BETWEEN_REPORTS or progress.step >= progress.steps:
            self.told_at = present
            self.tell(progress)


class Processes:
    """Several tasks at once, each in a process of its own on this machine."""

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs

    def run_all(
        self, tasks: Sequence[Task], shared: Shared, report: Report, stop: Stopping
    ) -> Iterator[tuple[int, Outcome]]:
        """What comes of each task. One whose process is killed is done again, once, in another."""
        crew = _Crew(self.jobs, tasks, shared.packed())
        try:
            while crew.has_work() and not stop():
                crew.fill()
                for number, message in crew.messages():
                    if isinstance(message, Progress):
                        report(number, message)
                    else:
                        yield number, message
        finally:
            crew.dismiss()


@dataclass
class _Worker:
    """A process, the pipe to it, and the number of the task it is at."""

    process: SpawnProcess
    pipe: Connection
    number: int | None = None


class _Crew:
    """Some processes and the tasks that wait for one of them."""

    def __init__(self, size: int, tasks: Sequence[Task], packed: bytes) -> None:
        self.size, self.tasks, self.packed = size, tasks, packed
        self.waiting, self.tries = deque(range(len(tasks))), [0] * len(tasks)
        self.workers: list[_Worker] = []

    def has_work(self) -> bool:
        """Whether any task is waiting or being done."""
        return bool(self.waiting) or any(worker.number is not None for worker in self.workers)

    def fill(self) -> None:
        """Give each idle process a task, starting processes as long as there are fewer than there may be."""
        idle = [worker for worker in self.workers if worker.number is None]
        while self.waiting and (idle or len(self.workers) < self.size):
            worker = idle.pop() if idle else self._hired()
            worker.number = self.waiting.popleft()
            with contextlib.suppress(OSError):  # it has gone: the pipe will tell
                worker.pipe.send(self.tasks[worker.number])

    def _hired(self) -> _Worker:
        context = get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, self.packed), daemon=True)
        with children_spared_terminal_signals():
            process.start()
        theirs.close()
        self.workers.append(_Worker(process, ours))
        return self.workers[-1]

    def messages(self) -> Iterator[tuple[int, Progress | Outcome]]:
        """What the processes have sent within a moment, and failures of tasks that have ended them."""
        ready = pipes.wait([worker.pipe for worker in self.workers], timeout=0.1)
        for worker in [worker for worker in self.workers if worker.pipe in ready]:
            number = worker.number
            try:
                message = worker.pipe.recv()
            except (EOFError, OSError, pickle.UnpicklingError):
                message = self._lost(worker)
            if number is not None and message is not None:
                if not isinstance(message, Progress):
                    worker.number = None
                yield number, message

    def _lost(self, worker: _Worker) -> Failure | None:
        """Let another process try what this one was at, unless it is the second to end over it."""
        self.workers.remove(worker)
        worker.process.join()
        number, code = worker.number, worker.process.exitcode
        if number is None:
            return None
        self.tries[number] += 1
        if self.tries[number] < _TRIES:
            self.waiting.appendleft(number)
            return None
        how = f"by {signal.Signals(-code).name}" if code is not None and code < 0 else f"with exit code {code}"
        return Failure(f"its process ended {how}, as did the one that tried before", 1)

    def dismiss(self) -> None:
        """Let the processes leave. Those at work are told to stop; one that does not leave in time is killed."""
        for worker in self.workers:
            if worker.number is not None:
                worker.process.terminate()
            worker.pipe.close()
        deadline = time.monotonic() + _SECONDS_TO_LEAVE
        for worker in self.workers:
            worker.process.join(max(0.0, deadline - time.monotonic()))
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()


def _serve(pipe: Connection, packed: bytes) -> None:
    """What a process does: the tasks that come through the pipe, until it is closed or a stop is asked for."""
    stop = Stop()
    ignore_terminal_signals()
    signal.signal(signal.SIGTERM, stop.receive)
    shared = Shared.unpacked(packed)
    with blas_threads(shared.threads):
        while not stop():
            try:
                outcome = attempt(shared.received(pipe.recv()), shared.rows, Throttled(pipe.send), stop)
                if outcome is not None:
                    pipe.send(outcome)
            except (EOFError, OSError):  # nobody waits for it any more
                return
