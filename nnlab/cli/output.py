"""The end of a command: result on stdout, errors on stderr, exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO, cast

import typer

from nnlab.errors import GateError, InputError, NnlabError, StorageError, printable
from nnlab.limits import with_cure


@contextmanager
def exit_codes(*, debug: bool) -> Iterator[None]:
    """Turn nnlab's errors into lines on stderr and an exit code; `--debug` shows their traceback."""
    with _lasting_stderr():
        try:
            yield
        except NnlabError as error:
            for line in [*(_traceback(error) if debug else ()), *_lines(error)]:
                complain(line)
            raise typer.Exit(error.exit_code) from None
        except KeyboardInterrupt:
            complain("interrupted")
            raise typer.Exit(130) from None
        except MemoryError:
            complain("found too little memory for this experiment, expected a smaller network, batch or data set")
            raise typer.Exit(2) from None


class _Lasting:
    """A wrapper of stderr that drops output which cannot be written, so that the command goes on."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write, or drop the text if that fails."""
        with self._dropped():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush, or ignore that it fails."""
        with self._dropped():
            self._stream.flush()

    @contextmanager
    def _dropped(self) -> Iterator[None]:
        try:
            yield
        except OSError:  # the pipe is closed, or the disk is full
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())


@contextmanager
def _lasting_stderr() -> Iterator[None]:
    """Context in which writing to stderr never fails: a training must not end for a progress line."""
    before = sys.stderr
    if before is not None:  # None if the command was started with `2>&-`
        sys.stderr = cast("TextIO", _Lasting(before))
    try:
        yield
    finally:
        sys.stderr = before


def _lines(error: NnlabError) -> list[str]:
    """The lines of a message: one for each fault and gate; with the formula and a caret for faults in formulas."""
    if isinstance(error, InputError):
        return [line for fault in error.faults for line in str(fault).split("\n")]
    return str(error).split("\n") if isinstance(error, GateError) else [str(error)]


def _traceback(error: BaseException) -> list[str]:
    """The lines of a traceback, with all causes."""
    import traceback

    return "".join(traceback.format_exception(error)).splitlines()


def complain(line: str) -> None:
    """Print a line on stderr, escaping characters that its encoding lacks."""
    encoding = sys.stderr.encoding or "ascii"
    with suppress(OSError):  # a closed terminal, as at SIGHUP, must not change the exit code
        text = printable(with_cure(line))
        print(text.encode(encoding, "backslashreplace").decode(encoding), file=sys.stderr)  # noqa: T201


def result(text: str) -> None:
    """Print the result on stdout, escaping characters that its encoding lacks; flush to detect a closed pipe.

    On a terminal, unprintable characters are escaped as well; a script needs the path of a run as it is.
    """
    encoding = sys.stdout.encoding or "ascii"
    text = "\n".join(map(printable, text.split("\n"))) if sys.stdout.isatty() else text
    try:
        print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)  # noqa: T201
    except BrokenPipeError:  # it only means that the reader has closed the pipe
        _give_up_stdout()
    except OSError as error:
        raise unwritten(error) from error


def written(path: Path) -> None:
    """Print the path of what was written; on stderr where that went to stdout itself."""
    from nnlab.storage.outputs import is_stdout

    (complain if is_stdout(path) else result)(str(path))


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """The rows with columns below each other."""
    cells = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        yield "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()


def unwritten(error: OSError) -> StorageError:
    """The error of a command that could not write to stdout, to which nothing more is then written."""
    _give_up_stdout()
    return StorageError(f"stdout: cannot write: {error.strerror}")


def _give_up_stdout() -> None:
    """Redirect stdout, or Python reports the error again at shutdown."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def as_text(document: Any) -> str:
    """A document as JSON."""
    import json

    return json.dumps(document, indent=2, ensure_ascii=True, allow_nan=False)


def command_line() -> list[str]:
    """The words of the current command, as they can be typed again."""
    return ["nnlab", *sys.argv[1:]]
