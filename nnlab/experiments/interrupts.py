"""Signals during a training: the first asks it to stop after the present update, a second Ctrl-C leaves at once."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from nnlab.errors import InterruptedRunError

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stop:
    """Whether, and by which signal, the training was asked to stop."""

    def __init__(self) -> None:
        self.number: int | None = None

    def __call__(self) -> bool:
        """Whether a stop was asked for."""
        return self.number is not None

    def receive(self, number: int, _frame: FrameType | None) -> None:
        """Note the signal; a second Ctrl-C interrupts wherever the program is."""
        if self.number is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.number = number

    def error(self, where: str) -> InterruptedRunError:
        """The error that ends the command with the exit code of its signal."""
        assert self.number is not None
        return InterruptedRunError(f"stopped by {signal.Signals(self.number).name}: {where}", 128 + self.number)


@contextlib.contextmanager
def stopping() -> Iterator[Stop]:
    """Listen for signals. One that the parent ignores, as a shell does for `&`, stays ignored."""
    stop, before = Stop(), {}
    if threading.current_thread() is threading.main_thread():
        for number in SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, stop.receive)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
