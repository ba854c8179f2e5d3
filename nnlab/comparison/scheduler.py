"""A Dask scheduler as seen from here: its address, whether it answers and has workers, how long to wait for that.

Dask's own calls may wait without end for a scheduler that accepts a connection and says nothing, so that each runs in
a thread which the command does not wait for.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import re
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from nnlab.errors import ConfigError, StorageError, printable, suggestion, told

if TYPE_CHECKING:
    from distributed import Client

T = TypeVar("T")

SCHEMES = ("tcp", "tls", "ws", "wss")
_ENCRYPTED = ("tls", "wss")
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(\[[0-9A-Fa-f:.]+\]|[^\s/:\[\]]+):([0-9]{1,5})")

# What may be missing, with what to do.
SILENT = "no answer from the scheduler"
IDLE = "no worker that answers"
_REMEDIES = {
    SILENT: "see that it runs, and that this is its address",
    IDLE: "start one with: dask worker {address}",
}
_SECONDS_TO_ANSWER, _SECONDS_FOR_A_WORKER = 10.0, 600.0
_SECONDS_TO_FIRST_WORD, _SECONDS_BETWEEN_WORDS = 5.0, 30.0
_SECONDS_OF_SILENCE = 4.0  # from a scheduler that is asked every second


# --- addresses --------------------------------------------------------------------------------------------------------


def scheme_of(address: str) -> str:
    """The scheme of a scheduler's address; ConfigError unless it is written SCHEME://HOST:PORT."""
    shown = f"--dask {printable(address)}"
    parts = _ADDRESS.fullmatch(address)
    if parts is None:
        hint = suggestion(address, ["local"])
        raise ConfigError(f"{shown}: found no address of a scheduler, expected local or tcp://HOST:PORT{hint}")
    scheme, host, port = parts.groups()
    if not _is_host(host):
        raise ConfigError(f"{shown}: found no name of a host in '{printable(host)}', expected such as tcp://HOST:PORT")
    if not 1 <= int(port) <= 65535:
        raise ConfigError(f"{shown}: found port {port}, expected one from 1 to 65535")
    return scheme


def _is_host(host: str) -> bool:
    try:
        return bool(host.removesuffix(".").encode("idna"))
    except UnicodeError:  # an empty label, or one that is too long
        return False


def refuse_unreachable(scheme: str, address: str) -> None:
    """ConfigError if Dask, as it is installed and configured, cannot reach a scheduler by this scheme."""
    from distributed.comm.registry import get_backend  # noqa: PLC0415 - an extra

    shown, expected = f"--dask {printable(address)}", f"expected one of {', '.join(SCHEMES)}"
    if scheme == "inproc":
        raise ConfigError(f"{shown}: found 'inproc', which reaches a scheduler in the same process only, {expected}")
    try:
        get_backend(scheme).get_connector()
    except ValueError:
        raise ConfigError(f"{shown}: found scheme '{scheme}', {expected}{suggestion(scheme, SCHEMES)}") from None
    except Exception as error:  # Dask raises a TypeError for ucx without its library
        raise ConfigError(f"{shown}: found '{scheme}' without the library that it needs, {expected}") from error
    if scheme in _ENCRYPTED and not _has_certificates(shown):
        needs = "tls.ca-file, tls.client.cert and tls.client.key under distributed.comm in Dask's configuration"
        raise ConfigError(f"{shown}: found no certificates for {scheme}, expected {needs}")


def _has_certificates(shown: str) -> bool:
    from distributed.security import Security  # noqa: PLC0415 - an extra

    try:
        return Security().get_connection_args("client")["ssl_context"] is not None
    except Exception as error:  # a file that is missing, or is no certificate
        raise ConfigError(f"{shown}: cannot use the certificates of Dask's configuration: {told(error)}") from error


# --- waiting ----------------------------------------------------------------------------------------------------------


def in_thread(function: Callable[[], T]) -> concurrent.futures.Future[T]:
    """The future result of a function in a thread that does not keep the process from ending."""
    future = concurrent.futures.Future[T]()

    def run() -> None:
        try:
            future.set_result(function())
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is asked for
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


class Patience:
    """How long a scheduler or a worker may be missing: `limits` has the seconds of each.

    It is said after some seconds and then every half minute, unless the wait is over soon anyway. Waits that were said
    are numbered: a command prints no warning twice, and one of an earlier wait would be the same.
    """

    def __init__(self, address: str, say: Callable[[str], None], limit: float | None = None) -> None:
        self.address, self.say, self.said_at, self.wait = printable(address), say, -float("inf"), 1
        self.advice = "--dask-timeout waits longer"
        self.limits = {SILENT: limit or _SECONDS_TO_ANSWER, IDLE: limit or _SECONDS_FOR_A_WORKER}

    def begin_work(self) -> None:
        """From now on there is something to lose: a scheduler is waited for as long as a worker is."""
        self.limits[SILENT] = self.limits[IDLE]
        self.advice = ""  # the comparison says how to go on

    def look(self, missing: tuple[str, float] | None) -> None:
        """Note what is missing and since when, if anything; StorageError at its limit."""
        if missing is None:
            self.wait += self.said_at > -float("inf")
            self.said_at = -float("inf")
            return
        what, since = missing
        now = time.monotonic()
        waited, limit = now - since, self.limits[what]
        if waited >= limit:
            raise self.exhausted(what, waited)
        is_due = waited >= _SECONDS_TO_FIRST_WORD and now - self.said_at >= _SECONDS_BETWEEN_WORDS
        if is_due and limit - waited > _SECONDS_TO_FIRST_WORD:
            self.said_at = now
            self.say(f"{self._sentence(what, waited)}; waiting up to {limit:.0f} s")

    def until(self, future: concurrent.futures.Future[T], what: str) -> T:
        """The result of a future, for which `what` is missing until then."""
        since = time.monotonic()
        while not future.done():
            concurrent.futures.wait([future], timeout=0.1)
            if not future.done():
                self.look((what, since))
        self.look(None)
        return future.result()

    def exhausted(self, what: str, waited: float) -> StorageError:
        """The error that ends the command."""
        return StorageError("; ".join(filter(None, [self._sentence(what, waited), self.advice])))

    def _sentence(self, what: str, waited: float) -> str:
        number = f" (wait {self.wait})" if self.wait > 1 else ""
        remedy = _REMEDIES[what].format(address=self.address)
        return f"--dask {self.address}: {what} within {waited:.0f} s{number}: {remedy}"


class Pulse:
    """What the scheduler says of its workers, asked once a second in a thread; `threads` is how many they have."""

    def __init__(self, client: Client) -> None:
        self.client, self.threads = client, 0
        self.answered_at = self.idle_since = time.monotonic()
        self.stopped = threading.Event()
        threading.Thread(target=self._ask, daemon=True).start()

    def _ask(self) -> None:
        while not self.stopped.is_set():
            with contextlib.suppress(Exception):  # it is gone, or this client is closed: `missing` tells
                self.threads = int(sum(self.client.nthreads().values()))
                self.answered_at = time.monotonic()
                self.idle_since = self.idle_since if not self.threads else self.answered_at
            self.stopped.wait(1.0)

    def missing(self) -> tuple[str, float] | None:
        """What is missing at present, and since when."""
        if time.monotonic() - self.answered_at > _SECONDS_OF_SILENCE:
            return SILENT, self.answered_at
        return None if self.threads else (IDLE, self.idle_since)

    def stop(self) -> None:
        """Ask no more."""
        self.stopped.set()
