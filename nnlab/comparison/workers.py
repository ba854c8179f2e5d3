"""Where the tasks of a comparison run: in this process, or in several processes. For Dask see `cluster`.

Each class implements `Workers`: `run_all(tasks, shared, report, stop)` yields the number and the outcome of each task
as it finishes, and calls `report(number, progress)` meanwhile. Results do not depend on the class, to the bit.
"""

from __future__ import annotations

import contextlib
import pickle
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from multiprocessing import connection as pipes
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any, Protocol

from nnlab.comparison.portable import as_files, blas_threads
from nnlab.comparison.tasks import Failure, Outcome, RowSource, Stopping, Task, attempt
from nnlab.config.choices import restore_entries
from nnlab.config.plugins import once_written, with_plugins
from nnlab.data.dataset import Dataset
from nnlab.errors import NnlabError, StorageError, text_of
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
    """Data that all tasks need. Plugins are (name, content): other machines may not have their files."""

    dataset: Dataset
    plugins: tuple[tuple[str, bytes], ...] = ()
    threads: int = 1

    @cached_property
    def rows(self) -> RowSource:
        """The source of prepared rows, shared by the tasks of a process."""
        return RowSource(self.dataset)

    def packed(self) -> bytes:
        """Serialise for another process; see `unpacked`."""
        return pickle.dumps((self.dataset, self.plugins, self.threads))

    @classmethod
    def unpacked(cls, packed: bytes) -> Shared:
        """The inverse of `packed`; the bytes must come from this program."""
        shared = cls(*pickle.loads(packed))  # noqa: S301 - it comes from our own process
        with once_written():
            shared.activations  # noqa: B018 - a plugin that fails here fails before the first task
        return shared

    @cached_property
    def activations(self) -> Mapping[str, AnyActivation]:
        """The activations of nnlab and those of the plugins."""
        with as_files(self.plugins) as files:
            return with_plugins(files)

    def received(self, task: Task) -> Task:
        """A task from another process, its choices bound to this process's table entries."""
        for variant in task.variants:
            restore_entries(variant.choice, self.activations)
            restore_entries(variant.experiment, self.activations)
        return task


class Workers(Protocol):
    """Runs tasks, `jobs` of them at once."""

    @property
    def jobs(self) -> int:
        """How many tasks run at once."""

    def run_all(
        self, tasks: Sequence[Task], shared: Shared, report: Report, stop: Stopping
    ) -> Iterator[tuple[int, Outcome]]:
        """Yield the outcome of each task, in any order; nothing more once a stop is requested."""


class SerialWorkers:
    """One task after another, in this process."""

    jobs = 1

    def run_all(
        self, tasks: Sequence[Task], shared: Shared, report: Report, stop: Stopping
    ) -> Iterator[tuple[int, Outcome]]:
        """Yield the outcome of each task, in their order."""
        for number, task in enumerate(tasks):

            def observe(progress: Progress, number: int = number) -> None:
                report(number, progress)

            outcome = attempt(task, shared.rows, observe, stop)
            if outcome is None:
                return
            yield number, outcome


# --- processes --------------------------------------------------------------------------------------------------------


class Throttled:
    """Forwards the progress of a task at limited rate: sending costs more than a short step.

    With it go the latest values of the figures of all seeds that were measured since the last time.
    """

    def __init__(self, send: Callable[[Progress], None]) -> None:
        self.send, self.sent_at = send, -_SECONDS_BETWEEN_REPORTS
        self.replicas: dict[str, Any] = {}

    def __call__(self, progress: Progress) -> None:
        """Forward the progress if enough time has passed, or if the task is complete."""
        present = time.monotonic()
        self.replicas |= progress.replicas
        if present - self.sent_at >= _SECONDS_BETWEEN_REPORTS or progress.step >= progress.steps:
            self.sent_at = present
            self.send(replace(progress, replicas=self.replicas))
            self.replicas = {}


