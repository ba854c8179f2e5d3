"""Signals: which of them end the command, and how a process that it starts is kept from acting on those of a terminal.

It loads next to nothing: the command line listens before anything else is there.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# A terminal sends these to every process; only the one that a person started is to act on them.
_OF_A_TERMINAL = (signal.SIGINT, signal.SIGHUP)


def heard() -> list[signal.Signals]:
    """Those that end the command and that the parent does not ignore, as a shell does for `&`: those stay ignored."""
    return [number for number in ENDING if signal.getsignal(number) is not signal.SIG_IGN]


@contextlib.contextmanager
def children_spared_terminal_signals() -> Iterator[None]:
    """Processes that begin within it, and those that its threads begin later, have the signals of a terminal blocked.

    What comes for this process meanwhile waits for the end of the block.
    """
    from multiprocessing import resource_tracker  # noqa: PLC0415 - see above

    resource_tracker.ensure_running()  # else the first start does, and unblocks SIGINT
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _OF_A_TERMINAL)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def ignore_terminal_signals() -> None:
    """In such a process: ignore the signals of a terminal from now on, also those that came while they were blocked."""
    for number in _OF_A_TERMINAL:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _OF_A_TERMINAL)
