"""The entry point of the command line; it handles signals even while everything else is still being imported.

`python -m nnlab` is the same as `nnlab`.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
from types import FrameType

from nnlab.limits import limit_reached, with_cure
from nnlab.signals import Signalled, heard

# More objects than a run with its plots allocates. At Python's 700, a short command spends a tenth of its time in gc.
_NEW_OBJECTS = 300_000


class Stopped(Signalled):
    """A signal arrived; only `main` may catch this.

    KeyboardInterrupt and SystemExit would not do: Typer and the plugin loader convert them, and Python itself dies of
    SIGINT once a KeyboardInterrupt has escaped from an import.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = 128 + number


def main() -> None:
    """Run the command line. A signal ends it with its exit code and one line, at any time."""
    gc.set_threshold(_NEW_OBJECTS)
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # it would search every installed package for plugins
    listened = heard()
    for number in listened:
        signal.signal(number, _end)
    sys.unraisablehook = _end_at_last
    try:
        from nnlab.cli.app import main as command_line  # noqa: PLC0415 - imported after the handlers are installed

        command_line()
    except Stopped as stopped:
        sys.exit(stopped.exit_code)
    except Exception as error:
        _end_at_a_limit(error)
        raise
    finally:
        for number in listened:
            signal.signal(number, signal.SIG_DFL)  # nothing catches what `_end` raises during Python's shutdown
        gc.freeze()  # skips a last collection, which takes a sixth of the time of a short command


def _end(number: int, frame: FrameType | None) -> None:
    """Print which signal arrived, and raise Stopped; exit at once where a module is being loaded."""
    with contextlib.suppress(OSError):  # the terminal is gone, as after SIGHUP
        os.write(2, f"stopped by {signal.Signals(number).name}\n".encode())
    if _is_loading(frame):
        os._exit(128 + number)
    raise Stopped(number)


def _is_loading(frame: FrameType | None) -> bool:
    """Whether a module is being loaded: what is raised there may be swallowed by Python, or turned into another error.

    Python swallows what is raised while it writes byte code; pydantic turns what is raised in a class that it builds.
    """
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _end_at_a_limit(error: Exception) -> None:
    """Exit with one line if the system had no more files, memory, threads or processes, even for loading a module."""
    reason = limit_reached(error)
    if reason is not None and "--debug" not in sys.argv:
        with contextlib.suppress(OSError):
            os.write(2, with_cure(f"nnlab: the system gives no more to this process: {reason}").encode() + b"\n")
        sys.exit(5)


def _end_at_last(lost: sys.UnraisableHookArgs) -> None:
    """Exit where Python would swallow the exception, as in import callbacks."""
    if isinstance(lost.exc_value, Stopped):
        os._exit(lost.exc_value.exit_code)
    sys.__unraisablehook__(lost)


if __name__ == "__main__":
    main()
