"""What the code of a plugin prints, or warns of: escaped lines on stderr, for stdout is for nnlab's own result.

While a plugin's code runs, `sys.stdout`, `sys.stderr` and `warnings.showwarning` are its own, and what goes to file
descriptor 1 itself, as from a process that it starts, is dropped. Nothing is replaced while nnlab's own code runs.
"""

from __future__ import annotations

import atexit
import io
import os
import sys
import threading
import warnings
from contextlib import suppress
from functools import cache
from typing import Any, TextIO

from nnlab.data.files import counted
from nnlab.errors import printable

_MOST_LINES, _LONGEST_LINE = 20, 500  # of a plugin in a process; characters


class PluginOutput:
    """Context of a plugin's code, whose output becomes lines on stderr that begin with the plugin's name.

    Within another one, which may be of another thread, nothing changes.
    """

    def __init__(self, name: str) -> None:
        self.name = printable(name)
        self.lines = _EscapedLines(self.name)
        self.stream = io.TextIOWrapper(self.lines, "utf-8", "backslashreplace", write_through=True)

    def __enter__(self) -> None:
        with _ASIDE.lock:
            _ASIDE.running += 1
            if _ASIDE.running == 1:
                _ASIDE.put(self)

    def __exit__(self, *_error: object) -> None:
        self.lines.end()
        with _ASIDE.lock:
            _ASIDE.running -= 1
            if _ASIDE.running == 0:
                _ASIDE.restore()

    def warn(
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,  # noqa: ARG002 - the names are those of `warnings.showwarning`
        lineno: int,  # noqa: ARG002
        file: TextIO | None = None,  # noqa: ARG002
        line: str | None = None,  # noqa: ARG002
    ) -> None:
        """What `warnings.showwarning` is to the plugin's code."""
        self.lines.end()
        self.stream.write(f"{category.__name__}: {message}\n")


class _EscapedLines(io.RawIOBase):
    """Shows lines on stderr, escaped; of those beyond 20 the number, when Python ends."""

    def __init__(self, name: str) -> None:
        self.name, self.count, self.unfinished = name, 0, b""

    def writable(self) -> bool:
        """Whether it can be written to, which a TextIOWrapper asks."""
        return True

    def write(self, data: Any) -> int:
        """Show each line that is complete."""
        *complete, self.unfinished = (self.unfinished + bytes(data)).split(b"\n")
        for line in complete:
            self._add(line)
        self.unfinished = self.unfinished[: 4 * _LONGEST_LINE]
        return len(data)

    def end(self) -> None:
        """Show a line that has no end: another one's output may come next."""
        if self.unfinished:
            self.write(b"\n")

    def _add(self, line: bytes) -> None:
        self.count += 1
        if self.count <= _MOST_LINES:
            text = printable(line[: 4 * _LONGEST_LINE].decode(errors="replace"))
            self._show(text if len(text) <= _LONGEST_LINE else f"{text[:_LONGEST_LINE]}…")
        elif self.count == _MOST_LINES + 1:
            atexit.register(self._show_hidden)

    def _show_hidden(self) -> None:
        self._show(f"{counted(self.count - _MOST_LINES, 'more line')} not shown")

    def _show(self, text: str) -> None:
        stderr = _ASIDE.stderr if _ASIDE.running else sys.stderr
        if stderr is not None:
            with suppress(OSError, ValueError):  # the terminal is gone
                stderr.write(f"{self.name}: {text}\n")


class _Aside:
    """The streams of nnlab's own code, put aside while that of a plugin runs.

    `running` counts the contexts that have begun and not ended, which may be in several threads of a Dask worker.
    """

    def __init__(self) -> None:
        self.lock, self.running = threading.Lock(), 0

    def put(self, output: PluginOutput) -> None:
        """Put the streams aside, and that of a plugin in their place."""
        self.stdout, self.stderr, self.showwarning = sys.stdout, sys.stderr, warnings.showwarning
        self.first_streams = sys.__stdout__, sys.__stderr__
        sys.stdout = sys.stderr = sys.__stdout__ = sys.__stderr__ = output.stream  # type: ignore[misc]
        warnings.showwarning = output.warn
        self.descriptor = _descriptor_1_diverted()

    def restore(self) -> None:
        """Put the streams back."""
        if self.descriptor is not None:
            os.dup2(self.descriptor, 1)
            os.close(self.descriptor)
        warnings.showwarning = self.showwarning
        sys.__stdout__, sys.__stderr__ = self.first_streams  # type: ignore[misc]
        sys.stdout, sys.stderr = self.stdout, self.stderr


_ASIDE = _Aside()


def _descriptor_1_diverted() -> int | None:
    """A copy of file descriptor 1, which then leads to nothing; None if it is closed, or if no copy can be made."""
    try:
        nowhere, before = _nowhere(), os.dup(1)
    except OSError:
        return None
    os.dup2(nowhere, 1)
    return before


@cache
def _nowhere() -> int:
    return os.open(os.devnull, os.O_WRONLY)
