"""The suite's property tests with fresh seeds and more examples, file by file: `benchmarks/fuzz.py --properties`.

In CI the tests draw the same examples every time; what those miss is found here, if at all. tests/conftest.py
multiplies the examples of every test, whatever its own settings say, by the environment variable NNLAB_EXAMPLES_TIMES.
"""

from __future__ import annotations

import math
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_NO_TESTS = 5  # pytest's exit code


@dataclass(frozen=True)
class Tried:
    """What pytest said of the property tests under a path: `findings` are the tests that failed.

    One that is not `done` ran out of time: nothing is known of it.
    """

    path: str
    seed: int
    times: int
    findings: tuple[str, ...]
    text: str
    seconds: float
    done: bool = True

    def __str__(self) -> str:
        last = self.text.rstrip().rpartition("\n")[2].strip("= ")
        return f"{self.path} --seed {self.seed}: {last or 'no output'}, {self.seconds:.0f} s"


def try_properties(rooms: Sequence[str], times: int, seed: int | None, minutes: float) -> int:
    """Try the property tests of these files, folders or tests, `minutes` at most each file; how many did not pass."""
    found, undone = 0, 0
    for path in [file for room in rooms for file in _files(room)]:
        tried = _try(path, times, random.SystemRandom().randrange(2**32) if seed is None else seed, minutes)
        if tried is not None:
            _show(tried)
            found, undone = found + len(tried.findings), undone + (not tried.done)
    print(f"findings: {found}" + (f", not done: {undone}" if undone else ""))
    return found + undone


def _files(room: str) -> list[str]:
    """The test files with property tests under a path; a path to one test is itself."""
    if not (ROOT / room).is_dir():
        return [room]
    files = sorted((ROOT / room).rglob("test_*.py"))
    return [str(file.relative_to(ROOT)) for file in files if "@given" in file.read_text(encoding="utf-8")]


def _try(path: str, times: int, seed: int, minutes: float) -> Tried | None:
    """None where the file has no property test."""
    environment = {key: value for key, value in os.environ.items() if key != "CI"}
    environment["NNLAB_EXAMPLES_TIMES"] = str(times)
    options = ["-q", "-rfE", "-m", "hypothesis", "-p", "no:cacheprovider", f"--hypothesis-seed={seed}"]
    limit = 60 * minutes if math.isfinite(minutes) else None
    command, begun = [sys.executable, "-m", "pytest", *options, path], time.monotonic()
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=limit, check=False
        )
    except subprocess.TimeoutExpired as error:
        text = error.stdout.decode(errors="replace") if isinstance(error.stdout, bytes) else error.stdout or ""
        text += f"\nnot done within {minutes:g} minutes"
        return Tried(path, seed, times, (), text, 60 * minutes, done=False)
    if done.returncode == _NO_TESTS:
        return None
    failed = re.findall(r"^(?:FAILED|ERROR) (\S+(?:\[.*?\])?)(?= - |$)", done.stdout, re.MULTILINE)
    findings = tuple(dict.fromkeys(failed)) or ((path,) if done.returncode else ())
    return Tried(path, seed, times, findings, done.stdout + done.stderr, time.monotonic() - begun)


def _show(tried: Tried) -> None:
    if tried.findings:
        print(tried.text)
    print(tried, flush=True)
    for test in tried.findings:
        more = f"--times {tried.times} --seed {tried.seed} --room '{test}'"
        print(f"finding: python benchmarks/fuzz.py --properties {more}", flush=True)
