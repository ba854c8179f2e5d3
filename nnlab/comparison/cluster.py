"""Train the pieces of a comparison on a Dask cluster, a remote one or one on this machine. Needs `nnlab[dask]`.

Data and plugins are sent with the tasks, so no shared file system is needed; nnlab must be installed on the workers.
A task whose worker dies is repeated by another worker, with the same bits.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import re
import uuid
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import astuple, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import nnlab
from nnlab.comparison.portable import blas_threads
from nnlab.comparison.tasks import Failure, Outcome, Stopping, Task, attempt
from nnlab.comparison.workers import Report, Shared, Throttled
from nnlab.errors import ConfigError, StorageError, printable
from nnlab.experiments.train import Progress
from nnlab.signals import children_spared_terminal_signals

if TYPE_CHECKING:
    from distributed import Client, Future

LOCAL = "local"
_SECONDS_TO_ANSWER = 10
_RETRIES = 2


@contextlib.contextmanager
def dask_workers(address: str) -> Iterator[Dask]:
    """Workers of the cluster whose scheduler is at `address`, or of one on this machine for `local`.

    Raises ConfigError if `distributed` is missing or a worker cannot load this version of nnlab, and StorageError if
    nothing answers at the address.
    """
    if address != LOCAL and not re.fullmatch(r"[a-z]+://[^\s/]+:[0-9]{1,5}", address):
        shown = f"--dask {printable(address)}"
        raise ConfigError(f"{shown}: found no address of a scheduler, expected {LOCAL} or tcp://HOST:PORT")
    try:
        import distributed  # noqa: PLC0415 - an extra, which takes half a second to load
    except ImportError as error:
        raise ConfigError("--dask: found no package distributed, expected an installation of nnlab[dask]") from error
    with contextlib.ExitStack() as stack:
        place: Any = address
        if address == LOCAL:
            with children_spared_terminal_signals():
                place = stack.enter_context(
                    distributed.LocalCluster(
                        n_workers=os.cpu_count(),
                        threads_per_worker=1,
                        processes=True,
                        dashboard_address=None,
                        silence_logs=logging.CRITICAL,
                    )
                )
        client = stack.enter_context(_connected(distributed.Client, place, address))
        _check_versions(client, address)
        yield Dask(client)


def _connected(client: type[Client], place: Any, address: str) -> Client:
    try:
        return client(place, timeout=_SECONDS_TO_ANSWER, set_as_default=False)
    except (OSError, TimeoutError) as error:
        found = f"found no Dask scheduler that answers within {_SECONDS_TO_ANSWER} s"
        raise StorageError(f"--dask {printable(address)}: {found}") from error


def _check_versions(client: Client, address: str) -> None:
    """ConfigError unless each worker has the same version of nnlab: another one may compute other figures."""
    try:
        found = client.run(_version)
    except Exception as error:
        reason = f"{type(error).__name__}: {printable(str(error))[:100]}"
        raise ConfigError(f"--dask {printable(address)}: a worker cannot load nnlab ({reason})") from error
    for worker, version in found.items():
        if version != nnlab.__version__:
            raise ConfigError(f"--dask: found nnlab {version} at {worker}, expected {nnlab.__version__} as here")


def _version() -> str:
    return nnlab.__version__


class Dask:
    """The workers of a Dask cluster, whose number may change while it runs."""

    def __init__(self, client: Client) -> None:
        self.client = client

    @property
    def jobs(self) -> int:
        """How many threads the cluster has at present, at least one: it may still be growing."""
        return max(1, int(sum(self.client.nthreads().values())))

    def run_all(
        self, tasks: Sequence[Task], shared: Shared, report: Report, stop: Stopping
    ) -> Iterator[tuple[int, Outcome]]:
        """Yield the outcome of each task. If a stop is requested, unfinished tasks are cancelled."""
        topic, inbox = f"nnlab-{uuid.uuid4().hex}", queue.SimpleQueue[tuple[int, Any]]()
        self.client.subscribe_topic(topic, lambda event: inbox.put(event[1]))
        futures: list[Future] = []
        try:
            futures += self._submitted(tasks, shared, topic)
            for number, future in enumerate(futures[1:]):
                future.add_done_callback(lambda done, number=number: inbox.put((number, done)))
            left = len(tasks)
            while left and not stop():
                with contextlib.suppress(queue.Empty):
                    number, message = inbox.get(timeout=0.1)
                    if isinstance(message, tuple):
                        report(number, Progress(*message))
                    else:
                        left -= 1
                        yield number, _outcome(message)
                        message.release()
        finally:
            self.client.unsubscribe_topic(topic)
            self.client.cancel(futures, force=True)

    def _submitted(self, tasks: Sequence[Task], shared: Shared, topic: str) -> list[Future]:
        """Submit the shared data, then each task. The data are a task's result, so that Dask can recreate them."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Sending large graph")
            held = self.client.submit(_held, shared.packed(), key=f"{topic}-shared", retries=_RETRIES)
            return [
                held,
                *(
                    self.client.submit(_work, number, task, held, topic, key=f"{topic}-{number}", retries=_RETRIES)
                    for number, task in enumerate(tasks)
                ),
            ]


def _outcome(done: Future) -> Outcome:
    """The outcome of a finished future."""
    if done.status == "finished":
        result: Outcome = done.result()
        return result
    if done.status == "error":
        error = done.exception()
        return Failure(f"{type(error).__name__}: {printable(str(error))}", 1)
    return Failure("the Dask scheduler gave it up, or has gone", StorageError.exit_code)


# --- on a worker ------------------------------------------------------------------------------------------------------


def _held(packed: bytes) -> bytes:
    return packed


@lru_cache(maxsize=1)
def _unpacked(packed: bytes) -> Shared:
    return Shared.unpacked(packed)


def _work(number: int, task: Task, packed: bytes, topic: str) -> Outcome:
    """Run a task on a worker of the cluster; it stops when the scheduler no longer wants its result."""
    from distributed import get_worker  # noqa: PLC0415 - an extra

    worker = get_worker()
    own = worker.state.tasks[worker.get_current_task()]

    def tell(progress: Progress) -> None:
        worker.log_event(topic, (number, astuple(replace(progress, figures=dict(progress.figures)))))

    shared = _unpacked(packed)
    with blas_threads(shared.threads):
        return attempt(shared.received(task), shared.rows, Throttled(tell), lambda: own.state == "cancelled")
