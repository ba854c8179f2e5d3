"""How a command ends: its result on stdout, its errors on stderr, its exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from nnlab.errors import InputError, NnlabError, StorageError, printable


@contextmanager
def exit_codes(*, debug: bool) -> Iterator[None]:
    """Turn nnlab's errors into lines on stderr and an exit code; `--debug` shows where they came from."""
    try:
        yield
    except NnlabError as error:
        if debug:
            raise
        # A fault of a formula has lines of its own: the formula, and a caret under the place.
        lines = (
            [line for fault in error.faults for line in str(fault).split("\n")]
            if isinstance(error, InputError)
            else [str(error)]
        )
        for line in lines:
            complain(line)
        raise typer.Exit(error.exit_code) from None
    except KeyboardInterrupt:
        complain("interrupted")
        raise typer.Exit(130) from None
    except MemoryError:
        complain("found too little memory for this experiment, expected a smaller network, batch or data set")
        raise typer.Exit(2) from None


def complain(line: str) -> None:
    """A line on stderr, whatever its encoding."""
    encoding = sys.stderr.encoding or "ascii"
    print(printable(line).encode(encoding, "backslashreplace").decode(encoding), file=sys.stderr)  # noqa: T201


def result(text: str) -> None:
    """The result, on stdout, whatever its encoding; flushed so that a closed pipe is noticed here."""
    encoding = sys.stdout.encoding or "ascii"
    try:
        print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)  # noqa: T201
    except OSError as error:
        # Point stdout elsewhere, or Python complains again while it shuts down.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):  # that one only means that whoever read has gone
            raise StorageError(f"stdout: cannot write: {error.strerror}") from error
