"""Signals: during training the first one requests a stop between two updates; elsewhere it ends the command at once."""

from __future__ import annotations

import contextlib
import math
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from types import FrameType
from typing import Any

from nnlab.errors import InterruptedRunError, StorageError
from nnlab.signals import Signalled, heard
from nnlab.storage.run import Status

_SECONDS_TO_TRY_AGAIN = 0.05
_SECONDS_TO_DRAW = 1.4  # of the two within which a command ends after a signal
_SECONDS_TO_LOG = 10.0  # if loggers are asked for, to which a run goes when all else is done
# `timeout` sends its signal twice at nearly the same time: to the command, and to its process group.
_SECONDS_OF_ONE_SIGNAL = 0.5


class _Leaving(Signalled):
    """Raised at a signal within `leaving`, which alone catches it."""


class _Impatient(Signalled, KeyboardInterrupt):
    """A second Ctrl-C."""


class Stop:
    """Whether a signal requested a stop, and which. Unless `patient`, a signal raises an exception at once."""

    def __init__(self, *, patient: bool = True) -> None:
        self.number: int | None = None
        self.time = 0.0
        self.patient = patient

    def __call__(self) -> bool:
        """Whether a stop was requested."""
        return self.number is not None

    def receive(self, number: int, _frame: FrameType | None) -> None:
        """Signal handler: record the signal; a second Ctrl-C, half a second later, raises KeyboardInterrupt."""
        before, now = self.number, time.monotonic()
        self.number = number
        if before is None:
            self.time = now
        if not self.patient:
            raise _Leaving
        if number == signal.SIGINT and now - self.time > _SECONDS_OF_ONE_SIGNAL:
            raise _Impatient

    @contextlib.contextmanager
    def at_once(self, where: Callable[[], str]) -> Iterator[None]:
        """Context that a signal, even one from before, ends at once with `error(where())`."""
        if not self():
            with contextlib.suppress(_Leaving), self._impatient():
                yield
        if self():
            raise self.error(where())

    @contextlib.contextmanager
    def _impatient(self) -> Iterator[None]:
        self.patient = False
        try:
            yield
        finally:
            self.patient = True

    def seconds_to_draw(self) -> float:
        """How long pictures may still take: after a signal not long, for the command is to end; else without limit."""
        return self._seconds_left(_SECONDS_TO_DRAW)

    def seconds_to_log(self) -> float:
        """How long loggers may still take: after a signal ten seconds, for the run is complete; else without limit."""
        return self._seconds_left(_SECONDS_TO_LOG)

    def _seconds_left(self, most: float) -> float:
        """What is left of so many seconds since the signal."""
        return max(1e-3, most - (time.monotonic() - self.time)) if self() else math.inf

    def error(self, where: str) -> InterruptedRunError:
        """The error that ends the command with the exit code of its signal."""
        assert self.number is not None
        return InterruptedRunError(f"stopped by {signal.Signals(self.number).name}: {where}", 128 + self.number)


@contextlib.contextmanager
def stopping() -> Iterator[Stop]:
    """Context in which signals are recorded; training loops poll the `Stop` between two updates."""
    stop = Stop()
    with _listening(stop):
        yield stop


@contextlib.contextmanager
def leaving(where: Callable[[], str]) -> Iterator[Stop]:
    """Context that a signal ends at once, with its exit code and a message that ends in `where()`."""
    stop = Stop(patient=False)
    try:
        with _listening(stop):
            yield stop
    except _Leaving:
        raise stop.error(where()) from None
    if stop():  # its exception was lost
        raise stop.error(where())


@contextlib.contextmanager
def briefly(seconds: float) -> Iterator[None]:
    """Context that is left without an error at a signal, or after `seconds`: for what is left out if it takes long."""
    with contextlib.suppress(_Leaving), _listening(Stop(patient=False)), _alarm(seconds):
        yield


@contextlib.contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    """Context that is left after so many seconds; an alarm of the caller's goes off no earlier than it would."""
    if seconds == math.inf or threading.current_thread() is not threading.main_thread():
        yield
        return
    handler, begun = signal.signal(signal.SIGALRM, Stop(patient=False).receive), time.monotonic()
    # It repeats: an exception raised within a callback of the interpreter is lost.
    before, interval = signal.setitimer(signal.ITIMER_REAL, seconds, _SECONDS_TO_TRY_AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if before:
            signal.setitimer(signal.ITIMER_REAL, max(1e-3, before - (time.monotonic() - begun)), interval)


@contextlib.contextmanager
def _listening(stop: Stop) -> Iterator[None]:
    """Context in which `stop` handles the signals."""
    before, unraisable = {}, sys.unraisablehook
    try:
        sys.unraisablehook = partial(_unless_signalled, unraisable)
        if threading.current_thread() is threading.main_thread():
            for number in heard():
                before[number] = signal.signal(number, stop.receive)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        sys.unraisablehook = unraisable


def _unless_signalled(report: Callable[[Any], object], lost: Any) -> None:
    """Report what was raised where nobody can catch it, as in a callback of a weak reference, unless by a signal."""
    if not isinstance(lost.exc_value, Signalled):
        report(lost)


def is_pause(error: BaseException) -> bool:
    """Whether an exception is due to a signal, not to a fault."""
    return isinstance(error, InterruptedRunError) or not isinstance(error, Exception)


def break_off(error: BaseException, end: Callable[[Status], None], report: Callable[[Status], None]) -> None:
    """Record by `end` that a run was interrupted or has failed, and `report` it; neither may replace the error."""
    status: Status = "interrupted" if is_pause(error) else "failed"
    with contextlib.suppress(StorageError):
        end(status)
    if isinstance(error, Exception):  # others, such as a second Ctrl-C, end the command at once
        with contextlib.suppress(Exception):
            report(status)
