"""The command line's beginning: what listens for signals while everything else is still to be loaded.

`python -m nnlab` is `nnlab`.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
from types import FrameType

from nnlab.signals import heard

# More than a run with its pictures makes. At Python's 700, a tenth of a short command goes into looking for rubbish.
_NEW_OBJECTS = 300_000


class Stopped(BaseException):
    """A signal came, and nothing but `main` is to catch it.

    Typer and the reader of plugins make something else of KeyboardInterrupt and SystemExit, and Python ends by SIGINT
    itself once a KeyboardInterrupt has left an import.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = 128 + number


def main() -> None:
    """Run the command line. A signal ends it with its exit code and a line, whenever it comes."""
    gc.set_threshold(_NEW_OBJECTS)
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # it would look for some in every installed package
    listened = heard()
    for number in listened:
        signal.signal(number, _end)
    sys.unraisablehook = _end_at_last
    try:
        from nnlab.cli.app import main as command_line  # noqa: PLC0415 - loaded where signals are listened to

        command_line()
    except Stopped as stopped:
        sys.exit(stopped.exit_code)
    finally:
        for number in listened:
            signal.signal(number, signal.SIG_DFL)  # while Python shuts down, nobody could catch what `_end` raises
        gc.freeze()  # lest Python, as its last act, look for rubbish: a sixth of the time of a short command


def _end(number: int, _frame: FrameType | None) -> None:
    """Say which signal it was, and leave."""
    with contextlib.suppress(OSError):  # a terminal that has gone away, as at SIGHUP
        os.write(2, f"stopped by {signal.Signals(number).name}\n".encode())
    raise Stopped(number)


def _end_at_last(lost: sys.UnraisableHookArgs) -> None:
    """Leave even where Python would go on, as in the callbacks of its imports."""
    if isinstance(lost.exc_value, Stopped):
        os._exit(lost.exc_value.exit_code)
    sys.__unraisablehook__(lost)


if __name__ == "__main__":
    main()
