"""Signals: which ones end the command, and how child processes are protected from those of the terminal.

It imports next to nothing: the command line installs its handlers before anything else is loaded.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator


class Signalled(BaseException):
    """Raised by the handler of a signal. Whoever catches what a user's code raises lets it pass; see `is_signal`."""


ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# A terminal sends these to every process of the command; only the main process should act on them.
_OF_A_TERMINAL = (signal.SIGINT, signal.SIGHUP)


def heard() -> list[signal.Signals]:
    """The signals that end the command, without those that the parent ignores, as a shell does for `&`."""
    return [number for number in ENDING if signal.getsignal(number) is not signal.SIG_IGN]


def is_signal(error: BaseException) -> bool:
    """Whether a signal caused an exception; a KeyboardInterrupt may also come from the code of a user."""
    python_raises = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    return isinstance(error, Signalled) or (isinstance(error, KeyboardInterrupt) and python_raises)


@contextlib.contextmanager
def children_spared_terminal_signals() -> Iterator[None]:
    """Block the signals of a terminal in processes that are started within the block or later by its threads.

    Signals for this process are delivered at the end of the block.
    """
    from multiprocessing import resource_tracker  # noqa: PLC0415 - see above

    resource_tracker.ensure_running()  # otherwise the first child starts it, and unblocks SIGINT
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _OF_A_TERMINAL)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def ignore_terminal_signals() -> None:
    """In a child process: ignore the signals of a terminal, including those that arrived while blocked."""
    for number in _OF_A_TERMINAL:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _OF_A_TERMINAL)


_PR_SET_PDEATHSIG = 1  # see prctl(2)


def end_with(parent: int) -> None:
    """In a child process on Linux: be killed as soon as `parent`, its parent, has ended, even if that was killed."""
    import ctypes  # noqa: PLC0415 - see above

    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it had ended before
        os._exit(1)
