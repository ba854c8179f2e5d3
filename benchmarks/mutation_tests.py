"""Run test files again and again in the checkout around it, each time in a fresh copy of this process.

    python mutation_tests.py FILE …

It loads what never changes, the packages that nnlab and its tests use, then waits. A line on stdin says for how many
seconds at most; the answer on stdout is 0 where all tests passed, and anything else where one failed or time was up.
mutation.py starts it in each copy of the checkout: most of what a run of tests takes is loading these packages.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from pathlib import Path

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


def run(files: list[str], seconds: int) -> int:
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
            code = int(pytest.main([*OPTIONS, *files]))
        finally:
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)  # what the tests had started, where time was up
    return status


if __name__ == "__main__":
    answers = os.fdopen(os.dup(1), "w")
    sys.path[0] = str(Path.cwd())
    for line in sys.stdin:
        print(run(sys.argv[1:], int(line)), file=answers, flush=True)