class Processes:
    """Several tasks at once, each in a separate process on this machine."""

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs

    def run_all(
        self, tasks: Sequence[Task], shared: Shared, report: Report, stop: Stopping
    ) -> Iterator[tuple[int, Outcome]]:
        """Yield the outcome of each task. A task whose process is killed is repeated once in another process."""
        pool = _Pool(self.jobs, tasks, shared.packed())
        try:
            while pool.has_work() and not stop():
                pool.fill()
                for number, message in pool.messages():
                    if isinstance(message, Progress):
                        report(number, message)
                    else:
                        yield number, message
        finally:
            pool.dismiss()


@dataclass
class _Worker:
    """A process, the pipe to it, and the number of its current task."""

    process: SpawnProcess
    pipe: Connection
    number: int | None = None


class _Pool:
    """A pool of processes and the queue of waiting tasks."""

    def __init__(self, size: int, tasks: Sequence[Task], packed: bytes) -> None:
        self.size, self.tasks, self.packed = size, tasks, packed
        self.waiting, self.tries = deque(range(len(tasks))), [0] * len(tasks)
        self.workers: list[_Worker] = []

    def has_work(self) -> bool:
        """Whether any task is waiting or being done."""
        return bool(self.waiting) or any(worker.number is not None for worker in self.workers)

    def fill(self) -> None:
        """Give each idle process a task, and start processes up to the size of the pool."""
        idle = [worker for worker in self.workers if worker.number is None]
        while self.waiting and (idle or len(self.workers) < self.size):
            worker = idle.pop() if idle else self._started_worker()
            if worker is None:
                return
            worker.number = self.waiting.popleft()
            with contextlib.suppress(OSError):  # the process has died: `messages` will notice
                worker.pipe.send(self.tasks[worker.number])

    def _started_worker(self) -> _Worker | None:
        """A new worker; None, from then on, where the system allows no more of them but there are some."""
        try:
            return self._start_worker()
        except OSError as error:
            self.size = len(self.workers)
            if self.size:
                return None
            cure = "expected --jobs 1, which starts none"
            raise StorageError(f"--jobs: cannot start a process: {error.strerror}; {cure}") from error

    def _start_worker(self) -> _Worker:
        context = get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, self.packed), daemon=True)
        with children_spared_terminal_signals():
            process.start()
        theirs.close()
        self.workers.append(_Worker(process, ours))
        return self.workers[-1]

    def messages(self) -> Iterator[tuple[int, Progress | Outcome]]:
        """Messages that arrive within 0.1 s, and failures of tasks whose processes died."""
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
        """Requeue the task of a dead process; a Failure if it was the second to die of this task."""
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
        """End the processes: busy ones are terminated, and those that do not exit in time are killed."""
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
    """Main function of a process: run the tasks from the pipe until it is closed or a stop is requested."""
    stop = Stop()
    ignore_terminal_signals()
    signal.signal(signal.SIGTERM, stop.receive)
    with contextlib.suppress(EOFError, OSError):  # the main process has gone
        try:
            shared = Shared.unpacked(packed)
        except (NnlabError, OSError) as error:  # a plugin that fails here alone, no folder for temporary files
            _refuse_all(pipe, stop, Failure(text_of(error), getattr(error, "exit_code", StorageError.exit_code)))
        else:
            _run_all(pipe, stop, shared)


def _run_all(pipe: Connection, stop: Stop, shared: Shared) -> None:
    with blas_threads(shared.threads):
        while not stop():
            outcome = attempt(shared.received(pipe.recv()), shared.rows, Throttled(pipe.send), stop)
            if outcome is not None:
                pipe.send(outcome)


def _refuse_all(pipe: Connection, stop: Stop, failure: Failure) -> None:
    """Give every task the same failure: this process cannot begin."""
    while not stop():
        pipe.recv()
        pipe.send(failure)
