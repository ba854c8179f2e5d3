"""Which exceptions are due to a limit of the system: open files, memory, threads, processes."""

import errno
import os

import pytest

from nnlab.limits import limit_reached

FILES, MEMORY = os.strerror(errno.EMFILE), os.strerror(errno.ENOMEM)


def caused(error, cause):
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "found"),
    [
        (OSError(errno.EMFILE, FILES, "a.py"), FILES),
        (ImportError(f"libz.so: cannot open shared object file: {FILES}"), FILES),
        (ImportError(f"libz.so: failed to map segment: {MEMORY}"), MEMORY),
        (caused(ImportError("NumPy cannot be loaded"), OSError(errno.EMFILE, FILES)), FILES),
        (caused(KeyError("a"), caused(KeyError("b"), OSError(errno.EMFILE, FILES))), FILES),
        (MemoryError(), MEMORY),
        (BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN)), os.strerror(errno.EAGAIN)),
        (RuntimeError("can't start new thread"), "can't start new thread"),
        (RuntimeError("a bug"), None),
        (OSError(errno.ENOENT, os.strerror(errno.ENOENT)), None),
        (OSError("without a number"), None),
        (ImportError("no module named x"), None),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_limit_is_found_in_an_exception_or_in_what_caused_it(error, found):
    assert limit_reached(error) == found
