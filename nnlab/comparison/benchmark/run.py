"""A benchmark from its suite to its folder, which is completed however the work ends."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from nnlab.comparison.benchmark.conclude import conclude
from nnlab.comparison.benchmark.sets import BenchmarkSuite
from nnlab.comparison.benchmark.train import BenchmarkSession, Far, folder_for
from nnlab.comparison.benchmark.write import write_benchmark
from nnlab.comparison.compare import TO_GO_ON, ArmReport
from nnlab.comparison.workers import Workers
from nnlab.comparison.write import table_digests
from nnlab.errors import NnlabError, StorageError, printable
from nnlab.experiments.interrupts import break_off, briefly, stopping
from nnlab.report.page import counted
from nnlab.storage.environment import environment
from nnlab.storage.folder import now
from nnlab.storage.run import Status, SuiteRun
from nnlab.storage.summary import BenchmarkSummary


@dataclass(frozen=True)
class BenchmarkResult:
    """The outcome of a benchmark: folder and summary, warnings, how many trainings were reused.

    `to_go_on` says how, if it was stopped before its end; `error` reports arms that failed, None if none did.
    """

    folder: Path
    summary: BenchmarkSummary
    warnings: tuple[str, ...]
    reused: int
    to_go_on: str = ""
    error: NnlabError | None = None

    @property
    def has_only_diverged(self) -> bool:
        """Whether every seed of every arm diverged on every set."""
        arms = [(arm, one) for one in self.summary.sets.values() for arm in one.arms.values()]
        return bool(arms) and all(arm.diverged == len(one.seeds) for arm, one in arms)


def run_benchmark(
    suite: BenchmarkSuite,
    *,
    runs: Path,
    workers: Workers,
    report: ArmReport,
    needed: bool = False,
    max_seconds: float | None = None,
    command: Sequence[str] = (),
    formats: Sequence[str] = (),
) -> BenchmarkResult:
    """Train every arm of a suite on every set, and write a folder with tables, pictures and conclusions.

    Finished work is saved in pieces; with `needed`, those of all comparisons under `runs` are reused, and an unfinished
    benchmark of the same suite is continued in its folder. After `max_seconds` no training begins. If it is stopped,
    interrupted or fails, the folder has the conclusions on the sets that are complete.
    """
    begun = time.perf_counter()
    with stopping() as stop:
        folder = folder_for(suite, runs, needed=needed)
        facts = environment(suite.plugins)
        deadline = math.inf if max_seconds is None else begun + max_seconds
        where: Callable[[], str] = lambda: _where(session)  # noqa: E731 - it is about the session that needs it
        reused_from = runs if needed else None
        far = Far.of(suite)
        session = BenchmarkSession(suite, folder, workers, stop, report, where, reused_from, deadline, facts, far)
        with folder.locked():
            result = _Folder(session, command, formats, begun).run()
    if stop():  # it came too late to stop anything
        raise stop.error(f"{printable(str(folder.path))} is complete")
    return result


def _where(session: BenchmarkSession) -> str:
    """How much is complete, and how to train the rest."""
    done, sets = len(session.trained), len(session.suite.sets)
    where = f"the benchmark in {printable(str(session.folder.path))} is incomplete, with {done:,} of {sets:,} sets done"
    return f"{where}; {TO_GO_ON}"


class _Folder:
    """The folder of a benchmark, whose documents say how far it is."""

    def __init__(self, session: BenchmarkSession, command: Sequence[str], formats: Sequence[str], begun: float) -> None:
        self.session, self.folder, self.formats, self.begun = session, session.folder, formats, begun
        suite, earlier = session.suite, session.folder.read_run()
        before = earlier if isinstance(earlier, SuiteRun) else None
        self.seconds_before = before.seconds if before else 0.0
        self.about: dict[str, Any] = {
            "kind": "benchmark",
            "folder": str(self.folder.path.resolve()),
            "suite": suite.digest,
            "begun": before.begun if before else now(),
            "command": list(command),
            "config": suite.source.path,
            "plugins": [str(plugin) for plugin in suite.plugins],
            "threads": suite.threads,
            "environment": dict(session.environment),
        }

    def run(self) -> BenchmarkResult:
        """Train what is left, conclude, and complete the folder in any case."""
        session = self.session
        try:
            self.write_run("running")
            is_whole = session.run()
            status: Status = "failed" if session.exit_codes else "completed" if is_whole else "stopped"
            with session.stop.at_once(session.where):
                summary, warnings = self.conclude(status)
            self.write_run(status, ended=True)
        except BaseException as error:
            break_off(error, partial(self.write_run, ended=True), partial(self.report_unfinished, error))
            if isinstance(error, StorageError):
                raise StorageError(f"{error}; {session.where()}") from error
            raise
        to_go_on = "" if is_whole else session.where()
        return BenchmarkResult(self.folder.path, summary, tuple(warnings), session.reused, to_go_on, self.error())

    def seconds(self) -> float:
        """How long all sessions have taken."""
        return self.seconds_before + time.perf_counter() - self.begun

    def conclude(self, status: Status) -> tuple[BenchmarkSummary, list[str]]:
        """Conclude on the sets that are complete, and write the files."""
        suite = self.session.suite
        contents = conclude(suite, self.session.trained, str(self.folder.path), status, self.seconds())
        warnings = self.session.warnings
        return contents.summary, [*warnings, *write_benchmark(self.folder, contents, warnings, self.formats)]

    def report_unfinished(self, error: BaseException, status: Status) -> None:
        """Write what the complete sets allow, as far as there is time, and the report."""
        with contextlib.suppress(StorageError), briefly(self.session.stop.seconds_to_draw()):
            self.conclude(status)
        from nnlab.comparison.benchmark.report import write_unfinished_benchmark  # noqa: PLC0415 - it loads matplotlib

        write_unfinished_benchmark(self.folder, self.session.suite.suite.name, status, f"{status}: {error}")
        self.write_run(status, ended=True)

    def write_run(self, status: Status, *, ended: bool = False) -> None:
        """Write run.json."""
        more: dict[str, Any] = {"seconds": round(self.seconds(), 3)}
        if ended:
            more |= {"ended": now(), "reused": self.session.reused, "tables": table_digests(self.folder)}
        self.folder.write_run(SuiteRun(status=status, **self.about, **more))

    def error(self) -> NnlabError | None:
        """The error that reports the failed arms; its exit code is that of the worst failure."""
        codes = self.session.exit_codes
        if not codes:
            return None
        trained = self.session.trained
        failed = [f"{one.one.label}: {label}: {why}" for one in trained for label, why in one.failed.items()]
        told = "; ".join(failed[:10])
        error = NnlabError(f"{counted(len(failed), 'arm')} failed: {told}; what is trained is saved; {TO_GO_ON}")
        error.exit_code = 1 if 1 in codes else max(codes)
        return error
