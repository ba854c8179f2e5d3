"""Train the pieces of a comparison on a Dask cluster, a remote one or one on this machine. Needs `nnlab[dask]`.

Data and plugins are sent with the tasks, so no shared file system is needed; nnlab must be installed on the workers.
A task whose worker dies is repeated by another worker, with the same bits.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import time
import uuid
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import nnlab
from nnlab.comparison.portable import blas_threads
from nnlab.comparison.scheduler import IDLE, SILENT, Patience, Pulse, in_thread, refuse_unreachable, scheme_of
from nnlab.comparison.tasks import Failure, Outcome, Stopping, Task, attempt
from nnlab.comparison.workers import Report, Shared, Throttled
from nnlab.errors import ConfigError, StorageError, printable, told
from nnlab.experiments.train import Progress
from nnlab.signals import children_spared_terminal_signals
from nnlab.storage.files import ignore

if TYPE_CHECKING:
    from distributed import Client, Future

LOCAL = "local"
_RETRIES = 2
_SECONDS_TO_LEAVE = 1.0


@contextlib.contextmanager
def dask_workers(address: str, timeout: float | None = None, warn: Callable[[str], None] = ignore) -> Iterator[Dask]:
    """Workers of the cluster whose scheduler is at `address`, or of one on this machine for `local`.

    What is waited for is said by `warn`: the scheduler's answer, for `timeout` seconds or 10, and then a worker, for
    `timeout` seconds or 10 minutes.

    Raises ConfigError if `distributed` is missing, nothing can be reached by such an address, or a worker cannot load
    this version of nnlab, and StorageError if nothing answers or no worker comes in time.
    """
    scheme = None if address == LOCAL else scheme_of(address)
    try:
        import distributed  # noqa: PLC0415 - an extra, which takes half a second to load
    except ImportError as error:
        raise ConfigError("--dask: found no package distributed, expected an installation of nnlab[dask]") from error
    if scheme is not None:
        refuse_unreachable(scheme, address)
    with contextlib.ExitStack() as stack:
        place = _cluster_here(stack) if scheme is None else address
        patience = Patience(address, warn, timeout)
        client = patience.until(in_thread(lambda: _connected(distributed.Client, place, patience)), SILENT)
        stack.callback(_leave, client.close)
        pulse = Pulse(client)
        stack.callback(pulse.stop)
        while (missing := pulse.missing()) is not None:
            patience.look(missing)
            time.sleep(0.1)
        _check_versions(patience, client, address)
        yield Dask(client, pulse, patience)


def _cluster_here(stack: contextlib.ExitStack) -> Any:
    """A scheduler and a worker for each processor of this machine, until the end of the context."""
    from distributed import LocalCluster  # noqa: PLC0415 - an extra

    with children_spared_terminal_signals():
        cluster = LocalCluster(
            n_workers=os.cpu_count(),
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            silence_logs=logging.CRITICAL,
        )
    stack.push(lambda kind, _error, _trace: _leave_cluster(cluster, in_haste=kind is not None))
    return cluster


def _leave_cluster(cluster: Any, *, in_haste: bool) -> None:
    """Close a cluster of this machine; in haste its processes, which do not outlive this one, are not waited for."""
    if in_haste:
        cluster.shutdown_on_close = False  # or Dask waits for it when Python ends
    _leave(cluster.close, _SECONDS_TO_LEAVE if in_haste else 10 * _SECONDS_TO_LEAVE)


def _leave(close: Callable[[], object], seconds: float = _SECONDS_TO_LEAVE) -> None:
    """Call what closes a connection, and go on if the other side does not answer."""
    with contextlib.suppress(Exception):
        in_thread(close).result(seconds)


def _connected(client: type[Client], place: Any, patience: Patience) -> Client:
    try:
        return client(place, timeout=patience.limits[SILENT], set_as_default=False)
    except (OSError, TimeoutError) as error:
        raise patience.exhausted(SILENT, patience.limits[SILENT]) from error
    except Exception as error:
        raise ConfigError(f"--dask {patience.address}: cannot connect: {told(error)}") from error


def _check_versions(patience: Patience, client: Client, address: str) -> None:
    """ConfigError unless each worker has the same version of nnlab: another one may compute other figures."""
    try:
        found = patience.until(in_thread(lambda: client.run(_version)), IDLE)
    except StorageError:
        raise
    except Exception as error:
        raise ConfigError(f"--dask {printable(address)}: a worker cannot load nnlab ({told(error)[:120]})") from error
    for worker, version in found.items():
        if version != nnlab.__version__:
            raise ConfigError(f"--dask: found nnlab {version} at {worker}, expected {nnlab.__version__} as here")


def _version() -> str:
    return nnlab.__version__


class Dask:
    """The workers of a Dask cluster, whose number may change while it runs."""

    def __init__(self, client: Client, pulse: Pulse, patience: Patience) -> None:
        self.client, self.pulse, self.patience = client, pulse, patience
        patience.begin_work()

    @property
    def jobs(self) -> int:
        """How many threads the cluster has at present, at least one: it may still be growing."""
        return max(1, self.pulse.threads)

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
                self.patience.look(self.pulse.missing())
                with contextlib.suppress(queue.Empty):
                    number, message = inbox.get(timeout=0.1)
                    if isinstance(message, tuple):
                        report(number, Progress(*message))
                    else:
                        left -= 1
                        yield number, _outcome(message)
                        message.release()
        finally:
            _leave(lambda: self._give_up(topic, futures))

    def _give_up(self, topic: str, futures: Sequence[Future]) -> None:
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
        return Failure(told(error), 1)
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
        replicas = {name: (step, values.tolist()) for name, (step, values) in progress.replicas.items()}
        plain = replace(progress, figures=dict(progress.figures), replicas=replicas)
        worker.log_event(topic, (number, astuple(plain)))

    shared = _unpacked(packed)
    with blas_threads(shared.threads):
        return attempt(shared.received(task), shared.rows, Throttled(tell), lambda: own.state == "cancelled")
