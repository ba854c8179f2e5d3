"""The lock file of a run: only one process works on it, and the lock ends with that process, even if killed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from pathlib import Path

from nnlab.errors import CheckpointError, printable
from nnlab.storage.files import open_plain

# A child inherits the lock until it executes its program, so it may hold it for a moment after its parent was killed.
_AFTERLIFE = 2.0  # seconds


def take_lock(path: Path) -> int:
    """An open descriptor of the lock file, which contains this process's number."""
    deadline = time.monotonic() + _AFTERLIFE
    while True:
        descriptor = open_plain(path, os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_still(path, descriptor):  # the previous holder may have removed the file meanwhile
                os.ftruncate(descriptor, 0)
                os.write(descriptor, f"{os.getpid()}\n".encode())
                return descriptor
        except BlockingIOError as error:
            holder = os.pread(descriptor, 20, 0).decode(errors="replace").strip()
            if not _is_gone(holder) or time.monotonic() > deadline:
                os.close(descriptor)
                raise CheckpointError(f"{printable(str(path.parent))}: locked by pid {holder or 'unknown'}") from error
            time.sleep(0.01)
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def is_locked(path: Path) -> bool:
    """Whether a process holds this lock file. One that nobody holds is not taken, so that no other is refused it."""
    try:
        descriptor = open_plain(path, os.O_RDONLY)
    except (OSError, CheckpointError):
        return False
    try:
        if _is_gone(os.pread(descriptor, 20, 0).decode(errors="replace").strip()):
            return False
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _is_gone(holder: str) -> bool:
    """Whether no process has this number any more."""
    try:
        os.kill(int(holder), 0)
    except ProcessLookupError:
        return True
    except (ValueError, OverflowError, PermissionError):
        pass
    return False


def _is_still(path: Path, descriptor: int) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(path.lstat(), os.fstat(descriptor))
    return False


def present_status(recorded: str, lock: Path) -> str:
    """A status of run.json as it is now: a run that says it runs, and whose lock nobody holds, was killed."""
    return "killed" if recorded == "running" and not is_locked(lock) else recorded
