"""Signals: during a training the first asks it to stop between two updates, elsewhere it ends the command at once."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

from nnlab.errors import InterruptedRunError
from nnlab.signals import heard


class _Leaving(BaseException):
    """A signal came that is not waited for: nothing but `leaving` is to catch it."""


class Stop:
    """Whether, and by which signal, the command was asked to stop. A patient one waits to be asked what came."""

    def __init__(self, *, patient: bool = True) -> None:
        self.number: int | None = None
        self.patient = patient

    def __call__(self) -> bool:
        """Whether a stop was asked for."""
        return self.number is not None

    def receive(self, number: int, _frame: FrameType | None) -> None:
        """Note the signal; a second Ctrl-C interrupts wherever the program is."""
        is_first = self.number is None
        self.number = number
        if not self.patient:
            raise _Leaving
        if number == signal.SIGINT and not is_first:
            raise KeyboardInterrupt

    def error(self, where: str) -> InterruptedRunError:
        """The error that ends the command with the exit code of its signal."""
        assert self.number is not None
        return InterruptedRunError(f"stopped by {signal.Signals(self.number).name}: {where}", 128 + self.number)


@contextlib.contextmanager
def stopping() -> Iterator[Stop]:
    """Listen for signals; whoever trains asks between two updates whether there was one."""
    stop = Stop()
    with _listening(stop):
        yield stop


@contextlib.contextmanager
def leaving(where: Callable[[], str]) -> Iterator[None]:
    """Leave at once at a signal, with its exit code and a line that says `where` that leaves things."""
    stop = Stop(patient=False)
    try:
        with _listening(stop):
            yield
    except _Leaving:
        raise stop.error(where()) from None


@contextlib.contextmanager
def _listening(stop: Stop) -> Iterator[None]:
    """Hand the signals that are heard to `stop`."""
    before = {}
    try:
        if threading.current_thread() is threading.main_thread():
            for number in heard():
                before[number] = signal.signal(number, stop.receive)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def is_pause(error: BaseException) -> bool:
    """Whether work ended for a signal, not for a fault."""
    return isinstance(error, InterruptedRunError) or not isinstance(error, Exception)
