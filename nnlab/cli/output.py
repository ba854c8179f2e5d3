"""How a command ends: its result on stdout, its errors on stderr, its exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO, cast

import typer

from nnlab.errors import GateError, InputError, NnlabError, StorageError, printable


@contextmanager
def exit_codes(*, debug: bool) -> Iterator[None]:
    """Turn nnlab's errors into lines on stderr and an exit code; `--debug` shows where they came from."""
    with _lasting_stderr():
        try:
            yield
        except NnlabError as error:
            if debug:
                raise
            for line in _lines(error):
                complain(line)
            raise typer.Exit(error.exit_code) from None
        except KeyboardInterrupt:
            complain("interrupted")
            raise typer.Exit(130) from None
        except MemoryError:
            complain("found too little memory for this experiment, expected a smaller network, batch or data set")
            raise typer.Exit(2) from None


class _Lasting:
    """A stderr that outlives its reader: what can no longer be written is dropped, and the command goes on."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write, or let it be."""
        with self._dropped():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush, or let it be."""
        with self._dropped():
            self._stream.flush()

    @contextmanager
    def _dropped(self) -> Iterator[None]:
        try:
            yield
        except OSError:  # the reader of a pipe has gone, or a disk is full
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())


@contextmanager
def _lasting_stderr() -> Iterator[None]:
    """Notes and progress are worth less than what they tell of: to write them never fails."""
    before = sys.stderr
    if before is not None:  # as it is where a command was started with `2>&-`
        sys.stderr = cast("TextIO", _Lasting(before))
    try:
        yield
    finally:
        sys.stderr = before


def _lines(error: NnlabError) -> list[str]:
    """A line for each fault and each gate; one of a formula has more: the formula, and a caret under the place."""
    if isinstance(error, InputError):
        return [line for fault in error.faults for line in str(fault).split("\n")]
    return str(error).split("\n") if isinstance(error, GateError) else [str(error)]


def complain(line: str) -> None:
    """A line on stderr, whatever its encoding."""
    encoding = sys.stderr.encoding or "ascii"
    with suppress(OSError):  # a terminal that has gone away, as at SIGHUP, must not change the exit code
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


def as_text(document: Any) -> str:
    """A document as JSON."""
    import json

    return json.dumps(document, indent=2, ensure_ascii=True, allow_nan=False)


def command_line() -> list[str]:
    """The command that is running, as it can be typed again."""
    return ["nnlab", *sys.argv[1:]]
