"""Limits of the system that a command may run into: open files, memory, threads, processes.

It imports next to nothing, for it is needed where nothing more can be loaded.
"""

from __future__ import annotations

import errno
import os

_REACHED = tuple(map(os.strerror, (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN)))
_FILES = os.strerror(errno.EMFILE)
_NO_THREAD = "can't start new thread"  # a RuntimeError of Python, which has no number


def limit_reached(error: BaseException | None) -> str | None:
    """The limit that caused an exception, directly or through others, in the system's words; None if none did."""
    while error is not None:
        if (found := _limit_of(error)) is not None:
            return found
        error = error.__cause__ or error.__context__
    return None


def _limit_of(error: BaseException) -> str | None:
    if isinstance(error, MemoryError):
        return os.strerror(errno.ENOMEM)
    if isinstance(error, OSError):
        return error.strerror if error.strerror in _REACHED else None
    if isinstance(error, ImportError):  # a library that cannot be loaded; the system's words end the text
        return next((words for words in _REACHED if words in str(error)), None)
    return _NO_THREAD if isinstance(error, RuntimeError) and str(error) == _NO_THREAD else None


def with_cure(message: str) -> str:
    """A message for the terminal; behind one of too many open files, how to allow more in the shell."""
    return f"{message}; to allow more: ulimit -n 1024" if _FILES in message else message
