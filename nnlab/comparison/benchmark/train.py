"""Tune and train a benchmark set by set, in one folder; one that was broken off is continued there.

Every training is kept as a piece, as those of comparisons are, so that both reuse each other's.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.comparison.benchmark.errors import ErrorScale, scale_of
from nnlab.comparison.benchmark.sets import BenchmarkSet, BenchmarkSuite
from nnlab.comparison.compare import ArmReport, Work, contents_of, final_figures
from nnlab.comparison.conclusions import steps_run, without_infinite
from nnlab.comparison.tasks import Arm
from nnlab.comparison.variants import Settings, Variant
from nnlab.comparison.workers import Shared, Workers
from nnlab.config.suite import DEFAULT_NAME
from nnlab.errors import CheckpointError, printable
from nnlab.experiments.interrupts import Stop
from nnlab.experiments.train import Progress, Whole
from nnlab.setup.network import network_for
from nnlab.setup.starts import start_of
from nnlab.storage.files import write_text
from nnlab.storage.folder import EXPERIMENTS, RunFolder
from nnlab.storage.lock import is_locked
from nnlab.storage.lookup import run_folders
from nnlab.storage.run import SuiteRun

Values = NDArray[np.float64]

INNER = ("plots", "pieces", EXPERIMENTS)


@dataclass(frozen=True)
class Tuning:
    """What tuning found on a set: by arm the mean error of each point by `figure`, (B,), and the chosen settings.

    The errors are on validation rows of the tuning seeds; a point whose training failed counts as chance.
    """

    figure: str
    scale: ErrorScale
    errors: Mapping[str, Values]
    chosen: Mapping[str, Settings]


@dataclass(frozen=True)
class TrainedArm:
    """An arm on a set: `values` of the figure, `errors` with chance where a seed diverged, `steps`, all (R,).

    `initializer` says how its weights started, as `fair γ = 1.677`.
    """

    variant: Variant
    values: Values
    errors: Values
    diverged: NDArray[np.bool_]
    steps: NDArray[np.int64]
    seconds: float
    parameters: int
    initializer: str


@dataclass(frozen=True)
class TrainedSet:
    """A complete set: its arms by label, and why others are missing."""

    one: BenchmarkSet
    figure: str
    scale: ErrorScale
    arms: Mapping[str, TrainedArm]
    failed: Mapping[str, str]
    tuning: Tuning | None
    warnings: tuple[str, ...]


class _SetWork(Work):
    """The work on a set, which keeps no weights in memory: its pieces have them."""

    def keep(self, key: str, seeds: tuple[int, ...], arm: Arm, *, is_written: bool = False) -> None:
        super().keep(key, seeds, arm, is_written=is_written)
        empty = np.empty((len(seeds), 0), arm.theta.dtype)
        self.done[key][-1] = (seeds, replace(arm, theta=empty, statistics=empty))


# --- the folder -------------------------------------------------------------------------------------------------------


def folder_for(suite: BenchmarkSuite, runs: Path, *, needed: bool) -> RunFolder:
    """The folder of the newest unfinished benchmark of the suite if only what is `needed` is trained, or a new one.

    A new one gets the suite, and the experiment of each set.
    """
    found = _unfinished(runs, suite.digest) if needed else None
    if found is not None:
        return found
    name = suite.suite.name
    called = name if name == DEFAULT_NAME else f"{name}_benchmark"
    folder = RunFolder.create(runs, called, INNER, suite.to_yaml())
    for path, text in suite.experiment_files().items():
        write_text(folder.path / path, text)
    return folder


def _unfinished(runs: Path, digest: str) -> RunFolder | None:
    for name in reversed(run_folders(runs)):
        folder = RunFolder(runs / name)
        try:
            run = folder.read_run()
        except CheckpointError:
            continue
        is_same = isinstance(run, SuiteRun) and run.suite == digest and run.status != "completed"
        if is_same and not is_locked(folder.path / ".lock"):
            return folder
    return None


# --- the work ---------------------------------------------------------------------------------------------------------


@dataclass
class BenchmarkSession:
    """A session of work on a benchmark: who trains, who is told, and when it is enough.

    `reused_from` is the folder of runs whose pieces are taken, and `deadline` the time by `time.perf_counter` after
    which no training begins. `trained` are the sets that are complete, `failures` those of arms with their exit codes.
    """

    suite: BenchmarkSuite
    folder: RunFolder
    workers: Workers
    stop: Stop
    report: ArmReport
    where: Callable[[], str]
    reused_from: Path | None
    deadline: float
    environment: Mapping[str, Any]
    far: Far
    trained: list[TrainedSet] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    exit_codes: list[int] = field(default_factory=list)
    reused: int = 0

    def run(self) -> bool:
        """Train every set; whether all are complete, and not stopped by the deadline."""
        for number, one in enumerate(self.suite.sets, 1):
            found = self._train(one, _Phase(self, number))
            if found is None:
                return False
            self.trained.append(found)
        return True

    def is_late(self) -> bool:
        """Whether no more training is to begin."""
        return time.perf_counter() >= self.deadline

    def _train(self, one: BenchmarkSet, report: _Phase) -> TrainedSet | None:
        """Tune a set, and train it at the chosen settings; None if that was stopped by the deadline."""
        dataset = one.dataset()
        shared = Shared(dataset, contents_of(self.suite.plugins), self.suite.threads)
        figures, failed, tuning = final_figures(one.experiment, dataset), dict[str, str](), None
        if one.points:
            work = self._done(one.tuning_variants(), one.tuning_seeds, shared, report.tuning())
            if work is None:
                return None
            tuning, failed = _tuned(one, work, one.measure.tuning_figure(figures))
        chosen = dict.fromkeys(one.choices, ()) if tuning is None else tuning.chosen
        work = self._done([one.variant(label, at) for label, at in chosen.items()], one.seeds, shared, report)
        if work is None:
            return None
        figure = one.measure.figure(figures)
        scale = scale_of(shared.rows, one.experiment, one.seeds, one.measure, figure)
        arms = {arm.family: _trained(one, work, arm, scale, figure) for arm in work.arms()}
        failed |= {work.variant_of(label).family: why.reason for label, why in work.failures.items()}
        self.exit_codes += [why.exit_code for why in work.failures.values()]
        return TrainedSet(one, figure, scale, arms, failed, tuning, (*dataset.warnings,))

    def _done(
        self, variants: Sequence[Variant], seeds: Sequence[int], shared: Shared, report: _Phase
    ) -> _SetWork | None:
        """The work of training all variants with all seeds; None if it was stopped by the deadline."""
        work = _SetWork(self.folder, variants, seeds, shared, self.environment)
        with self.stop.at_once(self.where):
            if self.reused_from is not None:
                work.reuse(self.reused_from)
        self.warnings += work.warnings
        self.reused += work.reused
        report.begin(len(variants) * len(seeds), work.reused)
        if not self.is_late():
            work.do(self.workers, report, self.stop, self.is_late)
        with self.stop.at_once(self.where):
            pass
        report.end()
        return None if work.unfinished() else work


def _tuned(one: BenchmarkSet, work: _SetWork, figure: str) -> tuple[Tuning, dict[str, str]]:
    """The mean error of every arm at every point, and the best point; arms that failed at all points, with the reason.

    Of equal errors the first point is chosen.
    """
    scale = scale_of(work.shared.rows, one.experiment, one.tuning_seeds, one.measure, figure)
    errors = {label: np.full(len(one.points), scale.chance) for label in one.choices}
    for arm in work.arms():
        found = scale.counted(one.measure.errors(without_infinite(arm.finals[figure])))
        errors[arm.family][one.points.index(arm.settings)] = found.mean()
    failures = {label: work.variant_of(label) for label in work.failures}
    reasons: dict[str, list[str]] = {}
    for label, variant in failures.items():
        reasons.setdefault(variant.family, []).append(work.failures[label].reason)
    failed = {label: why[0] for label, why in reasons.items() if len(why) == len(one.points)}
    chosen = {label: one.points[int(np.argmin(found))] for label, found in errors.items() if label not in failed}
    return Tuning(figure, scale, errors, chosen), failed


def _trained(one: BenchmarkSet, work: _SetWork, arm: Arm, scale: ErrorScale, figure: str) -> TrainedArm:
    values = without_infinite(arm.finals[figure])
    errors = scale.counted(one.measure.errors(values))
    variant, dataset = work.variant_of(arm.label), work.shared.dataset
    network = network_for(variant.experiment, dataset.sample_shape, dataset.y.shape[1])
    start = start_of(network, variant.experiment.network.init.gain)
    return TrainedArm(variant, values, errors, arm.diverged, steps_run(arm), arm.seconds, arm.parameters, start)


# --- progress ---------------------------------------------------------------------------------------------------------


@dataclass
class Far:
    """How far a session is: `done` of the cost of `all` trainings that it has to make, since `begun`."""

    all: float
    begun: float
    done: float = 0.0

    @classmethod
    def of(cls, suite: BenchmarkSuite) -> Far:
        """The beginning of a session, in which no training is reused yet."""
        return cls(
            sum(one.cost * (tuning + others) for one, tuning, others in trainings_of(suite)), time.perf_counter()
        )


class _Phase:
    """The trainings of a set that tune, or that are evaluated; tells of them as `2 of 12 iris: relu`."""

    def __init__(self, session: BenchmarkSession, number: int, what: str = "") -> None:
        self.session, self.number, self.what = session, number, what
        self.one = session.suite.sets[number - 1]
        self.cost = 0.0

    def tuning(self) -> _Phase:
        """The phase of the same set that tunes."""
        return _Phase(self.session, self.number, "tuning ")

    def begin(self, trainings: int, reused: int) -> None:
        """Note how many trainings the phase has, and how many of them are reused."""
        self.cost = self.one.cost * (trainings - reused)
        self.session.far.all -= self.one.cost * reused

    def end(self) -> None:
        """Note that its trainings are done."""
        self.session.far.done += self.cost

    def __call__(self, label: str, progress: Progress) -> None:
        """Pass on the progress of an arm, with how far the whole benchmark is."""
        sets = len(self.session.suite.sets)
        whole = None if progress.whole is None else self._whole(progress.whole)
        name = f"{self.number} of {sets} {printable(self.one.label)}: {self.what}{label}"
        self.session.report(name, replace(progress, whole=whole))

    def _whole(self, of_phase: Whole) -> Whole:
        """How far all arms on all sets are; an arm that tunes is not done with its set.

        A phase has only the arms that are left to train in it: those before them were reused. One that tunes counts an
        arm once for each of its points.
        """
        far, arms, sets = self.session.far, len(self.one.choices), len(self.session.suite.sets)
        share = min((far.done + self.cost * of_phase.share) / far.all, 1.0) if far.all > 0 else 1.0
        seconds = time.perf_counter() - far.begun
        left = seconds * (1 - share) / share if share else math.nan
        before = (self.number - 1) * arms
        if self.what:
            number, ended = math.ceil(arms * of_phase.arm / of_phase.arms), 0
        else:
            number, ended = arms - of_phase.arms + of_phase.arm, arms - of_phase.left
        return Whole(before + number, sets * arms, sets * arms - before - ended, share, left)


def trainings_of(suite: BenchmarkSuite) -> Iterator[tuple[BenchmarkSet, int, int]]:
    """Each set with the number of its trainings that tune, and of those that are evaluated."""
    for one in suite.sets:
        arms = len(one.choices)
        yield one, arms * len(one.points) * len(one.tuning_seeds), arms * len(one.seeds)
