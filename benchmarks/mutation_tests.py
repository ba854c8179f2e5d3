"""Run test files again and again in the checkout around it, each time in a fresh copy of this process.

    python -P mutation_tests.py FILE …

It loads what never changes, the packages that nnlab and its tests use, then waits. A line on stdin says for how many
seconds at most, and which lines of which module have changed; the answer on stdout is 0 where all tests passed, and
anything else where one failed or time was up. The first run, of the code as it is, notes which tests come through which
lines: these go first where a line has changed, the quickest of them first, for one of them will fail, if any does.
mutation.py starts it in each copy of the checkout: most of what a run of tests takes is loading these packages.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import coverage
import hypothesis.extra.numpy
import matplotlib as mpl
import mpmath
import numpy as np
import pydantic
import pytest
import rich.console
import scipy.optimize
import scipy.special
import scipy.stats
import typer
import yaml

# Hypothesis is loaded already; that its assertions are not rewritten is worth a warning to pytest, but not here.
OPTIONS = ("-qx", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning")

LOADED = (hypothesis, mpl, mpmath, np, pydantic, pytest, rich, scipy, typer, yaml)


class Record:
    """A plugin of pytest: notes for each test how long it takes and which lines of nnlab it comes through."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.seconds: dict[str, float] = {}
        self.coverage = coverage.Coverage(data_file=None, config_file=False, source=["nnlab"])

    def pytest_sessionstart(self) -> None:
        """Watch from the first import on."""
        self.coverage.start()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Watch one test with its fixtures."""
        self.coverage.switch_context(item.nodeid)
        start = time.perf_counter()
        result = yield
        self.seconds[item.nodeid] = time.perf_counter() - start
        return result

    def pytest_sessionfinish(self) -> None:
        """Write, for each module, the tests of each line, and their seconds."""
        self.coverage.stop()
        data = self.coverage.get_data()
        lines = {os.path.relpath(file): data.contexts_by_lineno(file) for file in data.measured_files()}
        self.file.write_text(json.dumps({"lines": lines, "seconds": self.seconds}), encoding="utf-8")


class Order:
    """A plugin of pytest: runs the tests that come through some lines of a module first, the quickest of them first."""

    def __init__(self, record: Path, module: str, first: int, last: int) -> None:
        known = json.loads(record.read_text(encoding="utf-8"))
        of_module = known["lines"].get(module, {})
        through = {test for line in range(first, last + 1) for test in of_module.get(str(line), ())}
        self.seconds = {test: known["seconds"][test] for test in through & known["seconds"].keys()}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Sort; the others keep their order."""
        items.sort(key=lambda item: self.seconds.get(item.nodeid, float("inf")))


def run(files: list[str], seconds: int, plugin: Record | Order) -> int:
    """The exit status of the tests, as `waitpid` gives it."""
    pid = os.fork()
    if not pid:
        os.setpgid(0, 0)
        signal.alarm(seconds)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nowhere, stream)
        code = 1
        try:
            code = int(pytest.main([*OPTIONS, *files], plugins=[plugin]))
        finally:
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)  # what the tests had started, where time was up
    return status


def main() -> None:
    """Answer line by line."""
    answers = os.fdopen(os.dup(1), "w")
    sys.path.insert(0, str(Path.cwd()))
    with tempfile.TemporaryDirectory() as folder:
        record = Path(folder) / "record.json"
        for request in sys.stdin:
            seconds, *change = request.split()
            if change:
                module, first, last = change
                plugin: Record | Order = Order(record, module, int(first), int(last))
            else:
                plugin = Record(record)
            print(run(sys.argv[1:], int(seconds), plugin), file=answers, flush=True)


if __name__ == "__main__":
    main()
