"""The progress of trainings in a notebook: one line that is replaced, at most twice a second."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from nnlab import api
from nnlab.experiments.train import Progress
from nnlab.report.page import escaped

_SECONDS_BETWEEN = 0.5


def watcher() -> api.Watcher:
    """What shows the progress: a line in a notebook, nothing elsewhere."""
    shell = _notebook()
    return api.NOBODY if shell is None else NotebookWatcher()


def _notebook() -> Any:
    """The shell of a notebook's kernel; None outside of one. IPython is not loaded for that."""
    loaded = sys.modules.get("IPython")
    shell = None if loaded is None else loaded.get_ipython()
    return shell if shell is not None and hasattr(shell, "kernel") else None


class NotebookWatcher:
    """Shows progress in the output of a cell; warnings are in the result, which shows them itself."""

    @contextmanager
    def progress(self, what: str, /) -> Iterator[Callable[[Progress], None]]:
        """Context with a callback that shows the progress of the training `what`."""
        with _line() as line:
            yield lambda progress: line.show(_words(what, progress))

    @contextmanager
    def arms(self) -> Iterator[Callable[[str, Progress], None]]:
        """Context with a callback that shows the progress of several trainings."""
        with _line() as line:
            yield lambda label, progress: line.show(_words_of_arms(label, progress))

    def warn(self, text: str) -> None:
        """Warnings are in the result."""

    def tell(self, text: str) -> None:
        """Notes are in the run folder."""

    def live_page(self, path: Path) -> None:
        """The page is in the run folder."""


class NotebookLine:
    """A line in the output of a cell."""

    def __init__(self) -> None:
        self._handle: Any = None
        self._next = 0.0

    def show(self, text: str) -> None:
        """Show a text in place of the last one, unless that has been there for too short a time."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _SECONDS_BETWEEN
            self._put(text)

    def clear(self) -> None:
        """Take the line away, since the result says how it ended."""
        if self._handle is not None:
            self._put("")

    def _put(self, text: str) -> None:
        ipython: Any = import_module("IPython.display")  # there is one in a notebook only

        shown = ipython.HTML(f"<code>{escaped(text)}</code>" if text else "")
        if self._handle is None:
            self._handle = ipython.display(shown, display_id=True)
        else:
            self._handle.update(shown)


@contextmanager
def _line() -> Iterator[NotebookLine]:
    line = NotebookLine()
    try:
        yield line
    finally:
        line.clear()


def _words(what: str, progress: Progress) -> str:
    figures = ", ".join(f"{name} {value:.4g}" for name, value in list(progress.figures.items())[:2])
    return f"{what}: step {progress.step:,} of {progress.steps:,}{', ' if figures else ''}{figures}"


def _words_of_arms(label: str, progress: Progress) -> str:
    whole = progress.whole
    if whole is None:
        return _words(label, progress)
    return f"{_words(label, progress)}; arm {whole.arm} of {whole.arms}, {whole.share:.0%} of all"
